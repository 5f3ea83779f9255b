/* play.h - the two sides of a request on a rig: a client's call, and a worker's run. */
#ifndef SL_TESTS_GATEWAY_PLAY_H
#define SL_TESTS_GATEWAY_PLAY_H

#include "tests/unit/gateway/rig.h"

/* ---- a call: what a front would be ---- */

typedef struct gt_call {
    gt_rig *g;
    char id[SL_UUID_TEXT];
    sl_ticket *ticket;
    sl_buf text;
    int deltas, ends, status;
    sl_end end;
    char code[64];
    bool cancel_at_delta;
    sl_status st;
    sl_refusal ref;
    sl_decision d;
    sl_arena arena;
} gt_call;

GT void gt_on_delta(void *user, const sl_chunk *delta)
{
    gt_call *c = user;
    assert_int_equal(c->ends, 0);
    c->deltas++;
    sl_buf_add_str(&c->text, delta->content);
    if (!c->cancel_at_delta)
        return;
    sl_ticket *t = c->ticket;
    c->ticket = NULL;
    sl_core_cancel(c->g->core, t);
}

GT void gt_on_end(void *user, const sl_outcome *o)
{
    gt_call *c = user;
    c->ends++;
    c->ticket = NULL;
    c->status = o->http_status;
    c->end = o->end;
    gt_copy(c->code, sizeof(c->code), sl_str_c(o->code));
}

typedef struct gt_ask {
    const char *text; /* NULL: GT_PRIVATE */
    bool whole;
    int64_t deadline_ms; /* Unix */
    const char *traceparent, *tracestate, *id;
} gt_ask;

GT void gt_submit_with(gt_rig *g, gt_call *c, const gt_ask *a)
{
    static const sl_sink sink = {.delta = gt_on_delta, .end = gt_on_end};
    sl_chat *chat = NULL;
    sl_error err = {0};
    sl_buf body = {0};
    *c = (gt_call){.g = g, .cancel_at_delta = c->cancel_at_delta};
    sl_buf_addf(&body,
                "{\"model\":\"auto\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":"
                "\"%s\"}]}",
                a->whole ? "false" : "true", a->text ? a->text : GT_PRIVATE);
    gt_ok(sl_chat_parse(&chat, SL_CHAT, sl_buf_str(&body), 1 << 20, NULL, &err), &err);
    if (a->id)
        memcpy(c->id, a->id, sizeof(c->id));
    else
        sl_uuid7(c->id);
    sl_submit s = {.chat = chat,
                   .id = c->id,
                   .tenant = SL_STR("acme"),
                   .front = "http",
                   .whole = a->whole,
                   .deadline_ms = a->deadline_ms,
                   .received_us = sl_mono_us(),
                   .traceparent = sl_str_c(a->traceparent),
                   .tracestate = sl_str_c(a->tracestate),
                   .sink = &sink,
                   .user = c};
    c->st = sl_core_submit(g->core, &s, &c->arena, &c->d, &c->ticket, &c->ref);
    sl_chat_free(chat);
    sl_buf_done(&body);
}

GT void gt_submit(gt_rig *g, gt_call *c, const char *text)
{
    *c = (gt_call){0};
    gt_submit_with(g, c, &(gt_ask){.text = text});
}

GT void gt_call_done(gt_call *c)
{
    sl_buf_done(&c->text);
    sl_arena_done(&c->arena);
}

GT bool gt_ended(void *arg)
{
    return ((gt_call *)arg)->ends > 0;
}

GT void gt_wait_end(gt_call *c)
{
    assert_true(gt_wait(c->g, gt_ended, c));
    assert_int_equal(c->ends, 1);
}

typedef struct gt_text_want {
    const gt_call *call;
    size_t n;
} gt_text_want;

GT bool gt_got(void *arg)
{
    const gt_text_want *w = arg;
    return w->call->text.len >= w->n;
}

GT void gt_wait_text(gt_call *c, const char *text)
{
    gt_text_want w = {c, strlen(text)};
    assert_true(gt_wait(c->g, gt_got, &w));
    assert_string_equal(c->text.data, text);
}

/* ---- a run: what a worker would send ---- */

