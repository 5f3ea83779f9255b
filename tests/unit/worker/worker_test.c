/* The worker on a bus in memory, with an executor that the test drives. */
#include "common/bus/memory.h"
#include "tests/unit/worker/harness.h"

typedef enum { PLAY_ECHO, PLAY_HOLD, PLAY_FULL, PLAY_FAIL, PLAY_SLOW_END } play_mode;

typedef struct play { /* the executor */
    harness *h;
    sl_worker *w;
    play_mode mode;
    int started, cancels, full;
    sl_job *held[64];
    int held_n;
    bool drained, drain_asked;
} play;

static sl_status play_start(void *arg, sl_job *job, sl_error *reterr)
{
    play *p = arg;
    sl_usage u = {3, 2};
    if (p->mode == PLAY_FULL) {
        p->full++;
        return sl_fail(reterr, SL_E_FULL, "full");
    }
    p->started++;
    if (p->mode == PLAY_FAIL)
        return sl_fail(reterr, SL_E_NOT_FOUND, "this worker does not have the model");
    if (p->mode == PLAY_HOLD) {
        assert_true(p->held_n < 64);
        p->held[p->held_n++] = job;
        return SL_OK;
    }
    sl_job_text(job, SL_STR("Hel"), (sl_str){0});
    sl_job_text(job, SL_STR("lo "), (sl_str){0});
    sl_job_text(job, SL_STR("wörld"), (sl_str){0});
    sl_job_end(job, SL_END_STOP, &u, NULL, "env-1");
    return SL_OK;
}

static void play_cancel(void *arg, sl_job *job)
{
    play *p = arg;
    p->cancels++;
    for (int i = 0; i < p->held_n; i++)
        if (p->held[i] == job)
            p->held[i] = p->held[--p->held_n];
    sl_job_end(job, SL_END_CANCELLED, NULL, NULL, "env-1");
}

static void play_presence(void *arg, sl_presence *p)
{
    p->models[0] = SL_STR("tiny");
    p->models_n = 1;
    p->slots = 4;
    p->env = SL_STR("env-1");
}

static void on_drain_asked(void *arg)
{
    ((play *)arg)->drain_asked = true;
}

static play *open_with(sl_class cls, play_mode mode, sl_worker_options opt)
{
    static const sl_executor ex = {play_start, play_cancel, play_presence};
    play *p = calloc(1, sizeof(*p));
    sl_error err = {0};
    p->h = hs_open(cls);
    p->mode = mode;
    opt.cls = cls;
    opt.daemon = "test-worker";
    opt.instance = "w0";
    opt.group = "workers";
    opt.bus = p->h->bus;
    opt.on_drain = on_drain_asked;
    opt.on_drain_arg = p;
    if (cls == SL_CLASS_PUBLIC) {
        opt.keyring_path = p->h->ring_path;
        opt.must_encrypt = true;
    }
    sl_status st = sl_worker_open(&p->w, p->h->loop, &opt, &ex, p, &err);
    if (st)
        print_error("open: %s\n", err.text);
    assert_int_equal(st, SL_OK);
    return p;
}

static play *open_play(sl_class cls, play_mode mode)
{
    return open_with(cls, mode, (sl_worker_options){0});
}

static void close_play(play *p)
{
    sl_worker_free(p->w);
    hs_free(p->h);
    free(p);
}

static int64_t committed(play *p, const char *id_topic)
{
    int64_t sum = 0, at;
    for (int32_t i = 0; i < 2; i++) {
        assert_int_equal(sl_bus_committed(p->h->bus, "workers", id_topic, i, &at, 1000, NULL),
                         SL_OK);
        sum += at > 0 ? at : 0;
    }
    return sum;
}

static bool commits_are(harness *h, void *arg)
{
    play *p = ((void **)arg)[0];
    int64_t want = *(int64_t *)((void **)arg)[1];
    return committed(p, sl_topic_name(h->cls, SL_TOPIC_REQUESTS)) >= want;
}

