/* model.c - reads a pack of weights and scores texts with it.
 *
 * One pass: at each position the next 8 bytes are loaded once, cut to the length of each table's
 * n-gram and hashed by one multiplication; the weights are summed by half windows. Behind the end
 * of a text stand spaces, as in training. */
#include "router/classify/model.h"

#include <math.h>
#include <stdlib.h>

enum { TABLES_MAX = 3, HEAD = 32, WEIGHTS = 48, AHEAD = 8, SHORTEST = 24, NORM_MIN = 40 };

struct sl_model {
    int tables, bits;
    uint64_t mask[TABLES_MAX];
    size_t window;
    float step, bias, slope, offset;
    int8_t weights[];
};

/* One odd multiplier a table; train.py has the same. */
static const uint64_t factors[TABLES_MAX] = {0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F,
                                             0xD6E8FEB86659FD93};

static uint64_t load(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ---- the pack ---- */

static uint64_t fnv(uint64_t h, const char *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8)
        h = (h ^ load(p)) * 0x100000001B3;
    if (n) {
        char last[8] = {0};
        memcpy(last, p, n);
        h = (h ^ load(last)) * 0x100000001B3;
    }
    return h;
}

static uint32_t le(const char *p, int bytes)
{
    uint32_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static sl_status check_head(sl_str b, sl_error *reterr)
{
    const char *p = b.p;
    if (b.n > SL_MODEL_PACK_MAX)
        return sl_fail(reterr, SL_E_INVALID, "model pack: %zu bytes, at most %u are allowed", b.n,
                       SL_MODEL_PACK_MAX);
    if (b.n < WEIGHTS || memcmp(p, "SLMODEL", 8) != 0)
        return sl_fail(reterr, SL_E_INVALID, "model pack: not one; train.py writes them");
    if (le(p + 8, 2) != 1)
        return sl_fail(reterr, SL_E_INVALID, "model pack: version %u, this build reads 1",
                       le(p + 8, 2));
    unsigned bits = le(p + 10, 1), tables = le(p + 11, 1), window = le(p + 16, 2);
    if (bits < 8 || bits > 18 || tables < 1 || tables > TABLES_MAX)
        return sl_fail(reterr, SL_E_INVALID, "model pack: %u tables of 2^%u weights", tables, bits);
    for (unsigned i = 0; i < tables; i++) {
        if (le(p + 12 + i, 1) < 1 || le(p + 12 + i, 1) > 8)
            return sl_fail(reterr, SL_E_INVALID, "model pack: n-grams of %u bytes (1 to 8)",
                           le(p + 12 + i, 1));
    }
    if (window < 64 || window > 4096 || window % 2)
        return sl_fail(reterr, SL_E_INVALID, "model pack: window of %u bytes (64 to 4096, even)",
                       window);
    size_t want = WEIGHTS + ((size_t)tables << bits);
    if (b.n != want || le(p + 20, 4) != b.n - HEAD)
        return sl_fail(reterr, SL_E_INVALID, "model pack: %zu bytes, its head says %zu; cut off?",
                       b.n, want);
    uint64_t digest = fnv(fnv(0xCBF29CE484222325, p, 24), p + HEAD, b.n - HEAD);
    if (digest != load(p + 24))
        return sl_fail(reterr, SL_E_INVALID, "model pack: damaged, its digest does not fit");
    return SL_OK;
}

sl_status sl_model_parse(sl_model **ret, sl_str bytes, sl_error *reterr)
{
    sl_status st = check_head(bytes, reterr);
    if (st != SL_OK)
        return st;
    size_t n = bytes.n - WEIGHTS;
    sl_model *m = malloc(sizeof *m + n);
    if (!m)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for a model of %zu bytes", n);
    m->bits = (int)le(bytes.p + 10, 1);
    m->tables = (int)le(bytes.p + 11, 1);
    m->window = le(bytes.p + 16, 2);
    for (int i = 0; i < m->tables; i++)
        m->mask[i] = UINT64_MAX >> (64 - 8 * le(bytes.p + 12 + i, 1));
    float f[4];
    memcpy(f, bytes.p + HEAD, sizeof f);
    m->step = f[0], m->bias = f[1], m->slope = f[2], m->offset = f[3];
    memcpy(m->weights, bytes.p + WEIGHTS, n);
    if (!isfinite(f[0]) || !isfinite(f[1]) || !isfinite(f[2]) || !isfinite(f[3]) || !(f[0] > 0) ||
        !(f[2] > 0)) {
        sl_model_unload(m);
        return sl_fail(reterr, SL_E_INVALID,
                       "model pack: step, bias, slope or offset is no number "
                       "that can be used");
    }
    *ret = m;
    return SL_OK;
}

sl_status sl_model_load(sl_model **ret, const char *path, sl_error *reterr)
{
    sl_buf b = {0};
    sl_status st = sl_file_read(path, SL_MODEL_PACK_MAX, &b, reterr);
    if (st == SL_OK)
        st = sl_model_parse(ret, sl_buf_str(&b), reterr);
    sl_buf_done(&b);
    return st;
}

void sl_model_unload(sl_model *m)
{
    free(m);
}

/* ---- the score ---- */

/* Two tables, as the shipped pack has, in a loop of its own: about a nanosecond a byte. */
static int32_t sum_of_two(const sl_model *m, const char *p, size_t n)
{
    const int8_t *first = m->weights, *second = first + ((size_t)1 << m->bits);
    uint64_t mask0 = m->mask[0], mask1 = m->mask[1];
    int shift = 64 - m->bits;
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t v = load(p + i);
        sum += first[(v & mask0) * factors[0] >> shift];
        sum += second[(v & mask1) * factors[1] >> shift];
    }
    return sum;
}

