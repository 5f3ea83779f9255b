#include "ctl/topics_plan.h"

#include <stdlib.h>

#define HOUR "3600000"
#define DAY  "86400000"
#define OURS "llm."

enum role {
    GATEWAY = 1,
    PRIVATE_WORKER = 2,
    PUBLIC_WORKER = 4,
    WORKER = PRIVATE_WORKER | PUBLIC_WORKER, /* in a row of a class: its workers alone */
    AUDITOR = 8,
    OPERATOR = 16
};

static const char *const keep_1h[] = {"retention.ms=" HOUR, "segment.ms=600000",
                                      "max.message.bytes=1114112", NULL};
static const char *const keep_24h[] = {"retention.ms=" DAY, "segment.ms=3600000",
                                       "max.message.bytes=1114112", NULL};
/* A dead letter is the record plus why: it may be larger than any record. */
static const char *const keep_7d[] = {"retention.ms=604800000", "max.message.bytes=1179648", NULL};
static const char *const keep_90d[] = {"retention.ms=7776000000", "max.message.bytes=1114112",
                                       NULL};

/* ---- the table: topics, how long they keep, who writes, who reads ---- */

typedef struct class_row {
    sl_topic topic;
    const char *const *keep;
    bool many; /* as many partitions as asked for, else one */
    unsigned writers, readers;
} class_row;

static const class_row class_rows[] = {
    {SL_TOPIC_REQUESTS, keep_24h, true, GATEWAY, WORKER | AUDITOR},
    {SL_TOPIC_RESPONSES, keep_24h, true, WORKER, GATEWAY | AUDITOR},
    {SL_TOPIC_CONTROL, keep_1h, false, GATEWAY, WORKER},
    {SL_TOPIC_PRESENCE, keep_1h, false, WORKER, GATEWAY | OPERATOR},
    {SL_TOPIC_DEAD_LETTER, keep_7d, false, GATEWAY | WORKER, OPERATOR},
};

typedef struct own_row {
    const char *topic;
    sl_class cls; /* whose cluster it stands on */
    const char *const *keep;
    bool many;
    unsigned writers, readers;
} own_row;

/* What producers may do with ingress and egress follows from their lines (add_producers). */
static const own_row own_rows[] = {
    {SL_TOPIC_AUDIT, SL_CLASS_PRIVATE, keep_90d, false, GATEWAY | PRIVATE_WORKER, AUDITOR},
    {SL_TOPIC_PUBLIC_AUDIT, SL_CLASS_PUBLIC, keep_90d, false, PUBLIC_WORKER, AUDITOR},
    {SL_TOPIC_INGRESS, SL_CLASS_PRIVATE, keep_24h, true, 0, 0},
    {SL_TOPIC_EGRESS, SL_CLASS_PRIVATE, keep_24h, true, 0, 0},
};

/* Prefixes: what begins so. `classes` is a bit for each class. */
typedef struct prefix_row {
    sl_acl_resource resource;
    const char *prefix;
    unsigned classes;
    unsigned roles;
    sl_acl_op op;
} prefix_row;

#define BIT(c) (1u << (c))
#define BOTH   (BIT(SL_CLASS_PRIVATE) | BIT(SL_CLASS_PUBLIC))

static const prefix_row prefix_rows[] = {
    {SL_ACL_TOPIC, "llm.egress.", BIT(SL_CLASS_PRIVATE), GATEWAY, SL_ACL_WRITE},
    {SL_ACL_TOPIC, OURS, BOTH, OPERATOR, SL_ACL_DESCRIBE},
    {SL_ACL_GROUP, "private-", BIT(SL_CLASS_PRIVATE), PRIVATE_WORKER, SL_ACL_READ},
    {SL_ACL_GROUP, "public-", BIT(SL_CLASS_PUBLIC), PUBLIC_WORKER, SL_ACL_READ},
    {SL_ACL_GROUP, "private-", BIT(SL_CLASS_PRIVATE), OPERATOR, SL_ACL_DESCRIBE},
    {SL_ACL_GROUP, "gateway-", BIT(SL_CLASS_PRIVATE), OPERATOR, SL_ACL_DESCRIBE},
    {SL_ACL_GROUP, "public-", BIT(SL_CLASS_PUBLIC), OPERATOR, SL_ACL_DESCRIBE},
};

/* ---- principals ---- */

#define AT(field) offsetof(sl_principals, field)

