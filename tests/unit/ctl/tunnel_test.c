/* `sluice tunnel`: the configuration's reader, what wg prints, the offer of a rotation, what is
 * told. The tunnel itself is tests/segregation's. */
#include "common/base/json.h"
#include "ctl/tunnel_rotate.h"
#include "ctl/tunnel_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after the system's own */
#include <cmocka.h>

#define KEY  "Vn4InQZTjwGzOuQNvILoMnCOXW+yKDGf1vzbArus5Wc="
#define KEY2 "e7o9/HUXoT/QMANmVU1pMYSR8BqRX3lBlXpE1aFG7Gc="

static void reads_what_it_needs(void **state)
{
    sl_tunnel_conf c = {0};
    sl_str text = SL_STR("# a comment\nside = private # here too\n\tshape=one-cluster\r\n"
                         "address = 10.99.0.1\npeer_address = 10.99.0.2\nmtu = 1420\nports = 1,2");
    assert_int_equal(sl_tunnel_conf_parse(&c, text, NULL), SL_OK);
    assert_string_equal(c.side, "private");
    assert_string_equal(c.shape, "one-cluster");
    assert_string_equal(c.interface, "sluice-wg");
    assert_string_equal(c.peer_address, "10.99.0.2");
    assert_string_equal(c.ports, "1,2");
    assert_false(sl_tunnel_dials(&c));
    snprintf(c.side, sizeof(c.side), "public");
    assert_true(sl_tunnel_dials(&c));
    snprintf(c.shape, sizeof(c.shape), "two-clusters");
    assert_false(sl_tunnel_dials(&c));
}

