/* Requests through the engine: the same answer alone and in company, stops, limits, cancels. */
#include "help.h"

#include <pthread.h>

#define DEADLINE_MS 60000

typedef struct answer {
    sl_buf text;
    int tokens, events, ends;
    sl_end reason;
    sl_usage usage;
    sl_gen *gen;
} answer;

static void on_event(void *arg, const sl_gen_event *ev)
{
    answer *a = ev->user;
    assert_int_equal(a->ends, 0);
    assert_true(sl_utf8_valid(ev->text.p, ev->text.n));
    sl_buf_add_str(&a->text, ev->text);
    a->tokens += ev->tokens;
    a->events++;
    if (ev->end) {
        a->ends++;
        a->reason = ev->reason;
        a->usage = ev->usage;
        if (ev->reason != SL_END_ERROR)
            assert_int_equal(ev->usage.completion_tokens, a->tokens);
    }
}

/* Serves events until `done` says so. */
static void serve(sl_engine *e, bool (*done)(void *arg), void *arg)
{
    int64_t until = sl_mono_ms() + DEADLINE_MS;
    while (!done(arg)) {
        struct pollfd p = {sl_engine_fd(e), POLLIN, 0};
        int64_t left = until - sl_mono_ms();
        if (left <= 0 || poll(&p, 1, (int)left) < 0)
            fail_msg("no end within %d ms", DEADLINE_MS);
        sl_engine_poll(e, on_event, NULL);
    }
}

static bool ended(void *arg)
{
    return ((answer *)arg)->ends == 1;
}
static bool began(void *arg)
{
    return ((answer *)arg)->tokens >= 3;
}

typedef struct batch {
    answer *a;
    size_t n;
} batch;
static bool all_ended(void *arg)
{
    batch *b = arg;
    for (size_t i = 0; i < b->n; i++)
        if (!b->a[i].ends)
            return false;
    return true;
}

static sl_chat request(const char *prompt, int64_t seed, double temperature, int64_t max_tokens)
{
    return (sl_chat){.kind = SL_COMPLETION,
                     .prompt = sl_str_c(prompt),
                     .has_seed = true,
                     .seed = seed,
                     .has_temperature = true,
                     .temperature = temperature,
                     .has_max_tokens = max_tokens > 0,
                     .max_tokens = max_tokens};
}

static sl_engine *open_engine(sl_model *m, int threads, int slots, int queue)
{
    sl_engine *e = NULL;
    OK(sl_engine_open(
        &e, m, &(sl_engine_options){.threads = threads, .slots = slots, .queue_max = queue}, err));
    return e;
}

static void submit(sl_engine *e, const sl_chat *c, answer *a)
{
    *a = (answer){0};
    OK(sl_engine_submit(e, c, a, &a->gen, err));
}

static answer ask(sl_engine *e, const sl_chat *c)
{
    static answer a;
    submit(e, c, &a);
    serve(e, ended, &a);
    answer ret = a;
    a.text = (sl_buf){0};
    return ret;
}

/* ---- one result a request ---- */
#define MIX 24
static char *long_prompt(size_t words)
{
    sl_buf b = {0};
    for (size_t i = 0; i < words; i++)
        sl_buf_addf(&b, "%s%zu", i % 7 ? " the river " : " reader", i);
    return b.data ? b.data : strdup("x");
}