static bool wait_commits(play *p, int64_t want)
{
    void *arg[] = {p, &want};
    return hs_wait(p->h, commits_are, arg);
}

static bool ended_audit(harness *h, void *id)
{
    return hs_audit(h, "ended", id) != NULL;
}

static bool held(harness *h, void *arg)
{
    return *(int *)arg > 0;
}

static bool two(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_RESPONSES, SL_TYPE_CHUNK) >= 2;
}

static bool one(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_RESPONSES, SL_TYPE_CHUNK) >= 1;
}

static bool rejected(harness *h, void *arg)
{
    return hs_audit(h, "rejected", "") != NULL;
}

static void a_request_becomes_one_whole_run(void **state)
{
    for (int cls = 0; cls < SL_CLASS_N; cls++) {
        play *p = open_play((sl_class)cls, PLAY_ECHO);
        hs_request q = {.replypartition = 1, .plain = cls == SL_CLASS_PRIVATE};
        hs_send(p->h, &q);
        assert_true(hs_wait(p->h, hs_has_end, q.id));
        hs_seen *end = hs_end_of(p->h, q.id);
        assert_int_equal(end->end, SL_END_STOP);
        assert_string_equal(end->env, "env-1");
        assert_string_equal(end->requestchecksum, q.checksum);
        assert_string_equal(end->traceparent,
                            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_int_equal(end->encrypted, cls == SL_CLASS_PUBLIC);
        assert_non_null(strstr(end->body, "\"usage\""));
        char *text = hs_text(p->h, end->run);
        assert_string_equal(text, "Hello wörld");
        free(text);
        assert_true(hs_wait(p->h, ended_audit, q.id));
        assert_non_null(hs_audit(p->h, "started", q.id));
        assert_non_null(strstr(hs_audit(p->h, "ended", q.id), end->run));
        assert_non_null(strstr(hs_audit(p->h, "ended", q.id), end->digest));
        assert_true(wait_commits(p, 1));
        close_play(p);
    }
}

static void the_first_text_goes_at_once_the_rest_is_gathered(void **state)
{
    play *p = open_with(SL_CLASS_PUBLIC, PLAY_HOLD, (sl_worker_options){.coalesce_ms = 10});
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_job *j = p->held[0];
    sl_job_text(j, SL_STR("a"), (sl_str){0});
    for (int i = 0; i < 20; i++)
        sl_job_text(j, SL_STR("b"), (sl_str){0});
    assert_true(hs_wait(p->h, two, NULL)); /* the gathered part comes by time, without an end */
    sl_job_end(j, SL_END_LENGTH, NULL, NULL, "e");
    p->held_n = 0;
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    hs_seen *end = hs_end_of(p->h, q.id);
    assert_int_equal(end->count, 2);
    char *text = hs_text(p->h, end->run);
    assert_string_equal(text, "abbbbbbbbbbbbbbbbbbbb");
    free(text);
    assert_int_equal(end->end, SL_END_LENGTH);
    close_play(p);
}

static bool all_held(harness *h, void *arg)
{
    return *(int *)arg == 16;
}

static bool released(harness *h, void *arg)
{
    return *(int *)arg == 0;
}

static void a_request_is_not_committed_before_its_end(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_job_text(p->held[0], SL_STR("x"), (sl_str){0});
    assert_true(hs_wait(p->h, one, NULL));
    assert_int_equal(committed(p, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_REQUESTS)), 0);
    sl_job_end(p->held[0], SL_END_STOP, NULL, NULL, "e");
    p->held_n = 0;
    assert_true(wait_commits(p, 1));
    close_play(p);
}

static void a_second_copy_of_a_request_is_not_run(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {.twice = true};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_job_end(p->held[0], SL_END_STOP, NULL, NULL, "e");
    assert_true(wait_commits(p, 2)); /* both are finished */
    assert_int_equal(p->started, 1);
    p->held_n = 0;
    close_play(p);
}

