#include "ctl/cmd.h"

#include "common/base/clock.h"
#include "common/base/json.h"

#include <stdio.h>
#include <stdlib.h>

#define AGO_MAX INT64_C(3153600000000) /* ms: 100 years */

int sl_cmd_fail(const char *command, const sl_error *err)
{
    fprintf(stderr, "sluice: %s: %s\n", command, err->text);
    switch (err->code) {
    case SL_E_TIMEOUT:
    case SL_E_UNAVAILABLE:
    case SL_E_IO:
    case SL_E_CLOSED:
    case SL_E_DENIED:
        return SL_EXIT_UNAVAILABLE;
    case SL_E_CONFLICT:
    case SL_E_CORRUPT:
        return SL_EXIT_NO;
    default:
        return SL_EXIT_USAGE;
    }
}

int sl_cmd_args(sl_args *a, int argc, char **argv)
{
    sl_error err = {0};
    if (sl_args_parse(a, argc, argv, &err) != SL_OK) {
        sl_args_done(a);
        return sl_cmd_fail(a->command, &err);
    }
    if (a->help) {
        sl_args_done(a);
        return SL_EXIT_OK;
    }
    return -1;
}

const char *sl_cmd_env(const char *name)
{
    const char *v = getenv(name);
    return v ? v : "";
}

/* Every value becomes text, as librdkafka takes them. */
static sl_status read_property(const sl_jnode *n, sl_buf *out, sl_error *reterr)
{
    sl_str s;
    bool b;
    int64_t i;
    if (sl_json_str(n, &s))
        sl_buf_add_str(out, s);
    else if (sl_json_bool(n, &b))
        sl_buf_adds(out, b ? "true" : "false");
    else if (sl_json_i64(n, &i))
        sl_buf_add_i64(out, i);
    else
        return sl_fail(reterr, SL_E_INVALID, "property '%.*s' is not a text, number or boolean",
                       (int)sl_json_key(n).n, sl_json_key(n).p);
    return SL_OK;
}

static sl_status read_properties(sl_option_map *map, const char *path, char **bootstrap,
                                 sl_error *reterr)
{
    sl_buf text = {0}, value = {0};
    sl_jnode *root = NULL;
    sl_status st = sl_file_read(path, 1 << 20, &text, reterr);
    if (!st)
        st = sl_json_parse(&root, sl_buf_str(&text), 1 << 20, reterr);
    if (!st && sl_json_kind(root) != SL_J_OBJECT)
        st = sl_fail(reterr, SL_E_INVALID, "%s: a JSON object of librdkafka properties is expected",
                     path);
    if (!st)
        map->v = calloc(sl_json_size(root) + 1, sizeof(*map->v));
    if (!st && !map->v)
        st = sl_fail(reterr, SL_E_NOMEM, "out of memory");
    for (const sl_jnode *n = st ? NULL : sl_json_first(root); n && !st; n = sl_json_next(n)) {
        sl_buf_clear(&value);
        st = read_property(n, &value, reterr);
        if (st)
            break;
        char *copy = strndup(value.data ? value.data : "", value.len);
        if (copy && sl_str_is(sl_json_key(n), "bootstrap.servers")) {
            free(*bootstrap);
            *bootstrap = copy;
            continue;
        }
        char *name = strndup(sl_json_key(n).p, sl_json_key(n).n);
        map->v[map->n].name = name;
        map->v[map->n++].value = copy;
        if (!copy || !name)
            st = sl_fail(reterr, SL_E_NOMEM, "out of memory");
    }
    sl_json_free(root);
    sl_buf_done(&text);
    sl_buf_done(&value);
    return st;
}

/* One bus; the properties live as long as it. */
static sl_status bus_open(sl_bus **ret, const char *name, sl_option_map *map, const char *config,
                          const char *bootstrap, const sl_option_map *inherited, sl_error *reterr)
{
    char *own = NULL;
    sl_status st = config[0] ? read_properties(map, config, &own, reterr) : SL_OK;
    if (!st && !own && !bootstrap[0])
        st = sl_fail(reterr, SL_E_INVALID, "%s: there is no bootstrap.servers in it", config);
    sl_bus_options o = {.name = name,
                        .bootstrap = own ? own : bootstrap,
                        .client_id = "sluice",
                        .properties = config[0] ? *map : *inherited};
    if (!st)
        st = sl_bus_open(ret, &o, reterr);
    free(own);
    return st;
}

sl_status sl_cmd_buses_open(sl_cmd_buses *b, const sl_cmd_kafka *where, sl_error *reterr)
{
    *b = (sl_cmd_buses){0};
    if (!where->config[0] && !where->bootstrap[0])
        return sl_fail(reterr, SL_E_INVALID,
                       "which Kafka? Set SLUICE_KAFKA (bootstrap) or SLUICE_KAFKA_CONFIG (a JSON "
                       "file), or --kafka / --kafka-config");
    sl_option_map *map = b->properties;
    sl_status st =
        bus_open(&b->bus[0], "private", &map[0], where->config, where->bootstrap, &map[0], reterr);
    if (!st && (where->public_config[0] || where->public_bootstrap[0]))
        st = bus_open(&b->bus[1], "public", &map[1], where->public_config, where->public_bootstrap,
                      &map[0], reterr);
    else
        b->bus[1] = b->bus[0];
    if (st)
        sl_cmd_buses_done(b);
    return st;
}

void sl_cmd_buses_done(sl_cmd_buses *b)
{
    if (b->bus[1] != b->bus[0])
        sl_bus_free(b->bus[1]);
    if (b->bus[0])
        sl_bus_free(b->bus[0]);
    for (int c = 0; c < 2; c++) {
        for (size_t i = 0; i < b->properties[c].n; i++) {
            free((char *)(uintptr_t)b->properties[c].v[i].name);
            free((char *)(uintptr_t)b->properties[c].v[i].value);
        }
        free(b->properties[c].v);
    }
    *b = (sl_cmd_buses){0};
}

bool sl_cmd_time(const char *text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    int64_t us, n;
    size_t len = strlen(text);
    if (!strcmp(text, "now"))
        return *ret_ms = sl_unix_ms(), true;
    if (sl_time_parse(text, len, &us))
        return *ret_ms = us / 1000, true;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && len > 1; i++)
        if (text[len - 1] == units[i].unit && sl_parse_i64((sl_str){text, len - 1}, &n) && n >= 0 &&
            n <= AGO_MAX / units[i].ms)
            return *ret_ms = sl_unix_ms() - n * units[i].ms, true;
    return false;
}

bool sl_cmd_is_number(const char *text)
{
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text) || *text == '+' || *text == '.')
        return false;
    (void)strtod(text, &end);
    return !*end;
}
