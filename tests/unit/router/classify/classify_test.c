/* What is found and what is not, a line a case; doubt, positions, dictionaries, joined strings. */

#include "tests/unit/router/classify/rig.h"

typedef struct line {
    const char *text, *entity; /* entity NULL: nothing may be found */
    sl_level level;
} line;

#define P SL_LEVEL_PUBLIC
#define I SL_LEVEL_INTERNAL
#define C SL_LEVEL_CONFIDENTIAL
#define R SL_LEVEL_RESTRICTED

static void check(const line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const line *l = &lines[i];
        classify(sl_str_c(l->text));
        if (level != l->level)
            fail_msg("\"%s\": level %s, not %s", l->text, sl_level_name(level),
                     sl_level_name(l->level));
        if (l->entity ? !finding(l->entity) : found_n != 0)
            fail_msg("\"%s\": %s", l->text, l->entity ? "entity not found" : found[0].entity);
    }
}
#define CHECK(lines) check(lines, COUNT(lines))

static void test_numbers(void **state)
{
    static const line lines[] = {
        {"4539222126025164", "CREDIT_CARD", R},
        {"paid with 4539-2221-2602-5164.", "CREDIT_CARD", R},
        {"3782 822463 10005", "CREDIT_CARD", R},
        {"4 5 3 9 2 2 2 1 2 6 0 2 5 1 6 4", "CREDIT_CARD", R},
        {"my card 4539222126025165 was refused", "CREDIT_CARD",
         R}, /* wrong check digit beside the word */
        {"4539222126025165", NULL, P},
        {"4222222222222", "CREDIT_CARD", I}, /* 13 digits: an EAN begins so too */
        {"11010519491231002X", "CN_RESIDENT_ID", R},
        {"11010519491231002x", "CN_RESIDENT_ID", R},
        {"110105 19491231 002X", "CN_RESIDENT_ID", R},
        {"身份证号：110105194912310021", "CN_RESIDENT_ID", R}, /* fails GB 11643 */
        {"110105194912310021", "CN_RESIDENT_ID", I},
        {"身份证 110105491231002", "CN_RESIDENT_ID", R},
        {"13800138000", "CN_MOBILE", C},
        {"138-0013-8000", "CN_MOBILE", C},
        {"138 0013 8000", "CN_MOBILE", C},
        {"86 138 0013 8000", "CN_MOBILE", C},
        {"+86 138 0013 8000", "PHONE_NUMBER", C},
        {"电话13800138000。", "CN_MOBILE", C},
        {"座机 010-62771234", "CN_LANDLINE", C},
        {"+44 (0)20 7946 0958", "PHONE_NUMBER", C},
        {"tel. 555 0123", "PHONE_NUMBER", C},
        {"219-09-9999", "US_SSN", R},
        {"SSN 219099999", "US_SSN", R},
        {"DE89 3704 0044 0532 0130 00", "IBAN", R},
        {"gb82west12345698765432", "IBAN", R},
        {"IBAN: DE88370400440532013000", "IBAN", R}, /* fails mod 97 beside the word */
        {"host 10.20.30.40 is down", "IP_ADDRESS", I},
    };
    CHECK(lines);
}

