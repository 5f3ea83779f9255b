/* Secrets: what is one in files, code, headers, command lines and prose of thirty languages; what
 * only looks like one; and each vendor's rule on random tokens of its own form. */

#include "tests/unit/router/classify/rig.h"

static const char *const secrets[] = {
    "jdbc:oracle:thin:scott/542Qwe!fhg@//db.corp.local:1521/ORCL",
    "sqlplus scott/542Qwefhg@orcl",
    "WiFi密码 dragon_4158",
    "DB_PASSWORD=correcthorse",
    "export DB_PASSWORD='S3cure!pass'",
    "spring.datasource.password=tiger123",
    "<password>Winter2024!</password>",
    "{\"user\":\"bob\",\"password\":\"hunter22\"}",
    "'password' => 'Zx9!kLmN',",
    "password: \"Tr0ub4dor&3\"",
    "\"connectionString\": \"Server=tcp:db.contoso.net,1433;Database=prod;User "
    "ID=sa;Password=Pa55w0rd!xyz;Encrypt=True;\"",
    "jdbc:mysql://db.internal:3306/app?user=root&password=Qwerty!234",
    "jdbc:postgresql://h/db?user=fred&password=secret99&ssl=true",
    "Driver={ODBC Driver 17 for SQL Server};Server=x;UID=sa;PWD=Kj8#mPq2",
    "mongodb+srv://admin:Kj8mPq2x@cluster0.abcde.mongodb.net/test",
    "redis://:p4ssw0rdX@cache:6379/0",
    "amqp://user:Kx82jsk@rabbit:5672/vhost",
    "https://bob:s3cr3tpw@api.acme.com/v1",
    "postgres://u:pa/ss#w0rd@db/x",
    "mongodb+srv://svc:P@ssw0rd537@cluster0.mongodb.net/prod",
    "jdbc:postgresql://svc:P@ss@h/db",
    "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey="
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/"
    "KBHBeksoGMGw==;EndpointSuffix=core.windows.net",
    "Endpoint=sb://ns.servicebus.windows.net/"
    ";SharedAccessKeyName=Root;SharedAccessKey=Xk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B=",
    "Authorization: Basic YWRtaW46c2VjcmV0MTIz",
    "curl -H \"Authorization: Bearer 8f3kd92mslq03kfm29dkw0\" https://x",
    "curl -u admin:Sup3rS3cret https://api",
    "curl --user bob:hunter2pw https://api",
    "mysql -u root -pS3cretPw1 -h db",
    "sshpass -p 'R00tPass!' ssh root@10.0.0.1",
    "PGPASSWORD=abc123xyz psql -h db",
    "docker login -u bob -p Kd82mMx9q registry",
    "redis-cli -h cache -a Kj28dkP0x",
    "machine api.example.org login bob password Kd82mMx9q",
    "db.example.com:5432:prod:bob:Kd82mMx9q",
    "admin:$apr1$Xk3mPq8v$8f3kd92mslq03kfm29dkw0",
    "root:$6$saltsalt$"
    "IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.:18000:"
    "0:99999:7:::",
    "$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi",
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27dw",
    "pbkdf2_sha256$260000$kJ3mPq8vLz1n$Xk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B=",
    "Administrator:500:aad3b435b51404eeaad3b435b51404ee:8846f7eaee8fb117ad06bdd830b7586c:::",
    "//registry.npmjs.org/:_authToken=8f3kd92m-slq0-3kfm-29dk-w0slq03kfm29",
    "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"Ym9iOmh1bnRlcjIyMg==\"}}}",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n",
    "    -----BEGIN PRIVATE KEY-----",
    "key = \"-----BEGIN EC PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "MIIEpAIBAAKCAQEAx3kd92mslq03kfm29dkw0slq03kfm29Xk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B",
    "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB",
    "{\"kty\":\"RSA\",\"n\":\"abc\",\"e\":\"AQAB\",\"d\":"
    "\"Xk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B\"}",
    "AGE-SECRET-KEY-1QQPQZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPQZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzK3mPq8vLz",
    "The AWS secret is wJalrXUtnFEMI/K7MDENG/bPxRfiCYzK3mPq8vLz",
    "my api key is 8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e",
    "API key: 8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e",
    "client_secret: \"GH8kd02-kdPQmx91\"",
    "X-API-Key: a8f5f167f44f4964e6c998dee827110c",
    "Cookie: theme=dark; sessionid=8f3kd92mslq03kfm29dkw0slq03kf",
    "Set-Cookie: PHPSESSID=kj3h4k5j6h7k8j9h0k1j2h3k; path=/",
    "JSESSIONID=0000Xk3mPq8vLz1nRt5wYb7cDf9:1abc",
    "token = \"dGhpc2lzYXNlY3JldHRva2VuMTIz\"",
    "my password is hunter2x",
    "The password for the staging server is Blue7Horse!",
    "the wifi password is Kaffee2023",
    "use password Tr0ub4dor&3 to log in",
    "login: admin / Passw0rd!",
    "Login with admin/Berlin@3281",
    "credentials: bob:Tz7!kdlw",
    "Username: jsmith Password: Xy7kd02m",
    "pw: Sommer2024!",
    "pass: letMe1n2",
    "pwd=Zx82kdlq",
    "Das Passwort lautet Sommer2024!",
    "Passwort: geheim42",
    "Kennwort für das VPN: Xk29dkw0",
    "Le mot de passe est Soleil2023!",
    "mot de passe : Azerty99",
    "mdp: Zx82kdlq",
    "la contraseña es Madrid2024",
    "contraseña: perro123",
    "a senha é Brasil@2023",
    "senha: flamengo10",
    "la password è Napoli88!",
    "parola d'ordine: Vesuvio79!",
    "пароль: Qwerty2024",
    "мой пароль — Zima2024!",
    "пароль от сервера Kd82mMx9q!",
    "パスワードはSakura2024です",
    "パスワード：hanako123",
    "비밀번호는 seoul1234 입니다",
    "비밀번호: Kd82mMx9",
    "密码是abc12345",
    "密码：Zx82kdlq",
    "密码abc12345",
    "数据库密码为 Root@2024，请勿泄露",
    "口令 Xy12kd90",
    "登录账号admin，密码Admin@123",
    "用Zx82kdlq作为密码",
    "hasło: Warszawa2024",
    "hasło to Kd82mMx9",
    "heslo je Praha2024",
    "heslo: Praha2024",
    "jelszó: Budapest12",
    "a jelszó Kd82mMx9",
    "parola este Bucuresti9!",
    "parola: Bucuresti9",
    "şifre: Ankara06!",
    "şifrem Ankara06! dir",
    "wachtwoord: Utrecht12",
    "het wachtwoord is Utrecht12!",
    "lösenord: Sommar2024",
    "adgangskode: Sommer2024",
    "salasana: Kesa2024!",
    "κωδικός: Athina2024",
    "סיסמה: Kd82mMx9",
    "הסיסמה היא Kd82mMx9",
    "كلمة المرور: Kd82mMx9",
    "كلمة المرور هي Kd82mMx9",
    "รหัสผ่าน: Kd82mMx9",
    "mật khẩu: Hanoi2024",
    "mật khẩu là Hanoi2024",
    "kata sandi: Jakarta24",
    "password nya Jakarta24!",
    "पासवर्ड: Delhi2024",
    "पासवर्ड Delhi2024 है",
    "пароль Київ2024",
    "PIN: 4821",
    "my PIN is 4821",
    "Your verification code is 482913",
    "482913 is your verification code",
    "验证码：482913",
    "您的验证码是482913，5分钟内有效",
    "【淘宝】验证码 482913",
    "Code de vérification : 482913",
    "Ihr Bestätigungscode lautet 482913",
    "код подтверждения 482913",
    "認証コード：482913",
    "인증번호 482913",
    "G-482913 is your Google verification code",
    "支付密码是482913",
    "Recovery codes:\n8f3k-d92m\nslq0-3kf4",
    "Backup code: 48291-39402",
    "WIFI:T:WPA;S:home;P:Kaffee99;;",
    "env:\n  - name: DB_PASSWORD\n    value: \"Kd82mMx9q\"",
    "[{\"name\":\"API_TOKEN\",\"value\":\"8f4a9b2c7d6e1f0a3b5c\"}]",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  password: S2Q4Mm1NeDlx",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "PuTTY-User-Key-File-2: ssh-rsa",
    "sk-1234567890abcdef1234567890abcdef",
    "智谱 key: 407e34652145aaed250132e933ee8759.eM5zUPnEHlE0hmaH",
    "407e34652145aaed250132e933ee8759.eM5zUPnEHlE0hmaH",
    "mailchimp 407e34652145aaed250132e933ee8759-us12",
    "AK: kd82mMx9qLz1nRt5wYb7 SK: 8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1BXk3",
    "AccessKeyId: LTAI5tQnKxLw3Z9aBcDeFgHj AccessKeySecret: kd82mMx9qLz1nRt5wYb7cDf9gHj2kM",
    "SecretId: AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA SecretKey: Gu5t9xGARNpq86cd98joQYCN3Cozk1qA",
    "huaweicloud ak=QTXKDLWMS02KDLQPZMXN sk=8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1BXk3",
    "七牛 AccessKey: kd82mMx9qLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8",
    "export HF_TOKEN=hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
    "twilio auth token: 8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e",
    "license key: KD82M-MX9QL-Z1NRT-5WYB7-CDF9G",
    "os.environ[\"DB_PASSWORD\"] = \"Kd82mMx9q\"",
    "conn = psycopg2.connect(host=\"db\", user=\"app\", password=\"Kd82mMx9q\")",
    "setPassword(\"Kd82mMx9q\")",
    "IDENTIFIED BY 'Kd82mMx9q'",
    "ALTER USER bob WITH PASSWORD 'Kd82mMx9q';",
    "net user bob Kd82mMx9q! /add",
    "ansible_ssh_pass=Kd82mMx9q",
    "--password Kd82mMx9q",
    "password\tKd82mMx9q",
    "| password | Kd82mMx9q |",
    "**Password:** Kd82mMx9q",
    "Password - Kd82mMx9q",
    "Password\nKd82mMx9q",
    "Passwort = Kd82mMx9q",
    "<add key=\"Password\" value=\"Kd82mMx9q\" />",
    "$password = 'Kd82mMx9q';",
    "const secret = 'kd82mMx9qLz1nRt5wYb7'",
    "SECRET_KEY = 'django-insecure-8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1BXk3'",
    "glpat-kd82mMx9qLz1nRt5wYb7",
    "xoxb-123456789012-123456789012-kd82mMx9qLz1nRt5wYb7cDf9",
    "https://hooks.slack.com/services/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",
    "https://oapi.dingtalk.com/robot/"
    "send?access_token=8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e",
    "https://open.feishu.cn/open-apis/bot/v2/hook/8f4a9b2c-7d6e-1f0a-3b5c-8f4a9b2c7d6e",
    "https://x.blob.core.windows.net/c/"
    "f?sv=2020&sig=kd82mMx9qLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B%3D",
    "security answer token 8f4a9b2c7d6e1f0a3b5c",
    "パスコードは482913です",
    "deine PIN lautet 4821",
    "tu PIN es 4821",
    "seu PIN é 4821",
    "code PIN : 4821",
    "PIN-код 4821",
    "门禁密码 482913",
    "银行卡密码是 739201",
    "The door code is 4821",
    "my phone passcode is 739201",
};

