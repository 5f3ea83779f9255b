/* gateway_access_test.c - keys at a gateway's door: roles, levels, models, limits, pauses. */
#include "tests/unit/gateway/http_rig.h"

#define KEYS 8

/* Keys of the tests, by number; h->key stays the rig's own, of a client without limits. */
typedef struct ring {
    sl_api_key row[KEYS];
    sl_buf text[KEYS];
    size_t n;
} ring;

static void add_key(ring *k, sl_role role)
{
    sl_error err = {0};
    assert_true(k->n < KEYS);
    gt_ok(sl_api_key_new(&k->row[k->n], "acme", role, 0, &k->text[k->n], &err), &err);
    k->n++;
}

static void write_keys(gh_rig *h, const ring *k)
{
    sl_buf file = {0};
    sl_api_keys_write(k->row, k->n, &file);
    gt_write(h->g->keys_path, file.data);
    sl_buf_done(&file);
}

static gh_rig *open_with(ring *k)
{
    gh_rig *h = gh_prepare(GT_MODELS "defaults:\n  models: {private: inside, public: outside}\n"
                                     "  public_down: private\n",
                           1);
    write_keys(h, k);
    h->g->cfg.access_failures = 4;
    h->g->cfg.access_pause_ms = 60000; /* of the clock that the test moves */
    h->g->cfg.access_pause_most_ms = 240000;
    gh_start(h);
    gh_wait_ready(h, 200, NULL);
    return h;
}

static void close_with(gh_rig *h, ring *k)
{
    for (size_t i = 0; i < k->n; i++)
        sl_buf_done(&k->text[i]);
    gh_close(h);
}

typedef struct ask {
    const char *key; /* NULL: no Authorization */
    const char *method, *path, *model, *text, *more;
    const char *extra; /* headers, each with its CR LF */
} ask;

static int send_ask(gh_rig *h, const ask *a)
{
    sl_buf b = {0}, body = {0};
    const char *method = a->method ? a->method : "POST";
    if (method[0] == 'P' && !a->path)
        sl_buf_addf(
            &body, "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
            a->model ? a->model : "auto", a->more ? a->more : "", a->text ? a->text : GT_PUBLIC);
    sl_buf_addf(&b, "%s %s HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: %zu\r\n",
                method, a->path ? a->path : "/v1/chat/completions", body.len);
    if (a->key)
        sl_buf_addf(&b, "Authorization: Bearer %s\r\n", a->key);
    sl_buf_addf(&b, "%s\r\n", a->extra ? a->extra : "");
    sl_buf_add_str(&b, sl_buf_str(&body));
    int fd = gh_dial(h->port);
    assert_true(fd >= 0);
    assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), (ssize_t)b.len);
    sl_buf_done(&b);
    sl_buf_done(&body);
    return fd;
}

#define EXPECT(h, status, words, ...) gh_expect(send_ask(h, &(ask){__VA_ARGS__}), status, words)

/* Sends, expects, and keeps the answer's x-request-id. */
static void expect_id(gh_rig *h, int status, const char *words, const ask *a, char id[SL_UUID_TEXT])
{
    sl_buf out = {0};
    assert_int_equal(gh_read(send_ask(h, a), &out), status);
    if (!strstr(out.data, words))
        print_error("want %s, got: %s\n", words, out.data);
    assert_non_null(strstr(out.data, words));
    const char *at = strstr(out.data, "x-request-id: ");
    assert_non_null(at);
    memcpy(id, at + 14, SL_UUID_TEXT - 1);
    id[SL_UUID_TEXT - 1] = '\0';
    sl_buf_done(&out);
}

static size_t records_of(gh_rig *h, const char *id, sl_type type)
{
    size_t n = 0;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->g->n; i++)
        n += !strcmp(h->g->seen[i].id, id) &&
             (type == SL_TYPE_UNKNOWN || h->g->seen[i].type == type);
    pthread_mutex_unlock(&h->lock);
    return n;
}

/* A request that is let in, with all of its records (decided, produced, delivered) on the bus: what
 * was written before it is there too. */
static void let_one_in(gh_rig *h, const char *key)
{
    char id[SL_UUID_TEXT];
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    expect_id(h, 200, GT_PUBLIC, &(ask){.key = key}, id);
    while (records_of(h, id, SL_TYPE_AUDIT) < 3 && gt_real_us() < until)
        (void)poll(NULL, 0, 2);
    assert_int_equal(records_of(h, id, SL_TYPE_AUDIT), 3);
    assert_int_equal(records_of(h, id, SL_TYPE_REQUEST), 1);
}

