/* books.h - the books of requests: what the records say became of every id.
 *
 * Fed with records of audit, request and response topics in any order; checksums are verified on
 * the way, bodies are never decrypted. Then each id that a gateway accepted has to show one request
 * record on its own class's topic, one complete run whose count and digest agree, and one delivery.
 * Memory: about 190 bytes an id and 80 a run (a run's digest state is dropped at its end), so a
 * million requests take some 270 MB. Threads: one owner. */
#ifndef SL_CTL_BOOKS_H
#define SL_CTL_BOOKS_H

#include "common/base/record.h"
#include "schemas/types.h"

typedef struct sl_books sl_books;

typedef enum sl_fault {
    SL_FAULT_LOST, /* accepted, but its request record is not there */
    /* accepted, nothing delivered, and its deadline (or the settling time) is past */
    SL_FAULT_UNANSWERED,
    SL_FAULT_DUPLICATED, /* more than one whole result was delivered */
    SL_FAULT_ALTERED,    /* a checksum, count or digest that is wrong */
    /* a record of it stands on the other class's topic, a sensitive one on a public topic, or it
     * was produced to another class than the decided one */
    SL_FAULT_WRONG_CLASS,
    SL_FAULT_BESIDE, /* answered with text although no complete run of it stands in Kafka */
    SL_FAULT_N
} sl_fault;
const char *sl_fault_name(sl_fault f);

typedef struct sl_book { /* one id */
    char id[40];
    bool decided, produced, unconfirmed, is_public;
    bool cut; /* began before the time that is looked at: only damage is judged */
    int requests, delivered,
        results; /* request records; deliveries; deliveries with the whole answer */
    int runs, complete_runs, started, ended;
    int http_status; /* of the last delivery */
    sl_level level;
    uint64_t deadline_ms;
    unsigned faults; /* bits of sl_fault */
} sl_book;

typedef struct sl_tally {
    uint64_t records, bad_records, policies, ids, accepted, answered, errors, gone, open,
        unconfirmed, reexecuted, rejected, cut;
    uint64_t unbooked; /* records for which there was no memory: the books are not whole */
    uint64_t by_class[2], faults[SL_FAULT_N];
} sl_tally;

/* public_max: the highest level that the policy lets out. since_ms: where the records begin (Unix;
 * 0: nothing is left out); ids that are not decided within and appear soon after it are `cut`. */
sl_status sl_books_open(sl_books **ret, sl_level public_max, int64_t since_ms) SL_MUST_CHECK;
void sl_books_free(sl_books *b);
void sl_books_add(sl_books *b, const sl_record *r);
/* How many accepted ids have no delivery yet. */
uint64_t sl_books_open_ids(const sl_books *b);
/* Judges every id; fn is called for each (in no order) and may be NULL. `settled`: what is still
 * open is unanswered only when its deadline is past at now_ms (Unix). */
void sl_books_close(sl_books *b, int64_t now_ms, sl_tally *ret,
                    void (*fn)(void *arg, const sl_book *book), void *arg);

#endif
