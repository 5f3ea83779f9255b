/* What is told of persons, and what is said of the same matters in general. */
#include "router/classify/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static sl_classifier *c;
static sl_arena arena;
static sl_level level;
static sl_finding *found;
static size_t found_n;

static void classify(const char *text)
{
    bool doubt;
    sl_arena_reset(&arena);
    sl_classify_begin(c, NULL, NULL, &arena);
    sl_classify_text(c, "text", sl_str_c(text));
    sl_classify_end(c, &level, &doubt, &found, &found_n);
}

static bool has(const char *entity)
{
    for (size_t i = 0; i < found_n; i++) {
        if (strcmp(found[i].entity, entity) == 0)
            return true;
    }
    return false;
}

typedef struct line {
    const char *text, *entity;
} line;

/* Each text has the finding, at the level given or above. */
static void check(const line *lines, size_t n, sl_level least)
{
    for (size_t i = 0; i < n; i++) {
        classify(lines[i].text);
        if (!has(lines[i].entity) || level < least)
            fail_msg("\"%s\": level %s, %s %s", lines[i].text, sl_level_name(level),
                     lines[i].entity, has(lines[i].entity) ? "found" : "not found");
    }
}
#define CHECK(lines, least) check(lines, sizeof(lines) / sizeof *(lines), least)

static void check_innocent(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        classify(texts[i]);
        if (level != SL_LEVEL_PUBLIC)
            fail_msg("\"%s\": level %s, %s", texts[i], sl_level_name(level), found[0].entity);
    }
}
#define INNOCENT(texts) check_innocent(texts, sizeof(texts) / sizeof *(texts))