/* The end that answers the record with this checksum. */
static hs_seen *end_for(harness *h, const char *checksum)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->seen[i].fin && strcmp(h->seen[i].requestchecksum, checksum) == 0)
            return &h->seen[i];
    return NULL;
}

static bool has_end_for(harness *h, void *checksum)
{
    return end_for(h, checksum) != NULL;
}

static void a_request_that_is_produced_anew_replaces_the_one_in_hand(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    char first[SL_CHECKSUM_TEXT];
    memcpy(first, q.checksum, sizeof(first));
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, has_end_for, first));
    assert_int_equal(end_for(p->h, first)->end, SL_END_CANCELLED);
    assert_true(hs_wait(p->h, held, &p->held_n));
    hs_cancel(p->h, q.id, false); /* by its id the later one is found */
    assert_true(hs_wait(p->h, has_end_for, q.checksum));
    assert_true(wait_commits(p, 2));

    p->mode = PLAY_FULL; /* one that waits is replaced too */
    hs_request waiting = {0};
    hs_send(p->h, &waiting);
    assert_true(hs_wait(p->h, held, &p->full));
    memcpy(first, waiting.checksum, sizeof(first));
    hs_send(p->h, &waiting);
    assert_true(hs_wait(p->h, has_end_for, first));
    p->mode = PLAY_ECHO;
    assert_true(hs_wait(p->h, has_end_for, waiting.checksum));
    assert_int_equal(end_for(p->h, waiting.checksum)->end, SL_END_STOP);
    assert_true(wait_commits(p, 4));
    close_play(p);
}

static void cancel_reaches_running_waiting_and_coming_requests(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request running = {0}, coming = {0};
    hs_send(p->h, &running);
    assert_true(hs_wait(p->h, held, &p->held_n));
    hs_cancel(p->h, running.id, false);
    assert_true(hs_wait(p->h, hs_has_end, running.id));
    assert_int_equal(hs_end_of(p->h, running.id)->end, SL_END_CANCELLED);
    assert_int_equal(p->cancels, 1);

    p->mode = PLAY_FULL;
    hs_request waiting = {0};
    hs_send(p->h, &waiting);
    assert_true(hs_wait(p->h, held, &p->full));
    hs_cancel(p->h, waiting.id, false);
    assert_true(hs_wait(p->h, hs_has_end, waiting.id));
    assert_int_equal(hs_end_of(p->h, waiting.id)->end, SL_END_CANCELLED);

    p->mode = PLAY_ECHO;
    sl_uuid7(coming.id);
    hs_cancel(p->h, coming.id, false);
    hs_request mark = {0}; /* something that comes after the cancel was surely read */
    hs_send(p->h, &mark);
    assert_true(hs_wait(p->h, hs_has_end, mark.id));
    hs_send(p->h, &coming);
    assert_true(hs_wait(p->h, hs_has_end, coming.id));
    assert_int_equal(hs_end_of(p->h, coming.id)->end, SL_END_CANCELLED);
    assert_int_equal(p->started, 2); /* running, mark */
    assert_true(wait_commits(p, 4));
    close_play(p);
}

static bool unauthentic(harness *h, void *arg)
{
    sl_worker_stats s;
    sl_worker_get_stats(((play *)arg)->w, &s);
    return s.unauthentic > 0;
}

static void a_plain_cancel_is_not_obeyed_where_the_class_is_encrypted(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    hs_cancel(p->h, q.id, true);
    assert_true(hs_wait(p->h, unauthentic, p));
    assert_int_equal(p->cancels, 0);
    close_play(p);
}

