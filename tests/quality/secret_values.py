"""Random secrets: vendor tokens by their published form, key = value pairs, passwords in prose."""

import base64
import json

from values import digits, letters

HEX = "0123456789abcdef"
LOW = "abcdefghijklmnopqrstuvwxyz0123456789"
B62 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
UP = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
URL = B62 + "-_"


def body(r, n, among=B62):
    """n characters with at least one digit and one letter."""
    while True:
        text = letters(r, n, among)
        if (
            n < 6
            or among.isdigit()
            or among.isalpha()
            or (any(c.isdigit() for c in text) and any(c.isalpha() for c in text))
        ):
            return text


# name: literal pieces and (count, alphabet) pieces
TOKENS = {
    "aws-access-key": ["AKIA", (16, UP)],
    "aws-session-key": ["ASIA", (16, UP)],
    "github-pat": ["ghp_", (36, B62)],
    "github-oauth": ["gho_", (36, B62)],
    "github-app": ["ghs_", (36, B62)],
    "github-refresh": ["ghr_", (36, B62)],
    "github-fine": ["github_pat_", (22, B62), "_", (59, B62)],
    "gitlab-pat": ["glpat-", (20, URL)],
    "gitlab-trigger": ["glptt-", (40, HEX)],
    "gitlab-runner": ["glrt-", (20, URL)],
    "gitlab-deploy": ["gldt-", (20, URL)],
    "slack-bot": ["xoxb-", (12, "123456789"), "-", (12, "123456789"), "-", (24, B62)],
    "slack-user": [
        "xoxp-",
        (12, "123456789"),
        "-",
        (12, "123456789"),
        "-",
        (12, "123456789"),
        "-",
        (32, HEX),
    ],
    "slack-app": ["xapp-1-A", (10, UP), "-", (13, "123456789"), "-", (64, HEX)],
    "slack-webhook": ["https://hooks.slack.com/services/T", (8, UP), "/B", (8, UP), "/", (24, B62)],
    "stripe-live": ["sk_live_", (24, B62)],
    "stripe-restricted": ["rk_live_", (24, B62)],
    "stripe-webhook": ["whsec_", (32, B62)],
    "openai": ["sk-", (20, B62), "T3BlbkFJ", (20, B62)],
    "openai-project": ["sk-proj-", (74, URL), "T3BlbkFJ", (74, URL)],
    "anthropic": ["sk-ant-api03-", (93, URL), "AA"],
    "deepseek": ["sk-", (32, HEX)],
    "moonshot": ["sk-", (48, B62)],
    "dashscope": ["sk-", (32, HEX)],
    "zhipu": [(32, HEX), ".", (16, B62)],
    "huggingface": ["hf_", (34, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")],
    "replicate": ["r8_", (37, B62)],
    "groq": ["gsk_", (52, B62)],
    "xai": ["xai-", (80, B62)],
    "perplexity": ["pplx-", (48, B62)],
    "openrouter": ["sk-or-v1-", (64, HEX)],
    "google-api": ["AIza", (35, URL)],
    "google-oauth": ["GOCSPX-", (28, URL)],
    "google-refresh": ["1//0", (60, URL)],
    "google-access": ["ya29.", (68, URL)],
    "azure-storage": ["AccountKey=", (86, B62), "=="],
    "azure-client": [(3, B62), "8Q~", (34, URL)],
    "sendgrid": ["SG.", (22, URL), ".", (43, URL)],
    "mailgun": ["key-", (32, HEX)],
    "mailchimp": [(32, HEX), "-us12"],
    "twilio": ["SK", (32, HEX)],
    "npm": ["npm_", (36, LOW)],
    "pypi": ["pypi-AgEIcHlwaS5vcmc", (60, URL)],
    "rubygems": ["rubygems_", (48, HEX)],
    "docker": ["dckr_pat_", (27, URL)],
    "digitalocean": ["dop_v1_", (64, HEX)],
    "do-oauth": ["doo_v1_", (64, HEX)],
    "shopify": ["shpat_", (32, HEX)],
    "shopify-secret": ["shpss_", (32, HEX)],
    "square": ["sq0atp-", (22, URL)],
    "square-secret": ["sq0csp-", (43, URL)],
    "vault": ["hvs.", (95, URL)],
    "vault-batch": ["hvb.", (150, URL)],
    "terraform": [(14, B62), ".atlasv1.", (64, URL)],
    "databricks": ["dapi", (32, HEX)],
    "grafana": ["glsa_", (32, B62), "_", (8, HEX)],
    "grafana-cloud": ["glc_", (60, B62)],
    "newrelic": ["NRAK-", (27, UP)],
    "newrelic-insert": ["NRII-", (32, URL)],
    "sentry": ["sntrys_", (60, B62)],
    "sentry-user": ["sntryu_", (64, HEX)],
    "linear": ["lin_api_", (40, B62)],
    "notion": ["ntn_", (46, B62)],
    "notion-old": ["secret_", (43, B62)],
    "figma": ["figd_", (40, URL)],
    "atlassian": ["ATATT3xFfGF0", (170, URL)],
    "postman": ["PMAK-", (24, HEX), "-", (34, HEX)],
    "pulumi": ["pul-", (40, HEX)],
    "planetscale": ["pscale_tkn_", (43, URL)],
    "planetscale-pw": ["pscale_pw_", (43, URL)],
    "doppler": ["dp.pt.", (43, B62)],
    "dynatrace": ["dt0c01.", (24, UP), ".", (64, UP)],
    "easypost": ["EZAK", (54, B62)],
    "flutterwave": ["FLWSECK_TEST-", (32, "abcdef0123456789"), "-X"],
    "frameio": ["fio-u-", (64, URL)],
    "duffel": ["duffel_live_", (43, URL)],
    "clojars": ["CLOJARS_", (60, LOW)],
    "age": ["AGE-SECRET-KEY-1", (58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")],
    "adobe": ["p8e-", (32, LOW)],
    "airtable-pat": ["pat", (14, B62), ".", (64, HEX)],
    "artifactory": ["AKCp", (69, B62)],
    "cloudflare-origin": ["v1.0-", (24, HEX), "-", (146, HEX)],
    "facebook": ["EAA", (120, B62)],
    "fly": ["fo1_", (43, URL)],
    "heroku": ["HRKU-AA", (58, URL)],
    "intra42": ["s-s4t2ud-", (64, HEX)],
    "infracost": ["ico-", (32, B62)],
    "jfrog": ["cmVmd", (59, B62)],
    "lob": ["live_", (35, HEX)],
    "maxmind": [(6, B62), "_", (29, B62), "_mmk"],
    "microsoft-teams": [
        "https://acme.webhook.office.com/webhookb2/",
        (8, HEX),
        "-1111-4222-8333-",
        (12, HEX),
        "@",
        (8, HEX),
        "-1111-4222-8333-",
        (12, HEX),
        "/IncomingWebhook/",
        (32, HEX),
        "/",
        (8, HEX),
        "-1111-4222-8333-",
        (12, HEX),
    ],
    "octopus": ["API-", (26, UP)],
    "openshift": ["sha256~", (43, URL)],
    "prefect": ["pnu_", (36, LOW)],
    "readme": ["rdme_", (70, LOW)],
    "scalingo": ["tk-us-", (48, URL)],
    "sendinblue": ["xkeysib-", (64, HEX), "-", (16, LOW)],
    "shippo": ["shippo_live_", (40, HEX)],
    "sourcegraph": ["sgp_", (40, HEX)],
    "telegram": [(9, "123456789"), ":AA", (33, URL)],
    "typeform": ["tfp_", (59, URL)],
    "1password": ["ops_eyJ", (260, B62)],
    "yandex": ["AQVN", (36, URL)],
    "yandex-oauth": ["y0_", (55, URL)],
    "discord-webhook": ["https://discord.com/api/webhooks/", (18, "123456789"), "/", (68, URL)],
    "alibaba": ["LTAI", (20, B62)],
    "tencent": ["AKID", (32, B62)],
    "baidu": ["bce-v3/ALTAK-", (21, B62), "/", (40, HEX)],
    "volcengine": ["AKLT", (42, B62)],
    "tencent-llm": ["sk-", (48, B62)],
    "supabase": ["sbp_", (40, HEX)],
    "resend": ["re_", (8, B62), "_", (24, B62)],
    "langsmith": ["lsv2_pt_", (32, HEX), "_", (10, HEX)],
    "tavily": ["tvly-", (32, B62)],
    "nvidia": ["nvapi-", (64, URL)],
    "fireworks": ["fw_", (24, B62)],
    "cerebras": ["csk-", (48, LOW)],
    "dingtalk": ["https://oapi.dingtalk.com/robot/send?access_token=", (64, HEX)],
    "feishu": [
        "https://open.feishu.cn/open-apis/bot/v2/hook/",
        (8, HEX),
        "-1111-4222-8333-",
        (12, HEX),
    ],
    "wecom": [
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=",
        (8, HEX),
        "-1111-4222-8333-",
        (12, HEX),
    ],
}


def token(r, name):
    return "".join(p if isinstance(p, str) else body(r, *p) for p in TOKENS[name])


def jwt(r):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return ".".join(
        [
            part({"alg": "HS256", "typ": "JWT"}),
            part({"sub": digits(r, 10), "name": "x", "iat": r.randrange(1 << 30)}),
            body(r, 43, URL),
        ]
    )


def pem(r):
    kind = r.choice(
        [
            "RSA PRIVATE KEY",
            "PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
            "DSA PRIVATE KEY",
        ]
    )
    lines = "\n".join(body(r, 64, B62 + "+/") for _ in range(4))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


def password(r):
    return r.choice(
        [
            r.choice(["Sunshine", "Tiger", "Winter", "hunter", "Berlin", "dragon", "kfc"])
            + r.choice(["!", "@", "#", "_", ""])
            + digits(r, 4),
            body(r, r.randrange(9, 16)),
            letters(r, 3, "abcdefgh") + "$" + digits(r, 3) + letters(r, 4, "XYZWQ") + "!",
            "P@ssw0rd" + digits(r, 3),
            digits(r, 3) + "Qwe!" + letters(r, 3, "asdfgh"),
        ]
    )


CONNECTIONS = [
    "postgresql://app:{p}@db.internal:5432/orders",
    "mysql://root:{p}@10.2.3.4:3306/crm",
    "mongodb+srv://svc:{p}@cluster0.ab1cd.mongodb.net/app",
    "redis://:{p}@cache.internal:6379/0",
    "amqp://worker:{p}@mq.corp.local:5672/%2f",
    "https://deploy:{p}@git.corp.local/team/app.git",
    "Server=tcp:sql.corp.local,1433;Database=hr;User ID=sa;Password={p};Encrypt=true;",
    "jdbc:mysql://10.0.0.5:3306/pay?user=admin&password={p}",
    "ftp://backup:{p}@files.corp.local/",
    "jdbc:oracle:thin:scott/{p}@//db.corp.local:1521/ORCL",
    "mssql+pyodbc://sa:{p}@sql.corp.local/hr",
    "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={k86}=="
    ";EndpointSuffix=core.windows.net",
    "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={k43}=",
    "ldap://cn=admin:{p}@ldap.corp.local",
    "clickhouse://default:{p}@ch.internal:9000/logs",
    "smtp://mailer:{p}@smtp.corp.local:587",
    'kafka SASL: username="svc" password="{p}"',
    "curl -u admin:{p} https://ci.corp.local/job/build",
    "mysql -h db1 -u root -p{p} shop",
    "sshpass -p '{p}' ssh root@10.1.2.3",
    "export PGPASSWORD={p}",
    "wget --user=a --password={p} http://x.corp/",
]
ASSIGNMENTS = [
    'api_key = "{k}"',
    "API_KEY={k}",
    "apiKey: '{k}'",
    '"client_secret": "{k}"',
    "secret_key: {k}",
    "aws_secret_access_key = {k40}",
    "AWS_SECRET_ACCESS_KEY={k40}",
    "access_token={k}",
    'auth_token: "{k}"',
    "SECRET={k}",
    "DB_PASSWORD={p}",
    'password: "{p}"',
    "passwd={p}",
    "spring.datasource.password={p}",
    'private_key_id: "{k}"',
    "X-Api-Key: {k}",
    "Authorization: Bearer {k}",
    "Authorization: Basic {b}",
    "ENCRYPTION_KEY={k}",
    "JWT_SECRET={k}",
    "token = '{k}'",
    "MYSQL_ROOT_PASSWORD: {p}",
    "//registry.npmjs.org/:_authToken={k}",
    "heroku_api_key={u}",
    "datadog_api_key: {h32}",
    "ACCESS_KEY_SECRET={k}",
    "SecretKey: {k}",
    'appSecret="{h32}"',
    "app_secret: {h32}",
    "TENCENT_SECRET_KEY={k}",
    "root:$6${s}$Zk1yD3uQpWn8{s}{k40}:19000:0:99999:7:::",
    "admin:$apr1${s}$Hj3kLm9{s}Qw/",
    "admin:$2y$10${k22}{k31}",
    "client-key-data: {k40}{k40}{k40}",
    "ZHIPUAI_API_KEY={h32}.{k16}",
    "cohere_api_key={k40}",
    '<add key="ApiSecret" value="{k}"/>',
    "credentials: {{ username: admin, password: {p} }}",
    'const secret = "{k}";',
    'os.environ["OPENAI_API_KEY"] = "{k}"',
    'set_token(api_token="{k}")',
]
PROSE = {
    "en": [
        "My password is {p}, why can't I log in?",
        "the wifi password is {p}",
        "Login: admin / password: {p}",
        "password for the server: {p}",
        "use passcode {p} to enter",
        "the root pw is {p}",
        "credentials: admin/{p}",
    ],
    "zh": [
        "我的密码是{p}，为什么登不上去",
        "服务器密码：{p}",
        "账号admin 密码{p}",
        "口令为{p}",
        "数据库密码是 {p} 请帮忙改一下",
        "登录密码:{p}",
        "WiFi密码 {p}",
    ],
    "zh-TW": ["我的密碼是{p}", "密碼：{p}"],
    "de": [
        "Mein Passwort ist {p}",
        "Passwort: {p}",
        "Das Kennwort lautet {p}",
        "Zugangsdaten: admin / Passwort {p}",
    ],
    "fr": ["Mon mot de passe est {p}", "mot de passe : {p}"],
    "es": ["Mi contraseña es {p}", "contraseña: {p}", "la clave es {p}"],
    "it": ["La mia password è {p}", "password: {p}"],
    "pt": ["Minha senha é {p}", "senha: {p}"],
    "nl": ["Mijn wachtwoord is {p}", "wachtwoord: {p}"],
    "pl": ["Moje hasło to {p}", "hasło: {p}"],
    "cs": ["Moje heslo je {p}", "heslo: {p}"],
    "hu": ["A jelszavam {p}", "jelszó: {p}"],
    "ro": ["Parola mea este {p}", "parola: {p}"],
    "ru": ["Мой пароль {p}", "пароль: {p}", "Пароль от сервера - {p}"],
    "uk": ["Мій пароль {p}", "пароль: {p}"],
    "ja": ["パスワードは{p}です", "パスワード：{p}"],
    "ko": ["비밀번호는 {p} 입니다", "비밀번호: {p}", "비번 {p}"],
    "tr": ["Şifrem {p}", "parola: {p}"],
    "ar": ["كلمة المرور هي {p}", "كلمة السر: {p}"],
    "he": ["הסיסמה שלי היא {p}", "סיסמה: {p}"],
    "hi": ["मेरा पासवर्ड {p} है", "पासवर्ड: {p}"],
    "th": ["รหัสผ่านของฉันคือ {p}", "รหัสผ่าน: {p}"],
    "vi": ["Mật khẩu của tôi là {p}", "mật khẩu: {p}"],
    "id": ["Kata sandi saya {p}", "kata sandi: {p}"],
    "sv": ["Mitt lösenord är {p}", "lösenord: {p}"],
    "da": ["Min adgangskode er {p}", "adgangskode: {p}"],
    "fi": ["Salasanani on {p}", "salasana: {p}"],
    "el": ["Ο κωδικός μου είναι {p}", "κωδικός πρόσβασης: {p}"],
}
AROUND = [
    "{t}",
    "Why does this fail?\n\n{t}\n",
    "key: {t}",
    'please review:\n```\nTOKEN = "{t}"\n```',
    '我的代码报错了，帮我看看：\nclient = Client("{t}")',
    "curl -H 'Authorization: Bearer {t}' https://api.corp/v1",
    '{{"token":"{t}"}}',
    "I pushed {t} by accident, what now?",
    "env:\n  - name: TOKEN\n    value: {t}\n",
    "这个 key {t} 还能用吗",
    "git commit -m 'remove {t}'",
    "2026-01-01 ERROR auth failed for {t} from app",
    "Convierte esto a JSON: {t}",
    "x={t};y=2",
    "<token>{t}</token>",
]


def fill(r, template):
    return template.format(
        p=password(r),
        k=body(r, r.choice([24, 32, 40])),
        k40=body(r, 40, B62 + "+/"),
        k22=body(r, 22),
        k31=body(r, 31),
        k16=body(r, 16),
        h32=body(r, 32, HEX),
        s=body(r, 8),
        b=base64.b64encode(f"admin:{password(r)}".encode()).decode(),
        k86=body(r, 86, B62 + "+/"),
        k43=body(r, 43, B62 + "+/"),
        u=f"{body(r, 8, HEX)}-{body(r, 4, HEX)}-4{body(r, 3, HEX)}-a{body(r, 3, HEX)}-"
        + body(r, 12, HEX),
    )