static void same_answer_alone_and_in_any_batch(void **state)
{
    sl_model *m = open_model(TINY);
    char *prompt[MIX];
    sl_chat c[MIX];
    answer alone[MIX], crowd[MIX];
    sl_engine *e = open_engine(m, 1, 1, 64);
    for (int i = 0; i < MIX; i++) {
        prompt[i] = long_prompt((size_t)(i * i % 37) * 3);
        c[i] = request(prompt[i], 1000 + i, i % 3 ? 1.0 : 0.0, 20 + i * 5);
        if (i % 4 == 1)
            c[i].has_top_p = true, c[i].top_p = 0.9;
        if (i % 4 == 2)
            c[i].has_top_k = true, c[i].top_k = 20;
        alone[i] = ask(e, &c[i]);
        assert_true(alone[i].text.len > 0);
    }
    sl_engine_free(e);
    for (int threads = 1; threads <= 3; threads++) {
        e = open_engine(m, threads, threads == 2 ? 5 : 16, 64);
        answer noise[MIX];
        for (int i = 0; i < MIX;
             i++) { /* every other one has a companion that is cancelled midway */
            sl_chat n = request(prompt[(i * 7) % MIX], 5, 1, 400);
            if (i % 2)
                submit(e, &n, &noise[i]);
            submit(e, &c[i], &crowd[i]);
            if (i % 2 && i > 8)
                sl_engine_cancel(e, noise[i].gen);
        }
        serve(e, began, &crowd[0]);
        for (int i = 1; i < 9; i += 2)
            if (!noise[i].ends)
                sl_engine_cancel(e, noise[i].gen);
        serve(e, all_ended, &(batch){crowd, MIX});
        for (int i = 0; i < MIX; i++) {
            assert_int_equal(crowd[i].reason, alone[i].reason);
            assert_int_equal(crowd[i].tokens, alone[i].tokens);
            assert_true(sl_str_eq(sl_buf_str(&crowd[i].text), sl_buf_str(&alone[i].text)));
            sl_buf_done(&crowd[i].text);
        }
        for (int i = 1; i < MIX; i += 2) {
            serve(e, ended, &noise[i]);
            sl_buf_done(&noise[i].text);
        }
        assert_int_equal(sl_engine_active(e), 0);
        sl_engine_free(e);
    }
    for (int i = 0; i < MIX; i++) {
        free(prompt[i]);
        sl_buf_done(&alone[i].text);
    }
    sl_model_free(m);
}

static void seed_decides(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 4, 8);
    sl_chat c = request("The reader", 1, 1, 60), d = request("The reader", 2, 1, 60);
    answer a = ask(e, &c), b = ask(e, &c), x = ask(e, &d);
    assert_true(sl_str_eq(sl_buf_str(&a.text), sl_buf_str(&b.text)));
    assert_false(sl_str_eq(sl_buf_str(&a.text), sl_buf_str(&x.text)));
    sl_buf_done(&a.text), sl_buf_done(&b.text), sl_buf_done(&x.text);
    sl_engine_free(e);
    sl_model_free(m);
}

/* ---- ends ---- */
static void stop_string_ends_before_itself(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 4, 8);
    sl_chat c = request("One two three", 11, 1, 80);
    answer whole = ask(e, &c);
    assert_int_equal(whole.reason, SL_END_LENGTH);
    assert_int_equal(whole.usage.completion_tokens, 80);
    /* any piece from the middle of the answer is a stop string */
    sl_str stop = {whole.text.data + whole.text.len / 2, 6};
    const char *first = memmem(whole.text.data, whole.text.len, stop.p, stop.n);
    c.stop[0] = SL_STR("never in the text");
    c.stop[1] = stop;
    c.stop_n = 2;
    answer cut = ask(e, &c);
    assert_int_equal(cut.reason, SL_END_STOP);
    assert_int_equal(cut.text.len, first - whole.text.data);
    assert_memory_equal(cut.text.data, whole.text.data, cut.text.len);
    assert_true(cut.tokens < whole.tokens);
    sl_buf_done(&whole.text), sl_buf_done(&cut.text);
    sl_engine_free(e);
    sl_model_free(m);
}

static void text_comes_as_it_is_made(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 4, 8);
    sl_chat c = request("Go on", 3, 1, 2000);
    c.stop[0] = SL_STR("a string that never comes");
    c.stop_n = 1;
    answer a;
    submit(e, &c, &a);
    serve(e, began, &a); /* would run into the deadline if text were held to the end */
    assert_int_equal(a.ends, 0);
    assert_true(a.text.len > 0);
    sl_engine_cancel(e, a.gen);
    serve(e, ended, &a);
    assert_int_equal(a.reason, SL_END_CANCELLED);
    assert_true(a.tokens < 2000);
    sl_buf_done(&a.text);
    sl_engine_free(e);
    sl_model_free(m);
}

