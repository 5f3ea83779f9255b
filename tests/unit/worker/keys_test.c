/* keys_test.c - the worker's keyring: what it announces, what it refuses, how dates count. */
#include "tests/unit/worker/harness.h"
#include "worker/metrics.h"

#define KEY(kid, class, last, to)                                                             \
    "{\"kid\":\"" kid "\",\"class\":\"" class "\",\"key\":\"AAECAwQFBgcICQoLDA0ODxA"          \
                                              "REhMUFRYXGBkaGxwdH" last                       \
                                              "8=\",\"not_before\":\"2020-01-01T00:00:00Z\"," \
                                              "\"not_after\":\"" to "-01-01T00:00:00Z\"}"

typedef struct play {
    harness *h;
    sl_worker *w;
    sl_metrics *metrics;
    sl_metrics_shard *shard;
} play;

static const sl_metric table[] = {SL_WORKER_METRICS};

static sl_status start(void *arg, sl_job *job, sl_error *reterr)
{
    sl_job_end(job, SL_END_STOP, NULL, NULL, "e");
    return SL_OK;
}

static void cancel(void *arg, sl_job *job)
{
    sl_job_end(job, SL_END_CANCELLED, NULL, NULL, "e");
}

static void presence(void *arg, sl_presence *ret)
{
    ret->models[0] = SL_STR("tiny");
    ret->models_n = 1;
}

static void open_play(play *p)
{
    sl_error err = {0};
    const sl_executor ex = {start, cancel, presence};
    *p = (play){.h = hs_open(SL_CLASS_PUBLIC)};
    assert_int_equal(sl_metrics_open(&p->metrics, table, SL_WM_N, &err), SL_OK);
    assert_int_equal(sl_metrics_shard_open(p->metrics, &p->shard, &err), SL_OK);
    sl_worker_options o = {.cls = SL_CLASS_PUBLIC,
                           .daemon = "public-worker",
                           .instance = "0",
                           .group = "public-workers",
                           .bus = p->h->bus,
                           .keyring_path = p->h->ring_path,
                           .must_encrypt = true,
                           .shard = p->shard};
    assert_int_equal(sl_worker_open(&p->w, p->h->loop, &o, &ex, p, &err), SL_OK);
}

static void close_play(play *p)
{
    sl_worker_free(p->w);
    sl_metrics_free(p->metrics);
    hs_free(p->h);
}

/* As an operator's tool does it: another file under the same name. */
static void write_ring(const play *p, const char *text)
{
    unlink(p->h->ring_path);
    FILE *f = fopen(p->h->ring_path, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static uint64_t metric(const play *p, const char *line)
{
    sl_buf out = {0};
    sl_metrics_render(p->metrics, &out);
    const char *at = strstr(out.data, line);
    uint64_t v = at ? strtoull(at + strlen(line), NULL, 10) : UINT64_MAX;
    sl_buf_done(&out);
    return v;
}

static bool announced(harness *h, void *kids)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->seen[i].topic == SL_TOPIC_PRESENCE && strstr(h->seen[i].body, kids))
            return true;
    return false;
}

/* The harness knows k1 alone, so k1 stays the last entry and seals. */
static void presence_names_the_keys_of_its_class(void **state)
{
    play p;
    sl_error err = {0};
    char first[] = "\"kids\":[\"k1\"]", second[] = "\"kids\":[\"k1\",\"k9\"]";
    open_play(&p);
    assert_true(hs_wait(p.h, announced, first));
    write_ring(&p,
               "[" KEY("k7", "public", "g", "2021") "," KEY("k9", "public", "j", "2099") "," KEY(
                   "k2", "private", "i", "2099") "," KEY("k1", "public", "h", "2099") "]");
    assert_int_equal(sl_worker_reload_keys(p.w, &err), SL_OK);
    assert_true(hs_wait(p.h, announced, second)); /* newest first; k7's time is over */
    assert_int_equal(metric(&p, "sluice_keyring_reloads_total{outcome=\"taken\"} "), 1);
    close_play(&p);
}

static bool never_ready(harness *h, void *until_ms)
{
    return sl_mono_ms() > *(int64_t *)until_ms;
}

static void a_bad_file_changes_nothing(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {{"[", ""},
                 {"[]", "no key of class public"},
                 {"[" KEY("k1", "public", "h", "2021") "]", "no key of class public"},
                 {"[" KEY("k1", "private", "h", "2099") "]", "no key of class public"}};
    play p;
    open_play(&p);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sl_error err = {0};
        write_ring(&p, cases[i].text);
        assert_int_not_equal(sl_worker_reload_keys(p.w, &err), SL_OK);
        assert_non_null(strstr(err.text, cases[i].word));
        assert_non_null(strstr(err.text, p.h->ring_path));
        hs_request q = {0};
        hs_send(p.h, &q);
        assert_true(hs_wait(p.h, hs_has_end, q.id));
        assert_int_equal(hs_end_of(p.h, q.id)->end, SL_END_STOP);
    }
    assert_int_equal(metric(&p, "sluice_keyring_reloads_total{outcome=\"refused\"} "), 4);
    /* looked at of itself too: the poll comes every 2 s */
    write_ring(&p, "[" KEY("k1", "public", "h", "2099") "]");
    int64_t until = sl_mono_ms() + 3000;
    assert_true(hs_wait(p.h, never_ready, &until));
    assert_int_equal(metric(&p, "sluice_keyring_reloads_total{outcome=\"taken\"} "), 1);
    assert_true(metric(&p, "\nsluice_key_left_seconds ") > 1000000000);
    close_play(&p);
}

/* A key whose time is over is unknown: parked, and the end record says so to the gateway. */
static void a_request_under_a_key_that_is_over_is_parked(void **state)
{
    play p;
    sl_error err = {0};
    sl_keyring *over = NULL;
    open_play(&p);
    write_ring(&p, "[" KEY("k3", "public", "i", "2021") "," KEY("k1", "public", "h", "2099") "]");
    assert_int_equal(sl_worker_reload_keys(p.w, &err), SL_OK);
    assert_int_equal(
        sl_keyring_parse(&over, "t", SL_STR("[" KEY("k3", "public", "i", "2099") "]"), &err),
        SL_OK);
    sl_keyring *ring = p.h->ring;
    hs_request q = {0};
    p.h->ring = over;
    hs_send(p.h, &q);
    p.h->ring = ring;
    assert_true(hs_wait(p.h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(p.h, q.id)->end, SL_END_ERROR);
    assert_non_null(strstr(hs_end_of(p.h, q.id)->body, "\"unknown_key\""));
    assert_int_equal(hs_count(p.h, SL_TOPIC_DEAD_LETTER, SL_TYPE_UNKNOWN), 1);
    sl_keyring_unref(over);
    close_play(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presence_names_the_keys_of_its_class),
        cmocka_unit_test(a_bad_file_changes_nothing),
        cmocka_unit_test(a_request_under_a_key_that_is_over_is_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