/* ---- roles ---- */

static void each_role_at_each_door(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        const char *may; /* c o a A: client, operator, auditor, admin; "" all and nobody's key */
        int status;
    } doors[] = {
        {"POST", NULL, "cA", 200},
        {"GET", "/v1/models", "cA", 200},
        {"GET", "/v1/models/inside", "cA", 200},
        {"GET", "/admin/keys", "oaA", 200},
        {"GET", "/admin/policy", "oaA", 200},
        {"POST", "/admin/reload", "oA", 202},
        {"GET", "/metrics", "oaA", 200},
        {"GET", "/health", "coaA", 200},
    };
    static const char letters[] = "coaA";
    ring k = {0};
    for (int role = 0; role < SL_ROLE_N; role++)
        add_key(&k, (sl_role)role);
    gh_rig *h = gh_prepare(NULL, 1);
    write_keys(h, &k);
    h->g->cfg.admin_auth = true;
    gh_start(h);
    gh_wait_ready(h, 200, NULL);
    for (size_t d = 0; d < sizeof(doors) / sizeof(*doors); d++) {
        const char *method = doors[d].method, *path = doors[d].path;
        for (int role = 0; role < SL_ROLE_N; role++) {
            bool may = strchr(doors[d].may, letters[role]);
            EXPECT(h, may ? doors[d].status : 403, may ? NULL : "role_not_allowed",
                   .key = k.text[role].data, .method = method, .path = path);
        }
        bool open = path && !strcmp(path, "/health");
        EXPECT(h, open ? 200 : 401, open ? NULL : "WWW-Authenticate: Bearer", .method = method,
               .path = path);
        EXPECT(h, open ? 200 : 401, NULL, .key = "sk-sluice-no", .method = method, .path = path);
    }
    EXPECT(h, 404, "not_found", .key = k.text[3].data, .method = "GET", .path = "/admin/other");
    close_with(h, &k);
}

static void metrics_need_no_key_unless_told(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    gh_rig *h = open_with(&k);
    EXPECT(h, 200, "sluice_auth_failures_total", .method = "GET", .path = "/metrics");
    close_with(h, &k);
}

/* What the listing of keys shows, and what it never shows. */
static void admin_keys_show_no_hash(void **state)
{
    (void)state;
    char hash[65];
    ring k = {0};
    sl_buf out = {0};
    add_key(&k, SL_ROLE_AUDITOR);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[1].rates = (sl_rates){.requests = 5, .tokens = 70000};
    k.row[1].models = "auto\n";
    k.row[0].revoked = false;
    gh_rig *h = open_with(&k);
    EXPECT(h, 200, NULL, .key = k.text[1].data);
    int fd = send_ask(h, &(ask){.key = k.text[0].data, .method = "GET", .path = "/admin/keys"});
    assert_int_equal(gh_read(fd, &out), 200);
    sl_hex_encode(hash, k.row[1].hash, 32);
    assert_null(strstr(out.data, hash));
    assert_null(strstr(out.data, k.text[1].data));
    assert_non_null(strstr(out.data, k.row[1].id));
    assert_non_null(strstr(out.data, "\"requests_per_minute\":5,\"requests_left\":4"));
    assert_non_null(strstr(out.data, "\"models\":[\"auto\"]"));
    sl_buf_done(&out);
    close_with(h, &k);
}

/* ---- levels and models ---- */

static void a_level_above_the_keys_writes_nothing(void **state)
{
    (void)state;
    char id[3][SL_UUID_TEXT];
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[0].max_level = SL_LEVEL_INTERNAL;
    k.row[1].max_level = SL_LEVEL_CONFIDENTIAL;
    gh_rig *h = open_with(&k);
    ask a = {.key = k.text[0].data, .text = GT_PRIVATE};
    expect_id(h, 403, "level_not_allowed", &a, id[0]);
    a.more = "\"stream\":true,";
    expect_id(h, 403, "x-sluice-level: confidential", &a, id[1]);
    a.extra = "Idempotency-Key: k1\r\n";
    expect_id(h, 403, "level_not_allowed", &a, id[2]);
    let_one_in(h, k.text[0].data);
    for (int i = 0; i < 3; i++)
        assert_int_equal(records_of(h, id[i], SL_TYPE_UNKNOWN), 0);
    EXPECT(h, 200, GT_PRIVATE, .key = k.text[1].data, .text = GT_PRIVATE);
    close_with(h, &k);
}