static void test_innocent_numbers(void **state)
{
    static const line lines[] = {
        {"order 1234567890123456 shipped", NULL, P},
        {"2024-01-15 10:30:00", NULL, P},
        {"1732448123 1732448123456 1732448123456789", NULL, P},
        {"3.141592653589793238462643", NULL, P},
        {"0.4539222126025164", NULL, P},
        {"550e8400-e29b-41d4-a716-446655440000", NULL, P},
        {"192.0.2.1, 127.0.0.1, 1.2.3.4 and 10.0.0.1000", NULL, P},
        {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", NULL, P},
        {"1234567812345670 passes Luhn, nobody issues it", NULL, P},
        {"ISBN 978-3-16-148410-0", NULL, P},
        {"d41d8cd98f00b204e9800998ecf8427e", NULL, P},
        {"1080x2400 pixels, 5,000,000 users, 2019-2024", NULL, P},
        {"000-12-3456 and 666-12-3456", NULL, P},
        {"GB00 WEST 1234 5698 7654 32", NULL, P},
    };
    CHECK(lines);
}

static void test_secrets(void **state)
{
    static const line lines[] = {
        {"mail bob@acme.com.", "EMAIL_ADDRESS", C},
        {"邮箱zhang@qq.com谢谢", "EMAIL_ADDRESS", C},
        {"AKIAIOSFODNN7QWERTY2", "API_TOKEN", R},
        {"ghp_abcdefghijklmnopqrstuvwxyz0123456789", "API_TOKEN", R},
        {"sk-proj-abcdEFGH1234567890abcdEFGH", "API_TOKEN", R},
        {"LTAI5tQnKxLw3Z9aBcDeFgHj", "API_TOKEN", R},
        {"-----BEGIN OPENSSH PRIVATE KEY-----", "PRIVATE_KEY", R},
        {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.x", "JWT", R},
        {"postgres://app:S3cr3tPw@db:5432/x", "URL_CREDENTIALS", R},
        {"api_key: \"8f4a9b2c7d6e1f0a3b5c\"", "CREDENTIAL", R},
        {"password = Tr0ub4dor&3", "PASSWORD", R},
        {"my password is hunter2x", "PASSWORD", R},
        {"密码是 abc12345", "PASSWORD", R},
        {"Authorization: Bearer abcdEFGH1234567890xyzw", "CREDENTIAL", R},
        {"noreply@acme.com", NULL, P},
        {"user@example.com", NULL, P},
        {"git clone git@github.com:foo/bar.git", NULL, P},
        {"logo@2x.png, react@18.2.0", NULL, P},
        {"AKIAIOSFODNN7EXAMPLE", NULL, P},
        {"password: <your password>", NULL, P},
        {"password = getpass.getpass()", NULL, P},
        {"token = os.environ[\"TOKEN\"]", NULL, P},
        {"postgres://user:${PASSWORD}@db/x", NULL, P},
        {"-----BEGIN PUBLIC KEY-----", NULL, P},
        {"The password is required; 忘记密码怎么办", NULL, P},
    };
    CHECK(lines);
}

static void test_markings(void **state)
{
    static const line lines[] = {
        {"Confidential: results of Q3", "MARKING", C},
        {"CONFIDENTIAL", "MARKING", C},
        {"## Confidential ##\nplan", "MARKING", C},
        {"[Internal] roadmap", "MARKING", I},
        {"TOP SECRET//NOFORN", "MARKING", R},
        {"Classification: Secret", "MARKING", R},
        {"see below\nStrictly Confidential - board only", "MARKING", R},
        {"For internal use only", "MARKING", I},
        {"This document is confidential.", "MARKING", C},
        {"密级：机密", "MARKING", C},
        {"【绝密】项目", "MARKING", R},
        {"（机密）预算", "MARKING", C},
        {"机密★10年", "MARKING", C},
        {"内部资料，注意保存", "MARKING", I},
        {"该文件不得外传", "MARKING", C},
        {"The secret garden is a novel", NULL, P},
        {"Secret Santa rules", NULL, P},
        {"confidential computing on GPUs", NULL, P},
        {"What does confidential mean?", NULL, P},
        {"def f(secret): return hash(secret)", NULL, P},
        {"export CLIENT_SECRET", NULL, P},
        {"restricted Boltzmann machine", NULL, P},
        {"Internal combustion engines", NULL, P},
        {"机密计算是什么", NULL, P},
        {"秘密花园", NULL, P},
        {"保守秘密是美德", NULL, P},
    };
    CHECK(lines);
}

static void test_views(void **state)
{
    static const line lines[] = {
        {"１３８００１３８０００", "CN_MOBILE", C},
        {"१३८००१३८०००", "CN_MOBILE", C},
        {"138\u200b0013\u200b8000", "CN_MOBILE", C},
        {"1\u03068\u0306", NULL, P},
        {"bob＠acme．com", "EMAIL_ADDRESS", C},
        {"john.doe%40acme.com", "EMAIL_ADDRESS", C},
        {"john&#64;acme.com", "EMAIL_ADDRESS", C},
        {"john\\u0040acme.com", "EMAIL_ADDRESS", C},
        {"call%2520%25E6%2589%258B%25E6%259C%25BA%252013800138000", "CN_MOBILE", C},
        {"5oiR55qE6Lqr5Lu96K+B5pivIDExMDEwNTE5NDkxMjMxMDAyWA==", "CN_RESIDENT_ID", R},
        {"6d7920636172642069732034353339323232313236303235313634206f6b", "CREDIT_CARD", R},
        {"data:image/png;base64,iVBORw0KGgo=", "OPAQUE_CONTENT", I},
        {"internationalization_of_configuration_parameters", NULL, P},
        {"100% & more \\n \\t %zz &nosuch; \\u12", NULL, P},
    };
    CHECK(lines);
}

static void test_doubt(void **state)
{
    classify((sl_str){"abc \xff\xfe def", 10});
    assert_int_equal(level, I);
    assert_true(doubt);
    assert_non_null(finding("INVALID_UTF8"));
    classify((sl_str){"4539\xff"
                      "222126025164",
                      17}); /* and what it hides is found all the same */
    assert_int_equal(level, R);

    char blob[301];
    uint32_t x = 1;
    for (int i = 0; i < 300; i++) {
        x = x * 1664525 + 1013904223;
        blob[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[x >> 26];
    }
    blob[300] = '\0';
    classify(sl_str_c(blob));
    assert_non_null(finding("OPAQUE_CONTENT"));
    assert_true(doubt);
    blob[190] = '\0';
    classify(sl_str_c(blob));
    assert_null(finding("OPAQUE_CONTENT"));

    size_t n = SL_TEXT_MAX + 10;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, 'a', n);
    for (size_t i = 0; i < n; i += 7)
        big[i] = ' ';
    classify((sl_str){big, n});
    assert_non_null(finding("OVERSIZE"));
    assert_true(doubt);
    free(big);

    sl_arena_reset(&arena);
    sl_entity_set all;
    memset(&all, 0xff, sizeof all);
    sl_classify_begin(c, NULL, &all, &arena);
    sl_classify_doubt(c, SL_ENT_OPAQUE_CONTENT, "messages[1]");
    end();
    assert_true(doubt);
    assert_string_equal(found[0].where, "messages[1]");
}

/* Three encodings deep is past the limit: not read, but not public either. */
/* Ordinary texts that are dear to read: numbers and nothing else, persons in a table. */
static void ordinary(const char *row)
{
    sl_buf text = {0};
    for (size_t n = 0; text.len < 32768; n++)
        sl_buf_addf(&text, row, (int)(n * 7919 % 90000 + 10000), (int)(n * 104729 % 9000 + 1000));
    for (size_t n = 2048; n <= 32768; n *= 4) {
        classify((sl_str){text.data, n});
        if (finding("OVERWORK"))
            fail_msg("%zu bytes of \"%s\" cost too much", n, row);
    }
    sl_buf_done(&text);
}

static void test_work(void **state)
{
    (void)state;
    ordinary("%d %d ");
    ordinary("2026-11-%.2d 10.0.0.7 \"GET /users/%d?page=7 HTTP/1.1\" 200 5120 0.031\n");
    ordinary("{\"id\": %d, \"name\": \"Anna Lee\", \"phone\": \"+49 30 901820 %d\"},\n");
    ordinary("Jane Roe,1984-02-11,4111 1111 1111 1111,DE89 3704 0044 0532 0130 00,%d,%d\n");
    ordinary("https://shop.example.com/books/%%E5%%9B%%BE%%E4%%B9%%A6/%d?page=1%d\n");

    /* made to be dear: reading ends, what was found stays, and it is closed */
    sl_buf text = {0};
    sl_buf_adds(&text, "card 4539 2221 2602 5164 ");
    while (text.len < 32768)
        sl_buf_adds(&text, "[secret] pwd:x1y2 password= e\xcc\x81 \\x41\\x42\xd0\xb0"
                           "a%2541%2542 4-1.1/1_1,1 ");
    for (int i = 0; i < 2; i++) { /* the second time it is remembered */
        classify(sl_buf_str(&text));
        assert_non_null(finding("OVERWORK"));
        assert_null(finding("CLASSIFIER_ERROR"));
        assert_non_null(finding("CREDIT_CARD"));
        assert_int_equal(level, SL_LEVEL_RESTRICTED);
        assert_true(doubt);
    }
    assert_true(c->work <= c->work_max + c->work_max / 8); /* it ends soon after */
    sl_buf_done(&text);
    classify(SL_STR("The next text is read as ever: ten apples, twelve pears."));
    assert_int_equal(level, SL_LEVEL_PUBLIC);
    assert_int_equal(found_n, 0);
}

static void test_depth(void **state)
{
    sl_buf a = {0}, b = {0};
    sl_buf_adds(&a, "the card number is 4539222126025164, please do not tell anybody about it");
    for (int depth = 1; depth <= 4; depth++) {
        sl_buf_clear(&b);
        sl_buf_add_base64(&b, a.data, a.len);
        sl_buf_clear(&a);
        sl_buf_add_str(&a, sl_buf_str(&b));
        classify(sl_buf_str(&a));
        if (depth <= SL_DECODE_DEPTH)
            assert_int_equal(level, R);
        else if (a.len > 260)
            assert_true(level >= I && doubt);
    }
    sl_buf_done(&a);
    sl_buf_done(&b);
}

static void test_positions(void **state)
{
    classify(SL_STR("ab bob@acme.com, carl@acme.com"));
    const sl_finding *f = finding("EMAIL_ADDRESS");
    assert_non_null(f);
    assert_int_equal(f->offset, 3);
    assert_int_equal(f->length, 12);
    assert_int_equal(f->count, 2);
    assert_string_equal(f->view, "text");
    assert_string_equal(f->where, "text");

    classify(SL_STR("电话１３８００１３８０００"));
    f = finding("CN_MOBILE");
    assert_non_null(f);
    assert_string_equal(f->view, "nfkc");
    assert_int_equal(f->offset, 6);
    assert_int_equal(f->length, 33);

    classify(SL_STR("see bWFpbCBib2Iuc21pdGhAYWNtZS5jb20gcGxlYXNl now"));
    f = finding("EMAIL_ADDRESS");
    assert_non_null(f);
    assert_string_equal(f->view, "base64");
    assert_int_equal(f->offset, 4);
}

static void test_weak_pair(void **state)
{
    classify(SL_STR("4222222222222"));
    assert_int_equal(level, I);
    classify(SL_STR("4222222222222 (212) 555-0123"));
    assert_int_equal(level, C);
    classify(SL_STR("4222222222222 4222222222222"));
    assert_int_equal(level, I); /* two of a kind are no second sign */
}

static void test_joined(void **state)
{
    begin(NULL, NULL);
    static const char *const parts[] = {"138", "0013", "8000"};
    for (int i = 0; i < 3; i++)
        sl_classify_text(c, "messages[0].content", sl_str_c(parts[i]));
    end();
    assert_int_equal(level, C);
    assert_string_equal(found[0].view, "joined");

    begin(NULL, NULL);
    sl_classify_text(c, "a",
                     SL_STR("a question that is long enough not to be a short string at all: what "
                            "follows 4539222"));
    sl_classify_text(c, "b",
                     SL_STR("126025164 belongs to it, and goes on for as long as the one that came "
                            "before it did, too"));
    end();
    assert_int_equal(level, R);

    begin(NULL, NULL);
    sl_classify_text(c, "a", SL_STR("one"));
    sl_classify_text(c, "b", SL_STR("two"));
    end();
    assert_int_equal(found_n, 0);
}

static void test_dictionary(void **state)
{
    static const sl_term terms[] = {
        {{"Project Falcon", 14}, C}, {{"猎鹰计划", 12}, R}, {{"(x) y.z", 7}, I}};
    sl_dictionary *d = NULL;
    sl_error err;
    assert_int_equal(sl_dictionary_compile(&d, terms, 3, &err), SL_OK);
    static const struct {
        const char *text;
        sl_level level;
    } cases[] = {{"about PROJECT falcon?", C},
                 {"Project Falconry", P},
                 {"关于猎鹰计划的问题", R},
                 {"Ｐroject Falcon", C},
                 {"Project\u200b Falcon", C},
                 {"(x) y.z", I},
                 {"(x) yaz", P}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(d, NULL);
        sl_classify_text(c, "text", sl_str_c(cases[i].text));
        end();
        if (level != cases[i].level)
            fail_msg("\"%s\": %s", cases[i].text, sl_level_name(level));
    }
    classify(SL_STR("Project Falcon"));
    assert_int_equal(level, P); /* another tenant's words */
    sl_dictionary_free(d);
}

static void test_allow(void **state)
{
    sl_arena_reset(&arena);
    sl_entity_set allow = {{0}};
    sl_entity_set_add(&allow, SL_ENT_EMAIL_ADDRESS);
    sl_classify_begin(c, NULL, &allow, &arena);
    sl_classify_text(c, "text", SL_STR("bob@acme.com"));
    end();
    assert_int_equal(level, P);
    assert_int_equal(found_n, 1); /* told, though it raises nothing */
    assert_true(found[0].allowed);
}

/* More kinds and places than are kept: the highest stay, and the level counts all. */
static void test_many(void **state)
{
    begin(NULL, NULL);
    for (int i = 0; i < 200; i++)
        sl_classify_text(
            c, "text",
            SL_STR("host 10.20.30.40 is down, says the operator on duty, who has seen it before"));
    sl_classify_text(c, "last", SL_STR("4539222126025164"));
    end();
    assert_int_equal(level, R);
    assert_int_equal(found_n, SL_FOUND_MAX);
    assert_non_null(finding("CREDIT_CARD"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_innocent_numbers),
        cmocka_unit_test(test_secrets),   cmocka_unit_test(test_markings),
        cmocka_unit_test(test_views),     cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_work),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_positions), cmocka_unit_test(test_weak_pair),
        cmocka_unit_test(test_joined),    cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_allow),     cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
