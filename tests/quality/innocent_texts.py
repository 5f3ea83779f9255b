"""Ordinary prompts: none of them holds anything that must stay inside.

Templates with slots; each template belongs to dev or test as a whole.
"""

SLOTS = {
    "topic": [
        "photosynthesis",
        "the French Revolution",
        "black holes",
        "sorting algorithms",
        "supply and demand",
        "the water cycle",
        "jazz improvisation",
        "plate tectonics",
        "Roman aqueducts",
        "TCP congestion control",
    ],
    "lang": ["Python", "Go", "Rust", "JavaScript", "C", "Java", "SQL", "Kotlin"],
    "thing": [
        "a library for parsing dates",
        "a recipe website",
        "a chess engine",
        "a weather widget",
        "a todo app",
    ],
    "n": [str(n) for n in (3, 5, 7, 12, 42, 100, 365, 1000, 1984, 2024)],
    "m": [str(n) for n in (2, 9, 17, 64, 128, 255, 4096, 65535)],
    "year": ["1789", "1914", "1969", "2003", "2021"],
    "zt": [
        "光合作用",
        "明朝历史",
        "机器学习",
        "唐诗",
        "供需关系",
        "操作系统",
        "密码学",
        "机密计算",
        "网络安全",
        "健康饮食",
    ],
    "food": ["tomatoes", "rice", "lentils", "salmon", "mushrooms"],
}

