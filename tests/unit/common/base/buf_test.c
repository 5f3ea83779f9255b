#include "common/base/arena.h"
#include "common/base/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void appends_keep_a_nul_behind(void **state)
{
    sl_buf b = {0};
    assert_int_equal(sl_buf_str(&b).n, 0);
    for (int i = 0; i < 1000; i++) {
        sl_buf_addc(&b, 'x');
        assert_int_equal(b.data[b.len], '\0');
    }
    sl_buf_addf(&b, "%0*d", 500, 7);
    assert_int_equal(b.len, 1500);
    assert_int_equal(b.data[1499], '7');
    assert_int_equal(strlen(b.data), 1500);
    sl_buf_consume(&b, 1499);
    assert_string_equal(b.data, "7");
    sl_buf_consume(&b, 99);
    assert_int_equal(b.len, 0);
    sl_buf_adds(&b, "again");
    sl_buf_clear(&b);
    assert_string_equal(b.data, "");
    sl_buf_done(&b);
    sl_buf_done(NULL);
}

static void a_failed_append_is_remembered(void **state)
{
    sl_buf b = {0};
    sl_buf_adds(&b, "kept");
    assert_false(sl_buf_reserve(&b, SIZE_MAX / 2));
    assert_false(sl_buf_ok(&b));
    sl_buf_adds(&b, "lost");
    assert_string_equal(b.data, "kept");
    sl_buf_done(&b);
}

static void numbers_without_printf(void **state)
{
    static const uint64_t cases[] = {0,   1,     9,     10,         99,        100,
                                     101, 12345, 99999, 1000000000, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[32];
        sl_buf b = {0};
        snprintf(want, sizeof(want), "%llu", (unsigned long long)cases[i]);
        sl_buf_add_u64(&b, cases[i]);
        assert_string_equal(b.data, want);
        sl_buf_clear(&b);
        int64_t v = (int64_t)(0 - cases[i]);
        snprintf(want, sizeof(want), "%lld", (long long)v);
        sl_buf_add_i64(&b, v);
        assert_string_equal(b.data, want);
        sl_buf_done(&b);
    }
    sl_buf b = {0};
    sl_buf_add_i64(&b, INT64_MIN);
    assert_string_equal(b.data, "-9223372036854775808");
    sl_buf_done(&b);
}

static void parses_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        bool u_ok, i_ok;
        uint64_t u;
        int64_t i;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"00", true, true, 0, 0},
        {"42", true, true, 42, 42},
        {"-1", false, true, 0, -1},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {"+1", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1x", false, false, 0, 0},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, 9223372036854775808u, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t u = 0;
        int64_t s = 0;
        assert_int_equal(sl_parse_u64(sl_str_c(cases[i].text), &u), cases[i].u_ok);
        assert_int_equal(sl_parse_i64(sl_str_c(cases[i].text), &s), cases[i].i_ok);
        assert_true(u == cases[i].u);
        assert_true(s == cases[i].i);
    }
}

static void hex(void **state)
{
    uint8_t out[4];
    sl_buf b = {0};
    sl_buf_add_hex(&b, "\x00\xff\x5a", 3);
    assert_string_equal(b.data, "00ff5a");
    sl_buf_done(&b);
    assert_true(sl_hex_decode(out, 4, "00Ff5A", 6));
    assert_memory_equal(out, "\x00\xff\x5a", 3);
    assert_false(sl_hex_decode(out, 4, "0", 1));
    assert_false(sl_hex_decode(out, 4, "0g", 2));
    assert_false(sl_hex_decode(out, 4, "0011223344", 10));
}

static void base64(void **state)
{
    static const struct {
        const char *plain, *coded; /* RFC 4648 section 10 */
    } good[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {
        "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "Zm-_", "Zg==Zg==", "=Zg="};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        sl_buf b = {0};
        sl_buf_add_base64(&b, good[i].plain, strlen(good[i].plain));
        assert_string_equal(sl_buf_str(&b).p, good[i].coded);
        sl_buf_clear(&b);
        assert_int_equal(sl_base64_decode(&b, sl_str_c(good[i].coded)), SL_OK);
        assert_string_equal(b.data, good[i].plain);
        sl_buf_done(&b);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sl_buf b = {0};
        sl_buf_adds(&b, "kept");
        assert_int_equal(sl_base64_decode(&b, sl_str_c(bad[i])), SL_E_INVALID);
        assert_string_equal(b.data, "kept");
        sl_buf_done(&b);
    }
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        size_t complete;
    } cases[] = {
        {"", true, 0},
        {"plain ASCII, more than eight", true, 28},
        {"\xc3\xa9", true, 2},
        {"\xe4\xb8\xad\xe6\x96\x87", true, 6},
        {"\xf0\x9f\x98\x80", true, 4},
        {"\xef\xbf\xbf", true, 3},      /* U+FFFF */
        {"\xf4\x8f\xbf\xbf", true, 4},  /* U+10FFFF */
        {"\xf4\x90\x80\x80", false, 4}, /* above */
        {"\xed\x9f\xbf", true, 3},      /* U+D7FF */
        {"\xed\xa0\x80", false, 3},     /* surrogate */
        {"\xc0\x80", false, 2},         /* overlong NUL */
        {"\xc1\xbf", false, 2},         /* overlong */
        {"\xe0\x9f\xbf", false, 3},     /* overlong */
        {"\xf0\x8f\xbf\xbf", false, 4}, /* overlong */
        {"\x80", false, 1},             /* lone continuation */
        {"12345678\xff", false, 9},     /* behind the fast path; ff starts nothing */
        {"ab\xe4\xb8", false, 2},       /* cut */
        {"ab\xf0\x9f\x98", false, 2},   /* cut */
        {"ab\xc3", false, 2},           /* cut */
        {"\xe4\xb8\xad\xe6", false, 3}, /* cut behind a whole one */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i].text);
        assert_int_equal(sl_utf8_valid(cases[i].text, n), cases[i].valid);
        assert_int_equal(sl_utf8_complete(cases[i].text, n), cases[i].complete);
    }
}

