/* What stands in another form is found where it stands: encoded, spelled, pulled apart, disguised;
 * and innocent texts of the same kinds are left alone. */

#include "tests/unit/router/classify/rig.h"

typedef struct line {
    const char *text, *entity; /* NULL: nothing may be found */
} line;

static void check(const line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        classify(sl_str_c(lines[i].text));
        if (lines[i].entity ? !finding(lines[i].entity) : found_n != 0)
            fail_msg("\"%s\": %s", lines[i].text,
                     lines[i].entity ? "entity not found" : found[0].entity);
        for (size_t x = 0; x < found_n; x++)
            assert_true(found[x].offset + found[x].length <= strlen(lines[i].text));
    }
}
#define CHECK(lines) check(lines, COUNT(lines))

static void test_numerals(void **state)
{
    static const line lines[] = {
        {"身份证一一零一零五一九四九一二三一零零二X", "CN_RESIDENT_ID"},
        {"我的手机幺三八零零幺三八零零零", "CN_MOBILE"},
        {"手机：一三八-零零一三-八零零零", "CN_MOBILE"},
        {"手机一三八，零零一三，八零零零", "CN_MOBILE"},
        {"电话壹叁捌零零壹叁捌零零零", "CN_MOBILE"},
        {"手机1三8零0一3八0零0", "CN_MOBILE"},
        {"手机138一0013一8000", "CN_MOBILE"}, /* a dash that is a one */
        {"電話 〇九〇ー一二三四ー五六七八", "PHONE_NUMBER"},
        {"카드 사오삼구이이이일이육공이오일육사", "CREDIT_CARD"},
        {"一二三四五六七八九十，十一月三十日，二〇二四年", NULL},
        {"第一章第二节，三心二意，七上八下", NULL},
    };
    CHECK(lines);
}

static void test_words(void **state)
{
    static const line lines[] = {
        {"my card is four five three nine two two two one two six zero two five one six four",
         "CREDIT_CARD"},
        {"call me: One-Three-Eight-Zero-Zero-One-Three-Eight-Zero-Zero-Zero", "CN_MOBILE"},
        {"call one three eight double zero one three eight triple zero", "CN_MOBILE"},
        {"card four, five, three, nine, two, two, two, one, two, six, oh, two, five, one, six, "
         "four",
         "CREDIT_CARD"},
        {"Karte: vier fünf drei neun zwei zwei zwei eins zwei sechs null zwei fünf eins sechs vier",
         "CREDIT_CARD"},
        {"tarjeta cuatro cinco tres nueve dos dos dos uno dos seis cero dos cinco uno seis cuatro",
         "CREDIT_CARD"},
        {"carte quatre cinq trois neuf deux deux deux un deux six zéro deux cinq un six quatre",
         "CREDIT_CARD"},
        {"карта четыре пять три девять два два два один два шесть ноль два пять один шесть четыре",
         "CREDIT_CARD"},
        {"one two three four five, once I caught a fish alive, six seven eight nine ten", NULL},
        {"three or four of the seven, two by two, one on one", NULL},
    };
    CHECK(lines);
}

static void test_apart(void **state)
{
    static const line lines[] = {
        {"n = (\"4539\"\n     \"2221\"\n     \"2602\"\n     \"5164\")", "CREDIT_CARD"},
        {"card \"4539\" + \"2221\" + \"2602\" + \"5164\"", "CREDIT_CARD"},
        {"[\"4539\", \"2221\", \"2602\", \"5164\"] is my card", "CREDIT_CARD"},
        {"card **4539**2221**2602**5164", "CREDIT_CARD"},
        {"card <td>4539</td><td>2221</td><td>2602</td><td>5164</td>", "CREDIT_CARD"},
        {"card 4539😀2221😀2602😀5164", "CREDIT_CARD"},
        {"card 453,922,212,602,516,4", "CREDIT_CARD"},
        {"card part 1: 4539\npart 2: 2221\npart 3: 2602\npart 4: 5164", "CREDIT_CARD"},
        {"card\n| 4 | 5164 |\n| 3 | 2602 |\n| 2 | 2221 |\n| 1 | 4539 |", "CREDIT_CARD"},
        {"my ghp_<b>abcdefghijklmn</b>opqrstuvwxyz0123456789", "API_TOKEN"},
        {"k = \"ghp_abcdefghijklmn\" + \"opqrstuvwxyz0123456789\"", "API_TOKEN"},
        {"\x1b[1m4539\x1b[0m222126025164", "CREDIT_CARD"},
        {"4539\x01"
         "222126025164",
         "CREDIT_CARD"},
        {"pass<!-- x -->word is hunter2xyz", "PASSWORD"},
        {"e = 2.718281828459045, pi = 3.14159265358979", NULL},
        {"[1024, 2048, 4096, 8192], 1,234,567,890 and 12:30:45.123456", NULL},
        {"| 2021 | 2022 | 2023 |\n| 1.5 | 2.5 | 3.5 |", NULL},
        {"if (a < b && c > d) { x = \"a\" + \"b\"; }", NULL},
    };
    CHECK(lines);
}

static void test_alike(void **state)
{
    static const line lines[] = {
        {"my card is 4S39 2221 26O2 SI64", "CREDIT_CARD"},
        {"phone l3800I38OOO", "CN_MOBILE"},
        {"mail \u0430dmin@\u0441\u043err.com", "EMAIL_ADDRESS"},
        {"\u0440\u0430ssw\u043erd is hunter2xyz", "PASSWORD"},
        {"мой п"
         "apo"
         "ль: Qwerty123!zz",
         "PASSWORD"},
        {"\u0410KIAI\u041eSF\u041eDNN7QWERTY2", "API_TOKEN"},
        {"138\u041e\u041e138\u041e\u041e\u041e", "CN_MOBILE"},
        {"B2B, H2O, 100l, 5S, O2 and COVID19", NULL},
        {"μ-law, λx.x, Δt, π≈3.14, Ωmega", NULL},
        {"email-адрес, web-сайт и IT-отдел", NULL},
    };
    CHECK(lines);
}