static void what_is_long_past_its_deadline_is_answered_expired(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_ECHO);
    hs_request past = {.deadline_ms = sl_unix_ms() - 31000};
    hs_request just = {.deadline_ms = sl_unix_ms() - 5000};
    hs_send(p->h, &past);
    hs_send(p->h, &just);
    assert_true(hs_wait(p->h, hs_has_end, past.id));
    assert_true(hs_wait(p->h, hs_has_end, just.id));
    assert_int_equal(hs_end_of(p->h, past.id)->end, SL_END_EXPIRED);
    assert_int_equal(hs_end_of(p->h, just.id)->end, SL_END_STOP);
    assert_int_equal(p->started, 1);
    close_play(p);
}

static void a_failing_start_ends_with_its_error(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_FAIL);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    hs_seen *end = hs_end_of(p->h, q.id);
    assert_int_equal(end->end, SL_END_ERROR);
    assert_non_null(strstr(end->body, "model_not_found"));
    assert_true(wait_commits(p, 1));
    close_play(p);
}

static bool heartbeats(harness *h, void *arg)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->seen[i].topic == SL_TOPIC_RESPONSES &&
             strcmp(h->seen[i].body, "{\"choices\":[]}") == 0;
    return n >= 3;
}

static void a_silent_run_beats(void **state)
{
    play *p = open_with(SL_CLASS_PUBLIC, PLAY_HOLD, (sl_worker_options){.heartbeat_ms = 20});
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, heartbeats, NULL));
    sl_job_end(p->held[0], SL_END_STOP, NULL, NULL, "e");
    p->held_n = 0;
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    hs_seen *end = hs_end_of(p->h, q.id);
    assert_true(end->count >= 3);
    char *text = hs_text(p->h, end->run); /* counted and digested like any record */
    assert_string_equal(text, "");
    free(text);
    close_play(p);
}

/* ---- what is bad goes to the dead-letter topic ---- */

static void flip_value(sl_record *r, sl_header *headers)
{
    ((char *)r->value.p)[r->value.n / 2] ^= 1;
}

static void cut_value(sl_record *r, sl_header *headers)
{
    r->value.n -= 1;
}

static void change_header(sl_record *r, sl_header *headers)
{
    for (size_t i = 0; i < r->headers_n; i++)
        if (sl_str_is(headers[i].name, "ce_tenant"))
            headers[i].value = SL_STR("somebody-else");
}

/* A record whose sender changed it and computed its checksum anew: sound, and still wrong. */
static void set_header(sl_record *r, sl_header *headers, const char *name, const char *value)
{
    static char sum[SL_CHECKSUM_TEXT];
    for (size_t i = 0; i < r->headers_n; i++)
        if (sl_str_is(headers[i].name, name))
            headers[i].value = sl_str_c(value);
    assert_int_equal(sl_envelope_verify(r, sum, NULL), SL_E_CORRUPT);
    for (size_t i = 0; i < r->headers_n; i++)
        if (sl_str_is(headers[i].name, "ce_checksum"))
            headers[i].value = sl_str_c(sum);
}

static void foreign_reply_topic(sl_record *r, sl_header *headers)
{
    set_header(r, headers, "ce_replytopic", "llm.public.responses.v1");
}

static void foreign_class(sl_record *r, sl_header *headers)
{
    set_header(r, headers, "ce_class", "public");
}

static void other_type(sl_record *r, sl_header *headers)
{
    set_header(r, headers, "ce_type", "io.sluice.presence.v1");
}

static void odd_id(sl_record *r, sl_header *headers)
{
    set_header(r, headers, "ce_subject", "../../etc/passwd");
}

static void no_headers(sl_record *r, sl_header *headers)
{
    r->headers_n = 0;
}

static bool has_letter(harness *h, void *arg)
{
    return hs_count(h, SL_TOPIC_DEAD_LETTER, SL_TYPE_UNKNOWN) > 0;
}

