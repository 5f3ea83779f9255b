/* The folded view character by character, and positions of a view as its source's. */
#include "router/classify/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static sl_buf out;
static sl_edits edits;
static sl_norm_result res;

static const char *fold(const char *in)
{
    sl_buf_clear(&out);
    sl_fold(sl_str_c(in), &out, &edits, &res);
    assert_true(sl_buf_ok(&out));
    return out.data;
}

static void test_folds(void **state)
{
    static const struct {
        const char *in, *to;
    } cases[] = {
        /* Latin: diacritics off, case kept, composed or not */
        {"Contraseña", "Contrasena"},
        {"contrasen\u0303a", "contrasena"},
        {"Số điện thoại", "So dien thoai"},
        {"STRENG GEHEIM: Größe, Øre, Łódź, Ðuro, Ærø, œuvre", "STRENG GEHEIM: Grosse, Ore, Lodz, "
                                                              "Duro, AEro, oeuvre"},
        {"ıİ", "iI"},
        {"Zürich ẞ", "Zurich SS"},
        /* other scripts: lower case, their own letters */
        {"ПАРОЛЬ", "пароль"},
        {"И\u0306од", "йод"},
        {"ΑΠΌΡΡΗΤΟ", "απόρρητο"},
        {"机密計算", "机密計算"},
        {"비밀번호", "비밀번호"},
        {"\u1107\u1175", "비"},
        {"パスワード", "パスワード"},
        {"ﾊﾟｽﾜｰﾄﾞ", "パスワード"},
        {"หมายเลข", "หมายเลข"},
        {"फ़ोन नंबर", "फ़ोन नंबर"},
        {"ك\u064eل\u0650مة ســر", "كلمة سر"},
        {"שׁ\u05b8לוֹם", "שלום"},
        /* digits of every script, circled and styled ones */
        {"٠١٢۳४५๖７𝟖𝟡", "0123456789"},
        {"①②❸➃➎⓺⓪", "1234560"},
        {"1️⃣3️⃣8️⃣", "138"},
        {"1\u03363\u03368", "138"},
        {"²³₄", "234"},
        /* punctuation */
        {"138–0013—8000−1", "138-0013-8000-1"},
        {"138·0013・8000。1", "138.0013.8000.1"},
        {"a\u00a0b\u3000c\u2009d", "a b c d"},
        {"“x”‘y’「z」", "\"x\"'y'「z」"},
        {"（机密）：【绝密】，、", "(机密):【绝密】,,"},
        {"bob＠acme．com", "bob@acme.com"},
        {"𝐛𝐨𝐛🅐🅰", "bobAA"},
        {"½ ™ ﬁ №", "1/2 TM fi No"},
        /* invisible characters */
        {"1\u200b3\u200c8\u200d0\u20600\ufeff1\u00ad3", "1380013"},
        {"a\u202eb\u2066c\U000e0041d\u034fe", "abcde"},
        {"👍🏽 ok 👨\u200d👩", "👍🏽 ok 👨👩"},
        {"e\u0301e\u0301\u0301\u0323", "ee"},
        {"一\u0335二\u0336", "一二"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fold(cases[i].in);
        if (strcmp(out.data ? out.data : "", cases[i].to) != 0)
            fail_msg("\"%s\": \"%s\", not \"%s\"", cases[i].in, out.data, cases[i].to);
    }
}

/* ASCII is its own folded view, and folding twice is folding once. */
static void test_stable(void **state)
{
    char ascii[128];
    for (int i = 1; i < 128; i++)
        ascii[i - 1] = (char)i;
    ascii[127] = '\0';
    assert_string_equal(fold(ascii), ascii);
    assert_false(res.changed || res.dropped || res.invalid);
    sl_buf once = {0};
    for (uint32_t ch = 0x80; ch < 0x30000; ch++) {
        if (ch >= 0xd800 && ch < 0xe000)
            continue;
        char u[5] = {0};
        int n = 0;
        if (ch < 0x800)
            u[n++] = (char)(0xc0 | ch >> 6);
        else if (ch < 0x10000)
            u[n++] = (char)(0xe0 | ch >> 12), u[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
        else
            u[n++] = (char)(0xf0 | ch >> 18), u[n++] = (char)(0x80 | (ch >> 12 & 0x3f)),
            u[n++] = (char)(0x80 | (ch >> 6 & 0x3f));
        u[n] = (char)(0x80 | (ch & 0x3f));
        fold(u);
        sl_buf_clear(&once);
        sl_buf_add_str(&once, sl_buf_str(&out));
        assert_true(sl_utf8_valid(once.data, once.len));
        if (once.len == 0)
            continue;
        fold(once.data);
        if (!sl_str_eq(sl_buf_str(&once), sl_buf_str(&out)))
            fail_msg("U+%04X: \"%s\", then \"%s\"", ch, once.data, out.data);
    }
    sl_buf_done(&once);
}

static void test_shape(void **state)
{
    fold("机密，");
    assert_true(res.changed && !res.dropped && !res.invalid);
    fold("1380013\u200b8000");
    assert_true(res.dropped);
    fold("\ufeffhello ❤️ there");
    assert_false(res.dropped);
    fold("机密");
    assert_false(res.changed);
    fold("a\xff\xfe"
         "b");
    assert_true(res.invalid && res.dropped);
    assert_string_equal(out.data, "ab");
}

/* Each position of the view is that of the same character in the source. */
static void test_positions(void **state)
{
    static const char text[] = "aé中１\u200b３：ﬁ\u03062…x𝟖z";
    fold(text);
    assert_string_equal(out.data, "ae中13:fi2...x8z");
    static const struct {
        size_t view, source;
    } at[] = {{0, 0}, {1, 1}, {2, 3}, {5, 6}, {7, 15}, {8, 18}, {10, 23}, {14, 27}, {16, 32}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        if (sl_edits_source(&edits, at[i].view) != at[i].source)
            fail_msg("%zu: %zu, not %zu", at[i].view, sl_edits_source(&edits, at[i].view),
                     at[i].source);
    }
    assert_int_equal(sl_edits_source(&edits, out.len), sizeof text - 1);
    size_t before = 0;
    for (size_t i = 0; i <= out.len; i++) {
        assert_true(sl_edits_source(&edits, i) >= before);
        before = sl_edits_source(&edits, i);
    }
}

static int setup(void **state)
{
    return sl_views_open(NULL) == SL_OK ? 0 : -1;
}
static int teardown(void **state)
{
    sl_buf_done(&out);
    sl_edits_done(&edits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folds), cmocka_unit_test(test_stable),
                                       cmocka_unit_test(test_shape),
                                       cmocka_unit_test(test_positions)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
