/* The engine as an executor: answers, cancels, a full queue, closing in the middle. */
#include "tests/unit/worker/harness.h"

#include "private-worker/bus_executor.h"
#include "tests/unit/private-worker/fake_engine.h"

typedef struct rig {
    harness *h;
    sl_private_config cfg;
    sl_host *host;
    sl_bus_executor *x;
    sl_worker *w;
} rig;

static rig *open_rig(void)
{
    rig *r = calloc(1, sizeof(*r));
    sl_error err = {0};
    memset(&fe, 0, sizeof(fe));
    r->h = hs_open(SL_CLASS_PRIVATE);
    r->cfg = (sl_private_config){.instance = "0",
                                 .http_listen = "",
                                 .model_path = "x.gguf",
                                 .model_name = "tiny",
                                 .slots = 4,
                                 .queue = 4};
    assert_int_equal(sl_host_open(&r->host, r->h->loop, &r->cfg, &err), SL_OK);
    assert_int_equal(sl_bus_executor_open(&r->x, r->host, &err), SL_OK);
    sl_worker_options o = {.cls = SL_CLASS_PRIVATE,
                           .daemon = "private-worker",
                           .instance = "0",
                           .group = "g",
                           .bus = r->h->bus};
    assert_int_equal(sl_worker_open(&r->w, r->h->loop, &o, &sl_engine_executor, r->x, &err), SL_OK);
    return r;
}

static void close_rig(rig *r)
{
    sl_worker_free(r->w);
    sl_bus_executor_free(r->x);
    sl_host_free(r->host);
    hs_free(r->h);
    free(r);
}

static bool has_chunk(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_RESPONSES, SL_TYPE_CHUNK) > 0;
}

static void a_request_is_answered_by_the_engine(void **state)
{
    rig *r = open_rig();
    hs_request q = {.plain = true};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    hs_seen *end = hs_end_of(r->h, q.id);
    assert_int_equal(end->end, SL_END_STOP);
    assert_string_equal(end->env, "env-fake");
    assert_non_null(strstr(end->body, "\"completion_tokens\":2"));
    char *text = hs_text(r->h, end->run);
    assert_string_equal(text, "Hello there");
    free(text);
    assert_int_equal(fe.seed, 1); /* the decided one */
    close_rig(r);
}

static void a_cancel_stops_the_engine(void **state)
{
    rig *r = open_rig();
    fe.mode = FE_HOLD;
    hs_request q = {.plain = true};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, has_chunk, NULL));
    hs_cancel(r->h, q.id, true);
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_CANCELLED);
    assert_int_equal(fe.cancelled, 1);
    close_rig(r);
}

static void errors_of_the_engine_are_ends(void **state)
{
    static const struct {
        fe_mode mode;
        const char *body, *code;
    } cases[] = {
        {FE_TOO_LONG, NULL, "context_length_exceeded"},
        {FE_FAIL, NULL, "internal_error"},
        {FE_FAIL_LATE, NULL, "internal_error"},
        {FE_ANSWER,
         "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"seed\":1}",
         "model_not_found"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rig *r = open_rig();
        fe.mode = cases[i].mode;
        hs_request q = {.plain = true, .body = cases[i].body};
        hs_send(r->h, &q);
        assert_true(hs_wait(r->h, hs_has_end, q.id));
        assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_ERROR);
        assert_non_null(strstr(hs_end_of(r->h, q.id)->body, cases[i].code));
        close_rig(r);
    }
}

static bool presences(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_PRESENCE, SL_TYPE_PRESENCE) > 0;
}

static void a_full_engine_is_tried_again(void **state)
{
    rig *r = open_rig();
    fe.mode = FE_FULL;
    hs_request q = {.plain = true};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, presences, NULL));
    assert_null(hs_end_of(r->h, q.id));
    fe.mode = FE_ANSWER;
    assert_true(hs_wait(r->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(r->h, q.id)->end, SL_END_STOP);
    close_rig(r);
}

static void closing_in_the_middle_leaks_nothing(void **state)
{
    rig *r = open_rig();
    fe.mode = FE_HOLD;
    hs_request q = {.plain = true};
    hs_send(r->h, &q);
    assert_true(hs_wait(r->h, has_chunk, NULL));
    close_rig(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_by_the_engine),
        cmocka_unit_test(a_cancel_stops_the_engine),
        cmocka_unit_test(errors_of_the_engine_are_ends),
        cmocka_unit_test(a_full_engine_is_tried_again),
        cmocka_unit_test(closing_in_the_middle_leaks_nothing),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
