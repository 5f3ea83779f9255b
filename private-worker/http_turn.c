/* http_turn.c - one request of the HTTP mode: checked, submitted, streamed or gathered. */
#include "private-worker/http_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED_BITS 53 /* a seed must survive a JSON number of any reader */

void sl_http_turn_free(sl_http_turn *t)
{
    TAILQ_REMOVE(&t->api->turns, t, all);
    sl_buf_done(&t->text);
    free(t);
}

/* ---- answering ---- */

static const struct fault {
    sl_status code;
    int http;
    const char *type, *word;
    int retry_s;
} faults[] = {
    {SL_E_INVALID, 400, "invalid_request_error", "invalid_request", 0},
    {SL_E_UNSUPPORTED, 400, "invalid_request_error", "unsupported_parameter", 0},
    {SL_E_TOO_LARGE, 400, "invalid_request_error", "context_length_exceeded", 0},
    {SL_E_FULL, 503, "server_error", "overloaded", 1},
    {SL_E_INTERNAL, 500, "server_error", "internal_error", 0},
};

static const struct fault *fault_of(sl_status st)
{
    size_t i = 0, last = sizeof(faults) / sizeof(faults[0]) - 1;
    while (i < last && faults[i].code != st)
        i++;
    return &faults[i];
}

static void answer_fault(sl_http_request *r, sl_status st, const sl_error *err)
{
    const struct fault *f = fault_of(st);
    sl_http_error(r, f->http, f->type, f->word, NULL, f->retry_s, err->text);
}

static void begin(sl_http_turn *t)
{
    if (t->begun)
        return;
    t->begun = true;
    sl_http_add_header(t->request, "Cache-Control", SL_STR("no-cache"));
    sl_http_stream_begin(t->request, 200, "text/event-stream");
}

static void send(sl_http_turn *t, sl_buf *b)
{
    if (sl_buf_ok(b))
        sl_http_stream_send(t->request, sl_buf_str(b));
    sl_buf_done(b);
}

static void stream_text(sl_http_turn *t, sl_str text)
{
    sl_buf b = {0};
    bool first = !t->begun && t->head.kind == SL_CHAT;
    sl_chunk c = {.role = first ? SL_STR("assistant") : (sl_str){0}, .content = text};
    begin(t);
    sl_sse_write_delta(&b, &t->head, &c, text, NULL);
    send(t, &b);
}

static void stream_end(sl_http_turn *t, const sl_gen_event *ev)
{
    sl_buf b = {0};
    if (ev->reason == SL_END_ERROR || ev->reason == SL_END_CANCELLED) {
        const struct fault *f = fault_of(ev->error.code);
        const char *text = ev->error.text[0] ? ev->error.text : "The request was stopped.";
        if (!t->begun) {
            sl_http_error(t->request, f->http, f->type, f->word, NULL, f->retry_s, text);
            return;
        }
        sl_sse_write_error(&b, text, f->type, f->word);
        send(t, &b);
        sl_http_stream_end(t->request, false); /* without [DONE]: not a whole answer */
        return;
    }
    if (!t->begun)
        stream_text(t, SL_STR("")); /* an answer without a word still has its role */
    sl_sse_write_finish(&b, &t->head, sl_end_name(ev->reason));
    if (t->include_usage)
        sl_sse_write_usage(&b, &t->head, &ev->usage);
    sl_sse_write_done(&b);
    send(t, &b);
    sl_http_stream_end(t->request, false);
}

static void whole_end(sl_http_turn *t, const sl_gen_event *ev)
{
    sl_buf b = {0};
    if (ev->reason == SL_END_ERROR || ev->reason == SL_END_CANCELLED || !sl_buf_ok(&t->text)) {
        const struct fault *f = fault_of(ev->error.code);
        sl_http_error(t->request, f->http, f->type, f->word, NULL, f->retry_s,
                      ev->error.text[0] ? ev->error.text : "The request was stopped.");
        return;
    }
    sl_answer_write(&b, &t->head, sl_buf_str(&t->text), (sl_str){0}, (sl_str){0},
                    sl_end_name(ev->reason), &ev->usage);
    if (sl_buf_ok(&b))
        sl_http_answer(t->request, 200, "application/json", sl_buf_str(&b));
    else
        sl_http_error(t->request, 500, "server_error", "internal_error", NULL, 0, "Out of memory.");
    sl_buf_done(&b);
}