static const char *const innocent[] = {
    "How do I reset my password?",
    "What is the password policy? It must have 12 characters and one digit.",
    "password: required|min:8",
    "The password must be at least 8 characters long",
    "password = input(\"Enter password: \")",
    "password = getpass.getpass()",
    "String password = request.getParameter(\"password\");",
    "if (user.password === hash(password)) return true;",
    "const password = process.env.DB_PASSWORD",
    "DB_PASSWORD=${DB_PASSWORD}",
    "DB_PASSWORD=<your password>",
    "password: ********",
    "api_key: YOUR_API_KEY",
    "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-your-api-key-here",
    "AKIAIOSFODNN7EXAMPLE",
    "token = tokenizer.encode(text)",
    "max_tokens=1024, temperature=0.7",
    "The token count was 128000 in 2024",
    "primary key: user_id",
    "key: value",
    "for key, value in dict.items():",
    "Use SHA-256 to hash the password",
    "Passwords are hashed with bcrypt and PBKDF2",
    "The access token expires at 2024-01-15T10:30:00Z",
    "What does a JWT token contain?",
    "postgres://user:password@localhost/db",
    "postgresql://username:password@host:5432/database",
    "http://localhost:8080/path@version",
    "https://example.com:443/a?b=c@d",
    "git commit 8f4a9b2c7d6e1f0a3b5c8f4a9b2c7d6e8f4a9b2c",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "md5sum d41d8cd98f00b204e9800998ecf8427e",
    "The secret garden is a novel",
    "Secret Santa rules",
    "secret = \"my little secret\"",
    "risk-based-approach-to-management",
    "task-oriented-dialogue-system-2024",
    "sk-learn-based-classifier-pipeline",
    "The disk-based-storage-engine-v2",
    "docker run -u 1000:1000 img",
    "docker run -u root:root img",
    "curl -u username:password https://api.example.com",
    "Basic authentication vs Bearer tokens",
    "Bearer of good news arrived today in 1999",
    "basic understanding of chemistry",
    "pin the tab to the taskbar",
    "Connect pin 13 to ground",
    "GPIO pin 17 and pin 2",
    "The PIN has 4 digits",
    "验证码是什么？",
    "请输入6位验证码",
    "短信验证码收不到怎么办",
    "密码忘记了怎么办",
    "密码学是什么",
    "如何设置强密码",
    "修改密码需要多长时间",
    "The verification code has 6 digits",
    "Order 482913 was shipped in 2024",
    "ISO 27001 access control",
    "the login page was updated in 2023",
    "login to the system at 10:30",
    "user: 12345",
    "username: john_doe99",
    "session started at 10:30",
    "The session id is stored in a cookie",
    "cookie: chocolate chip cookie recipe with 200g butter",
    "credential stuffing attacks rose 35% in 2023",
    "private key cryptography",
    "public key: ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 user@host",
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "Tokens per second: 45.2",
    "token: str",
    "secret: bool = False",
    "\"password\": {\"type\": \"string\", \"minLength\": 8}",
    "<input type=\"password\" name=\"password\" placeholder=\"Password\">",
    "label for=\"password\"",
    "password_hash = bcrypt.hashpw(password, salt)",
    "def check_password(self, raw_password):",
    "self.password = password",
    "user.password = make_password(data['password'])",
    "passwordField.setText(\"\")",
    "The key takeaway is that 2023 revenue grew 12%",
    "Key: C# minor, tempo 120bpm",
    "keyboard shortcut Ctrl+Shift+P",
    "monkey see monkey do",
    "API key authentication is described in section 4.2",
    "see https://docs.example.com/api/keys?version=v2.1",
    "the secret to success is hard work in 2024",
    "Passwort vergessen? Klicken Sie hier.",
    "Das Passwort muss mindestens 8 Zeichen haben",
    "Mot de passe oublié ?",
    "Le mot de passe doit contenir 8 caractères",
    "Olvidé mi contraseña",
    "esqueci minha senha",
    "Забыл пароль, что делать?",
    "パスワードを忘れました",
    "비밀번호를 잊어버렸어요",
    "clave de sol en compás de 4/4",
    "la clave del éxito es trabajar",
    "parola italiana di 5 lettere",
    "A pass in football is 10 yards",
    "pass the salt, please",
    "pass: 42 tests, fail: 3 tests",
    "pw: 100W power",
    "hall pass 2024",
    "heslo dne",
    "token ring network 802.5",
    "In the token bucket algorithm, rate is 100/s",
    "The one-time setup takes 15 minutes",
    "one time I saw 2500 birds",
    "security code review took 3 days in 2023",
    "access code of conduct v2.0",
    "UUID: 550e8400-e29b-41d4-a716-446655440000",
    "request_id: 550e8400-e29b-41d4-a716-446655440000",
    "trace key 4bf92f3577b34da6a3ce929d0e0e4736",
    "etag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
    "integrity "
    "sha512-Xk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1BXk3mPq8vLz1nRt5wYb7cDf9gHj2kMn4pQs6uVx8zA1B="
    "=",
    "const KEY_LENGTH = 32;",
    "cache_key = f\"user:{user_id}:profile:v2\"",
    "the product key features are speed2x and 4K",
    "Write a function that validates a password with regex ^(?=.*[A-Z])(?=.*\\d).{8,}$",
    "Explain OAuth2 authorization code flow with PKCE",
    "Authorization: Bearer <token>",
    "Authorization: Bearer YOUR_TOKEN",
    "Authorization: Bearer ${TOKEN}",
    "x-api-key: {{api_key}}",
    "My username is alice",
    "account 2024 summary",
    "sign in with Google and Apple ID",
    "zip -r out.zip dir -x \"*.git*\"",
    "mysql -u root -p -h localhost",
    "openssl genrsa -out key.pem 2048",
    "chmod 600 id_rsa",
    "$1$ and $2$ are placeholders",
    "echo $6 $5 $1",
    "The {SHA} algorithm",
    "regex: [A-Za-z0-9]{32}",
    "eyJ is base64 for {\"",
    "NASA's SK-1 and AK-47",
    "AK: Alaska, SK: Saskatchewan",
    "the ak sk of it",
    "What is two-factor authentication? 2FA uses codes.",
    "MFA adoption was 4500 users",
    "otp library 1.2.3",
    "Erlang/OTP 26 release",
    "PIN diode 1N4007",
    "code review checklist",
    "HTTP status code 404",
    "area code 4155 zip code 94105",
    "the recovery code path in main.c line 1200",
    "backup codes are 8 digits long",
};