static void refuses_what_is_missing_or_too_long(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "side is missing"},
        {"side = private\naddress = 10.99.0.1\n", "peer_address is missing"},
        {"side = a-side-with-a-long-name\n", "value of side is too long"},
        {"side=private\naddress=1\npeer_address=2\ninterface = fifteen-letters\n", "no name"},
        {"side=private\naddress=1\npeer_address=2\ninterface = ../up\n", "no name"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_tunnel_conf c = {0};
        sl_error err = {0};
        assert_int_equal(sl_tunnel_conf_parse(&c, sl_str_c(cases[i].text), &err), SL_E_INVALID);
        if (!strstr(err.text, cases[i].why))
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void slots_stand_in_files(void **state)
{
    char folder[] = "/tmp/sl-tunnel-XXXXXX", path[64], slot = '\0';
    sl_tunnel_conf c = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(c.folder, sizeof(c.folder), "%s", folder);
    snprintf(path, sizeof(path), "%s/active", folder);
    assert_int_equal(sl_tunnel_slot(&c, "active", 'a', &slot, NULL), SL_OK);
    assert_int_equal(slot, 'a');
    write_text(path, "b\n");
    assert_int_equal(sl_tunnel_slot(&c, "active", 'a', &slot, NULL), SL_OK);
    assert_int_equal(slot, 'b');
    write_text(path, "c\n");
    assert_int_equal(sl_tunnel_slot(&c, "active", 'a', &slot, NULL), SL_E_INVALID);
    unlink(path);
    rmdir(folder);
}

static void fields_of_wg(void **state)
{
    char peer[48], value[16];
    assert_true(sl_tunnel_field(SL_STR(KEY "\t180\t272\n"), peer, 48, value, 16));
    assert_string_equal(peer, KEY);
    assert_string_equal(value, "180\t272");
    assert_true(sl_tunnel_field(SL_STR(KEY "\t1\nother\t2\n"), peer, 48, value, 16));
    assert_string_equal(value, "1");
    assert_false(sl_tunnel_field(SL_STR(""), peer, 48, value, 16));
    assert_false(sl_tunnel_field(SL_STR("no tab\n"), peer, 48, value, 16));
    assert_false(sl_tunnel_field(SL_STR(KEY "\t0123456789abcdef\n"), peer, 48, value, 16));
    assert_false(sl_tunnel_field(SL_STR(KEY KEY "\t1\n"), peer, 48, value, 16));
}

static void an_offer_has_one_form(void **state)
{
    static const char *const wrong[] = {
        "",
        "sluice-tunnel-rotate 1 ",
        "sluice-tunnel-rotate 2 b " KEY " " KEY2,
        "sluice-tunnel-rotate 1 c " KEY " " KEY2,
        "sluice-tunnel-rotate 1 b " KEY "\t" KEY2,
        "sluice-tunnel-rotate 1 b " KEY " " KEY2 " ",
        "sluice-tunnel-rotate 1 b " KEY " e7o9/HUXoT/QMANmVU1pMYSR8BqRX3lBlXpE1aFG7G==",
        "sluice-tunnel-rotate 1 b ../../../../../../../../../../../../../a/b.cd " KEY2,
    };
    char slot;
    sl_str public_key, preshared;
    assert_true(sl_tunnel_offer(SL_STR("sluice-tunnel-rotate 1 b " KEY " " KEY2), &slot,
                                &public_key, &preshared));
    assert_int_equal(slot, 'b');
    assert_true(sl_str_is(public_key, KEY));
    assert_true(sl_str_is(preshared, KEY2));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (sl_tunnel_offer(sl_str_c(wrong[i]), &slot, &public_key, &preshared))
            fail_msg("taken: '%s'", wrong[i]);
}

static sl_tunnel_state well_state(void)
{
    return (sl_tunnel_state){.interface = "swgb",
                             .peer = KEY,
                             .endpoint = "10.98.0.2:51821",
                             .probed = "10.99.0.2:9094",
                             .slot = 'b',
                             .up = true,
                             .handshake_s = 1800000000,
                             .received = 180,
                             .sent = 272,
                             .now_ms = 1800000012500,
                             .probe = SL_PROBE_OK,
                             .probe_ms = 0.5};
}

static void what_is_well(void **state)
{
    sl_tunnel_state s = well_state();
    assert_true(sl_tunnel_well(&s, 13));
    assert_false(sl_tunnel_well(&s, 12));
    s.probe = SL_PROBE_NONE;
    assert_true(sl_tunnel_well(&s, 180));
    s.probe = SL_PROBE_RESET;
    assert_false(sl_tunnel_well(&s, 180));
    s.probe = SL_PROBE_SILENT;
    assert_false(sl_tunnel_well(&s, 180));
    s = well_state();
    s.handshake_s = 0;
    assert_false(sl_tunnel_well(&s, 1000000000));
    s = well_state();
    s.up = false;
    assert_false(sl_tunnel_well(&s, 180));
}

static void has(const sl_buf *b, const char *text)
{
    if (!strstr(b->data, text))
        fail_msg("'%s' does not stand in:\n%s", text, b->data);
}

static void what_is_told(void **state)
{
    const sl_tunnel_conf c = {.side = "private", .shape = "two-clusters"};
    sl_tunnel_state s = well_state();
    sl_buf out = {0};
    sl_jnode *root;
    double age;
    sl_tunnel_text(&c, &s, 180, &out);
    has(&out, "handshake  12 s ago, limit 180 s\n");
    sl_buf_clear(&out);
    sl_tunnel_json(&c, &s, 180, &out);
    assert_int_equal(sl_json_parse(&root, sl_buf_str(&out), 4096, NULL), SL_OK);
    assert_true(sl_json_f64(sl_json_get(root, "handshake_age_s"), &age));
    assert_true(age == 12.5);
    assert_int_equal(sl_json_kind(sl_json_get(root, "rotating")), SL_J_NULL);
    sl_json_free(root);
    sl_buf_clear(&out);
    sl_tunnel_metrics(&s, 180, &out);
    has(&out, "\nsluice_tunnel_up{interface=\"swgb\"} 1\n");
    has(&out, "\nsluice_tunnel_handshake_age_seconds{interface=\"swgb\"} 12.5\n");
    has(&out, "\nsluice_tunnel_sent_bytes_total{interface=\"swgb\"} 272\n");
    s.handshake_s = 0;
    s.rotating = 'a';
    sl_buf_clear(&out);
    sl_tunnel_metrics(&s, 180, &out);
    has(&out, "\nsluice_tunnel_up{interface=\"swgb\"} 0\n");
    has(&out, "\nsluice_tunnel_handshake_age_seconds{interface=\"swgb\"} +Inf\n");
    has(&out, "\nsluice_tunnel_rotating{interface=\"swgb\"} 1\n");
    sl_buf_clear(&out);
    sl_tunnel_json(&c, &s, 180, &out);
    has(&out, "\"rotating\":\"a\"");
    has(&out, "\"handshake_age_s\":null");
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_needs),
        cmocka_unit_test(refuses_what_is_missing_or_too_long),
        cmocka_unit_test(slots_stand_in_files),
        cmocka_unit_test(fields_of_wg),
        cmocka_unit_test(an_offer_has_one_form),
        cmocka_unit_test(what_is_well),
        cmocka_unit_test(what_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
