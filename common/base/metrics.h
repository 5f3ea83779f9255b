/* metrics.h - Prometheus metrics from one table; counters a thread, unlocked, summed on scrape.
 *
 * A daemon declares a table of metrics (an enum gives the index). Each thread takes one
 * sl_metrics_shard and adds to it with relaxed atomics; sl_metrics_render sums the shards and
 * writes the Prometheus text format 0.0.4. Labels are few and fixed: a metric may have one label
 * with a fixed list of values. Request ids, tenants and URLs are never labels.
 * Threads: a shard has one writer; rendering may run in any thread at any time. */
#ifndef SL_BASE_METRICS_H
#define SL_BASE_METRICS_H

#include "common/base/buf.h"

typedef enum sl_metric_kind { SL_COUNTER, SL_GAUGE, SL_HISTOGRAM } sl_metric_kind;

typedef struct sl_metric {
    const char *name; /* Prometheus name with unit and _total where due */
    sl_metric_kind kind;
    const char *help;
    const char *label;         /* NULL: none */
    const char *const *values; /* label values, ends with NULL */
    const double *bounds;      /* SL_HISTOGRAM: ascending, ends with 0 */
} sl_metric;

typedef struct sl_metrics sl_metrics;
typedef struct sl_metrics_shard sl_metrics_shard;

sl_status sl_metrics_open(sl_metrics **ret, const sl_metric *table, size_t n,
                          sl_error *reterr) SL_MUST_CHECK;
void sl_metrics_free(sl_metrics *m);
sl_status sl_metrics_shard_open(sl_metrics *m, sl_metrics_shard **ret,
                                sl_error *reterr) SL_MUST_CHECK; /* freed with m */

/* metric: index in the table; value: index of the label value (0 without label). */
void sl_metrics_add(sl_metrics_shard *s, size_t metric, size_t value, uint64_t n); /* counters */
void sl_metrics_gauge(sl_metrics_shard *s, size_t metric, size_t value,
                      double v); /* sum over shards */
void sl_metrics_observe(sl_metrics_shard *s, size_t metric, size_t value, double v);
void sl_metrics_render(const sl_metrics *m, sl_buf *out);
/* The table as a Markdown table for docs/metrics.md. */
void sl_metrics_doc(const char *daemon, const sl_metric *table, size_t n, sl_buf *out);

#endif
