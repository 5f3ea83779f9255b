/* policy_read.c - from the YAML tree to the snapshot: every key is known, every value in range,
 * every contradiction named with its line. An error says where, what, and what would be right. */
#include "router/policy.h"

#include "common/crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 128, TERM_MIN = 3, TERM_MAX = 256, INFLIGHT_MAX = 1000000, KEY_MIN = 16 };

typedef struct reader {
    sl_policy *p;
    const char *name;
    char path[160]; /* "tenants.acme.floor" */
    sl_error *reterr;
} reader;

typedef struct mark {
    size_t len;
} mark;

/* Goes one key deeper; leave() goes back. Keys are cut: the path is only for messages. */
static mark enter(reader *r, sl_str key)
{
    mark m = {strlen(r->path)};
    snprintf(r->path + m.len, sizeof r->path - m.len, "%s%.*s", m.len ? "." : "",
             (int)(key.n < 40 ? key.n : 40), key.p);
    return m;
}
static void leave(reader *r, mark m)
{
    r->path[m.len] = '\0';
}

#define FAIL(r, node, fmt, ...)                                                               \
    sl_fail((r)->reterr, SL_E_INVALID, "%s:%d: %s%s" fmt, (r)->name, (node)->line, (r)->path, \
            (r)->path[0] ? ": " : "", __VA_ARGS__)