static void bad_records_are_dead_lettered_and_the_partition_moves_on(void **state)
{
    static const struct {
        const char *name;
        sl_class cls;
        hs_request q;
        int answered;
    } cases[] = {
        {"value flipped", SL_CLASS_PUBLIC, {.damage = flip_value}, 1},
        {"value cut", SL_CLASS_PUBLIC, {.damage = cut_value}, 1},
        {"header changed", SL_CLASS_PUBLIC, {.damage = change_header}, 1},
        {"no headers", SL_CLASS_PUBLIC, {.damage = no_headers}, 0},
        {"plain", SL_CLASS_PUBLIC, {.plain = true}, 1},
        {"key of the other class", SL_CLASS_PUBLIC, {.other_class = true}, 0},
        {"reply topic", SL_CLASS_PRIVATE, {.plain = true, .damage = foreign_reply_topic}, 0},
        {"class", SL_CLASS_PRIVATE, {.plain = true, .damage = foreign_class}, 2},
        {"type", SL_CLASS_PRIVATE, {.plain = true, .damage = other_type}, 0},
        {"id", SL_CLASS_PRIVATE, {.plain = true, .damage = odd_id}, 0},
        {"reply partition", SL_CLASS_PUBLIC, {.replypartition = 99}, 0},
        {"body", SL_CLASS_PUBLIC, {.body = "{\"messages\":"}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        play *p = open_play(cases[i].cls, PLAY_ECHO);
        hs_request bad = cases[i].q, good = {.plain = cases[i].cls == SL_CLASS_PRIVATE};
        print_message("case: %s\n", cases[i].name);
        hs_send(p->h, &bad);
        hs_send(p->h, &good);
        assert_true(hs_wait(p->h, has_letter, NULL));
        assert_true(hs_wait(p->h, hs_has_end, good.id));
        assert_true(wait_commits(p, 2));
        assert_int_equal(p->started, 1);
        assert_int_equal(hs_count(p->h, SL_TOPIC_DEAD_LETTER, SL_TYPE_UNKNOWN), 1);
        if (cases[i].answered) {
            assert_true(hs_wait(p->h, hs_has_end, bad.id));
            assert_int_equal(hs_end_of(p->h, bad.id)->end, SL_END_ERROR);
            bool named = strcmp(hs_end_of(p->h, bad.id)->requestchecksum, bad.checksum) == 0;
            assert_int_equal(named, cases[i].answered == 1); /* 2: names the forged checksum */
            assert_int_equal(hs_end_of(p->h, bad.id)->encrypted, cases[i].cls == SL_CLASS_PUBLIC);
        } else {
            assert_null(hs_end_of(p->h, bad.id));
        }
        sl_worker_stats s;
        sl_worker_get_stats(p->w, &s);
        assert_int_equal(s.dead_lettered, 1);
        assert_true(hs_wait(p->h, rejected, NULL));
        close_play(p);
    }
}

/* ---- presence, draining ---- */

static bool presence_says_draining(harness *h, void *arg)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->seen[i].type == SL_TYPE_PRESENCE && strstr(h->seen[i].body, "\"draining\":true"))
            return true;
    return false;
}

static void drained(void *arg)
{
    ((play *)arg)->drained = true;
}

static bool is_drained(harness *h, void *arg)
{
    return ((play *)arg)->drained;
}

static bool is_ready(harness *h, void *arg)
{
    return sl_worker_ready(((play *)arg)->w);
}