typedef struct gt_run {
    gt_rig *g;
    gt_seen req;
    char run[SL_RUN_TEXT];
    uint64_t seq;
    sl_run_digest *digest;
    /* for the next record alone */
    bool on_other_class, plain, wrong_request, lose;
    void (*damage)(sl_record *r, sl_header *headers, char *value);
} gt_run;

GT void gt_run_open(gt_run *w, gt_rig *g, const gt_seen *req)
{
    *w = (gt_run){.g = g, .req = *req};
    sl_run_new(w->run);
    assert_int_equal(sl_run_digest_open(&w->digest), SL_OK);
}

GT void gt_run_done(gt_run *w)
{
    sl_run_digest_free(w->digest);
}

GT void gt_produce(gt_run *w, sl_record *r, sl_class cls)
{
    sl_error err = {0};
    sl_header headers[SL_ENVELOPE_HEADERS_MAX];
    char *value = malloc(r->value.n + 1);
    assert_non_null(value);
    memcpy(value, r->value.p, r->value.n);
    memcpy(headers, r->headers, r->headers_n * sizeof(*headers));
    r->value.p = value;
    r->headers = headers;
    r->topic = sl_topic_name(cls, SL_TOPIC_RESPONSES);
    r->partition = w->req.replypartition;
    if (w->damage)
        w->damage(r, headers, value);
    if (!w->lose)
        gt_ok(sl_producer_send(w->g->producer, r, NULL, NULL, &err), &err);
    free(value);
}

GT void gt_record(gt_run *w, sl_envelope *env)
{
    sl_record r;
    sl_error err = {0};
    sl_class cls = w->req.cls;
    if (w->on_other_class)
        cls = cls == SL_CLASS_PUBLIC ? SL_CLASS_PRIVATE : SL_CLASS_PUBLIC;
    env->type = SL_TYPE_CHUNK;
    env->subject = sl_str_c(w->req.id);
    env->seq = w->seq++;
    memcpy(env->run, w->run, sizeof(env->run));
    memcpy(env->requestchecksum, w->req.checksum, sizeof(env->requestchecksum));
    if (w->wrong_request)
        env->requestchecksum[0] = env->requestchecksum[0] == '0' ? '1' : '0';
    bool encrypt = cls == SL_CLASS_PUBLIC && !w->plain;
    gt_ok(sl_envelope_encode(w->g->codec, env, &(sl_seal){encrypt ? w->g->ring : NULL, cls}, &r,
                             &err),
          &err);
    if (!env->fin)
        sl_run_digest_add(w->digest, env->checksum);
    gt_produce(w, &r, cls);
    w->on_other_class = w->plain = w->wrong_request = w->lose = false;
    w->damage = NULL;
}

GT void gt_say(gt_run *w, const char *text)
{
    sl_buf body = {0};
    sl_chunk_write_delta(&body, SL_STR("assistant"), sl_str_c(text), (sl_str){0});
    gt_record(w, &(sl_envelope){.body = sl_buf_str(&body)});
    sl_buf_done(&body);
}

GT void gt_beat(gt_run *w)
{
    sl_buf body = {0};
    sl_chunk_write_heartbeat(&body);
    gt_record(w, &(sl_envelope){.body = sl_buf_str(&body)});
    sl_buf_done(&body);
}

GT void gt_finish(gt_run *w, sl_end end)
{
    sl_buf body = {0};
    if (end == SL_END_ERROR)
        sl_chunk_write_error(&body, "It broke.", "server_error", "broken");
    else
        sl_chunk_write_usage(&body, &(sl_usage){7, 3});
    sl_envelope env = {
        .fin = true, .count = w->seq, .end = end, .env = SL_STR("test"), .body = sl_buf_str(&body)};
    sl_run_digest_text(w->digest, env.digest);
    gt_record(w, &env);
    sl_buf_done(&body);
}

GT void gt_damage_value(sl_record *r, sl_header *headers, char *value)
{
    value[r->value.n / 2] ^= 1;
}

/* Answers the request whole. */
GT void gt_answer(gt_rig *g, const gt_seen *req, const char *text)
{
    gt_run w;
    gt_run_open(&w, g, req);
    gt_say(&w, text);
    gt_finish(&w, SL_END_STOP);
    gt_run_done(&w);
}

#endif