static void test_secrets(void **state)
{
    check_levels(secrets, COUNT(secrets), SL_LEVEL_RESTRICTED, SL_LEVEL_RESTRICTED);
}

static void test_innocent(void **state)
{
    INNOCENT(innocent);
}

/* ---- each rule on tokens of its form ---- */

enum { EDGE = 1, RANDOM = 2, HOOK = 4, HASH = 8, KEY = 16 };

static const struct {
    const char *literal, *shape;
    char before;
    int before_min, flags;
} rules[] = {
#define P(literal, shape, flags)              {literal, shape, 0, 0, flags},
#define I(literal, before, min, shape, flags) {literal, shape, before, min, flags},
#include "router/classify/secret_rules.def"
#undef P
#undef I
};

static uint32_t seed = 20;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static const char *alphabet(char cls)
{
    switch (cls) {
    case 'd':
        return "0123456789";
    case 'h':
        return "0123456789abcdef";
    case 'H':
        return "0123456789abcdefABCDEF";
    case 'a':
        return "abcdefghijklmnopqrstuvwxyz";
    case 'l':
        return "abcdefghijklmnopqrstuvwxyz0123456789";
    case 'u':
        return "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    case 'L':
        return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    case 'w':
        return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    case 'B':
        return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
    default:
        return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    }
}