static void on_event(sl_task *task, const sl_gen_event *ev)
{
    sl_http_turn *t = (sl_http_turn *)task;
    if (ev->text.n && !t->first_us)
        t->first_us = sl_mono_us();
    if (ev->text.n && t->request) {
        if (t->stream)
            stream_text(t, ev->text);
        else
            sl_buf_add_str(&t->text, ev->text);
    }
    if (!ev->end)
        return;
    sl_wm_ended(t->api->shard, ev->reason, &ev->usage, t->taken_us, t->first_us, sl_mono_us());
    sl_http_request *r = t->request;
    if (r) {
        sl_http_set_user(r, NULL); /* r may be gone once its answer has ended */
        if (t->stream)
            stream_end(t, ev);
        else
            whole_end(t, ev);
    }
    sl_http_turn_free(t);
}

void sl_http_turn_closed(sl_http_api *a, sl_http_request *r)
{
    sl_http_turn *t = sl_http_user(r);
    if (!t)
        return;
    t->request = NULL;
    sl_host_cancel(a->host, &t->task); /* the end event frees it */
}

/* ---- starting ---- */

static sl_http_turn *turn_new(sl_http_api *a, sl_http_request *r, const sl_chat *chat)
{
    sl_http_turn *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    char uuid[SL_UUID_TEXT];
    sl_uuid7(uuid);
    (void)snprintf(t->id, sizeof(t->id), "%s%s", chat->kind == SL_CHAT ? "chatcmpl-" : "cmpl-",
                   uuid);
    t->task.event = on_event;
    t->api = a;
    t->request = r;
    t->stream = chat->stream;
    t->include_usage = chat->include_usage;
    t->taken_us = sl_mono_us();
    t->head = (sl_answer_head){.kind = chat->kind,
                               .id = t->id,
                               .created = sl_unix_ms() / 1000,
                               .model = sl_str_c(sl_host_model(a->host)),
                               .seed = chat->seed};
    TAILQ_INSERT_TAIL(&a->turns, t, all);
    return t;
}

static void draw_seed(sl_chat *chat)
{
    uint64_t seed;
    if (chat->has_seed)
        return;
    sl_random(&seed, sizeof(seed));
    chat->seed = (int64_t)(seed >> (64 - SEED_BITS));
    chat->has_seed = true;
}

static void submit(sl_http_api *a, sl_http_request *r, sl_chat *chat)
{
    sl_error err = {0};
    draw_seed(chat);
    sl_http_turn *t = turn_new(a, r, chat);
    if (!t) {
        sl_http_error(r, 500, "server_error", "internal_error", NULL, 0, "Out of memory.");
        return;
    }
    sl_http_add_header(r, "x-request-id", sl_str_c(strchr(t->id, '-') + 1));
    sl_status st = sl_host_submit(a->host, chat, &t->task, &err);
    if (st) {
        sl_http_turn_free(t);
        answer_fault(r, st, &err);
        return;
    }
    sl_http_set_user(r, t);
    if (a->shard)
        sl_metrics_add(a->shard, SL_WM_TAKEN, 0, 1);
}

void sl_http_turn_start(sl_http_api *a, sl_http_request *r, sl_chat_kind kind)
{
    sl_chat *chat = NULL;
    sl_chat_fault fault = {0};
    sl_error err = {0};
    if (a->draining) {
        sl_http_error(r, 503, "server_error", "shutting_down", NULL, 5, "The worker is stopping.");
        return;
    }
    sl_str body = sl_http_body(r);
    if (sl_chat_parse(&chat, kind, body, body.n + 1, &fault, &err)) {
        sl_http_error(r, 400, "invalid_request_error", fault.code[0] ? fault.code : NULL,
                      fault.param[0] ? fault.param : NULL, 0, err.text);
    } else if (chat->model.n && !sl_str_is(chat->model, "auto") &&
               !sl_str_is(chat->model, sl_host_model(a->host))) {
        sl_http_error(r, 404, "invalid_request_error", "model_not_found", "model", 0,
                      "There is no such model here; GET /v1/models lists what there is.");
    } else {
        submit(a, r, chat);
    }
    sl_chat_free(chat);
}