/* A key of the same tenant that may not send it gets no stored answer to it either. */
static void a_stored_answer_is_no_way_around(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[1].max_level = SL_LEVEL_INTERNAL;
    gh_rig *h = open_with(&k);
    static const char idem[] = "Idempotency-Key: k1\r\n";
    EXPECT(h, 200, GT_PRIVATE, .key = k.text[0].data, .text = GT_PRIVATE, .extra = idem);
    EXPECT(h, 403, "level_not_allowed", .key = k.text[1].data, .text = GT_PRIVATE, .extra = idem);
    EXPECT(h, 200, "idempotent-replay", .key = k.text[2].data, .text = GT_PRIVATE, .extra = idem);
    close_with(h, &k);
}

static void models_of_a_key(void **state)
{
    (void)state;
    ring k = {0};
    sl_buf out = {0};
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[0].models = "outside\n";
    k.row[1].models = "auto\n";
    gh_rig *h = open_with(&k);
    const char *one = k.text[0].data, *policys = k.text[1].data;
    int fd = send_ask(h, &(ask){.key = one, .method = "GET", .path = "/v1/models"});
    assert_int_equal(gh_read(fd, &out), 200);
    assert_non_null(strstr(out.data, "\"id\":\"outside\""));
    assert_null(strstr(out.data, "inside"));
    assert_null(strstr(out.data, "auto"));
    sl_buf_done(&out);
    EXPECT(h, 200, "\"id\":\"outside\"", .key = one, .method = "GET", .path = "/v1/models/outside");
    EXPECT(h, 200, NULL, .key = one, .method = "GET", .path = "/v1/models/out%73ide");
    EXPECT(h, 404, "model_not_found", .key = one, .method = "GET", .path = "/v1/models/inside");
    EXPECT(h, 404, "model_not_found", .key = one, .method = "GET", .path = "/v1/models/out%7");
    EXPECT(h, 404, "model_not_found", .key = one, .method = "GET", .path = "/v1/models/none");
    EXPECT(h, 403, "model_not_allowed", .key = one, .model = "inside");
    EXPECT(h, 403, "model_not_allowed", .key = one, .model = "none"); /* it learns nothing */
    EXPECT(h, 403, "model_not_allowed", .key = one);
    EXPECT(h, 403, "model_not_allowed", .key = policys, .model = "outside");
    /* sensitive: the policy would take `inside` */
    char id[SL_UUID_TEXT];
    expect_id(h, 403, "model_not_allowed",
              &(ask){.key = one, .model = "outside", .text = GT_PRIVATE}, id);
    EXPECT(h, 200, "x-sluice-model: outside", .key = one, .model = "outside");
    let_one_in(h, policys);
    assert_int_equal(records_of(h, id, SL_TYPE_UNKNOWN), 0);
    EXPECT(h, 200, "x-sluice-model: inside", .key = policys, .text = GT_PRIVATE);
    close_with(h, &k);
}

/* ---- limits ---- */

static void requests_a_minute(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[0].rates.requests = 3;
    gh_rig *h = open_with(&k);
    const char *key = k.text[0].data;
    EXPECT(h, 200,
           "x-ratelimit-limit-requests: 3\r\nx-ratelimit-remaining-requests: 2\r\n"
           "x-ratelimit-reset-requests: 20s\r\n",
           .key = key);
    EXPECT(h, 400, NULL, .key = key, .more = "\"n\":2,"); /* costs none */
    EXPECT(h, 404, "x-ratelimit-remaining-requests: 1\r\n", .key = key, .model = "none");
    EXPECT(h, 200, "x-ratelimit-remaining-requests: 0\r\n", .key = key);
    EXPECT(h, 429, "Retry-After: ", .key = key);
    EXPECT(h, 429, "\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"",
           .key = key);
    EXPECT(h, 200, NULL, .key = k.text[1].data); /* the other key of the tenant */
    EXPECT(h, 200, NULL, .key = key, .method = "GET", .path = "/v1/models");
    gt_skew_ms += 20000;
    gh_wait_ready(h, 200, NULL);
    EXPECT(h, 200, NULL, .key = key);
    EXPECT(h, 429, NULL, .key = key);
    EXPECT(h, 200, "sluice_key_limited_total{limit=\"requests\"} 3", .method = "GET",
           .path = "/metrics");
    /* reading the file again is no fresh minute */
    k.row[1].rates.requests = 1000;
    write_keys(h, &k);
    gt_skew_ms += 1000;
    gh_wait_ready(h, 200, NULL);
    int64_t until = gt_real_us() + GT_WAIT_MS * 1000;
    for (bool read = false; !read;) {
        sl_buf out = {0};
        (void)gh_read(send_ask(h, &(ask){.key = k.text[1].data}), &out);
        read = strstr(out.data, "x-ratelimit-limit-requests: 1000") != NULL;
        sl_buf_done(&out);
        assert_true(gt_real_us() < until);
    }
    EXPECT(h, 429, NULL, .key = key);
    close_with(h, &k);
}