static int setup(void **state)
{
    (void)state;
    sl_error err = {0};
    if (sl_classifier_open(&c, &err) != SL_OK)
        fail_msg("%s", err.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_classifier_free(c);
    sl_arena_done(&arena);
    return 0;
}

static void test_names(void **state)
{
    (void)state;
    static const line lines[] = {
        {"姓名：张三", "PERSON"},
        {"患者姓名：李小红", "PERSON"},
        {"Patient: John Smith, Age: 45", "PERSON"},
        {"My name is Anna", "PERSON"},
        {"我叫王小明", "PERSON"},
        {"меня зовут Иван", "PERSON"},
        {"张伟先生您好", "PERSON"},
        {"\"name\": \"John Smith\", \"age\": 30", "PERSON"},
        {"Mr. John Smith called", "PERSON"},
    };
    CHECK(lines, SL_LEVEL_INTERNAL);
}

static void test_circumstances(void **state)
{
    (void)state;
    static const line lines[] = {
        {"I was diagnosed with type 2 diabetes last year", "HEALTH"},
        {"My mother has breast cancer and I don't know what to do", "HEALTH"},
        {"She is HIV positive", "HEALTH"},
        {"I have diabetes. What should I eat?", "HEALTH"},
        {"My salary is 85,000 euros", "SALARY"},
        {"his salary of $120k was cut", "SALARY"},
        {"John Smith earns 95,000 a year", "SALARY"},
        {"我被确诊为糖尿病", "HEALTH"},
        {"患者张三，男，45岁，确诊肺癌", "HEALTH"},
        {"我的工资是15000", "SALARY"},
        {"张伟的月薪是2万", "SALARY"},
        {"Ich habe Krebs", "HEALTH"},
        {"Meine Frau ist schwanger", "HEALTH"},
        {"J'ai un cancer", "HEALTH"},
        {"Je suis enceinte de 3 mois", "HEALTH"},
        {"Tengo diabetes y tomo metformina", "HEALTH"},
        {"У меня рак груди", "HEALTH"},
        {"私はうつ病と診断されました", "HEALTH"},
        {"저는 우울증을 앓고 있습니다", "HEALTH"},
        {"He is gay and not out at work", "SEXUAL_LIFE"},
        {"I am a Muslim and my employer refuses", "BELIEF"},
        {"Mr. Müller was convicted of fraud in 2015", "CONVICTION"},
        {"Our colleague has a criminal record", "CONVICTION"},
        {"The patient was hospitalized for heart failure", "HEALTH"},
        {"I'm pregnant, what can I eat?", "HEALTH"},
        {"She is a member of the trade union", "UNION_MEMBERSHIP"},
        {"Ich bin Gewerkschaftsmitglied", "UNION_MEMBERSHIP"},
        {"他是工会会员", "UNION_MEMBERSHIP"},
        {"fingerprint template of employee 4432 attached", "BIOMETRICS"},
        {"His DNA test result came back", "BIOMETRICS"},
        {"他有前科", "CONVICTION"},
        {"My union rep said", "UNION_MEMBERSHIP"},
        {"I earn 5000 a month", "SALARY"},
        {"my bonus was 20000", "SALARY"},
        {"I am gay", "SEXUAL_LIFE"},
        {"I'm atheist", "BELIEF"},
        {"my girlfriend is catholic", "BELIEF"},
        {"Meine Mutter hat Demenz", "HEALTH"},
        {"Mijn vader heeft kanker", "HEALTH"},
        {"Mój ojciec ma raka", "HEALTH"},
        {"Mia madre ha un tumore", "HEALTH"},
        {"Minha mãe tem câncer", "HEALTH"},
        {"Annem kanser hastası", "HEALTH"},
        {"Tôi bị ung thư", "HEALTH"},
        {"Saya menderita diabetes", "HEALTH"},
        {"أنا مصاب بالسكري", "HEALTH"},
        {"יש לי סרטן", "HEALTH"},
        {"मुझे मधुमेह है", "HEALTH"},
        {"我妈妈得了癌症，怎么办", "HEALTH"},
        {"他患有抑郁症", "HEALTH"},
        {"孩子被诊断为自闭症", "HEALTH"},
        {"我国糖尿病患者有多少", "HEALTH"},
    };
    CHECK(lines, SL_LEVEL_CONFIDENTIAL);
}

static const char *const general[] = {
    "What are the symptoms of diabetes?",
    "How is diabetes diagnosed?",
    "Explain the causes of depression in teenagers",
    "I want to learn about diabetes. Explain it.",
    "Write a story about a man who has cancer",
    "average salary of engineers in Berlin",
    "What is the salary range of nurses in general?",
    "糖尿病患者的饮食应该注意什么？",
    "如何预防高血压？",
    "程序员的平均工资是多少？",
    "Was sind die Symptome von Krebs?",
    "Quels sont les symptômes du diabète ?",
    "¿Cuáles son los síntomas de la diabetes?",
    "Какие симптомы диабета?",
    "うつ病とは何ですか？",
    "우울증의 원인은 무엇인가요?",
    "History of gay rights in the US",
    "Islam is a religion",
    "What is a criminal record?",
    "Name: Jane Doe",
    "这位先生请坐",
    "name: nginx",
    "Mr. Darcy is proud",
    "Product Name: Acme Widget",
    "Dr. Strange is a movie",
    "Is HIV curable?",
    "doğum günü",
    "pregnant women should avoid what?",
    "What medical checks are recommended for adults over 40?",
    "Is Victoria's Secret a good brand?",
    "He took a stroke with his brush",
    "Cancer zodiac sign personality",
    "The rate of cancer is 10%",
    "What is a trade union?",
    "Nurses earn 30000 a year",
    "My company earns 5000000 per year",
    "My income tax question: what is 20% of 50000?",
    "什么是抑郁症",
    "抑郁症有哪些症状",
    "介绍一下糖尿病",
    "Can you help me write a resume for a marketing position? I have 5 years of experience.",
    "My dog is 3 years old and weighs 12 kg; how much should he eat?",
    "Write an email to my boss asking for a raise.",
    "What's a good salary for a software engineer in Munich in 2024? I read 75,000 euros.",
    "The average salary in Germany is 45,000 euros per year.",
    "My mom's birthday is coming up, what should I get her? She likes gardening.",
    "Write a short story about a gay couple living in Paris in 1920.",
    "In Islam, how many times a day do Muslims pray?",
    "Describe the treatment options for type 2 diabetes.",
    "My teacher asked me to write an essay about cancer research.",
    "I need to write a paper on depression in adolescents; give me an outline.",
    "Who is the president of the labour union in the movie?",
    "How do I get from 5th Avenue to Times Square?",
    "Summarise chapter 3 of Pride and Prejudice where Mr. Darcy meets Elizabeth Bennet.",
    "Translate: \"The train leaves at 10:30 from platform 4.\"",
    "My phone number format should be E.164, how do I validate it in Python?",
    "Explain latitude and longitude.",
    "lat=40.7128, lon=-74.0060 is New York City",
    "How can I find my MAC address on Windows?",
    "What is the zip code of Beverly Hills? 90210?",
    "Generate a fake address for testing.",
    "Convert 5 miles to km; the drive takes 20 minutes.",
    "Via Zoom we met 12 people.",
    "Wall Street fell 3% on 24 October 1929.",
    "Sort these dates: 2021-01-05, 1999-12-31, 2010-07-15",
    "Is 1990 a leap year? My brother was born in 1992.",
    "Make a table of contact fields: name, phone, email",
    "The office opens at 9:00 and closes at 17:30, 5 days a week.",
    "Call the function foo(123, 4567890) twice",
    "call 3 times with 1000000 iterations",
    "The call took 1234567 ms",
    "registered 1234567 users in 2023",
    "Model number SM-G998B/DS release 2021-01-29",
    "Flight LH 441 departs 14:25, gate B42, seat 23A",
    "Train ICE 1234 auf Gleis 7",
    "python -m http.server 8000",
    "telephone was invented in 1876 by Bell",
    "iPhone 15 Pro Max 256GB costs 1199 dollars, phone 12 was 799",
    "In my mobile app the counter shows 10000000",
    "Order 12345678 arrived; call me maybe",
    "教我怎么用微信小程序开发，版本 2.30.4",
    "王先生每天跑步5公里，一周跑多少公里？",
    "小明和小红一共有12个苹果",
    "李白是唐朝诗人，生于701年",
    "请解释劳动法中关于工资的规定",
    "写一个关于医生和病人的故事",
    "我想学习如何预防糖尿病",
    "我们公司有3000名员工，平均工资是8000元，如何做薪酬分析？",
    "地球到月球的距离是384400公里",
    "第3章第2节讲了什么",
    "上海市的人口有2400万",
    "北京市海淀区有哪些大学？",
    "从人民广场坐地铁2号线到张江高科",
    "QQ是什么时候发布的？1999年2月",
    "手机屏幕分辨率 1080 2400",
    "电话是谁发明的？1876年",
    "解释一下 GPS 坐标 和 WGS84 的区别",
    "孔子出生于公元前551年9月28日",
    "東京都の人口は1400万人です。",
    "田中さんは毎日3キロ走ります。",
    "彼は医者で、がんの研究をしています。",
    "서울의 인구는 천만 명입니다",
    "Wie hoch ist das Durchschnittsgehalt in Deutschland?",
    "Herr der Ringe ist ein Film von 2001.",
    "Meine Katze ist 4 Jahre alt.",
    "Schreibe eine Geschichte über Frau Holle.",
    "Der Zug fährt um 12 Uhr vom Marktplatz 3 Minuten.",
    "Quelle est la capitale de la France ? ",
    "J'ai 12 pommes et j'en mange 5.",
    "Le salaire moyen en France est de 2500 euros.",
    "Explique la Révolution de 1789 en 5 points.",
    "¿Cuál es el salario medio en España? Unos 27000 euros.",
    "La calle más larga tiene 12 km.",
    "La plaza Mayor de Madrid fue construida en 1619.",
    "Via col vento è un film del 1939.",
    "Corso di Python in 10 lezioni",
    "A rua estava vazia em 1984.",
    "Объясни теорему Пифагора для 3, 4, 5",
    "В чём разница между 5G и LTE? Телефон 2019 года.",
    "Население Москвы 13 миллионов",
    "Jak zrobić pierogi dla 4 osób?",
    "Ile kosztuje telefon za 1500 złotych?",
    "Hoeveel is 12 keer 12?",
    "İstanbul'un nüfusu 16 milyon mu?",
    "Hà Nội có bao nhiêu quận? 12 quận",
    "Berapa gaji rata-rata di Jakarta?",
    "Jalan tol pertama di Indonesia dibangun tahun 1978",
    "ما هو متوسط الراتب في دبي؟",
    "มือถือรุ่นไหนดี งบ 10000 บาท",
    "मोबाइल 15000 रुपये में कौन सा अच्छा है?",
    "Git commit 1a2b3c4d5e6f on branch release/1.2.3.4",
    "docker run -p 127.0.0.1:8080:80 nginx",
    "ssh user@localhost -p 2222",
    "IPv6 documentation uses 2001:db8::/32, loopback ::1",
    "time 12:34:56:78 timecode, ratio 16:9, aspect a:b:c",
    "std::chrono::system_clock::now()",
    "{\"name\": \"my-package\", \"version\": \"1.0.0\"}",
    "\"name\": \"React Native\", \"type\": \"library\"",
    "class Person: def __init__(self, name: str, age: int)",
    "user.name: String",
    "The patient room was 5 by 6 m",
    "ICD-10 code for diabetes is E11.9",
    "Hamlet says to Horatio: 'I knew him'",
    "She said 'I have a dream' in 1963",
    "The Secret Life of Walter Mitty",
    "I have a headache and a fever, what could it be?",
    "I am a vegetarian and want high-protein recipes for 7 days",
    "I am 25 years old, how many calories do I need?",
    "I'm depressed about my exam results, cheer me up",
    "I have 3 kids and need dinner ideas",
    "My wife and I plan a trip to 5 cities in 10 days",
    "He takes insulin resistance seriously in his book",
    "In the film, she is diagnosed with leukemia",
    "Dr. House diagnosed the patient with lupus in the episode",
};

static void test_general(void **state)
{
    (void)state;
    INNOCENT(general);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_circumstances),
        cmocka_unit_test(test_general),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
