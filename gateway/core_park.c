/* core_park.c - requests whose worker lacks their key: parked, and sent again when it has it.
 *
 * 1. A gateway took a new key before a worker of the class did. The worker can't read the request:
 *    it puts it on the dead-letter topic as unknown_key and answers with an end record that says
 *    so, under the key that it has.
 * 2. The ticket stays open. Its finished bytes are still here (within a budget), so nothing has to
 *    be read back: gateways need no right to read dead letters, workers none to write requests.
 * 3. When every live worker of the class announces the key id in its presence, the same bytes are
 *    produced again: same id, same checksum, same salt, so no key and nonce meet a second text.
 * 4. Should it be parked again (a worker without the key came in between), it waits longer each
 *    time. The deadline ends what is never answered.
 * Whoever holds the class's key can make a gateway send a request again so, RUNS_MAX times: the
 * same bytes to the same class. Text that the client has is never taken back: then it is an error.
 * All in the loop's thread. */
#include "gateway/core_internal.h"

#define BYTES_MAX (64u << 20) /* a loop's; requests beyond it are not kept and end with the error */
#define RUNS_MAX  8
#define WAIT_MS   500 /* before the second redrive; doubled each time */

struct sl_park {
    sl_record *record; /* finished bytes */
    size_t bytes;
    bool waits;
    int64_t not_before_ms;
    size_t runs_n;
    char runs[RUNS_MAX][SL_RUN_TEXT]; /* that only said unknown_key */
};

static sl_str kid_of(const sl_park *p)
{
    return sl_record_header(p->record, "ce_kid")->value;
}

void sl_park_keep(sl_ticket *t, const sl_record *r)
{
    sl_core *c = t->core;
    const sl_header *kid = sl_record_header(r, "ce_kid");
    size_t bytes = sl_record_bytes(r);
    if (!kid || !kid->value.p || c->park_bytes + bytes > BYTES_MAX)
        return;
    sl_park *p = calloc(1, sizeof(*p));
    if (!p)
        return;
    p->record = sl_record_copy(r);
    p->bytes = bytes;
    if (!p->record) {
        free(p);
        return;
    }
    c->park_bytes += bytes;
    t->park = p;
}

void sl_park_free(sl_ticket *t)
{
    if (!t->park)
        return;
    t->core->park_bytes -= t->park->bytes;
    free(t->park->record);
    free(t->park);
    t->park = NULL;
}

bool sl_park_knows(const sl_ticket *t, const char run[SL_RUN_TEXT])
{
    for (size_t i = 0; t->park && i < t->park->runs_n; i++)
        if (!strcmp(t->park->runs[i], run))
            return true;
    return false;
}

bool sl_park_end(sl_ticket *t)
{
    sl_park *p = t->park;
    sl_core *c = t->core;
    sl_follow_result res;
    sl_follow *fresh = NULL;
    uint32_t skipped;
    sl_follow_get_result(t->follow, &res);
    /* An answer that is not streamed was given nothing but its role. */
    if (!p || res.count || (t->first_us && !t->whole) || res.end != SL_END_ERROR ||
        !sl_str_is(res.error_code, sl_status_name(SL_E_UNKNOWN_KEY)) || p->runs_n == RUNS_MAX ||
        res.run.n >= SL_RUN_TEXT || sl_follow_open(&fresh, t->whole, sl_ticket_delta, t))
        return false;
    memcpy(p->runs[p->runs_n++], res.run.p, res.run.n); /* zeroed before */
    p->waits = true;
    t->first_us = 0;
    if (p->runs_n > 1)
        p->not_before_ms = sl_mono_ms() + (WAIT_MS << (p->runs_n - 2));
    if (sl_log_allow(&c->log_park, &skipped))
        SL_WARN((&(sl_log_ctx){.id = t->id}), "request_parked",
                "its worker lacks the key %.*s; it is sent again when every worker of the %s class "
                "has it (%u more)",
                (int)kid_of(p).n, kid_of(p).p, sl_class_name(t->cls), skipped);
    sl_follow_free(t->follow);
    t->follow = fresh;
    return true;
}

void sl_park_begun(sl_ticket *t)
{
    if (t->park)
        t->park->waits = false;
}

bool sl_park_waits(const sl_ticket *t)
{
    return t->park && t->park->waits;
}

static void on_redriven(void *arg, const sl_delivery *d)
{
    sl_ticket *t = arg;
    sl_core *c = t->core;
    uint32_t skipped;
    if (!d->status) {
        sl_audit a = sl_ticket_audit(t, SL_AUDIT_REDRIVEN);
        a.topic = sl_str_c(sl_topic_name(t->cls, SL_TOPIC_REQUESTS));
        a.partition = d->partition;
        a.offset = d->offset;
        a.checksum = sl_str_c(t->checksum);
        sl_core_audit(c, &a);
        sl_metrics_add(c->shard, SL_GM_REDRIVEN, t->cls, 1);
    } else {
        if (sl_log_allow(&c->log_produce, &skipped))
            SL_WARN((&(sl_log_ctx){.id = t->id}), "redrive_unconfirmed", "%s (%u more)",
                    d->error.text, skipped);
        if (t->park) /* still open */
            t->park->waits = true;
    }
    sl_ticket_unref(t);
}

void sl_park_tick(sl_ticket *t, int64_t now_ms)
{
    sl_park *p = t->park;
    sl_core *c = t->core;
    sl_error err = {0};
    if (!p || !p->waits || now_ms < p->not_before_ms ||
        !sl_presence_view_knows(c->g->presence, t->cls, kid_of(p), now_ms))
        return;
    p->waits = false;
    t->refs++;
    sl_status st = sl_core_send_fast(c, t->cls, p->record, on_redriven, t, &err);
    if (st)
        on_redriven(t, &(sl_delivery){.status = st, .error = err});
}