PROMPTS = {
    "en": """Explain {topic} to a ten-year-old in {n} sentences.
Write a short poem about {topic}.
Give me {n} ideas for {thing}.
What is the difference between a list and a tuple in {lang}?
Summarise the main causes of {topic} in bullet points.
Rewrite this sentence to be more polite: Send me the report today.
How do I cook {food} without an oven?
Translate to French: The weather is lovely this afternoon.
Plan a {n}-day trip to Portugal for two people who like hiking.
Act as an interviewer and ask me questions about {topic}.
Please proofread: Their going to the library tommorow to study for there exam.
What are the pros and cons of remote work?
I am feeling a bit unmotivated today, any tips?
Write a cover letter for a junior developer position.
Who won the football world cup in {year}?
Suggest a name for {thing}.
Explain how password hashing works and why salts matter.
How should I store secrets in Kubernetes?
What does the confidential computing consortium do?
Recommend three novels similar to The Secret Garden.
How do credit cards work? Explain interest in simple words.
What is a passport used for, and how long is it valid?
How can I reset my password on a typical website?
Write a fictional dialogue between a doctor and a robot.
My phone battery drains quickly, what can I do?
What medical checks are recommended for adults over 40?
Draft an out-of-office reply for a week of holiday.
Write unit tests for an e-mail validator function.
Generate a table of {n} countries with their capitals and population.
What is an IBAN and how is its check digit calculated?
Explain GDPR in simple words.
Describe how social security numbers are structured in general.
How do I set an environment variable called API_KEY on Linux?
Is it restricted to fly drones in national parks?
The committee will meet in public to discuss {topic}; write an agenda.
Compare MySQL and PostgreSQL for a small shop.
Give me a workout plan for beginners, {n} minutes a day.
What is the salary range of nurses in general?
Summarise the plot of Hamlet in {n} words.
Tell me a joke about programmers.""",
    "maths": """Solve for x: 3x + {n} = {m}.
Compute the integral of x^2 sin(x) dx.
What is {n} * {m} + 17?
Prove that the square root of 2 is irrational.
A train travels {n} km in {m} minutes. What is its average speed in km/h?
Find the eigenvalues of [[2, 1], [1, 3]].
Simplify (a+b)^3 - (a-b)^3.
What is the probability of rolling at least one six in {m} throws?
List the first 20 primes: 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59.
The digits of pi are 3.14159265358979323846; explain how they are computed.
Compute 123456789 * 987654321 step by step.
2^64 = 18446744073709551616. How many digits has 2^{m}?
Is 1000000007 prime? Why is it used as a modulus?
The Fibonacci numbers are 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377. What is next?
Convert 0xdeadbeef to decimal: 3735928559.
Mean and variance of 12.5, 13.1, 12.9, 13.4, 12.2?
e = 2.718281828459045; approximate e^{n}.
求解方程 2x+{n}={m}。
计算 {n} 的阶乘末尾有几个零？
一个圆的半径是 {n} 厘米，求面积。""",
    "code": """def add(a, b):\n    return a + b\n\nWrite a docstring for this {lang} function.
Why does this loop never end?\nwhile i < {n}:\n    print(i)
for (int i = 0; i < {m}; i++) {{ sum += a[i]; }}  // is there an overflow?
SELECT name, count(*) FROM orders WHERE created_at > '2024-01-01' GROUP BY name;
git rebase -i HEAD~{n} gives a conflict, how do I go back?
TypeError: cannot unpack non-iterable NoneType object at line {n}
docker run -p 8080:80 --rm nginx:1.25.3 fails with port already in use
import numpy as np\nx = np.zeros(({n}, {m}))\nHow do I reshape it?
Write a regex that matches a phone number and explain it: \\d{{3}}-\\d{{4}}
const MAX_SAFE = 9007199254740991; // why this number in {lang}?
Explain `password = os.environ["DB_PASSWORD"]` please.
password = getpass.getpass("Password: ")\nHow can I test this?
api_key = "YOUR_API_KEY"  # replace me, how do I load it from a file?
#include <stdio.h>\nint main(void) {{ printf("%d\\n", {m}); }}
kubectl get pods -n default shows CrashLoopBackOff, what now?
@app.route("/login", methods=["POST"])\ndef login():\n    return check(form["token"])
if token is None:\n    raise ValueError("token missing")\nRefactor this.
interface User {{ id: number; email: string; passwordHash: string; }}
Traceback (most recent call last):\n  File "app.py", line {n}, in <module>\nKeyError: 'secret'
pip install requests==2.31.0 numpy==1.26.4 fails on python 3.12.1
SHA-256 of "" is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, why?
curl -H "Authorization: Bearer $TOKEN" https://api.example.com/v1/items
.env.example:\nDB_PASSWORD=changeme\nSECRET_KEY=<your-secret-key>\nExplain each line.
color: #ff8800; border: 1px solid rgba(0,0,0,.{n}); margin: 0 auto;
0x7ffe 0x{m} segfault at address 0x0000000000000000 ip 00007f1c2b3d4e5f
npm ERR! code ERESOLVE could not resolve dependency: peer react@"^17.0.0"
UPDATE products SET price = price * 1.1 WHERE category = 'books';
127.0.0.1 - - [10/Oct/2023:13:55:36 +0000] "GET /index.html HTTP/1.1" 200 {m}
let secret: Option<String> = None; // is this idiomatic Rust?
CREATE TABLE users (id INT PRIMARY KEY, ssn CHAR(11), phone VARCHAR(20));
print("confidential".upper())
assert card_is_valid("") is False
version: '3.8'\nservices:\n  web:\n    image: redis:7.2.4\n    ports: ["6379:6379"]
uuid.uuid4() returns e.g. 550e8400-e29b-41d4-a716-446655440000, is it unique?
T(n) = 2T(n/2) + n; which case of the master theorem applies for n={n}?
lorem ipsum generator in {lang} with {n} words""",
    "zh": """请用简单的语言解释{zt}。
帮我写一首关于春天的诗。
{zt}的主要特点是什么？请列出{n}条。
把下面的话翻译成英文：今天天气很好，我们去公园吧。
如何做西红柿炒鸡蛋？
给我推荐{n}本适合初学者的书。
写一篇关于{zt}的八百字作文。
Python 里列表和元组有什么区别？
帮我制定一个为期{n}天的云南旅行计划。
怎样提高睡眠质量？
机密计算和同态加密有什么不同？
《秘密花园》这本书讲了什么？
什么是身份证号码的校验码？请讲解原理。
忘记密码了一般怎么找回？
请润色：我觉得这个方案还可以再优化一下。
商业秘密在法律上是怎么定义的？
银行卡和信用卡有什么区别？
如何保护个人信息安全？
公司的组织架构一般有哪几种？
写一个笑话。
手机号码为什么是11位？
请解释“绝密飞行”这部电影的剧情。
内部类在 Java 中有什么用？
帮我写一封请假邮件的模板。
一到十用英文怎么说？
什么是护照？办理需要什么材料？
介绍一下{year}年的重大历史事件。""",
    "zh-TW": """請用簡單的話解釋光合作用。
推薦我{n}部好看的電影。
如何學好英文？
請幫我把這段話改得更通順：我昨天去了圖書館看書。
台北有什麼好玩的地方？""",
    "de": """Erkläre mir {topic} in {n} Sätzen.
Schreibe ein Gedicht über den Herbst.
Wie kocht man Kartoffelsuppe?
Was ist der Unterschied zwischen Akkusativ und Dativ?
Plane eine Reise nach Österreich für {n} Tage.
Wie setze ich mein Passwort zurück?
Was macht ein Geheimdienst?
Welche Vor- und Nachteile hat Homeoffice?
Übersetze ins Englische: Der Zug kommt später.""",
    "fr": """Explique-moi {topic} en {n} phrases.
Écris un poème sur la mer.
Comment faire une tarte aux pommes ?
Quelle est la différence entre imparfait et passé composé ?
Propose un programme de {n} jours en Bretagne.
Comment choisir un bon mot de passe ?
Quel est le secret d'une bonne pâte ?
Traduis en anglais : le chat dort sur le canapé.""",
    "es": """Explícame {topic} en {n} frases.
Escribe un cuento corto sobre un dragón.
¿Cómo se prepara una tortilla de patatas?
¿Cuál es la diferencia entre ser y estar?
Planifica un viaje de {n} días a Perú.
¿Cuál es el secreto de la felicidad?
¿Cómo elijo una contraseña segura?
Traduce al inglés: mañana iremos a la playa.""",
    "it": """Spiegami {topic} in {n} frasi.
Come si fa la carbonara?
Scrivi una poesia sulla pioggia.
Qual è la differenza tra essere e stare?
Organizza un viaggio di {n} giorni in Sicilia.
Come scelgo una password sicura?""",
    "pt": """Explica {topic} em {n} frases.
Como faço um bolo de cenoura?
Escreve um poema sobre o mar.
Qual é a diferença entre ser e estar?
Planeja uma viagem de {n} dias pelo Brasil.
Como criar uma senha segura?""",
    "nl": """Leg {topic} uit in {n} zinnen.
Hoe bak ik pannenkoeken?
Schrijf een kort verhaal over een vos.
Wat is het verschil tussen de en het?
Hoe kies ik een veilig wachtwoord?""",
    "pl": """Wyjaśnij {topic} w {n} zdaniach.
Jak ugotować barszcz?
Napisz wiersz o zimie.
Jaka jest różnica między aspektem dokonanym i niedokonanym?
Jak wybrać bezpieczne hasło?""",
    "ru": """Объясни {topic} в {n} предложениях.
Как приготовить борщ?
Напиши стихотворение об осени.
В чём разница между вид и тип?
Составь план поездки на {n} дней в Казань.
Как придумать надёжный пароль?
В чём секрет хорошего теста?""",
    "uk": """Поясни {topic} у {n} реченнях.
Як приготувати вареники?
Напиши вірш про весну.
Як вивчити англійську мову?""",
    "ja": """{topic}について{n}文で説明してください。
カレーの作り方を教えてください。
春についての俳句を作ってください。
「は」と「が」の違いは何ですか？
京都旅行の{n}日間の計画を立ててください。
安全なパスワードの作り方は？
秘密の花園という本の要約をしてください。
極秘任務という映画は面白いですか？""",
    "ko": """{topic}을 {n}문장으로 설명해 주세요.
김치찌개 만드는 법을 알려 주세요.
봄에 관한 시를 써 주세요.
제주도 {n}일 여행 계획을 세워 주세요.
안전한 비밀번호는 어떻게 만드나요?
비밀의 화원 줄거리를 알려 주세요.""",
    "tr": """{topic} konusunu {n} cümlede açıkla.
Mercimek çorbası nasıl yapılır?
İlkbahar hakkında bir şiir yaz.
Güvenli bir parola nasıl seçilir?""",
    "ar": """اشرح لي {topic} في {n} جمل.
كيف أطبخ الأرز؟
اكتب قصيدة عن البحر.
ما الفرق بين العلم والمعرفة؟
كيف أختار كلمة مرور آمنة؟""",
    "hi": """{topic} को {n} वाक्यों में समझाइए।
दाल कैसे बनाते हैं?
बारिश पर एक कविता लिखो।
अच्छा पासवर्ड कैसे चुनें?""",
    "vi": """Giải thích {topic} trong {n} câu.
Nấu phở như thế nào?
Viết một bài thơ về mùa xuân.
Làm sao để chọn mật khẩu an toàn?""",
    "th": """อธิบาย {topic} ใน {n} ประโยค
ต้มยำกุ้งทำอย่างไร
เขียนกลอนเกี่ยวกับทะเล
จะเลือกรหัสผ่านที่ปลอดภัยได้อย่างไร""",
    "id": """Jelaskan {topic} dalam {n} kalimat.
Bagaimana cara membuat nasi goreng?
Tulis puisi tentang hujan.
Bagaimana memilih kata sandi yang aman?""",
}

LONG = {
    "en": ["Please help with the following text. ", "Thanks in advance! ", "Keep it short. ", ""],
    "zh": ["请帮忙，", "谢谢！", ""],
}


def templates():
    """(language, template) of all prompts."""
    return [
        (lang, t.replace("\\n", "\n")) for lang, text in PROMPTS.items() for t in text.splitlines()
    ]