static void cancel_works_while_queued(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 1, 8);
    sl_chat c = request("Go on", 3, 0, 3000);
    answer a, b;
    submit(e, &c, &a);
    submit(e, &c, &b);
    serve(e, began, &a);
    assert_int_equal(sl_engine_active(e), 1);
    assert_int_equal(sl_engine_queued(e), 1);
    sl_engine_cancel(e, b.gen);
    serve(e, ended, &b);
    assert_int_equal(b.reason, SL_END_CANCELLED);
    assert_int_equal(b.usage.completion_tokens, 0);
    assert_int_equal(sl_engine_queued(e), 0);
    if (!a.ends)
        sl_engine_cancel(e, a.gen);
    serve(e, ended, &a);
    sl_buf_done(&a.text), sl_buf_done(&b.text);
    sl_engine_free(e);
    sl_model_free(m);
}

/* ---- limits ---- */
static void full_queue_refuses(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 1, 2);
    sl_chat c = request("Go on", 3, 0, 3000);
    answer a[3], x;
    for (int i = 0; i < 3; i++)
        submit(e, &c, &a[i]);
    sl_error err;
    assert_int_equal(sl_engine_submit(e, &c, &x, &x.gen, &err), SL_E_FULL);
    assert_true(err.retriable);
    for (int i = 0; i < 3; i++)
        sl_engine_cancel(e, a[i].gen);
    serve(e, all_ended, &(batch){a, 3});
    for (int i = 0; i < 3; i++)
        sl_buf_done(&a[i].text);
    sl_engine_free(e);
    sl_model_free(m);
}

static void prompt_over_the_context_is_refused(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = NULL;
    OK(sl_engine_open(&e, m, &(sl_engine_options){.threads = 1, .slots = 2, .context_max = 64},
                      err));
    char *text = long_prompt(100);
    sl_chat c = request(text, 1, 0, 10);
    sl_error err;
    answer a = {0};
    assert_int_equal(sl_engine_submit(e, &c, &a, &a.gen, &err), SL_E_TOO_LARGE);
    assert_non_null(strstr(err.text, "64"));
    sl_chat d = request("short", 1, 0, 100000); /* the answer ends at the context */
    a = ask(e, &d);
    assert_int_equal(a.reason, SL_END_LENGTH);
    assert_int_equal(a.usage.prompt_tokens + a.usage.completion_tokens, 64);
    sl_buf_done(&a.text);
    sl_chat none = request("short", 1, 0, 0);
    none.has_max_tokens = true;
    assert_int_equal(sl_engine_submit(e, &none, &a, &a.gen, &err), SL_E_INVALID);
    free(text);
    sl_engine_free(e);
    assert_int_equal(sl_engine_open(&e, m, &(sl_engine_options){.context_max = 5000}, &err),
                     SL_E_INVALID);
    assert_int_equal(sl_engine_open(&e, m, &(sl_engine_options){.kv_bytes_max = 10}, &err),
                     SL_E_INVALID);
    assert_int_equal(sl_engine_open(&e, m, &(sl_engine_options){.slots = 1000}, &err),
                     SL_E_INVALID);
    sl_model_free(m);
}

/* Requests that do not fit beside each other wait for pages, and all end. */
static void small_kv_makes_requests_wait(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = NULL;
    size_t page =
        2 * 32 * 2 * 2 * 16 * sizeof(float); /* layers x positions x (K, V) x heads x dim */
    OK(sl_engine_open(
        &e, m, &(sl_engine_options){.threads = 1, .slots = 8, .kv_bytes_max = 5 * page}, err));
    sl_chat c = request("The line", 1, 0, 90);
    answer a[6];
    for (int i = 0; i < 6; i++)
        submit(e, &c, &a[i]);
    serve(e, all_ended, &(batch){a, 6});
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a[i].reason, SL_END_LENGTH);
        assert_true(sl_str_eq(sl_buf_str(&a[i].text), sl_buf_str(&a[0].text)) || i == 0);
    }
    for (int i = 0; i < 6; i++)
        sl_buf_done(&a[i].text);
    sl_engine_free(e);
    sl_model_free(m);
}