/* Edit distance of short names, capped; for "did you mean". */
static size_t distance(sl_str a, const char *b)
{
    size_t n = strlen(b), row[48];
    if (a.n > 40 || n > 40)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a.p[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

/* "; did you mean 'floor'?" or the list of what is known, into out. */
static const char *hint(sl_str given, const char *const *known, char out[160])
{
    const char *best = NULL;
    size_t least = 3;
    for (size_t i = 0; known[i]; i++) {
        size_t d = distance(given, known[i]);
        if (d < least)
            least = d, best = known[i];
    }
    if (best) {
        snprintf(out, 160, "; did you mean '%s'?", best);
        return out;
    }
    size_t len = (size_t)snprintf(out, 160, " (known:");
    for (size_t i = 0; known[i] && len < 120; i++)
        len += (size_t)snprintf(out + len, 160 - len, " %s", known[i]);
    snprintf(out + (len < 158 ? len : 158), 2, ")");
    return out;
}

static int shown(sl_str s)
{
    return (int)(s.n < 40 ? s.n : 40);
}

/* A map whose keys are all among `known`. */
static sl_status check_map(reader *r, const sl_yaml_node *n, const char *const *known)
{
    char h[160];
    if (n->kind != SL_YAML_MAP)
        return FAIL(r, n, "%s", "must be a map of names to values");
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        size_t i = 0;
        while (known[i] && !sl_str_is(x->key, known[i]))
            i++;
        if (!known[i])
            return FAIL(r, x, "unknown key '%.*s'%s", shown(x->key), x->key.p,
                        hint(x->key, known, h));
    }
    return SL_OK;
}

/* A plain scalar that does not come from the environment: the digest must determine the policy. */
static sl_status scalar(reader *r, const sl_yaml_node *n, sl_str *ret)
{
    if (n->kind != SL_YAML_SCALAR)
        return FAIL(r, n, "%s", "must be one value, not a list or a map");
    if (n->secret)
        return FAIL(r, n, "%s", "may not come from the environment; only pseudonym_key may");
    *ret = n->scalar;
    return SL_OK;
}

/* A scalar that is one of `choices`; *ret is its index. */
static sl_status choice(reader *r, const sl_yaml_node *map, const char *key, const char *what,
                        const char *const *choices, int *ret)
{
    const sl_yaml_node *n = sl_yaml_get(map, key);
    char h[160];
    sl_str s;
    if (!n)
        return SL_OK;
    mark m = enter(r, sl_str_c(key));
    sl_status st = scalar(r, n, &s);
    if (st != SL_OK)
        return st;
    for (int i = 0; choices[i]; i++) {
        if (sl_str_is(s, choices[i])) {
            *ret = i;
            leave(r, m);
            return SL_OK;
        }
    }
    return FAIL(r, n, "unknown %s '%.*s'%s", what, shown(s), s.p, hint(s, choices, h));
}

static const char *const level_names[] = {"public", "internal", "confidential", "restricted", NULL};
static const char *const class_names[] = {"private", "public", NULL};

static sl_status level(reader *r, const sl_yaml_node *map, const char *key, sl_level *ret)
{
    int i = (int)*ret;
    sl_status st = choice(r, map, key, "level", level_names, &i);
    *ret = (sl_level)i;
    return st;
}

static sl_status no_memory(reader *r)
{
    return sl_fail(r->reterr, SL_E_NOMEM, "%s: no memory for the policy", r->name);
}

/* Names of models and tenants: printable ASCII without blanks, so that headers can carry them. */
static sl_status check_name(reader *r, const sl_yaml_node *n, sl_str s)
{
    bool ok = s.n > 0 && s.n <= NAME_MAX_BYTES;
    for (size_t i = 0; ok && i < s.n; i++)
        ok = s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != ',';
    return ok ? SL_OK
              : FAIL(r, n,
                     "a name is 1 to %d printable ASCII characters without blanks, quotes and "
                     "commas",
                     NAME_MAX_BYTES);
}

static size_t children(const sl_yaml_node *n)
{
    size_t k = 0;
    for (const sl_yaml_node *x = n->first; x; x = x->next)
        k++;
    return k;
}

/* ---- models ---- */

static sl_status read_model(reader *r, const sl_yaml_node *n, sl_policy_model *ret)
{
    static const char *const keys[] = {"classes", NULL};
    char h[160];
    sl_status st = check_name(r, n, n->key);
    if (st == SL_OK && sl_str_is(n->key, "auto"))
        st = FAIL(r, n, "%s", "'auto' is the policy's own word, no model may have it");
    if (st == SL_OK)
        st = check_map(r, n, keys);
    if (st != SL_OK)
        return st;
    const sl_yaml_node *classes = sl_yaml_get(n, "classes");
    if (!classes || classes->kind != SL_YAML_SEQ || !classes->first)
        return FAIL(r, n, "%s", "needs classes: a list of private, public or both");
    for (const sl_yaml_node *x = classes->first; x; x = x->next) {
        sl_str s;
        sl_class c;
        st = scalar(r, x, &s);
        if (st != SL_OK)
            return st;
        if (!sl_class_parse(s, &c))
            return FAIL(r, x, "unknown class '%.*s'%s", shown(s), s.p, hint(s, class_names, h));
        if (ret->on[c])
            return FAIL(r, x, "class %s stands twice", class_names[c]);
        ret->on[c] = true;
    }
    ret->name = sl_arena_strndup(&r->p->arena, n->key.p, n->key.n);
    return ret->name ? SL_OK : no_memory(r);
}

static sl_status read_models(reader *r, const sl_yaml_node *root)
{
    const sl_yaml_node *n = sl_yaml_get(root, "models");
    if (!n || n->kind != SL_YAML_MAP || !n->first)
        return FAIL(r, n ? n : root, "%s",
                    "models: needs at least one model, as \"name: {classes: [private]}\"");
    mark m = enter(r, SL_STR("models"));
    r->p->models = sl_arena_zalloc(&r->p->arena, children(n) * sizeof *r->p->models);
    if (!r->p->models)
        return no_memory(r);
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        mark deeper = enter(r, x->key);
        sl_status st = read_model(r, x, &r->p->models[r->p->models_n]);
        if (st != SL_OK)
            return st;
        r->p->models_n++;
        leave(r, deeper);
    }
    leave(r, m);
    return SL_OK;
}

static sl_status unknown_model(reader *r, const sl_yaml_node *n, sl_str s)
{
    const char *known[33] = {0};
    char h[160];
    for (size_t i = 0; i < r->p->models_n && i < 32; i++)
        known[i] = r->p->models[i].name;
    return FAIL(r, n, "unknown model '%.*s'%s", shown(s), s.p, hint(s, known, h));
}