/* clang-format off */
const sl_option sl_principals_options[] = {
    {.name = "gateways", .type = SL_OPT_LIST, .offset = AT(gateways), .def = "", .help = "Gateways: gateway-NAME, …"},
    {.name = "private_workers", .type = SL_OPT_LIST, .offset = AT(private_workers), .def = "", .help = "Private workers: private-worker-NAME, …"},
    {.name = "public_workers", .type = SL_OPT_LIST, .offset = AT(public_workers), .def = "", .help = "Public workers: public-worker-NAME, …"},
    {.name = "auditors", .type = SL_OPT_LIST, .offset = AT(auditors), .def = "", .help = "auditor, or auditor-NAME, …"},
    {.name = "operators", .type = SL_OPT_LIST, .offset = AT(operators), .def = "", .help = "operator, or operator-NAME, …"},
    {.name = "producers", .type = SL_OPT_MAP, .offset = AT(producers), .def = "", .help = "Kafka producers: producer-NAME to the ingress topic that it writes."},
    {0},
};
/* clang-format on */

typedef struct role_row {
    enum role role;
    const char *name; /* principals are called so, or begin so and go on behind a '-' */
    bool bare;        /* the name alone will do */
    size_t offset;
} role_row;

static const role_row roles[] = {
    {GATEWAY, "gateway", false, AT(gateways)},
    {PRIVATE_WORKER, "private-worker", false, AT(private_workers)},
    {PUBLIC_WORKER, "public-worker", false, AT(public_workers)},
    {AUDITOR, "auditor", true, AT(auditors)},
    {OPERATOR, "operator", true, AT(operators)},
};
#define ROLES_N (sizeof(roles) / sizeof(roles[0]))

static const sl_option_list *names_of(const sl_principals *p, const role_row *r)
{
    return (const sl_option_list *)(const void *)((const char *)p + r->offset);
}

static bool has_role(const char *name, const char *role, bool bare)
{
    size_t n = strlen(role);
    if (strncmp(name, role, n) != 0 || strlen(name) > 64)
        return false;
    if (!name[n])
        return bare;
    return name[n] == '-' && name[n + 1] &&
           !name[n + 1 + strspn(name + n + 1, "abcdefghijklmnopqrstuvwxyz0123456789.-")];
}

/* The tenant of llm.ingress.TENANT.v1; empty of llm.ingress.v1; NULL: another topic. */
static const char *tenant_of(const char *topic, size_t *ret_n)
{
    static const char head[] = "llm.ingress.", tail[] = ".v1";
    size_t n = strlen(topic), edge = sizeof(head) - 1 + sizeof(tail) - 1;
    *ret_n = 0;
    if (!strcmp(topic, SL_TOPIC_INGRESS))
        return "";
    if (!sl_bus_topic_name_valid(topic) || strncmp(topic, head, sizeof(head) - 1) != 0 ||
        n <= edge || strcmp(topic + n - (sizeof(tail) - 1), tail) != 0)
        return NULL;
    *ret_n = n - edge;
    return topic + sizeof(head) - 1;
}

sl_status sl_principals_check(const sl_principals *p, sl_error *reterr)
{
    for (size_t r = 0; r < ROLES_N; r++) {
        const sl_option_list *names = names_of(p, &roles[r]);
        for (size_t i = 0; i < names->n; i++)
            if (!has_role(names->v[i], roles[r].name, roles[r].bare))
                return sl_fail(reterr, SL_E_INVALID, "principal '%s': a name here is %s%s-NAME",
                               names->v[i], roles[r].bare ? "the role's or " : "", roles[r].name);
    }
    for (size_t i = 0; i < p->producers.n; i++) {
        size_t n;
        if (!has_role(p->producers.v[i].name, "producer", false))
            return sl_fail(reterr, SL_E_INVALID, "principal '%s': a name here is producer-NAME",
                           p->producers.v[i].name);
        if (!tenant_of(p->producers.v[i].value, &n))
            return sl_fail(reterr, SL_E_INVALID,
                           "%s writes %s or llm.ingress.TENANT.v1, nothing else",
                           p->producers.v[i].name, SL_TOPIC_INGRESS);
    }
    return SL_OK;
}

/* ---- the plan ---- */

/* Room for one more; NULL when there is no memory. */
static void *grown(sl_plan *p, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    size_t more = *cap ? 2 * *cap : 64;
    void *mem = sl_arena_alloc(&p->arena, more * size);
    if (!mem) {
        p->failed = true;
        return NULL;
    }
    if (n)
        memcpy(mem, old, n * size);
    *cap = more;
    return mem;
}

static const char *joined(sl_plan *p, const char *a, const char *b, size_t b_n, const char *c)
{
    size_t a_n = strlen(a), c_n = strlen(c);
    char *out = sl_arena_alloc(&p->arena, a_n + b_n + c_n + 1);
    if (!out) {
        p->failed = true;
        return "";
    }
    memcpy(out, a, a_n);
    memcpy(out + a_n, b, b_n);
    memcpy(out + a_n + b_n, c, c_n + 1);
    return out;
}

