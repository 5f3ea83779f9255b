/* audit_test.c - audit and presence records read back as written; names of types.h both ways. */
#include "schemas/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define STR(s, lit) assert_true(sl_str_is(s, lit))

static void audit(void **state)
{
    sl_audit a = {.event = SL_AUDIT_ENDED,
                  .id = SL_STR("id1"),
                  .time_us = 1700000000123456,
                  .cls = SL_CLASS_PUBLIC,
                  .level = SL_LEVEL_RESTRICTED,
                  .has_class = true,
                  .has_level = true,
                  .reasons_json = SL_STR("[{\"rule\":\"card\",\"n\":2}]"),
                  .topic = SL_STR("llm.public.responses.v1"),
                  .partition = 0,
                  .offset = 0,
                  .run = SL_STR("r"),
                  .count = 3,
                  .end = SL_STR("stop"),
                  .http_status = 200,
                  .work_us = 1500,
                  .wait_us = -1};
    sl_buf b = {0};
    sl_audit_write(&b, &a);
    assert_string_equal(
        b.data,
        "{\"event\":\"ended\",\"time\":\"2023-11-14T22:13:20.123456Z\",\"class\":\"public\","
        "\"level\":"
        "\"restricted\",\"reasons\":[{\"rule\":\"card\",\"n\":2}],\"id\":\"id1\",\"topic\":"
        "\"llm.public.responses.v1\",\"run\":\"r\",\"end\":\"stop\",\"partition\":0,\"offset\":0,"
        "\"count\":3,\"http_status\":200,\"work_us\":1500}");
    sl_audit r;
    sl_jnode *root = NULL;
    assert_int_equal(sl_audit_parse(&r, &root, sl_buf_str(&b), NULL), SL_OK);
    assert_int_equal(r.event, SL_AUDIT_ENDED);
    assert_true(r.time_us == a.time_us && r.has_class && r.has_level);
    assert_int_equal(r.cls, SL_CLASS_PUBLIC);
    assert_int_equal(r.level, SL_LEVEL_RESTRICTED);
    STR(r.reasons_json, "[{\"rule\":\"card\",\"n\":2}]");
    STR(r.topic, "llm.public.responses.v1");
    assert_int_equal(r.count, 3);
    assert_int_equal(r.http_status, 200);
    assert_int_equal(r.work_us, 1500);
    assert_null(r.tenant.p);
    sl_json_free(root);
    sl_buf_done(&b);
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"event\":\"born\"}",
        "{\"event\":\"ended\",\"class\":\"x\"}",
        "{\"event\":\"ended\",\"count\":-1}",
        "{\"event\":\"ended\",\"id\":5}",
        "{\"event\":\"ended\",\"time\":\"noon\"}",
        "{\"event\":\"ended\",\"reasons\":{}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sl_audit_parse(&r, &root, sl_str_c(bad[i]), NULL), SL_E_INVALID);
}

static void presence(void **state)
{
    sl_presence p = {.instance = SL_STR("w0"),
                     .models = {SL_STR("a"), SL_STR("b")},
                     .models_n = 2,
                     .kids = {SL_STR("k1"), SL_STR("k2")},
                     .kids_n = 2,
                     .slots = 4,
                     .active = 1,
                     .queued = 2,
                     .draining = true,
                     .env = SL_STR("e"),
                     .interval_ms = 2000};
    sl_buf b = {0};
    sl_presence_write(&b, &p);
    sl_presence r;
    sl_jnode *root = NULL;
    assert_int_equal(sl_presence_parse(&r, &root, sl_buf_str(&b), NULL), SL_OK);
    STR(r.instance, "w0");
    assert_int_equal(r.models_n, 2);
    STR(r.models[1], "b");
    assert_int_equal(r.kids_n, 2);
    STR(r.kids[1], "k2");
    assert_true(r.slots == 4 && r.active == 1 && r.queued == 2 && r.draining &&
                r.interval_ms == 2000);
    sl_json_free(root);
    sl_buf_clear(&b);
    sl_buf_adds(&b, "{\"instance\":\"w\",\"models\":[");
    for (int i = 0; i < 33; i++)
        sl_buf_adds(&b, i ? ",\"m\"" : "\"m\"");
    sl_buf_adds(&b, "]}");
    assert_int_equal(sl_presence_parse(&r, &root, sl_buf_str(&b), NULL), SL_E_INVALID);
    sl_buf_done(&b);
    static const char *const bad[] = {"{}",
                                      "{\"instance\":\"\",\"models\":[]}",
                                      "{\"instance\":\"w\"}",
                                      "{\"instance\":\"w\",\"models\":[1]}",
                                      "{\"instance\":\"w\",\"models\":[],\"slots\":-1}",
                                      "{\"instance\":\"w\",\"models\":[],\"kids\":[1]}",
                                      "{\"instance\":\"w\",\"models\":[],\"kids\":\"k\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sl_presence_parse(&r, &root, sl_str_c(bad[i]), NULL), SL_E_INVALID);
}

static void names(void **state)
{
    for (int i = 0; i < SL_CLASS_N; i++) {
        sl_class c;
        assert_true(sl_class_parse(sl_str_c(sl_class_name(i)), &c));
        assert_int_equal(c, i);
    }
    for (int i = SL_LEVEL_PUBLIC; i <= SL_LEVEL_RESTRICTED; i++) {
        sl_level l;
        assert_true(sl_level_parse(sl_str_c(sl_level_name(i)), &l));
        assert_int_equal(l, i);
    }
    for (int i = SL_TYPE_REQUEST; i <= SL_TYPE_ANSWER; i++)
        assert_int_equal(sl_type_parse(sl_str_c(sl_type_name(i))), i);
    for (int i = SL_END_STOP; i <= SL_END_ERROR; i++)
        assert_int_equal(sl_end_parse(sl_str_c(sl_end_name(i))), i);
    for (int i = 0; i < SL_AUDIT_EVENT_N; i++) {
        sl_audit_event e;
        assert_true(sl_audit_event_parse(sl_str_c(sl_audit_event_name(i)), &e));
        assert_int_equal(e, i);
    }
    assert_int_equal(sl_type_parse(SL_STR("")), SL_TYPE_UNKNOWN);
    assert_int_equal(sl_type_parse(SL_STR("io.sluice.request.v2")), SL_TYPE_UNKNOWN);
    assert_int_equal(sl_end_parse(SL_STR("")), SL_END_NONE);
    assert_string_equal(sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_DEAD_LETTER),
                        "llm.public.dead-letter.v1");
    assert_string_equal(sl_class_name(7), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit),
        cmocka_unit_test(presence),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