static void drain_finishes_what_runs_and_leaves_what_waits(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    assert_true(hs_wait(p->h, is_ready, p));
    hs_request running = {0}, waiting = {0};
    hs_send(p->h, &running);
    assert_true(hs_wait(p->h, held, &p->held_n));
    p->mode = PLAY_FULL;
    hs_send(p->h, &waiting);
    assert_true(hs_wait(p->h, held, &p->full));
    sl_worker_drain(p->w, 10000, drained, p);
    assert_false(sl_worker_ready(p->w));
    assert_true(hs_wait(p->h, presence_says_draining, NULL));
    assert_false(p->drained);
    p->mode = PLAY_ECHO;
    sl_job_end(p->held[0], SL_END_STOP, NULL, NULL, "e");
    p->held_n = 0;
    assert_true(hs_wait(p->h, is_drained, p));
    assert_true(hs_wait(p->h, hs_has_end, running.id));
    assert_null(hs_end_of(p->h, waiting.id));
    assert_int_equal(p->started, 1);
    /* Another worker of the group takes what was left. */
    static const sl_executor ex = {play_start, play_cancel, play_presence};
    sl_worker *second = NULL;
    sl_worker_options opt = {.cls = SL_CLASS_PUBLIC,
                             .daemon = "test-worker",
                             .instance = "w1",
                             .group = "workers",
                             .bus = p->h->bus,
                             .keyring_path = p->h->ring_path,
                             .must_encrypt = true};
    assert_int_equal(sl_worker_open(&second, p->h->loop, &opt, &ex, p, NULL), SL_OK);
    assert_true(hs_wait(p->h, hs_has_end, waiting.id));
    sl_worker_free(second);
    close_play(p);
}

static void drain_ends_at_its_time_limit(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_worker_drain(p->w, 50, drained, p);
    assert_true(hs_wait(p->h, is_drained, p));
    assert_int_equal(committed(p, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_REQUESTS)), 0);
    close_play(p);
}

static void backpressure_holds_requests_back(void **state)
{
    play *p = open_with(SL_CLASS_PUBLIC, PLAY_HOLD, (sl_worker_options){.jobs_max = 2});
    hs_request q[5];
    memset(q, 0, sizeof(q));
    for (int i = 0; i < 5; i++)
        hs_send(p->h, &q[i]);
    for (int done = 0; done < 5; done++) {
        assert_true(hs_wait(p->h, held, &p->held_n));
        sl_worker_stats s;
        sl_worker_get_stats(p->w, &s);
        assert_true(s.jobs <= 2);
        sl_job *j = p->held[--p->held_n];
        char id[SL_UUID_TEXT];
        memcpy(id, sl_job_id(j), sizeof(id));
        sl_job_end(j, SL_END_STOP, NULL, NULL, "e");
        assert_true(hs_wait(p->h, hs_has_end, id));
    }
    assert_int_equal(p->started, 5);
    assert_true(hs_wait(p->h, released, &p->held_n));
    close_play(p);
}

static void a_new_key_is_taken_from_the_file(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_ECHO);
    sl_keyring *old = p->h->ring;
    unlink(p->h->ring_path);
    FILE *f = fopen(p->h->ring_path, "w");
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    fputs("[{\"kid\":\"k9\",\"class\":\"public\",\"key\":"
          "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHn8=\","
          "\"not_before\":\"2021-01-01T00:00:00Z\",\"not_after\":\"2099-01-01T00:00:00Z\"}]",
          f);
    fclose(f);
    assert_int_equal(sl_worker_reload_keys(p->w, NULL), SL_OK);
    assert_int_equal(sl_keyring_load(&p->h->ring, p->h->ring_path, NULL), SL_OK);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(p->h, q.id)->end, SL_END_STOP);
    /* A bad file changes nothing. */
    f = fopen(p->h->ring_path, "w");
    fputs("[", f);
    fclose(f);
    sl_error err = {0};
    assert_int_not_equal(sl_worker_reload_keys(p->w, &err), SL_OK);
    hs_request again = {0};
    hs_send(p->h, &again);
    assert_true(hs_wait(p->h, hs_has_end, again.id));
    sl_keyring_unref(old);
    close_play(p);
}

/* ---- Kafka in trouble ---- */

