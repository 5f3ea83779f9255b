#include "common/base/metrics.h"

#include "common/base/jsonw.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define LINE 64 /* shards stand on cache lines of their own, so that threads don't share one */

/* Where a metric's numbers stand in every shard. A counter or gauge has one slot a label value; a
 * histogram has buckets_n + 1 (the last one +Inf) and a sum. Doubles are stored by their bits. */
typedef struct layout {
    size_t first, per_value, values_n, bounds_n;
} layout;

struct sl_metrics_shard {
    sl_metrics *m;
    struct sl_metrics_shard *next;
    _Alignas(LINE) _Atomic uint64_t slots[];
};

struct sl_metrics {
    const sl_metric *table;
    size_t n, slots_n;
    layout *layouts;
    pthread_mutex_t lock; /* guards the list; shards are only ever added */
    sl_metrics_shard *shards;
};

static double to_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static uint64_t to_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static bool name_valid(const char *s, bool colons)
{
    if (!s || !*s || (*s >= '0' && *s <= '9'))
        return false;
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              *s == '_' || (colons && *s == ':')))
            return false;
    return true;
}

static sl_status check_metric(const sl_metric *t, size_t at, layout *l, sl_error *reterr)
{
    const sl_metric *x = &t[at];
    if (!name_valid(x->name, true) || !x->help)
        return sl_fail(reterr, SL_E_INVALID, "metric %zu: no valid name or no help text", at);
    for (size_t i = 0; i < at; i++)
        if (strcmp(t[i].name, x->name) == 0)
            return sl_fail(reterr, SL_E_CONFLICT, "metric %s stands twice in the table", x->name);
    if ((x->label != NULL) != (x->values != NULL) || (x->label && !name_valid(x->label, false)))
        return sl_fail(reterr, SL_E_INVALID, "metric %s: a label needs a name and values", x->name);
    l->values_n = x->label ? 0 : 1;
    while (x->label && x->values[l->values_n])
        l->values_n++;
    if ((x->kind == SL_HISTOGRAM) != (x->bounds != NULL))
        return sl_fail(reterr, SL_E_INVALID, "metric %s: histograms alone have bounds", x->name);
    while (x->bounds && x->bounds[l->bounds_n] != 0) {
        if (l->bounds_n && !(x->bounds[l->bounds_n] > x->bounds[l->bounds_n - 1]))
            return sl_fail(reterr, SL_E_INVALID, "metric %s: bounds must ascend", x->name);
        l->bounds_n++;
    }
    l->per_value = x->kind == SL_HISTOGRAM ? l->bounds_n + 2 : 1;
    return SL_OK;
}

sl_status sl_metrics_open(sl_metrics **ret, const sl_metric *table, size_t n, sl_error *reterr)
{
    sl_status st = SL_OK;
    sl_metrics *m = calloc(1, sizeof(*m));
    if (!m)
        return sl_fail(reterr, SL_E_NOMEM, "metrics: out of memory");
    pthread_mutex_init(&m->lock, NULL);
    m->table = table;
    m->n = n;
    m->layouts = calloc(n ? n : 1, sizeof(*m->layouts));
    if (!m->layouts)
        st = sl_fail(reterr, SL_E_NOMEM, "metrics: out of memory");
    for (size_t i = 0; i < n && !st; i++) {
        st = check_metric(table, i, &m->layouts[i], reterr);
        m->layouts[i].first = m->slots_n;
        m->slots_n += m->layouts[i].per_value * m->layouts[i].values_n;
    }
    if (st)
        sl_metrics_free(m);
    else
        *ret = m;
    return st;
}

void sl_metrics_free(sl_metrics *m)
{
    if (!m)
        return;
    while (m->shards) {
        sl_metrics_shard *s = m->shards;
        m->shards = s->next;
        free(s);
    }
    pthread_mutex_destroy(&m->lock);
    free(m->layouts);
    free(m);
}

sl_status sl_metrics_shard_open(sl_metrics *m, sl_metrics_shard **ret, sl_error *reterr)
{
    size_t size = sizeof(sl_metrics_shard) + m->slots_n * sizeof(uint64_t);
    size = (size + LINE - 1) / LINE * LINE;
    sl_metrics_shard *s = aligned_alloc(LINE, size);
    if (!s)
        return sl_fail(reterr, SL_E_NOMEM, "metrics: out of memory");
    s->m = m;
    for (size_t i = 0; i < m->slots_n; i++)
        atomic_init(&s->slots[i], 0); /* the bits of 0.0 are 0 too */
    pthread_mutex_lock(&m->lock);
    s->next = m->shards;
    m->shards = s;
    pthread_mutex_unlock(&m->lock);
    *ret = s;
    return SL_OK;
}

/* The first slot of a value; NULL when the index or the kind is wrong: a miscounted metric must
 * not write into another one. */
static _Atomic uint64_t *slot_of(sl_metrics_shard *s, size_t metric, size_t value,
                                 sl_metric_kind kind)
{
    if (metric >= s->m->n || s->m->table[metric].kind != kind ||
        value >= s->m->layouts[metric].values_n)
        return NULL;
    const layout *l = &s->m->layouts[metric];
    return &s->slots[l->first + value * l->per_value];
}