static void add_topic(sl_plan *p, const sl_plan_options *o, const char *name, bool many,
                      const char *const *keep)
{
    for (size_t i = 0; i < p->topics_n; i++)
        if (!strcmp(p->topic[i].name, name))
            return;
    sl_topic_spec *t = grown(p, p->topic, p->topics_n, &p->topics_cap, sizeof(*t));
    if (!t)
        return;
    p->topic = t;
    t[p->topics_n++] = (sl_topic_spec){name, many ? o->partitions : 1, o->replication, keep};
}

static void add_acl(sl_plan *p, const char *principal, sl_acl_resource resource, const char *name,
                    bool prefixed, sl_acl_op op)
{
    sl_acl a = {.principal = joined(p, "User:", principal, strlen(principal), ""),
                .host = "*",
                .resource = resource,
                .name = name,
                .prefixed = prefixed,
                .op = op};
    for (size_t i = 0; i < p->acls_n; i++)
        if (sl_acl_same(&p->acl[i], &a))
            return;
    sl_acl *to = grown(p, p->acl, p->acls_n, &p->acls_cap, sizeof(*to));
    if (!to)
        return;
    p->acl = to;
    to[p->acls_n++] = a;
}

/* Every principal of these roles may do that. */
static void allow(sl_plan *p, const sl_plan_options *o, unsigned who, sl_acl_resource resource,
                  const char *name, bool prefixed, sl_acl_op op)
{
    for (size_t r = 0; o->principals && r < ROLES_N; r++) {
        const sl_option_list *names = names_of(o->principals, &roles[r]);
        for (size_t i = 0; roles[r].role & who && i < names->n; i++)
            add_acl(p, names->v[i], resource, name, prefixed, op);
    }
}

static void add_class(sl_plan *p, const sl_plan_options *o, sl_class c)
{
    unsigned others = c == SL_CLASS_PRIVATE ? PUBLIC_WORKER : PRIVATE_WORKER;
    for (size_t i = 0; i < sizeof(class_rows) / sizeof(class_rows[0]); i++) {
        const class_row *r = &class_rows[i];
        const char *name = sl_topic_name(c, r->topic);
        add_topic(p, o, name, r->many, r->keep);
        allow(p, o, r->writers & ~others, SL_ACL_TOPIC, name, false, SL_ACL_WRITE);
        allow(p, o, r->readers & ~others, SL_ACL_TOPIC, name, false, SL_ACL_READ);
    }
    for (size_t i = 0; i < sizeof(own_rows) / sizeof(own_rows[0]); i++) {
        const own_row *r = &own_rows[i];
        if (r->cls != c)
            continue;
        add_topic(p, o, r->topic, r->many, r->keep);
        allow(p, o, r->writers, SL_ACL_TOPIC, r->topic, false, SL_ACL_WRITE);
        allow(p, o, r->readers, SL_ACL_TOPIC, r->topic, false, SL_ACL_READ);
    }
    for (size_t i = 0; i < sizeof(prefix_rows) / sizeof(prefix_rows[0]); i++) {
        const prefix_row *r = &prefix_rows[i];
        if (r->classes & BIT(c))
            allow(p, o, r->roles, r->resource, r->prefix, true, r->op);
    }
}

static void add_ingress(sl_plan *p, const sl_plan_options *o)
{
    for (size_t i = 0; i < o->ingress->n; i++) {
        add_topic(p, o, o->ingress->v[i], true, keep_24h);
        allow(p, o, GATEWAY, SL_ACL_TOPIC, o->ingress->v[i], false, SL_ACL_READ);
    }
    if (o->ingress->n > 0)
        allow(p, o, GATEWAY, SL_ACL_GROUP, o->ingress_group, false, SL_ACL_READ);
}

/* A producer writes its ingress topic and reads the answers of its tenant; with the common ingress
 * topic, the common egress topic. Its groups begin with its name and a dot. */
static void add_producers(sl_plan *p, const sl_plan_options *o)
{
    const sl_option_map *m = &o->principals->producers;
    for (size_t i = 0; i < m->n; i++) {
        size_t n;
        const char *name = m->v[i].name, *tenant = tenant_of(m->v[i].value, &n);
        if (!tenant)
            continue;
        add_topic(p, o, m->v[i].value, true, keep_24h);
        add_acl(p, name, SL_ACL_TOPIC, m->v[i].value, false, SL_ACL_WRITE);
        if (n == 0) {
            add_acl(p, name, SL_ACL_TOPIC, SL_TOPIC_EGRESS, false, SL_ACL_READ);
        } else {
            add_topic(p, o, joined(p, "llm.egress.", tenant, n, ".v1"), true, keep_24h);
            add_acl(p, name, SL_ACL_TOPIC, joined(p, "llm.egress.", tenant, n, "."), true,
                    SL_ACL_READ);
        }
        add_acl(p, name, SL_ACL_GROUP, joined(p, name, ".", 1, ""), true, SL_ACL_READ);
    }
}