/* ---- defaults ---- */

static sl_status read_default_models(reader *r, const sl_yaml_node *defaults)
{
    const sl_yaml_node *n = defaults ? sl_yaml_get(defaults, "models") : NULL;
    if (!n)
        return SL_OK;
    mark m = enter(r, SL_STR("models"));
    sl_status st = check_map(r, n, class_names);
    for (const sl_yaml_node *x = n->first; st == SL_OK && x; x = x->next) {
        sl_class c = SL_CLASS_PRIVATE;
        sl_str s;
        (void)sl_class_parse(x->key, &c);
        mark deeper = enter(r, x->key);
        st = scalar(r, x, &s);
        if (st != SL_OK)
            return st;
        const sl_policy_model *model = sl_policy_find_model(r->p, s);
        if (!model)
            return unknown_model(r, x, s);
        if (!model->on[c])
            return FAIL(r, x, "model '%s' is not on the %s class; name one whose classes hold %s",
                        model->name, class_names[c], class_names[c]);
        r->p->model_of[c] = model->name;
        leave(r, deeper);
    }
    if (st == SL_OK)
        leave(r, m);
    return st;
}

/* The score from which the learned second opinion raises; "off": never. */
static sl_status contextual(reader *r, const sl_yaml_node *map, double *ret)
{
    const sl_yaml_node *n = sl_yaml_get(map, "contextual");
    sl_str s;
    char text[16], *end;
    if (!n)
        return SL_OK;
    sl_status st = scalar(r, n, &s);
    if (st != SL_OK)
        return st;
    if (sl_str_is(s, "off")) {
        *ret = SL_CONTEXTUAL_OFF;
        return SL_OK;
    }
    snprintf(text, sizeof text, "%.*s", (int)(s.n < 15 ? s.n : 15), s.p);
    double v = strtod(text, &end);
    if (end == text || *end || s.n > 15 || !(v > 0 && v <= 1))
        return FAIL(r, n, "%s", "contextual: must be a score above 0 up to 1, or off");
    *ret = v;
    return SL_OK;
}

static sl_status read_rules(reader *r, const sl_yaml_node *n, sl_rules *ret)
{
    static const char *const downs[] = {"refuse", "private", NULL};
    static const char *const sensitive[] = {"reroute", "refuse", NULL};
    int down = (int)ret->public_down, refuse = ret->refuse_sensitive;
    sl_status st = level(r, n, "floor", &ret->floor);
    if (st == SL_OK)
        st = level(r, n, "public_max_level", &ret->public_max);
    if (st == SL_OK)
        st = choice(r, n, "public_down", "way", downs, &down);
    if (st == SL_OK)
        st = choice(r, n, "sensitive_on_public_model", "way", sensitive, &refuse);
    if (st == SL_OK)
        st = contextual(r, n, &ret->contextual);
    ret->public_down = down ? SL_FALLBACK_PRIVATE : SL_FALLBACK_REFUSE;
    ret->refuse_sensitive = refuse != 0;
    return st;
}

static sl_status read_defaults(reader *r, const sl_yaml_node *root)
{
    static const char *const keys[] = {"models",
                                       "public_max_level",
                                       "floor",
                                       "public_down",
                                       "sensitive_on_public_model",
                                       "private_without_audit",
                                       "contextual",
                                       NULL};
    sl_policy *p = r->p;
    const sl_yaml_node *n = sl_yaml_get(root, "defaults");
    p->defaults = (sl_tenant){.name = "",
                              .rules = {.floor = SL_LEVEL_PUBLIC,
                                        .public_max = SL_LEVEL_PUBLIC,
                                        .public_down = SL_FALLBACK_REFUSE,
                                        .contextual = SL_CONTEXTUAL_DEFAULT}};
    mark m = enter(r, SL_STR("defaults"));
    if (n) {
        sl_status st = check_map(r, n, keys);
        if (st == SL_OK)
            st = read_default_models(r, n);
        if (st == SL_OK)
            st = read_rules(r, n, &p->defaults.rules);
        if (st != SL_OK)
            return st;
        const sl_yaml_node *audit = sl_yaml_get(n, "private_without_audit");
        if (audit && (audit->secret || !sl_yaml_bool(audit, &p->private_without_audit)))
            return FAIL(r, audit, "%s", "private_without_audit: must be true or false");
    }
    if (!p->model_of[SL_CLASS_PRIVATE])
        return FAIL(r, n ? n : root, "%s",
                    "models.private: is missing; sensitive requests need a private model to go to");
    leave(r, m);
    return SL_OK;
}

