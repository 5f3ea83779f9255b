#include "ctl/topics_apply.h"

#include "common/base/jsonw.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000

/* What the cluster has. */
typedef struct have {
    const sl_plan *plan;
    const sl_apply_options *o;
    sl_arena arena;
    int *partitions; /* of each topic of the plan; 0: missing */
    bool *standing;  /* each rule of the plan */
    sl_acl *extra;   /* ours, and not in the plan */
    size_t extra_n, extra_cap;
    bool failed; /* no memory */
} have;

static void on_topic(void *arg, const char *topic, int partitions)
{
    have *h = arg;
    for (size_t i = 0; i < h->plan->topics_n; i++)
        if (!strcmp(h->plan->topic[i].name, topic))
            h->partitions[i] = partitions;
}

static void keep_extra(have *h, const sl_acl *a)
{
    if (h->extra_n == h->extra_cap) {
        size_t cap = h->extra_cap ? 2 * h->extra_cap : 64;
        sl_acl *more = realloc(h->extra, cap * sizeof(*more));
        if (!more) {
            h->failed = true;
            return;
        }
        h->extra = more;
        h->extra_cap = cap;
    }
    sl_acl *to = &h->extra[h->extra_n++];
    *to = *a;
    to->principal = sl_arena_strndup(&h->arena, a->principal, strlen(a->principal));
    to->host = sl_arena_strndup(&h->arena, a->host, strlen(a->host));
    to->name = sl_arena_strndup(&h->arena, a->name, strlen(a->name));
    if (!to->principal || !to->host || !to->name) {
        h->extra_n--;
        h->failed = true;
    }
}

static void on_acl(void *arg, const sl_acl *a)
{
    have *h = arg;
    for (size_t i = 0; i < h->plan->acls_n; i++)
        if (sl_acl_same(&h->plan->acl[i], a)) {
            h->standing[i] = true;
            return;
        }
    if (sl_acl_ours(a, h->o->ingress_group))
        keep_extra(h, a);
}

static sl_status look(sl_bus *bus, have *h, sl_error *reterr)
{
    h->partitions = calloc(h->plan->topics_n + 1, sizeof(*h->partitions));
    h->standing = calloc(h->plan->acls_n + 1, sizeof(*h->standing));
    h->failed = !h->partitions || !h->standing;
    sl_status st = SL_OK;
    if (!h->failed)
        st = sl_bus_topics_list(bus, on_topic, h, TIMEOUT_MS, reterr);
    if (!st && !h->failed && h->o->acls)
        st = sl_bus_acls_list(bus, on_acl, h, TIMEOUT_MS, reterr);
    return !st && h->failed ? sl_fail(reterr, SL_E_NOMEM, "no memory for the cluster's ACLs") : st;
}

/* ---- showing ---- */

static void show(const sl_apply_options *o, char sign, const char *kind, const char *text)
{
    if (!o->json) {
        printf("%c %s %s\n", sign, kind, text);
        return;
    }
    char change[2] = {sign, '\0'};
    sl_buf line = {0};
    sl_jsonw w = sl_jsonw_on(&line);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_str(&w, "bus", sl_str_c(o->bus));
    sl_jsonw_str(&w, "change", sl_str_c(change));
    sl_jsonw_str(&w, kind, sl_str_c(text));
    sl_jsonw_end_obj(&w);
    if (sl_buf_ok(&line))
        puts(line.data);
    sl_buf_done(&line);
}

static void show_acl(const sl_apply_options *o, char sign, const sl_acl *a)
{
    sl_buf text = {0};
    sl_acl_text(a, &text);
    if (sl_buf_ok(&text))
        show(o, sign, "acl", text.data);
    sl_buf_done(&text);
}

/* Shows every difference; counts what the plan has more, and topics with too few partitions. */
static size_t show_all(const have *h, size_t *ret_narrow)
{
    size_t missing = 0;
    *ret_narrow = 0;
    for (size_t i = 0; i < h->plan->topics_n; i++) {
        const sl_topic_spec *t = &h->plan->topic[i];
        if (h->partitions[i] >= t->partitions)
            continue;
        char text[SL_BUS_TOPIC_NAME_MAX + 64];
        snprintf(text, sizeof(text),
                 h->partitions[i] ? "%s has %d partitions, fewer than %d" : "%s", t->name,
                 h->partitions[i], t->partitions);
        show(h->o, h->partitions[i] ? '!' : '+', "topic", text);
        missing += !h->partitions[i];
        *ret_narrow += h->partitions[i] > 0;
    }
    for (size_t i = 0; h->o->acls && i < h->plan->acls_n; i++)
        if (!h->standing[i]) {
            show_acl(h->o, '+', &h->plan->acl[i]);
            missing++;
        }
    for (size_t i = 0; i < h->extra_n; i++)
        show_acl(h->o, h->o->prune ? '-' : '!', &h->extra[i]);
    return missing;
}

static void conclude(const have *h, size_t missing, size_t narrow)
{
    const sl_apply_options *o = h->o;
    if (o->json)
        return;
    if (!missing && !narrow && !h->extra_n)
        printf("nothing to do on the %s bus (%s)\n", o->bus, o->bootstrap);
    else if (o->dry_run)
        printf("nothing was changed on the %s bus (%s)\n", o->bus, o->bootstrap);
    else
        printf("the %s bus (%s): %zu made, %zu removed\n", o->bus, o->bootstrap, missing,
               o->prune ? h->extra_n : 0);
    if (h->extra_n && !o->prune)
        printf("%zu rules allow more than the list does; --prune removes them\n", h->extra_n);
}

/* ---- changing ---- */

static sl_status make_missing(sl_bus *bus, const have *h, sl_error *reterr)
{
    sl_status st = sl_bus_topics_create(bus, h->plan->topic, h->plan->topics_n, TIMEOUT_MS, reterr);
    sl_acl *missing = st || !h->o->acls ? NULL : calloc(h->plan->acls_n + 1, sizeof(*missing));
    if (st || !h->o->acls)
        return st;
    if (!missing)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the missing ACLs");
    size_t n = 0;
    for (size_t i = 0; i < h->plan->acls_n; i++)
        if (!h->standing[i])
            missing[n++] = h->plan->acl[i];
    st = sl_bus_acls_create(bus, missing, n, TIMEOUT_MS, reterr);
    free(missing);
    return st;
}

sl_status sl_plan_apply(sl_bus *bus, const sl_plan *plan, const sl_apply_options *o,
                        size_t *ret_open, sl_error *reterr)
{
    have h = {.plan = plan, .o = o};
    size_t narrow = 0, missing = 0;
    sl_status st = look(bus, &h, reterr);
    if (!st)
        missing = show_all(&h, &narrow);
    /* What is too much goes first: nobody keeps a right because another could not be made. */
    if (!st && !o->dry_run && o->prune)
        st = sl_bus_acls_delete(bus, h.extra, h.extra_n, TIMEOUT_MS, reterr);
    if (!st && !o->dry_run)
        st = make_missing(bus, &h, reterr);
    if (!st) {
        conclude(&h, missing, narrow);
        *ret_open = o->dry_run ? missing + narrow + h.extra_n : o->prune ? 0 : h.extra_n;
    }
    free(h.partitions);
    free(h.standing);
    free(h.extra);
    sl_arena_done(&h.arena);
    return st;
}
