/* Disguises must not lower a level: zero-width characters, full-width and foreign digits, escapes,
 * base64 and hex; nor may text around it, or its place in a long text. Random, fixed seed. */

#include "tests/unit/router/classify/rig.h"

static uint64_t seed = 0x9e3779b97f4a7c15u;

static unsigned draw(unsigned n)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static const char *const secrets[] = {
    "4539222126025164",
    "4539-2221-2602-5164",
    "身份证号 11010519491231002X",
    "手机 13800138000",
    "138-0013-8000",
    "+44 20 7946 0958",
    "bob.smith@acme.com",
    "219-09-9999",
    "DE89370400440532013000",
    "AKIAIOSFODNN7QWERTY2",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "Classification: Secret",
    "【绝密】 项目方案",
    "my password is hunter2x",
    "-----BEGIN RSA PRIVATE KEY-----",
#define SAMPLE(text) text,
#include "tests/unit/router/classify/samples.def"
#undef SAMPLE
};
enum { SECRETS = sizeof secrets / sizeof *secrets };

/* Characters of s one by one through `each`. */
static void per_char(const char *s, sl_buf *out, void (*each)(sl_buf *, const char *, size_t))
{
    sl_buf_clear(out);
    for (size_t i = 0; s[i];) {
        size_t n = 1;
        while (((unsigned char)s[i + n] & 0xc0) == 0x80)
            n++;
        each(out, s + i, n);
        i += n;
    }
}

static void zero_width(sl_buf *out, const char *p, size_t n)
{
    static const char *const invisible[] = {"\u200b", "\u200c", "\u200d", "\u2060",    "\ufeff",
                                            "\u00ad", "\ufe0f", "\u202d", "\U000e0041"};
    sl_buf_add(out, p, n);
    if (draw(2))
        sl_buf_adds(out, invisible[draw(9)]);
}

static void full_width(sl_buf *out, const char *p, size_t n)
{
    if (n == 1 && *p > ' ') {
        unsigned ch = 0xff00u + (unsigned)(*p - 0x20);
        char u[3] = {(char)(0xe0 | ch >> 12), (char)(0x80 | (ch >> 6 & 0x3f)),
                     (char)(0x80 | (ch & 0x3f))};
        sl_buf_add(out, u, 3);
    } else {
        sl_buf_add(out, p, n);
    }
}

static void foreign_digit(sl_buf *out, const char *p, size_t n)
{
    static const char zero[][4] = {"\u0660", "\u06f0", "\u0966", "\u0e50", "\uff10", "\u1040"};
    if (n == 1 && *p >= '0' && *p <= '9') {
        char u[4];
        memcpy(u, zero[draw(6)], 4);
        u[strlen(u) - 1] = (char)(u[strlen(u) - 1] + (*p - '0'));
        sl_buf_adds(out, u);
    } else {
        sl_buf_add(out, p, n);
    }
}

static void percent(sl_buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sl_buf_addf(out, "%%%02X", (unsigned char)p[i]);
}

static void entity(sl_buf *out, const char *p, size_t n)
{
    if (n == 1)
        sl_buf_addf(out, draw(2) ? "&#%d;" : "&#x%x;", *p);
    else
        sl_buf_add(out, p, n);
}

static void escape(sl_buf *out, const char *p, size_t n)
{
    if (n == 1)
        sl_buf_addf(out, draw(2) ? "\\u%04x" : "\\x%02x", *p);
    else
        sl_buf_add(out, p, n);
}

static void combining(sl_buf *out, const char *p, size_t n)
{
    sl_buf_add(out, p, n);
    if (n == 1 && *p >= '0' && *p <= '9')
        sl_buf_adds(out, draw(2) ? "\ufe0f\u20e3" : "\u0336");
}

static void check(const char *how, const char *plain, const sl_buf *disguised)
{
    assert_true(sl_buf_ok(disguised));
    sl_level before = level_of(sl_str_c(plain)), after = level_of(sl_buf_str(disguised));
    if (after < before)
        fail_msg("%s lowers \"%s\" from %s to %s: \"%s\"", how, plain, sl_level_name(before),
                 sl_level_name(after), disguised->data);
}