static bool is_read(const sl_plan_options *o, const char *topic)
{
    for (size_t i = 0; i < o->ingress->n; i++)
        if (!strcmp(o->ingress->v[i], topic))
            return true;
    return false;
}

sl_status sl_plan_make(sl_plan *p, const sl_plan_options *o, sl_error *reterr)
{
    *p = (sl_plan){0};
    for (size_t i = 0; o->principals && i < o->principals->producers.n; i++)
        if (!is_read(o, o->principals->producers.v[i].value))
            return sl_fail(reterr, SL_E_INVALID,
                           "%s writes %s, which no gateway reads: add it to ingress.topics",
                           o->principals->producers.v[i].name, o->principals->producers.v[i].value);
    for (int c = 0; c < SL_CLASS_N; c++)
        if (o->on[c])
            add_class(p, o, (sl_class)c);
    if (o->on[SL_CLASS_PRIVATE]) {
        add_ingress(p, o);
        if (o->principals)
            add_producers(p, o);
    }
    return p->failed ? sl_fail(reterr, SL_E_NOMEM, "no memory for the list of topics") : SL_OK;
}

void sl_plan_done(sl_plan *p)
{
    sl_arena_done(&p->arena);
    *p = (sl_plan){0};
}

/* ---- rules ---- */

bool sl_acl_same(const sl_acl *a, const sl_acl *b)
{
    return a->resource == b->resource && a->prefixed == b->prefixed && a->op == b->op &&
           a->deny == b->deny && !strcmp(a->name, b->name) && !strcmp(a->host, b->host) &&
           !strcmp(a->principal, b->principal);
}

/* Can the pattern and something that begins with `prefix` be the same name? */
static bool touches(const sl_acl *a, const char *prefix)
{
    size_t n = strlen(prefix), name_n = strlen(a->name);
    if (!a->prefixed)
        return !strcmp(a->name, "*") || !strncmp(a->name, prefix, n);
    return !strncmp(a->name, prefix, name_n < n ? name_n : n);
}

static bool our_principal(const char *principal)
{
    static const char user[] = "User:";
    if (!strcmp(principal, "User:*"))
        return true;
    if (strncmp(principal, user, sizeof(user) - 1) != 0)
        return false;
    principal += sizeof(user) - 1;
    for (size_t r = 0; r < ROLES_N; r++)
        if (has_role(principal, roles[r].name, roles[r].bare))
            return true;
    return has_role(principal, "producer", false);
}

bool sl_acl_ours(const sl_acl *a, const char *ingress_group)
{
    static const char *const groups[] = {"gateway-", "private-", "public-", "producer-"};
    if (a->deny || a->resource == SL_ACL_OTHER)
        return false;
    if (a->resource == SL_ACL_CLUSTER)
        return our_principal(a->principal);
    if (a->resource == SL_ACL_TOPIC)
        return touches(a, OURS);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (touches(a, groups[i]))
            return true;
    return ingress_group[0] && touches(a, ingress_group);
}

void sl_acl_text(const sl_acl *a, sl_buf *out)
{
    static const char *const ops[] = {"(unknown)",       "All",          "Read",
                                      "Write",           "Create",       "Delete",
                                      "Alter",           "Describe",     "ClusterAction",
                                      "DescribeConfigs", "AlterConfigs", "IdempotentWrite"};
    static const char *const what[] = {"(unknown)", "topic", "group", "cluster"};
    size_t from = out->len;
    sl_buf_addf(out, "%s %s %s %s%s", a->principal, a->deny ? "may not" : "may", ops[a->op],
                what[a->resource], a->prefixed ? "s" : "");
    if (a->resource != SL_ACL_CLUSTER)
        sl_buf_addf(out, " %s%s", a->name, a->prefixed ? "*" : "");
    if (strcmp(a->host, "*") != 0)
        sl_buf_addf(out, " from %s", a->host);
    /* The broker's words go to a terminal. */
    for (size_t i = from; sl_buf_ok(out) && i < out->len; i++)
        if ((unsigned char)out->data[i] < 0x20 || out->data[i] == 0x7f)
            out->data[i] = '?';
}