static void a_full_producer_loses_nothing_and_keeps_the_order(void **state)
{
    play *p = open_with(SL_CLASS_PUBLIC, PLAY_HOLD, (sl_worker_options){.coalesce_ms = -1});
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_buf want = {0};
    sl_memory_full(p->h->bus, 1000000000);
    for (int i = 0; i < 30; i++) {
        char piece[32], body[128];
        int n = snprintf(piece, sizeof(piece), "<%d>", i);
        sl_buf_add(&want, piece, (size_t)n);
        (void)snprintf(body, sizeof(body),
                       "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}", piece);
        if (i % 2)
            sl_job_text(p->held[0], (sl_str){piece, (size_t)n}, (sl_str){0});
        else
            sl_job_chunk(p->held[0], sl_str_c(body));
    }
    assert_true(hs_wait(p->h, hs_congested, p->held[0]));
    sl_job_end(p->held[0], SL_END_STOP, NULL, NULL, "e");
    p->held_n = 0;
    sl_memory_full(p->h->bus, 0);
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    char *text = hs_text(p->h, hs_end_of(p->h, q.id)->run);
    assert_string_equal(text, want.data);
    free(text);
    sl_buf_done(&want);
    assert_true(wait_commits(p, 1));
    assert_int_equal(p->started, 1);
    close_play(p);
}

static void a_lost_chunk_runs_the_request_again(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_ECHO);
    hs_request q = {0};
    sl_memory_fail_sends(p->h->bus, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_RESPONSES), 1,
                         SL_MEMORY_LOST, SL_E_TIMEOUT);
    hs_send(p->h, &q);
    assert_true(wait_commits(p, 1));
    assert_int_equal(p->started, 2);
    sl_worker_stats s;
    sl_worker_get_stats(p->w, &s);
    assert_int_equal(s.restarts, 1);
    assert_int_equal(s.ended, 1);
    assert_true(hs_wait(p->h, ended_audit, q.id));
    /* The audit names the whole run, not the one that was given up. */
    const hs_seen *whole = NULL;
    for (size_t i = 0; i < p->h->n; i++)
        if (p->h->seen[i].fin && strstr(hs_audit(p->h, "ended", q.id), p->h->seen[i].run))
            whole = &p->h->seen[i];
    assert_non_null(whole);
    char *text = hs_text(p->h, whole->run);
    assert_string_equal(text, "Hello wörld");
    free(text);
    close_play(p);
}

static void a_running_job_is_stopped_when_its_run_is_lost(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_memory_fail_sends(p->h->bus, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_RESPONSES), 1,
                         SL_MEMORY_ACK_LOST, SL_E_TIMEOUT);
    sl_job_text(p->held[0], SL_STR("lost"), (sl_str){0});
    p->mode = PLAY_ECHO;
    assert_true(wait_commits(p, 1));
    assert_int_equal(p->cancels, 1);
    assert_int_equal(p->started, 2);
    assert_int_equal(hs_end_of(p->h, q.id)->end, SL_END_STOP);
    close_play(p);
}

static void a_dead_letter_is_sent_until_it_is_taken(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_ECHO);
    hs_request q = {.damage = flip_value};
    sl_memory_fail_sends(p->h->bus, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_DEAD_LETTER), 1,
                         SL_MEMORY_LOST, SL_E_TIMEOUT);
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, hs_has_end, q.id)); /* the client hears of it at once */
    assert_int_equal(committed(p, sl_topic_name(SL_CLASS_PUBLIC, SL_TOPIC_REQUESTS)), 0);
    assert_true(wait_commits(p, 1));
    assert_true(hs_wait(p->h, has_letter, NULL));
    close_play(p);
}