/* ---- tenants ---- */

static sl_status read_ingress(reader *r, const sl_yaml_node *n, sl_tenant *t)
{
    static const char prefix[] = "llm.ingress.";
    if (n->kind != SL_YAML_SEQ)
        return FAIL(r, n, "%s", "must be a list of topics");
    t->ingress = sl_arena_zalloc(&r->p->arena, (children(n) + 1) * sizeof *t->ingress);
    if (!t->ingress)
        return no_memory(r);
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        sl_str s;
        sl_status st = scalar(r, x, &s);
        if (st != SL_OK)
            return st;
        if (!sl_str_prefix(s, sl_str_c(prefix)) || s.n > 200)
            return FAIL(r, x, "'%.*s' is no ingress topic; they begin with %s", shown(s), s.p,
                        prefix);
        const char *topic = sl_arena_strndup(&r->p->arena, s.p, s.n);
        if (!topic)
            return no_memory(r);
        const char *other = sl_policy_tenant_of_topic(r->p, topic);
        if (other)
            return FAIL(r, x, "topic %s is bound to tenant '%s' already", topic, other);
        t->ingress[t->ingress_n++] = topic;
    }
    return SL_OK;
}

static sl_status read_tenant_models(reader *r, const sl_yaml_node *n, sl_tenant *t)
{
    if (n->kind != SL_YAML_SEQ)
        return FAIL(r, n, "%s", "must be a list of models");
    t->models = sl_arena_zalloc(&r->p->arena, (children(n) + 1) * sizeof *t->models);
    if (!t->models)
        return no_memory(r);
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        sl_str s;
        sl_status st = scalar(r, x, &s);
        if (st != SL_OK)
            return st;
        const sl_policy_model *m = sl_policy_find_model(r->p, s);
        if (!m && !sl_str_is(s, "auto"))
            return unknown_model(r, x, s);
        t->models[t->models_n++] = m ? m->name : "auto";
    }
    return SL_OK;
}