static void test_addresses(void **state)
{
    static const line lines[] = {
        {"write to bob [at] corpmail [dot] com", "EMAIL_ADDRESS"},
        {"write to bob(at)corpmail(dot)com", "EMAIL_ADDRESS"},
        {"write to bob dot smith at corpmail dot com", "EMAIL_ADDRESS"},
        {"write to BOB AT CORPMAIL DOT COM", "EMAIL_ADDRESS"},
        {"邮箱zhang艾特qq点com", "EMAIL_ADDRESS"},
        {"zhang#qq.com", "EMAIL_ADDRESS"},
        {"bob @ corpmail . com", "EMAIL_ADDRESS"},
        {"bob[@]corpmail[.]com", "EMAIL_ADDRESS"},
        {"bob_at_corpmail_dot_com", "EMAIL_ADDRESS"},
        {"written backwards: moc.liamproc@bob", "EMAIL_ADDRESS"},
        {"see you at noon, look at amazon.com, meet me at 5.30 pm. Best regards", NULL},
        {"look at dot products, at home. Dot it", NULL},
        {"array[at] = x[dot]", NULL},
    };
    CHECK(lines);
}

static void test_encoded(void **state)
{
    static const line lines[] = {
        {"MTM4MDAxMzgwMDA= is my phone", "CN_MOBILE"},
        {"xyzbWFpbCBib2Iuc21pdGhAY29ycG1haWwuY29tIHBsZWFzZQ==", "EMAIL_ADDRESS"},
        {"=34=35=33=39=32=32=32=31=32=36=30=32=35=31=36=34", "CREDIT_CARD"},
        {"bob=40corpmail.com", "EMAIL_ADDRESS"},
        {"bob=\n@corpmail.com", "EMAIL_ADDRESS"},
        {"\\064\\065\\063\\071\\062\\062\\062\\061\\062\\066\\060\\062\\065\\061\\066\\064",
         "CREDIT_CARD"},
        {"52 53 51 57 50 50 50 49 50 54 48 50 53 49 54 52", "CREDIT_CARD"},
        {"34 35 33 39 32 32 32 31 32 36 30 32 35 31 36 34", "CREDIT_CARD"},
        {"0x34, 0x35, 0x33, 0x39, 0x32, 0x32, 0x32, 0x31, 0x32, 0x36, 0x30, 0x32, 0x35, 0x31, "
         "0x36, 0x34",
         "CREDIT_CARD"},
        {"String.fromCharCode(49,51,56,48,48,49,51,56,48,48,48)", "CN_MOBILE"},
        {"chr(49)+chr(51)+chr(56)+chr(48)+chr(48)+chr(49)+chr(51)+chr(56)+chr(48)+chr(48)+chr(48)",
         "CN_MOBILE"},
        {"00110001 00110011 00111000 00110000 00110000 00110001 00110011 00111000 00110000 "
         "00110000 00110000",
         "CN_MOBILE"},
        {"GEZTQMBQGEZTQMBQGA", "CN_MOBILE"}, /* base32 */
        {"bob&commat;corpmail&period;com", "EMAIL_ADDRESS"},
        {"rot13: obo@pbecznvy.pbz", "EMAIL_ADDRESS"},
        {"a=1&b=2, 100%, x == y, \\d+\\s*, =\n", NULL},
        {"rows 10 20 30 40 50 60 70 80 90 100", NULL},
    };
    CHECK(lines);
}

/* Noise is doubt; what is long by its nature, and public, is not. */
static void test_opaque(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char noise[601];
    uint32_t x = 7;
    for (int i = 0; i < 600; i++)
        x = x * 1664525 + 1013904223, noise[i] = digits[x >> 26];
    noise[600] = '\0';
    sl_buf b = {0};
    sl_buf_addf(&b, "what is %s?", noise);
    classify(sl_buf_str(&b));
    assert_true(doubt && finding("OPAQUE_CONTENT"));

    sl_buf_clear(&b);
    sl_buf_addf(&b, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----", noise);
    classify(sl_buf_str(&b));
    assert_false(doubt);

    sl_buf_clear(&b); /* a list of SHA-256 digests */
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 64; k++)
            x = x * 1664525 + 1013904223, sl_buf_addc(&b, "0123456789abcdef"[x >> 28]);
        sl_buf_addc(&b, '\n');
    }
    classify(sl_buf_str(&b));
    assert_false(doubt);

    sl_buf_clear(&b); /* a path, a sequence, a long name */
    for (int i = 0; i < 40; i++)
        sl_buf_adds(&b, "usr/lib/some-module_name/");
    sl_buf_adds(&b, " ");
    for (int i = 0; i < 100; i++)
        sl_buf_adds(&b, "ACGTTGCA");
    classify(sl_buf_str(&b));
    assert_false(doubt);
    sl_buf_done(&b);
}

/* More encoded pieces than anyone writes: the work ends, and the rest is doubt. */
static void test_limits(void **state)
{
    sl_buf b = {0};
    while (b.len < 1 << 18)
        sl_buf_adds(&b, "bWFpbCBib2Iuc21pdGhA ");
    classify(sl_buf_str(&b));
    assert_true(doubt);
    sl_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numerals),  cmocka_unit_test(test_words),
        cmocka_unit_test(test_apart),     cmocka_unit_test(test_alike),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_opaque),    cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
