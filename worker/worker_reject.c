/* worker_reject.c - what can't be trusted or read goes to the class's dead-letter topic.
 *
 * The partition moves on once Kafka has acknowledged the dead letter, and not before: until then
 * the finished bytes are kept here and sent again. Where the record still names its request, reply
 * partition and checksum, an error end goes out too; the gateway takes it only when it knows that
 * id with that checksum, so a forged record can't end somebody else's request. */
#include "worker/worker_internal.h"

#define RESEND_MS 1000

typedef struct reject {
    sl_worker *w;
    sl_record *letter; /* a copy, finished bytes */
    sl_timer *again;
    int32_t partition; /* of the record it stands for */
    int64_t offset;
} reject;

static void reject_free(reject *j)
{
    j->w->rejects--;
    sl_timer_free(j->again);
    free(j->letter);
    free(j);
}

static void send_letter(void *arg);

static void letter_delivered(void *arg, const sl_delivery *d)
{
    reject *j = arg;
    sl_worker *w = j->w;
    if (d->status == SL_E_TOO_LARGE && j->letter->value.p && !w->closing) {
        /* With its new headers the record outgrew the topic's limit. What names it is kept, the
         * body stays where it was: in the requests topic, at the offset that the headers tell. */
        j->letter->value = (sl_str){0};
        send_letter(j);
        return;
    }
    if (d->status && !w->closing) {
        uint32_t skipped;
        if (sl_log_allow(&w->limit_bus, &skipped))
            SL_ERROR(&(sl_log_ctx){.topic = j->letter->topic}, "dead_letter_unsent",
                     "%s; sent again until Kafka takes it", d->error.text);
        sl_timer_set(j->again, RESEND_MS);
        return;
    }
    if (!d->status) {
        w->stats.dead_lettered++;
        if (w->requests)
            sl_consumer_finish(w->requests, sl_topic_name(w->cls, SL_TOPIC_REQUESTS), j->partition,
                               j->offset);
    }
    reject_free(j);
    if (!w->closing)
        sl_worker_pump_soon(w);
}

static void send_letter(void *arg)
{
    reject *j = arg;
    sl_error err = {0};
    sl_status st = sl_worker_send(j->w, j->letter, letter_delivered, j, NULL, &err);
    if (st) {
        sl_delivery d = {.status = st, .error = err};
        letter_delivered(j, &d);
    }
}

static sl_record *make_letter(sl_worker *w, const sl_record *r, const char *cause,
                              const char *message)
{
    size_t cap = r->headers_n + 16;
    sl_header *headers = calloc(cap, sizeof(*headers));
    sl_record letter = {0}, *copy = NULL;
    sl_buf_clear(&w->scratch);
    if (headers &&
        !sl_dead_letter(r, w->group, cause, message, 1, &w->scratch, headers, cap, &letter, NULL)) {
        letter.topic = sl_topic_name(w->cls, SL_TOPIC_DEAD_LETTER);
        letter.partition = -1;
        letter.offset = -1;
        letter.time_ms = 0;
        copy = sl_record_copy(&letter);
    }
    free(headers);
    return copy;
}

/* An error end for the gateway, as far as the record can still be read. */
static void answer(sl_worker *w, const sl_record *r, sl_envelope *env, const sl_error *why)
{
    const sl_header *sum = sl_record_header(r, "ce_checksum");
    if (!sum || !sum->value.p || sum->value.n != SL_CHECKSUM_TEXT - 1 ||
        !sl_uuid_valid(env->subject.p, env->subject.n) ||
        !sl_str_is(env->replytopic, sl_topic_name(w->cls, SL_TOPIC_RESPONSES)) ||
        env->replypartition < 0 || env->replypartition >= w->reply_partitions ||
        sl_worker_find(w, env->subject))
        return;
    memcpy(env->checksum, sum->value.p, SL_CHECKSUM_TEXT - 1);
    env->checksum[SL_CHECKSUM_TEXT - 1] = 0;
    env->encrypted = sl_record_header(r, "ce_kid") != NULL;
    sl_job *j = sl_job_new(w, env, r);
    if (!j)
        return;
    j->answer_only = true;
    j->owned = false;
    sl_job_end_unstarted(j, SL_END_ERROR, why);
}

static void audit_rejected(sl_worker *w, const sl_record *r, const sl_envelope *env,
                           const char *cause)
{
    const sl_header *sum = sl_record_header(r, "ce_checksum");
    bool named = sl_uuid_valid(env->subject.p, env->subject.n);
    sl_audit a = {.event = SL_AUDIT_REJECTED,
                  .id = named ? env->subject : (sl_str){0},
                  .topic = sl_str_c(r->topic),
                  .partition = r->partition,
                  .offset = r->offset,
                  .bytes = sl_record_bytes(r),
                  .cause = sl_str_c(cause)};
    if (sum && sum->value.n == SL_CHECKSUM_TEXT - 1 && sl_utf8_valid(sum->value.p, sum->value.n))
        a.checksum = sum->value;
    sl_worker_audit(w, &a);
}

void sl_worker_reject(sl_worker *w, const sl_record *r, const sl_envelope *env, const char *cause,
                      const sl_error *why)
{
    SL_WARN((&(sl_log_ctx){.topic = r->topic, .partition = r->partition, .offset = r->offset}),
            "record_rejected", "%s: %s", cause, why->text);
    sl_worker_count(w, SL_WM_REJECTED, sl_wm_cause(cause), 1);
    w->stats.unauthentic += strcmp(cause, "unauthentic") == 0;
    sl_envelope seen = *env;
    reject *j = calloc(1, sizeof(*j));
    if (j) {
        *j = (reject){.w = w, .partition = r->partition, .offset = r->offset};
        w->rejects++;
        j->letter = make_letter(w, r, cause, why->text);
    }
    if (!j || !j->letter || sl_timer_open(&j->again, w->loop, send_letter, j, NULL)) {
        if (j)
            reject_free(j);
        /* Out of memory: the record is read again. */
        if (sl_consumer_rewind(w->requests, r->topic, r->partition, r->offset))
            SL_ERROR(NULL, "rewind_failed", "a bad record waits for the next rebalance");
        return;
    }
    audit_rejected(w, r, env, cause);
    answer(w, r, &seen, why);
    send_letter(j);
}