static size_t characters(sl_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static sl_status read_term(reader *r, const sl_yaml_node *n, const sl_term *before, size_t before_n,
                           sl_term *ret)
{
    static const char *const keys[] = {"term", "level", NULL};
    sl_status st = check_map(r, n, keys);
    if (st != SL_OK)
        return st;
    const sl_yaml_node *term = sl_yaml_get(n, "term");
    ret->level = SL_LEVEL_CONFIDENTIAL;
    st = term ? scalar(r, term, &ret->text) : FAIL(r, n, "%s", "needs a term");
    if (st == SL_OK)
        st = level(r, n, "level", &ret->level);
    if (st != SL_OK)
        return st;
    if (characters(ret->text) < TERM_MIN || ret->text.n > TERM_MAX ||
        !sl_utf8_valid(ret->text.p, ret->text.n))
        return FAIL(r, term, "a term has %d characters to %d bytes", TERM_MIN, TERM_MAX);
    if (ret->level == SL_LEVEL_PUBLIC)
        return FAIL(r, n, "%s",
                    "level public raises nothing; use internal, confidential or restricted");
    for (size_t i = 0; i < before_n; i++) {
        if (sl_str_eq(before[i].text, ret->text))
            return FAIL(r, term, "%s", "the term stands twice");
    }
    return SL_OK;
}

static sl_status read_dictionary(reader *r, const sl_yaml_node *n, sl_tenant *t)
{
    size_t want = children(n), k = 0;
    if (n->kind != SL_YAML_SEQ)
        return FAIL(r, n, "%s", "must be a list of {term, level}");
    if (want > SL_DICTIONARY_TERMS)
        return FAIL(r, n, "has %zu terms; the most is %d", want, SL_DICTIONARY_TERMS);
    sl_term *terms = sl_arena_zalloc(&r->p->arena, (want + 1) * sizeof *terms);
    if (!terms)
        return no_memory(r);
    for (const sl_yaml_node *x = n->first; x; x = x->next, k++) {
        sl_status st = read_term(r, x, terms, k, &terms[k]);
        if (st != SL_OK)
            return st;
    }
    sl_status st = sl_dictionary_compile(&t->dictionary, terms, k, r->reterr);
    if (st != SL_OK)
        sl_error_prefix(r->reterr, "%s:%d: %s", r->name, n->line, r->path);
    return st;
}

static sl_status read_allow(reader *r, const sl_yaml_node *n, sl_tenant *t)
{
    const char *known[SL_ENT_N + 1] = {0};
    char h[160];
    for (int i = 0; i < SL_ENT_N; i++)
        known[i] = sl_entities[i].name;
    if (n->kind != SL_YAML_SEQ)
        return FAIL(r, n, "%s", "must be a list of entities");
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        sl_str s;
        sl_entity e;
        sl_status st = scalar(r, x, &s);
        if (st != SL_OK)
            return st;
        if (!sl_entity_parse(s, &e))
            return FAIL(r, x, "unknown entity '%.*s'%s", shown(s), s.p, hint(s, known, h));
        if (sl_entities[e].strength == SL_CLOSED || e == SL_ENT_MARKING || e == SL_ENT_DICTIONARY)
            return FAIL(r, x,
                        "%s can't be allowed: doubt, markings and the own dictionary stay inside",
                        sl_entities[e].name);
        sl_entity_set_add(&t->allow, e);
    }
    return SL_OK;
}

static sl_status read_tenant(reader *r, const sl_yaml_node *n, sl_tenant *t)
{
    static const char *const keys[] = {
        "ingress",    "floor",  "public_max_level", "public_down", "sensitive_on_public_model",
        "contextual", "models", "dictionary",       "allow",       NULL};
    static const struct {
        const char *key;
        sl_status (*read)(reader *, const sl_yaml_node *, sl_tenant *);
    } lists[] = {{"ingress", read_ingress},
                 {"models", read_tenant_models},
                 {"dictionary", read_dictionary},
                 {"allow", read_allow}};
    sl_status st = check_name(r, n, n->key);
    if (st == SL_OK)
        st = check_map(r, n, keys);
    t->line = n->line;
    t->rules = r->p->defaults.rules;
    t->name = sl_arena_strndup(&r->p->arena, n->key.p, n->key.n);
    if (!t->name)
        return no_memory(r);
    if (st == SL_OK)
        st = read_rules(r, n, &t->rules);
    if (st != SL_OK)
        return st;
    if (t->rules.floor < r->p->defaults.rules.floor)
        return FAIL(r, sl_yaml_get(n, "floor"),
                    "floor: %s is below the defaults' floor %s; a tenant may only raise it",
                    level_names[t->rules.floor], level_names[r->p->defaults.rules.floor]);
    if (t->rules.public_max > r->p->defaults.rules.public_max)
        return FAIL(r, sl_yaml_get(n, "public_max_level"),
                    "public_max_level: %s is above the defaults' %s; a tenant may only lower it",
                    level_names[t->rules.public_max], level_names[r->p->defaults.rules.public_max]);
    if (t->rules.contextual > r->p->defaults.rules.contextual)
        return FAIL(r, sl_yaml_get(n, "contextual"), "%s",
                    "contextual: is above the defaults'; a tenant may only lower it");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const sl_yaml_node *x = sl_yaml_get(n, lists[i].key);
        if (!x)
            continue;
        mark m = enter(r, sl_str_c(lists[i].key));
        st = lists[i].read(r, x, t);
        if (st != SL_OK)
            return st;
        leave(r, m);
    }
    return SL_OK;
}

