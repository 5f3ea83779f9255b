/* front_http_answer.c - the answer of a call: SSE events or one JSON, errors, stored results. */
#include "gateway/front_http_internal.h"

#include <stdio.h>
#include <stdlib.h>

void sl_call_free(call *c)
{
    if (!c)
        return;
    sl_call_give(c);
    sl_api_keys_unref(c->who.keys);
    sl_chat_free(c->chat);
    sl_answer_done(&c->answer);
    sl_arena_done(&c->arena);
    free(c);
}

/* What the call's own headers are, as "name: value" lines: stored with a result too. */
static void header_lines(const call *c, sl_buf *out)
{
    const sl_decision *d = &c->decision;
    sl_buf_addf(out, "x-request-id: %s\n", c->id);
    if (!d->model && !d->refused)
        return; /* refused before a decision */
    sl_buf_addf(out, "x-sluice-class: %s\n", sl_class_name(d->cls));
    sl_buf_addf(out, "x-sluice-level: %s\n", sl_level_name(d->level));
    sl_buf_addf(out, "x-sluice-reasons: %s\n", d->summary ? d->summary : "none");
    if (d->model)
        sl_buf_addf(out, "x-sluice-model: %s\n", d->model);
    if (d->rerouted)
        sl_buf_adds(out, "x-sluice-rerouted: true\n");
    if (c->ticket)
        sl_buf_addf(out, "x-sluice-policy: %s\n", sl_ticket_policy(c->ticket));
}

static void add_lines(sl_http_request *r, sl_str lines)
{
    while (lines.n) {
        const char *nl = memchr(lines.p, '\n', lines.n);
        const char *colon = memchr(lines.p, ':', lines.n);
        if (!nl || !colon || colon > nl)
            return;
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(colon - lines.p), lines.p);
        sl_http_add_header(r, name, (sl_str){colon + 2, (size_t)(nl - colon - 2)});
        size_t n = (size_t)(nl + 1 - lines.p);
        lines.p += n;
        lines.n -= n;
    }
}

static void client_request_id(sl_http_request *r)
{
    sl_str own = sl_http_header(r, "x-client-request-id");
    if (!own.n)
        own = sl_http_header(r, "x-request-id");
    if (!own.n || own.n > 128)
        return;
    for (size_t i = 0; i < own.n; i++)
        if (own.p[i] < ' ' || own.p[i] > '~')
            return;
    sl_http_add_header(r, "x-client-request-id", own);
}

void sl_call_headers(call *c)
{
    sl_buf *lines = &c->f->out;
    sl_buf_clear(lines);
    header_lines(c, lines);
    add_lines(c->r, sl_buf_str(lines));
    client_request_id(c->r);
}

static void begin_stream(call *c)
{
    if (c->begun)
        return;
    c->begun = true;
    sl_http_add_header(c->r, "cache-control", SL_STR("no-cache"));
    sl_http_stream_begin(c->r, 200, "text/event-stream; charset=utf-8");
}

/* A reader that leaves megabytes waiting, before its write time-out has struck. */
static void cut_slow_reader(call *c)
{
    sl_http_set_user(c->r, NULL);
    sl_http_stream_end(c->r, true);
    c->r = NULL;
    if (c->entry) /* the key's owner goes on: the client may ask again */
        return;
    sl_ticket *t = c->ticket;
    c->ticket = NULL;
    sl_core_cancel(c->f->core, t);
    sl_call_free(c);
}

void sl_call_delta(void *user, const sl_chunk *delta)
{
    call *c = user;
    c->said += delta->content.n + delta->reasoning.n;
    if (c->gathers)
        sl_answer_add(&c->answer, delta);
    if (!c->stream || !c->r)
        return;
    sl_buf *out = &c->f->out;
    sl_buf_clear(out);
    sl_sse_write_delta(out, &c->head, delta, delta->content, NULL);
    begin_stream(c);
    sl_http_stream_send(c->r, sl_buf_str(out));
    if (sl_http_stream_pending(c->r) > SL_HTTP_PENDING_MAX)
        cut_slow_reader(c);
}

/* ---- the end ---- */

static void stream_end(call *c, const sl_outcome *o)
{
    sl_buf *out = &c->f->out;
    sl_buf_clear(out);
    if (o->http_status != 200) { /* an error event, never a bare [DONE] behind a cut stream */
        sl_sse_write_error(out, o->message, o->type, o->code);
    } else {
        begin_stream(c);
        sl_sse_write_finish(out, &c->head, sl_end_name(o->end));
        if (c->include_usage)
            sl_sse_write_usage(out, &c->head, &o->usage);
        sl_sse_write_done(out);
    }
    sl_http_stream_send(c->r, sl_buf_str(out));
    sl_http_stream_end(c->r, false);
}

static void whole_end(call *c, const sl_outcome *o, sl_str tool_calls)
{
    sl_buf *out = &c->f->out;
    sl_buf_clear(out);
    sl_answer_write(out, &c->head, sl_buf_str(&c->answer.content),
                    c->answer.reasoning.len ? sl_buf_str(&c->answer.reasoning) : (sl_str){0},
                    tool_calls, sl_end_name(o->end), &o->usage);
    sl_http_answer(c->r, 200, "application/json", sl_buf_str(out));
}