static void tools_and_images_are_refused_by_name(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 1, 1, 1);
    sl_jnode *tools = NULL;
    OK(sl_json_parse(&tools, SL_STR("[{\"type\":\"function\"}]"), 100, err));
    sl_chat_message msg = {.role = SL_STR("user"), .content = SL_STR("hi")};
    sl_chat c = {.kind = SL_CHAT, .messages = &msg, .messages_n = 1, .tools = tools};
    answer a = {0};
    sl_error err;
    assert_int_equal(sl_engine_submit(e, &c, &a, &a.gen, &err), SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "tools"));
    c.tools = NULL;
    msg.opaque = true;
    assert_int_equal(sl_engine_submit(e, &c, &a, &a.gen, &err), SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "messages[0]"));
    sl_json_free(tools);
    sl_engine_free(e);
    sl_model_free(m);
}

/* Closing with requests running, waiting and unpolled leaves nothing behind (asan tells). */
static void closing_mid_flight_is_clean(void **state)
{
    sl_model *m = open_model(TINY);
    for (int round = 0; round < 5; round++) {
        sl_engine *e = open_engine(m, 2, 3, 16);
        sl_chat c = request("Go on", round, 1, 500);
        answer a[10];
        for (int i = 0; i < 10; i++)
            submit(e, &c, &a[i]);
        if (round)
            serve(e, began, &a[0]);
        sl_engine_free(e);
        for (int i = 0; i < 10; i++)
            sl_buf_done(&a[i].text);
    }
    sl_model_free(m);
}

/* ---- several callers ---- */
typedef struct caller {
    pthread_t thread;
    sl_engine *e;
    answer a[8];
} caller;
static void *calls(void *arg)
{
    caller *c = arg;
    for (int i = 0; i < 8; i++) {
        sl_chat r = request("Two callers", i, 1, 30);
        sl_error err;
        c->a[i] = (answer){0};
        if (sl_engine_submit(c->e, &r, &c->a[i], &c->a[i].gen, &err))
            return arg;
    }
    return NULL;
}

static void any_thread_may_submit(void **state)
{
    sl_model *m = open_model(TINY);
    sl_engine *e = open_engine(m, 2, 4, 64);
    static caller c[3];
    for (int i = 0; i < 3; i++) {
        c[i].e = e;
        assert_int_equal(pthread_create(&c[i].thread, NULL, calls, &c[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        void *failed;
        pthread_join(c[i].thread, &failed);
        assert_null(failed);
    }
    for (int i = 0; i < 3; i++)
        serve(e, all_ended, &(batch){c[i].a, 8});
    for (int k = 0; k < 8; k++)
        for (int i = 0; i < 3; i++) {
            assert_true(sl_str_eq(sl_buf_str(&c[i].a[k].text), sl_buf_str(&c[0].a[k].text)));
            if (i)
                sl_buf_done(&c[i].a[k].text);
        }
    for (int k = 0; k < 8; k++)
        sl_buf_done(&c[0].a[k].text);
    sl_engine_free(e);
    sl_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_answer_alone_and_in_any_batch),
        cmocka_unit_test(seed_decides),
        cmocka_unit_test(stop_string_ends_before_itself),
        cmocka_unit_test(text_comes_as_it_is_made),
        cmocka_unit_test(cancel_works_while_queued),
        cmocka_unit_test(full_queue_refuses),
        cmocka_unit_test(prompt_over_the_context_is_refused),
        cmocka_unit_test(small_kv_makes_requests_wait),
        cmocka_unit_test(tools_and_images_are_refused_by_name),
        cmocka_unit_test(closing_mid_flight_is_clean),
        cmocka_unit_test(any_thread_may_submit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