static sl_status read_tenants(reader *r, const sl_yaml_node *root)
{
    const sl_yaml_node *n = sl_yaml_get(root, "tenants");
    if (!n)
        return SL_OK;
    mark m = enter(r, SL_STR("tenants"));
    if (n->kind != SL_YAML_MAP)
        return FAIL(r, n, "%s", "must be a map of tenants");
    r->p->tenants = sl_arena_zalloc(&r->p->arena, (children(n) + 1) * sizeof *r->p->tenants);
    if (!r->p->tenants)
        return no_memory(r);
    for (const sl_yaml_node *x = n->first; x; x = x->next) {
        mark deeper = enter(r, x->key);
        sl_tenant *t =
            &r->p->tenants[r->p->tenants_n++]; /* counted at once: destroy frees its dictionary */
        t->name = "";
        sl_status st = read_tenant(r, x, t);
        if (st != SL_OK)
            return st;
        leave(r, deeper);
    }
    leave(r, m);
    return SL_OK;
}

/* ---- the rest ---- */

static sl_status read_inflight(reader *r, const sl_yaml_node *root)
{
    const sl_yaml_node *n = sl_yaml_get(root, "inflight");
    r->p->inflight[SL_CLASS_PRIVATE] = r->p->inflight[SL_CLASS_PUBLIC] = 4096;
    if (!n)
        return SL_OK;
    mark m = enter(r, SL_STR("inflight"));
    sl_status st = check_map(r, n, class_names);
    for (const sl_yaml_node *x = n->first; st == SL_OK && x; x = x->next) {
        int64_t v;
        sl_class c = SL_CLASS_PRIVATE;
        (void)sl_class_parse(x->key, &c);
        if (x->secret || !sl_yaml_i64(x, &v) || v < 1 || v > INFLIGHT_MAX)
            return FAIL(r, x, "%s: must be a whole number from 1 to %d", class_names[c],
                        INFLIGHT_MAX);
        r->p->inflight[c] = (int)v;
    }
    if (st == SL_OK)
        leave(r, m);
    return st;
}

static sl_status read_pseudonym_key(reader *r, const sl_yaml_node *root)
{
    const sl_yaml_node *n = sl_yaml_get(root, "pseudonym_key");
    if (!n)
        return SL_OK;
    if (n->kind != SL_YAML_SCALAR || !n->secret)
        return FAIL(r, n, "%s",
                    "pseudonym_key: must be written as ${NAME}: the policy's text is published");
    if (n->scalar.n < KEY_MIN)
        return FAIL(r, n, "pseudonym_key: the variable holds fewer than %d bytes", KEY_MIN);
    sl_sha256(r->p->pseudonym_key, n->scalar.p, n->scalar.n);
    return SL_OK;
}

sl_status sl_policy_read(sl_policy *p, const char *name, const sl_yaml_node *root, sl_error *reterr)
{
    static const char *const keys[] = {"version",       "models",  "defaults", "inflight",
                                       "pseudonym_key", "tenants", NULL};
    reader r = {.p = p, .name = name, .reterr = reterr};
    int64_t version = 0;
    if (!root)
        return sl_fail(reterr, SL_E_INVALID,
                       "%s:1: the file is empty; a policy begins with \"version: 1\"", name);
    sl_status st = check_map(&r, root, keys);
    if (st != SL_OK)
        return st;
    const sl_yaml_node *v = sl_yaml_get(root, "version");
    if (!v || v->secret || !sl_yaml_i64(v, &version) || version != 1)
        return FAIL(&r, v ? v : root, "%s", "version: must be 1");
    st = read_models(&r, root);
    if (st == SL_OK)
        st = read_defaults(&r, root);
    if (st == SL_OK)
        st = read_inflight(&r, root);
    if (st == SL_OK)
        st = read_pseudonym_key(&r, root);
    return st == SL_OK ? read_tenants(&r, root) : st;
}