static void an_answer_that_outgrows_its_buffer_ends_with_an_error(void **state)
{
    play *p = open_with(SL_CLASS_PUBLIC, PLAY_HOLD, (sl_worker_options){.coalesce_ms = -1});
    hs_request q = {0};
    hs_send(p->h, &q);
    assert_true(hs_wait(p->h, held, &p->held_n));
    sl_memory_full(p->h->bus, 1000000000);
    char *big = malloc(200000);
    int n = snprintf(big, 200000, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    memset(big + n, 'x', 150000);
    memcpy(big + n + 150000, "\"}}]}", 6);
    for (int i = 0; i < 100; i++)
        sl_job_chunk(p->held[0], (sl_str){big, (size_t)n + 150005});
    free(big);
    assert_true(hs_wait(p->h, held, &p->cancels));
    sl_memory_full(p->h->bus, 0);
    assert_true(hs_wait(p->h, hs_has_end, q.id));
    assert_int_equal(hs_end_of(p->h, q.id)->end, SL_END_ERROR);
    assert_true(wait_commits(p, 1));
    close_play(p);
}

static void a_revoked_partition_is_not_committed_by_its_old_owner(void **state)
{
    play *p = open_play(SL_CLASS_PUBLIC, PLAY_HOLD);
    hs_request q[16];
    memset(q, 0, sizeof(q));
    for (int i = 0; i < 16; i++) /* both partitions, as good as surely */
        hs_send(p->h, &q[i]);
    assert_true(hs_wait(p->h, all_held, &p->held_n));
    play *second = calloc(1, sizeof(*second));
    second->h = p->h;
    second->mode = PLAY_ECHO;
    static const sl_executor ex = {play_start, play_cancel, play_presence};
    sl_worker_options opt = {.cls = SL_CLASS_PUBLIC,
                             .daemon = "test-worker",
                             .instance = "w1",
                             .group = "workers",
                             .bus = p->h->bus,
                             .keyring_path = p->h->ring_path,
                             .must_encrypt = true};
    assert_int_equal(sl_worker_open(&second->w, p->h->loop, &opt, &ex, second, NULL), SL_OK);
    assert_true(hs_wait(p->h, held, &second->started));
    while (p->held_n)
        sl_job_end(p->held[--p->held_n], SL_END_STOP, NULL, NULL, "e");
    assert_true(wait_commits(p, 16));
    for (int i = 0; i < 16; i++)
        assert_true(hs_wait(p->h, hs_has_end, q[i].id));
    assert_int_equal(p->started, 16);
    assert_true(second->started < 16);
    sl_worker_free(second->w);
    free(second);
    close_play(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_one_whole_run),
        cmocka_unit_test(the_first_text_goes_at_once_the_rest_is_gathered),
        cmocka_unit_test(a_request_is_not_committed_before_its_end),
        cmocka_unit_test(a_second_copy_of_a_request_is_not_run),
        cmocka_unit_test(a_request_that_is_produced_anew_replaces_the_one_in_hand),
        cmocka_unit_test(cancel_reaches_running_waiting_and_coming_requests),
        cmocka_unit_test(a_plain_cancel_is_not_obeyed_where_the_class_is_encrypted),
        cmocka_unit_test(what_is_long_past_its_deadline_is_answered_expired),
        cmocka_unit_test(a_failing_start_ends_with_its_error),
        cmocka_unit_test(a_silent_run_beats),
        cmocka_unit_test(bad_records_are_dead_lettered_and_the_partition_moves_on),
        cmocka_unit_test(drain_finishes_what_runs_and_leaves_what_waits),
        cmocka_unit_test(drain_ends_at_its_time_limit),
        cmocka_unit_test(backpressure_holds_requests_back),
        cmocka_unit_test(a_new_key_is_taken_from_the_file),
        cmocka_unit_test(a_full_producer_loses_nothing_and_keeps_the_order),
        cmocka_unit_test(a_lost_chunk_runs_the_request_again),
        cmocka_unit_test(a_running_job_is_stopped_when_its_run_is_lost),
        cmocka_unit_test(a_dead_letter_is_sent_until_it_is_taken),
        cmocka_unit_test(an_answer_that_outgrows_its_buffer_ends_with_an_error),
        cmocka_unit_test(a_revoked_partition_is_not_committed_by_its_old_owner),
    };
    sl_log_open("test", SL_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