static void put(sl_buf *b, char cls, size_t n)
{
    const char *a = alphabet(cls);
    for (size_t i = 0; i < n; i++)
        sl_buf_addc(b, a[draw((uint32_t)strlen(a))]);
}

static void body(sl_buf *b, const char *s)
{
    while (*s) {
        if (*s == '\'') {
            for (s++; *s != '\''; s++)
                sl_buf_addc(b, *s);
            s++;
            continue;
        }
        char cls = *s++;
        size_t n = strtoul(s, (char **)(uintptr_t)&s, 10);
        if (*s == '+' || *s == '-')
            strtoul(s + (*s == '-'), (char **)(uintptr_t)&s, 10);
        if (*s == '+')
            s++;
        put(b, cls, n);
    }
}

/* Long texts take another way through the matcher than short ones. */
#define LONG                                                                                   \
    "The committee met on Tuesday to discuss how the library could stay open later in the "    \
    "evening. Several members asked whether volunteers might help, and the chair promised to " \
    "write a short plan before the next meeting. "

static void test_rules(void **state)
{
    static const char *const around[][2] = {{"", ""},
                                            {"here it is: ", " thanks"},
                                            {"KEY=", "\n"},
                                            {"{\"x\": \"", "\"}"},
                                            {"我的是", "，谢谢"},
                                            {"(", ")."},
                                            {LONG, " " LONG}};
    int asked = 0, missed = 0;
    for (size_t r = 0; r < COUNT(rules); r++) {
        int misses = 0;
        for (int i = 0; i < 24; i++) {
            sl_buf b = {0};
            const char *const *a = around[i % (int)COUNT(around)];
            sl_buf_adds(&b, a[0]);
            put(&b, rules[r].before, (size_t)rules[r].before_min);
            sl_buf_adds(&b, rules[r].literal);
            body(&b, rules[r].shape);
            sl_buf_adds(&b, a[1]);
            asked++;
            misses += level_of(sl_buf_str(&b)) != SL_LEVEL_RESTRICTED;
            sl_buf_done(&b);
        }
        missed += misses;
        if (misses > 3)
            fail_msg("rule %s %s: %d of 24 missed", rules[r].literal, rules[r].shape, misses);
    }
    print_message("%d of %d random tokens missed\n", missed, asked);
    assert_true(missed * 200 < asked); /* 0.5 % */
}

/* The same forms as documents show them: never found. */
static void test_placeholders(void **state)
{
    for (size_t r = 0; r < COUNT(rules); r++) {
        if (!rules[r].shape[0] || rules[r].flags & (HASH | KEY | HOOK) || rules[r].before)
            continue;
        char text[256];
        snprintf(text, sizeof text, "%sxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                 rules[r].literal);
        if (level_of(sl_str_c(text)) != SL_LEVEL_PUBLIC)
            fail_msg("%s: %s", text, first_found());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_innocent),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_placeholders),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