static int32_t sum_of(const sl_model *m, const char *p, size_t n)
{
    if (m->tables == 2)
        return sum_of_two(m, p, n);
    const int8_t *w = m->weights;
    int32_t sum = 0;
    for (int t = 0; t < m->tables; t++, w += (size_t)1 << m->bits) {
        for (size_t i = 0; i < n; i++)
            sum += w[(load(p + i) & m->mask[t]) * factors[t] >> (64 - m->bits)];
    }
    return sum;
}

/* Of the positions [from, to) of the text. */
static int32_t sum_range(const sl_model *m, sl_str t, size_t from, size_t to)
{
    size_t safe = t.n > AHEAD ? t.n - AHEAD : 0; /* 8 bytes can be loaded up to here */
    size_t cut = to < safe ? to : safe > from ? safe : from;
    int32_t sum = sum_of(m, t.p + from, cut - from);
    if (cut < to) {
        char tail[3 * AHEAD];
        memset(tail, ' ', sizeof tail);
        memcpy(tail, t.p + cut, t.n - cut);
        sum += sum_of(m, tail, to - cut);
    }
    return sum;
}

static float value(const sl_model *m, int32_t sum, size_t n)
{
    return m->bias + m->step * (float)sum / sqrtf((float)(n < NORM_MIN ? NORM_MIN : n));
}

float sl_model_score(const sl_model *m, sl_str text)
{
    if (text.n < SHORTEST)
        return 0;
    float best;
    if (text.n <= m->window) {
        best = value(m, sum_range(m, text, 0, text.n), text.n);
    } else {
        size_t half = m->window / 2;
        int32_t before = sum_range(m, text, 0, half);
        best = -INFINITY;
        for (size_t from = half; from < text.n; from += half) {
            size_t to = from + half < text.n ? from + half : text.n;
            int32_t now = sum_range(m, text, from, to);
            float v = value(m, before + now, to - from + half);
            best = v > best ? v : best;
            before = now;
        }
    }
    return 1 / (1 + expf(-(m->slope * best + m->offset)));
}