static void tokens_a_minute(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    k.row[0].rates.tokens = 600;
    gh_rig *h = open_with(&k);
    const char *key = k.text[0].data;
    /* thought: the body's bytes / 4 and max_tokens; used: the worker's 7 + 3 */
    EXPECT(h, 200, "x-ratelimit-limit-tokens: 600\r\nx-ratelimit-remaining-tokens: 7", .key = key,
           .more = "\"max_tokens\":500,");
    EXPECT(h, 200, "x-ratelimit-remaining-tokens: 6", .key = key, .more = "\"max_tokens\":500,");
    /* more than a minute holds is let in when all of it is there, and then the next one waits */
    EXPECT(h, 429, "\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_exceeded\"",
           .key = key, .more = "\"max_tokens\":5000,");
    gt_skew_ms += 2000;
    gh_wait_ready(h, 200, NULL);
    h->mode = GH_HOLD;
    size_t had = gh_requests(h);
    int fd = send_ask(h, &(ask){.key = key, .more = "\"max_tokens\":5000,"});
    gh_wait_requests(h, had + 1);
    EXPECT(h, 429, "x-ratelimit-remaining-tokens: 0\r\n", .key = key);
    h->mode = GH_ECHO;
    gh_expect(fd, 200, NULL);
    EXPECT(h, 200, "x-ratelimit-remaining-tokens: 4", .key = key, .more = "\"max_tokens\":100,");
    close_with(h, &k);
}

/* Who leaves in the middle, is answered with an error or gets a stored answer: no place is lost. */
static void requests_at_one_time(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    k.row[0].rates.concurrency = 2;
    gh_rig *h = open_with(&k);
    const char *key = k.text[0].data;
    for (int round = 0; round < 3; round++) {
        h->mode = GH_HOLD;
        size_t had = gh_requests(h);
        int a = send_ask(h, &(ask){.key = key, .more = "\"stream\":true,"});
        int b = send_ask(h, &(ask){.key = key});
        gh_wait_requests(h, had + 2);
        EXPECT(h, 429, "concurrency_limit_exceeded", .key = key);
        if (round == 1) { /* both leave */
            close(a);
            close(b);
            gh_barrier(h);
        } else {
            h->mode = round ? GH_FAIL : GH_ECHO;
            gh_expect(a, round ? 502 : 200, NULL);
            gh_expect(b, round ? 502 : 200, NULL);
        }
        h->mode = GH_ECHO;
    }
    static const char idem[] = "Idempotency-Key: k1\r\n";
    for (int i = 0; i < 4; i++) {
        EXPECT(h, 200, NULL, .key = key, .extra = idem);
        EXPECT(h, 404, NULL, .key = key, .model = "none");
        EXPECT(h, 422, NULL, .key = key, .extra = idem, .text = "other");
    }
    close_with(h, &k);
}

/* ---- wrong keys ---- */

static void wrong(gh_rig *h, int n, int status)
{
    char text[32];
    static int serial;
    for (int i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "sk-sluice-guess-%d", serial++);
        EXPECT(h, status, status == 429 ? "too_many_failed_keys" : "invalid_api_key", .key = text);
    }
}

static void guesses_are_slowed_down(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    add_key(&k, SL_ROLE_CLIENT);
    k.row[2].revoked = true;
    gh_rig *h = open_with(&k);
    EXPECT(h, 200, NULL, .key = k.text[0].data);
    for (int i = 0; i < 20; i++) { /* no guesses */
        EXPECT(h, 401, "missing_api_key");
        EXPECT(h, 401, "invalid_api_key", .key = k.text[2].data);
        EXPECT(h, 401, "invalid_api_key", .key = "sk-sluice-old");
    }
    wrong(h, 3, 401);
    wrong(h, 1, 401); /* the fifth, with the old one, begins the pause */
    wrong(h, 10, 429);
    EXPECT(h, 429, "Retry-After: ", .key = k.text[1].data); /* right, but not seen from here yet */
    EXPECT(h, 429, NULL, .key = k.text[2].data);
    for (int i = 0; i < 20; i++) /* who worked from there before goes on */
        EXPECT(h, 200, GT_PUBLIC, .key = k.text[0].data);
    EXPECT(h, 200, "sluice_auth_pauses_total 1", .method = "GET", .path = "/metrics");
    EXPECT(h, 200, "sluice_auth_failures_total{reason=\"paused\"} 12", .method = "GET",
           .path = "/metrics");
    gt_skew_ms += 60000;
    gh_wait_ready(h, 200, NULL);
    EXPECT(h, 200, NULL, .key = k.text[1].data);
    wrong(h, 1, 401);
    gt_skew_ms += 60000; /* the second is twice as long */
    gh_wait_ready(h, 200, NULL);
    wrong(h, 1, 429);
    gt_skew_ms += 60000;
    gh_wait_ready(h, 200, NULL);
    wrong(h, 1, 401);
    close_with(h, &k);
}

