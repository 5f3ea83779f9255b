#include "private-worker/engine/textout.h"

#include <stdlib.h>

sl_status sl_textout_init(sl_textout *t, const sl_str *stops, size_t n)
{
    *t = (sl_textout){0};
    for (size_t i = 0; i < n && t->stops_n < SL_STOPS_MAX; i++) {
        if (!stops[i].n)
            continue;
        char *copy = malloc(stops[i].n);
        if (!copy) {
            sl_textout_done(t);
            return SL_E_NOMEM;
        }
        memcpy(copy, stops[i].p, stops[i].n);
        t->stops[t->stops_n] = copy;
        t->stop_bytes[t->stops_n++] = stops[i].n;
    }
    return SL_OK;
}

void sl_textout_done(sl_textout *t)
{
    for (size_t i = 0; i < t->stops_n; i++)
        free(t->stops[i]);
    sl_buf_done(&t->held);
    *t = (sl_textout){0};
}

/* ---- characters ---- */
static size_t char_bytes(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* Whether c may follow a first byte as the second (RFC 3629: no overlong forms, no surrogates). */
static bool second_fits(uint8_t first, uint8_t c)
{
    uint8_t lo = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    uint8_t hi = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return c >= lo && c <= hi;
}

static void replacement(sl_textout *t)
{
    if (t->part_n)
        sl_buf_adds(&t->held, "\xEF\xBF\xBD");
    t->part_n = 0;
}

static void add_byte(sl_textout *t, uint8_t c)
{
    bool fits = t->part_n == 1 ? second_fits(t->part[0], c) : (c & 0xC0) == 0x80;
    if (t->part_n && !fits)
        replacement(t); /* the broken start of a character; c begins anew */
    t->part[t->part_n++] = c;
    size_t want = char_bytes(t->part[0]);
    if (want == 0) {
        replacement(t);
    } else if (t->part_n == want) {
        sl_buf_add(&t->held, t->part, want);
        t->part_n = 0;
    }
}

/* ---- stop strings ---- */
/* The first place where a stop string stands; of two that begin together it does not matter. */
static bool find_stop(const sl_textout *t, size_t *ret_at)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < t->stops_n; i++) {
        const char *p =
            t->held.len ? memmem(t->held.data, t->held.len, t->stops[i], t->stop_bytes[i]) : NULL;
        if (p && (size_t)(p - t->held.data) < best)
            best = (size_t)(p - t->held.data);
    }
    *ret_at = best;
    return best != SIZE_MAX;
}

/* The longest end of the held text with which a stop string begins. */
static size_t hold_back(const sl_textout *t)
{
    size_t most = 0;
    for (size_t i = 0; i < t->stops_n; i++) {
        size_t n = t->stop_bytes[i] - 1 < t->held.len ? t->stop_bytes[i] - 1 : t->held.len;
        for (; n > most; n--)
            if (!memcmp(t->held.data + t->held.len - n, t->stops[i], n))
                most = n;
    }
    return most;
}

static sl_status settle(sl_textout *t, bool last)
{
    if (!sl_buf_ok(&t->held))
        return SL_E_NOMEM;
    size_t at;
    if (find_stop(t, &at)) {
        t->stopped = true;
        t->held.len = t->ready = at;
    } else {
        t->ready = t->held.len - (last ? 0 : hold_back(t));
    }
    return SL_OK;
}

sl_status sl_textout_push(sl_textout *t, sl_str bytes)
{
    if (t->stopped)
        return SL_OK;
    for (size_t i = 0; i < bytes.n; i++)
        add_byte(t, (uint8_t)bytes.p[i]);
    return settle(t, false);
}

sl_status sl_textout_finish(sl_textout *t)
{
    if (t->stopped)
        return SL_OK;
    replacement(t);
    return settle(t, true);
}

void sl_textout_take(sl_textout *t, sl_buf *out)
{
    sl_buf_add(out, t->held.data, t->ready);
    sl_buf_consume(&t->held, t->ready);
    t->ready = 0;
}