/* Every code point, encoded by the rule of RFC 3629 section 3. */
static void utf8_takes_exactly_the_code_points(void **state)
{
    for (uint32_t c = 0x80; c < 0x120000; c++) {
        uint8_t e[4];
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n - 1, v = c; i > 0; i--, v >>= 6)
            e[i] = (uint8_t)(0x80 | (v & 0x3f));
        e[0] = (uint8_t)(n == 2 ? 0xc0 | c >> 6 : n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        bool valid = (c < 0xd800 || c > 0xdfff) && c <= 0x10ffff;
        assert_int_equal(sl_utf8_char(e, n), valid ? n : 0);
        assert_int_equal(sl_utf8_char(e, n - 1), 0);
    }
}

static void reads_files_up_to_a_limit(void **state)
{
    char path[] = "/tmp/sluice-buf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    close(fd);
    sl_error e;
    sl_buf b = {0};
    sl_buf_adds(&b, ">");
    assert_int_equal(sl_file_read(path, 10, &b, &e), SL_OK);
    assert_string_equal(b.data, ">0123456789");
    sl_buf_clear(&b);
    assert_int_equal(sl_file_read(path, 9, &b, &e), SL_E_TOO_LARGE);
    unlink(path);
    sl_buf_clear(&b);
    assert_int_equal(sl_file_read(path, 9, &b, &e), SL_E_NOT_FOUND);
    assert_non_null(strstr(e.text, path));
    assert_int_equal(sl_file_read("/tmp", 9, &b, NULL), SL_E_IO);
    sl_buf_done(&b);
}

static void arena_pieces_are_aligned_and_apart(void **state)
{
    sl_arena a = {0};
    unsigned char *pieces[500];
    for (int round = 0; round < 3; round++) {
        size_t total = 0;
        for (size_t i = 0; i < 500; i++) {
            pieces[i] = sl_arena_alloc(&a, i);
            total += i;
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 16, 0);
            memset(pieces[i], (int)(i & 255), i);
        }
        assert_int_equal(a.total, total);
        for (size_t i = 0; i < 500; i++)
            for (size_t k = 0; k < i; k++)
                assert_int_equal(pieces[i][k], i & 255);
        sl_arena_reset(&a);
        assert_int_equal(a.total, 0);
    }
    assert_non_null(sl_arena_alloc(&a, 3 * 1024 * 1024));
    assert_null(sl_arena_alloc(&a, SIZE_MAX / 2));
    assert_string_equal(sl_arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(sl_arena_strndup(&a, NULL, 0), "");
    const char *z = sl_arena_zalloc(&a, 64);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(z[i], 0);
    sl_arena_done(&a);
    sl_arena_done(&a);
    sl_arena_done(NULL);
}

static void record_headers_by_name(void **state)
{
    const sl_header headers[] = {{SL_STR("ce_id"), SL_STR("first")},
                                 {SL_STR("ce_idx"), {NULL, 0}},
                                 {SL_STR("ce_id"), SL_STR("second")}};
    sl_record r = {.headers = headers, .headers_n = 3};
    assert_ptr_equal(sl_record_header(&r, "ce_id"), &headers[0]);
    assert_ptr_equal(sl_record_header(&r, "ce_idx"), &headers[1]);
    assert_null(sl_record_header(&r, "CE_ID"));
    assert_null(sl_record_header(&r, "ce_i"));
}

static void errors_carry_text(void **state)
{
    sl_error e;
    assert_int_equal(sl_fail(&e, SL_E_FULL, "queue %d", 3), SL_E_FULL);
    assert_true(e.retriable);
    sl_error_prefix(&e, "bus %s", "public");
    assert_string_equal(e.text, "bus public: queue 3");
    assert_int_equal(sl_fail(NULL, SL_E_IO, "x"), SL_E_IO);
    for (int i = 0; i <= SL_E_INTERNAL; i++)
        assert_string_not_equal(sl_status_name((sl_status)i), "unknown");
    assert_string_equal(sl_status_name((sl_status)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_keep_a_nul_behind),
        cmocka_unit_test(a_failed_append_is_remembered),
        cmocka_unit_test(numbers_without_printf),
        cmocka_unit_test(parses_whole_numbers),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64),
        cmocka_unit_test(utf8),
        cmocka_unit_test(utf8_takes_exactly_the_code_points),
        cmocka_unit_test(reads_files_up_to_a_limit),
        cmocka_unit_test(arena_pieces_are_aligned_and_apart),
        cmocka_unit_test(record_headers_by_name),
        cmocka_unit_test(errors_carry_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