/* Errors that a retry may not meet again are not stored: the key is free then. */
static bool transient(const sl_outcome *o)
{
    return o->http_status == 429 || o->http_status >= 500;
}

static sl_idem_result *make_result(const call *c, const sl_outcome *o, sl_str tool_calls)
{
    sl_idem_result *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->refs = 1;
    r->http_status = o->http_status;
    memcpy(r->id, c->id, sizeof(c->id));
    header_lines(c, &r->headers);
    sl_buf_add_str(&r->model, c->head.model);
    sl_buf_add_str(&r->content, sl_buf_str(&c->answer.content));
    sl_buf_add_str(&r->reasoning, sl_buf_str(&c->answer.reasoning));
    sl_buf_add_str(&r->tool_calls, tool_calls);
    if (o->http_status != 200)
        sl_http_error_body(&r->error_body, o->type, o->code, NULL, o->message);
    snprintf(r->finish, sizeof(r->finish), "%s", sl_end_name(o->end));
    r->created = c->head.created;
    r->seed = c->head.seed;
    r->usage = o->usage;
    return r;
}

static void finish_entry(call *c, const sl_outcome *o, sl_str tool_calls)
{
    sl_idem_entry *e = c->entry;
    c->entry = NULL;
    if (e)
        sl_idem_finish(c->f->g->idem, e,
                       transient(o) || c->answer.failed ? NULL : make_result(c, o, tool_calls));
}

void sl_call_end(void *user, const sl_outcome *o)
{
    call *c = user;
    sl_buf tools = {0};
    sl_outcome failed = *o;
    if (o->has_usage)
        c->used = o->usage.prompt_tokens + o->usage.completion_tokens;
    else if (o->http_status >= 500 && !c->said)
        c->used = 0; /* ours to answer for */
    if (o->http_status == 200 && c->gathers && c->answer.failed) {
        failed = (sl_outcome){
            .http_status = 502,
            .end = SL_END_ERROR,
            .type = "server_error",
            .code = "answer_too_large",
            .message =
                "The answer has too many tool calls or is too large to be given in one piece."};
        o = &failed;
    }
    if (c->gathers)
        sl_answer_tool_calls(&c->answer, &tools);
    sl_str tool_calls = tools.len ? sl_buf_str(&tools) : (sl_str){0};
    finish_entry(c, o, tool_calls);
    c->ticket = NULL;
    if (c->r) {
        sl_http_set_user(c->r, NULL);
        if (c->stream && (c->begun || o->http_status == 200))
            stream_end(c, o);
        else if (o->http_status == 200)
            whole_end(c, o, tool_calls);
        else
            sl_http_error(c->r, o->http_status, o->type, o->code, NULL, o->retry_after_s,
                          o->message);
    }
    sl_buf_done(&tools);
    sl_call_free(c);
}

/* ---- a stored result ---- */

static void stream_result(call *c, const sl_idem_result *res)
{
    sl_jnode *tools = NULL;
    if (res->tool_calls.len)
        (void)!sl_json_parse(&tools, sl_buf_str(&res->tool_calls), SL_RECORD_MAX, NULL);
    sl_chunk all = {.role = SL_STR("assistant"),
                    .content = res->content.len ? sl_buf_str(&res->content) : (sl_str){0},
                    .reasoning = res->reasoning.len ? sl_buf_str(&res->reasoning) : (sl_str){0},
                    .tool_calls = tools};
    sl_buf *out = &c->f->out;
    sl_buf_clear(out);
    sl_sse_write_delta(out, &c->head, &all, all.content, NULL);
    sl_sse_write_finish(out, &c->head, res->finish);
    if (c->include_usage)
        sl_sse_write_usage(out, &c->head, &res->usage);
    sl_sse_write_done(out);
    begin_stream(c);
    sl_http_stream_send(c->r, sl_buf_str(out));
    sl_http_stream_end(c->r, false);
    sl_json_free(tools);
}

/* Ends the call with another's result. */
void sl_call_from_result(call *c, const sl_idem_result *res)
{
    sl_buf *out = &c->f->out;
    memcpy(c->id, res->id, sizeof(c->id));
    c->head.created = res->created;
    c->head.seed = res->seed;
    c->head.model = sl_buf_str(&res->model);
    add_lines(c->r, sl_buf_str(&res->headers));
    client_request_id(c->r);
    sl_http_add_header(c->r, "x-sluice-idempotent-replay", SL_STR("true"));
    sl_http_set_user(c->r, NULL);
    if (res->http_status != 200) {
        sl_http_answer(c->r, res->http_status, "application/json", sl_buf_str(&res->error_body));
    } else if (c->stream) {
        stream_result(c, res);
    } else {
        sl_buf_clear(out);
        sl_answer_write(out, &c->head, sl_buf_str(&res->content),
                        res->reasoning.len ? sl_buf_str(&res->reasoning) : (sl_str){0},
                        res->tool_calls.len ? sl_buf_str(&res->tool_calls) : (sl_str){0},
                        res->finish, &res->usage);
        sl_http_answer(c->r, 200, "application/json", sl_buf_str(out));
    }
    sl_call_free(c);
}