/* ---- what clients say of themselves ---- */

static void headers_that_name_somebody_count_for_nothing(void **state)
{
    (void)state;
    ring k = {0};
    sl_buf extra = {0}, out = {0};
    static const char *const names[] = {"x-sluice-tenant",
                                        "x-sluice-class",
                                        "x-sluice-level",
                                        "x-sluice-role",
                                        "x-tenant",
                                        "x-tenant-id",
                                        "x-forwarded-user",
                                        "x-forwarded-email",
                                        "x-forwarded-for",
                                        "x-real-ip",
                                        "x-remote-user",
                                        "x-auth-request-user",
                                        "x-user-id",
                                        "x-client-cert",
                                        "x-ssl-client-cn",
                                        "openai-organization",
                                        "openai-project",
                                        "forwarded",
                                        "cookie",
                                        "x-api-key",
                                        "api-key",
                                        "ce_tenant",
                                        "ce-tenant",
                                        "ce_class",
                                        "ce_level",
                                        "ce_replytopic",
                                        "ce_correlationid",
                                        "baggage",
                                        "x-session-id",
                                        "x-conversation-id",
                                        "user-agent",
                                        "from",
                                        "proxy-authorization"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        sl_buf_addf(&extra, "%s: zebra-mark\r\n", names[i]);
    add_key(&k, SL_ROLE_CLIENT);
    gh_rig *h = open_with(&k);
    int fd = send_ask(h, &(ask){.key = k.text[0].data, .extra = extra.data, .text = GT_PRIVATE});
    assert_int_equal(gh_read(fd, &out), 200);
    assert_non_null(strstr(out.data, "x-sluice-class: private"));
    assert_null(strstr(out.data, "zebra"));
    let_one_in(h, k.text[0].data);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->g->n; i++) {
        const gt_seen *s = &h->g->seen[i];
        const char *const all[] = {s->id,         s->ce_id,       s->tenant, s->traceparent,
                                   s->tracestate, s->correlation, s->key,    s->body};
        for (size_t f = 0; f < sizeof(all) / sizeof(*all); f++)
            assert_null(strstr(all[f], "zebra"));
        if (s->type == SL_TYPE_REQUEST && s->cls == SL_CLASS_PRIVATE)
            assert_string_equal(s->tenant, "acme");
    }
    pthread_mutex_unlock(&h->lock);
    sl_buf_done(&extra);
    sl_buf_done(&out);
    close_with(h, &k);
}

/* ---- revocation ---- */

static void a_revoked_key_within_a_second(void **state)
{
    (void)state;
    ring k = {0};
    add_key(&k, SL_ROLE_CLIENT);
    gh_rig *h = open_with(&k);
    EXPECT(h, 200, NULL, .key = k.text[0].data);
    k.row[0].revoked = true;
    write_keys(h, &k);
    int64_t start = gt_real_us();
    for (int status = 200; status != 401;) {
        sl_buf out = {0};
        status = gh_read(send_ask(h, &(ask){.key = k.text[0].data}), &out);
        sl_buf_done(&out);
        assert_true(gt_real_us() - start < 1000000);
        (void)poll(NULL, 0, 10); /* the rig keeps every record */
    }
    close_with(h, &k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_at_each_door),
        cmocka_unit_test(metrics_need_no_key_unless_told),
        cmocka_unit_test(admin_keys_show_no_hash),
        cmocka_unit_test(a_level_above_the_keys_writes_nothing),
        cmocka_unit_test(a_stored_answer_is_no_way_around),
        cmocka_unit_test(models_of_a_key),
        cmocka_unit_test(requests_a_minute),
        cmocka_unit_test(tokens_a_minute),
        cmocka_unit_test(requests_at_one_time),
        cmocka_unit_test(guesses_are_slowed_down),
        cmocka_unit_test(headers_that_name_somebody_count_for_nothing),
        cmocka_unit_test(a_revoked_key_within_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
