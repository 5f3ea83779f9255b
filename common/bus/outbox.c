#include "common/bus/outbox.h"

#include <stdlib.h>

struct sl_outbox_entry {
    sl_outbox_entry *next;
    sl_record *record;
    size_t bytes;
    sl_delivery_fn cb;
    void *arg;
    size_t *unsent;
};

size_t sl_record_bytes(const sl_record *r)
{
    size_t n = r->key.n + r->value.n;
    for (size_t i = 0; i < r->headers_n; i++)
        n += r->headers[i].name.n + r->headers[i].value.n;
    return n;
}

/* Appends s behind *at and returns the copy; a null stays a null. */
static sl_str put(char **at, sl_str s)
{
    if (!s.p)
        return s;
    memcpy(*at, s.p, s.n);
    sl_str copy = {*at, s.n};
    *at += s.n;
    return copy;
}

sl_record *sl_record_copy(const sl_record *r)
{
    size_t topic_n = strlen(r->topic) + 1;
    size_t head = sizeof(sl_record) + r->headers_n * sizeof(sl_header);
    sl_record *c = malloc(head + topic_n + sl_record_bytes(r) + 1);
    if (!c)
        return NULL;
    *c = *r;
    sl_header *headers = (sl_header *)(c + 1);
    char *at = (char *)c + head;
    c->topic = memcpy(at, r->topic, topic_n);
    at += topic_n;
    c->key = put(&at, r->key);
    c->value = put(&at, r->value);
    for (size_t i = 0; i < r->headers_n; i++)
        headers[i] = (sl_header){put(&at, r->headers[i].name), put(&at, r->headers[i].value)};
    c->headers = headers;
    return c;
}

static sl_status keep(sl_outbox *o, const sl_record *r, sl_delivery_fn cb, void *arg,
                      size_t *unsent, sl_error *reterr)
{
    sl_outbox_entry *e = calloc(1, sizeof(*e));
    sl_record *copy = e ? sl_record_copy(r) : NULL;
    if (!copy) {
        free(e);
        return sl_fail(reterr, SL_E_NOMEM, "out of memory for a record that waits for Kafka");
    }
    size_t bytes = sl_record_bytes(r);
    *e = (sl_outbox_entry){.record = copy, .bytes = bytes, .cb = cb, .arg = arg, .unsent = unsent};
    if (o->tail)
        o->tail->next = e;
    else
        o->head = e;
    o->tail = e;
    o->n++;
    o->bytes += bytes;
    if (unsent)
        *unsent += bytes;
    return SL_OK;
}

sl_status sl_outbox_send(sl_outbox *o, const sl_record *r, sl_delivery_fn cb, void *arg,
                         size_t *unsent, sl_error *reterr)
{
    if (!o->head && !o->hold) {
        sl_status st = sl_producer_send(o->producer, r, cb, arg, reterr);
        if (st != SL_E_FULL)
            return st;
        o->full = true;
    }
    return keep(o, r, cb, arg, unsent, reterr);
}

/* Takes the first entry out; the caller frees it. */
static sl_outbox_entry *take(sl_outbox *o)
{
    sl_outbox_entry *e = o->head;
    o->head = e->next;
    if (!o->head)
        o->tail = NULL;
    o->n--;
    o->bytes -= e->bytes;
    if (e->unsent)
        *e->unsent -= e->bytes;
    return e;
}

static void entry_free(sl_outbox_entry *e)
{
    free(e->record);
    free(e);
}

static void refuse(sl_outbox_entry *e, sl_status st, const sl_error *err)
{
    sl_delivery d = {.status = st, .partition = e->record->partition, .offset = -1, .error = *err};
    if (e->cb)
        e->cb(e->arg, &d);
}

void sl_outbox_pump(sl_outbox *o)
{
    if (!o->head)
        return;
    o->full = false;
    sl_producer_cork(o->producer, true);
    while (o->head) {
        sl_error err = {0};
        sl_outbox_entry *e = o->head;
        sl_status st = sl_producer_send(o->producer, e->record, e->cb, e->arg, &err);
        o->full = st == SL_E_FULL;
        if (o->full)
            break;
        take(o);
        if (st)
            refuse(e, st, &err);
        entry_free(e);
    }
    sl_producer_cork(o->producer, false);
}

void sl_outbox_done(sl_outbox *o)
{
    sl_error err;
    sl_status st = sl_fail(&err, SL_E_CLOSED, "the producer was closed before the record was sent");
    while (o->head) {
        sl_outbox_entry *e = take(o);
        refuse(e, st, &err);
        entry_free(e);
    }
}