static void test_samples(void **state)
{
    for (int s = 0; s < SECRETS; s++) {
        if (level_of(sl_str_c(secrets[s])) == SL_LEVEL_PUBLIC)
            fail_msg("\"%s\" is public", secrets[s]);
    }
}

static void test_disguises(void **state)
{
    static const struct {
        const char *name;
        void (*each)(sl_buf *, const char *, size_t);
    } ways[] = {{"zero width", zero_width},
                {"full width", full_width},
                {"foreign digits", foreign_digit},
                {"percent", percent},
                {"entities", entity},
                {"escapes", escape},
                {"combining marks", combining}};
    sl_buf b = {0};
    for (int round = 0; round < 3; round++) {
        for (int s = 0; s < SECRETS; s++) {
            for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
                per_char(secrets[s], &b, ways[w].each);
                check(ways[w].name, secrets[s], &b);
            }
        }
    }
    sl_buf_done(&b);
}

static void test_wrapped(void **state)
{
    static const char *const before[] = {
        "", "see ", "blob: ", "data=", "(", "\"", "https://x.org/?q="};
    sl_buf plain = {0}, b = {0};
    for (int s = 0; s < SECRETS; s++) {
        for (size_t x = 0; x < sizeof before / sizeof *before; x++) {
            sl_buf_clear(&plain);
            sl_buf_addf(&plain, "please read this first\n%s\nand then answer", secrets[s]);
            sl_buf_clear(&b);
            sl_buf_adds(&b, before[x]);
            sl_buf_add_base64(&b, plain.data, plain.len);
            check("base64", plain.data, &b);
            sl_buf_clear(&b);
            sl_buf_adds(&b, before[x]);
            sl_buf_add_hex(&b, plain.data, plain.len);
            check("hex", plain.data, &b);
        }
    }
    sl_buf_done(&plain);
    sl_buf_done(&b);
}

/* Anywhere in a text of any length, in English and in Chinese: slices and windows have no seams. */
static void test_anywhere(void **state)
{
    static const char *const filler[] = {"The quick brown fox jumps over the lazy dog. ",
                                         "请把下面的内容翻译成英文。", "x = f(1, 2)\n",
                                         "7 apples, 12 pears; "};
    sl_buf b = {0};
    for (int round = 0; round < 400; round++) {
        const char *fill = filler[draw(4)];
        char secret[512]; /* a line among others, which some markings are not */
        snprintf(secret, sizeof secret, "Hello.\n%s\nThank you.", secrets[draw(SECRETS)]);
        sl_buf_clear(&b);
        for (unsigned i = draw(120); i > 0; i--)
            sl_buf_adds(&b, fill);
        sl_buf_addf(&b, "\n%s\n", secret);
        for (unsigned i = draw(120); i > 0; i--)
            sl_buf_adds(&b, fill);
        check("a long text", secret, &b);
    }
    sl_buf_done(&b);
}

/* Bytes and characters that once made the normalisation go round in circles, or in squares. */
static void test_odd_bytes(void **state)
{
    sl_buf b = {0};
    assert_int_equal(level_of(SL_STR("a0\xd9\xd9\xd9\x98\x9f")), SL_LEVEL_INTERNAL);
    for (int i = 0; i < 1 << 17; i++)
        sl_buf_adds(&b, i % 1000 == 999 ? "\u0301" : "\u200b");
    assert_int_equal(level_of(sl_buf_str(&b)), SL_LEVEL_PUBLIC);
    sl_buf_clear(&b);
    for (int i = 0; i < 1 << 17; i++)
        sl_buf_adds(&b, "\u0301");
    assert_int_equal(level_of(sl_buf_str(&b)), SL_LEVEL_PUBLIC);
    sl_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples), cmocka_unit_test(test_disguises),
        cmocka_unit_test(test_wrapped), cmocka_unit_test(test_anywhere),
        cmocka_unit_test(test_odd_bytes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