/* One writer a shard: a plain load and store, no locked instruction. */
static void bump(_Atomic uint64_t *slot, uint64_t n)
{
    atomic_store_explicit(slot, atomic_load_explicit(slot, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void sl_metrics_add(sl_metrics_shard *s, size_t metric, size_t value, uint64_t n)
{
    _Atomic uint64_t *slot = slot_of(s, metric, value, SL_COUNTER);
    if (slot)
        bump(slot, n);
}

void sl_metrics_gauge(sl_metrics_shard *s, size_t metric, size_t value, double v)
{
    _Atomic uint64_t *slot = slot_of(s, metric, value, SL_GAUGE);
    if (slot)
        atomic_store_explicit(slot, to_bits(v), memory_order_relaxed);
}

void sl_metrics_observe(sl_metrics_shard *s, size_t metric, size_t value, double v)
{
    _Atomic uint64_t *slot = slot_of(s, metric, value, SL_HISTOGRAM);
    if (!slot || isnan(v))
        return;
    const double *bounds = s->m->table[metric].bounds;
    size_t n = s->m->layouts[metric].bounds_n, i = 0;
    while (i < n && v > bounds[i]) /* le: a value on the bound belongs to it */
        i++;
    bump(&slot[i], 1);
    double sum = to_double(atomic_load_explicit(&slot[n + 1], memory_order_relaxed));
    atomic_store_explicit(&slot[n + 1], to_bits(sum + v), memory_order_relaxed);
}

static uint64_t sum_u64(const sl_metrics *m, size_t slot)
{
    uint64_t v = 0;
    for (sl_metrics_shard *s = m->shards; s; s = s->next)
        v += atomic_load_explicit(&s->slots[slot], memory_order_relaxed);
    return v;
}

static double sum_double(const sl_metrics *m, size_t slot)
{
    double v = 0;
    for (sl_metrics_shard *s = m->shards; s; s = s->next)
        v += to_double(atomic_load_explicit(&s->slots[slot], memory_order_relaxed));
    return v;
}

/* Prometheus escapes backslash and line feed, in label values the quote too. */
static void add_escaped(sl_buf *out, const char *s, bool quotes)
{
    for (; *s; s++) {
        if (*s == '\n')
            sl_buf_adds(out, "\\n");
        else if (*s == '\\' || (quotes && *s == '"'))
            sl_buf_addf(out, "\\%c", *s);
        else
            sl_buf_addc(out, *s);
    }
}

static void add_number(sl_buf *out, double v)
{
    sl_jsonw w = sl_jsonw_on(out);
    if (isnan(v))
        sl_buf_adds(out, "NaN");
    else if (isinf(v))
        sl_buf_adds(out, v > 0 ? "+Inf" : "-Inf");
    else
        sl_jsonw_f64(&w, NULL, v);
}

/* name, suffix and labels; le NULL: none. */
static void add_series(sl_buf *out, const sl_metric *x, const char *suffix, size_t value,
                       const double *le)
{
    sl_buf_adds(out, x->name);
    sl_buf_adds(out, suffix);
    if (x->label || le) {
        sl_buf_addc(out, '{');
        if (x->label) {
            sl_buf_adds(out, x->label);
            sl_buf_adds(out, "=\"");
            add_escaped(out, x->values[value], true);
            sl_buf_adds(out, le ? "\"," : "\"");
        }
        if (le) {
            sl_buf_adds(out, "le=\"");
            add_number(out, *le);
            sl_buf_addc(out, '"');
        }
        sl_buf_addc(out, '}');
    }
    sl_buf_addc(out, ' ');
}

static void render_histogram(const sl_metrics *m, size_t at, size_t value, sl_buf *out)
{
    const sl_metric *x = &m->table[at];
    const layout *l = &m->layouts[at];
    size_t slot = l->first + value * l->per_value;
    const double most = INFINITY;
    uint64_t count = 0;
    for (size_t i = 0; i <= l->bounds_n; i++) {
        count += sum_u64(m, slot + i);
        add_series(out, x, "_bucket", value, i < l->bounds_n ? &x->bounds[i] : &most);
        sl_buf_add_u64(out, count);
        sl_buf_addc(out, '\n');
    }
    add_series(out, x, "_sum", value, NULL);
    add_number(out, sum_double(m, slot + l->bounds_n + 1));
    sl_buf_addc(out, '\n');
    add_series(out, x, "_count", value, NULL);
    sl_buf_add_u64(out, count); /* of the same reading as the buckets, so that they agree */
    sl_buf_addc(out, '\n');
}

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

void sl_metrics_render(const sl_metrics *m, sl_buf *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&m->lock; /* a lock is no content */
    pthread_mutex_lock(lock);
    for (size_t i = 0; i < m->n; i++) {
        const sl_metric *x = &m->table[i];
        const layout *l = &m->layouts[i];
        sl_buf_addf(out, "# HELP %s ", x->name);
        add_escaped(out, x->help, false);
        sl_buf_addf(out, "\n# TYPE %s %s\n", x->name, kind_names[x->kind]);
        for (size_t v = 0; v < l->values_n; v++) {
            if (x->kind == SL_HISTOGRAM) {
                render_histogram(m, i, v, out);
                continue;
            }
            add_series(out, x, "", v, NULL);
            if (x->kind == SL_COUNTER)
                sl_buf_add_u64(out, sum_u64(m, l->first + v));
            else
                add_number(out, sum_double(m, l->first + v));
            sl_buf_addc(out, '\n');
        }
    }
    pthread_mutex_unlock(lock);
}

void sl_metrics_doc(const char *daemon, const sl_metric *table, size_t n, sl_buf *out)
{
    sl_buf_addf(out, "## %s\n\n| metric | type | label | meaning |\n|---|---|---|---|\n", daemon);
    for (size_t i = 0; i < n; i++) {
        const sl_metric *x = &table[i];
        sl_buf_addf(out, "| `%s` | %s | ", x->name, kind_names[x->kind]);
        if (x->label) {
            sl_buf_addf(out, "`%s`: ", x->label);
            for (size_t v = 0; x->values[v]; v++)
                sl_buf_addf(out, "%s%s", v ? ", " : "", x->values[v]);
        }
        sl_buf_addf(out, " | %s |\n", x->help);
    }
    sl_buf_addc(out, '\n');
}
