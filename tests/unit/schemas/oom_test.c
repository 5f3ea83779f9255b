/* oom_test.c - every allocation fails once: the call says so, and nothing is lost on the way out.
 *
 * Stands in front of glibc's allocator, as sanitizers do, so it is left out under them. */
#include "schemas/audit.h"
#include "schemas/chat.h"
#include "schemas/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#ifdef SL_SANITIZED
static void every_allocation_fails_once(void **state)
{
    (void)state;
    print_message("left out under sanitizers, which bring their own allocator\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else

static long until = -1; /* allocations until one fails; < 0: none fails */
static long live;       /* allocated and not freed */
static bool armed;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool denied(void)
{
    return armed && until >= 0 && until-- == 0;
}

void *malloc(size_t n)
{
    void *p = denied() ? NULL : __libc_malloc(n);
    live += p != NULL;
    return p;
}

void *calloc(size_t n, size_t m)
{
    void *p = denied() ? NULL : __libc_calloc(n, m);
    live += p != NULL;
    return p;
}

void *realloc(void *old, size_t n)
{
    void *p = denied() ? NULL : __libc_realloc(old, n);
    live += p && !old;
    return p;
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

static const char BODY[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
    "\"a\"},{\"type\":\"text\",\"text\":\"{\\\"a\\\":123456}\"}]}],\"stop\":[\"x\"],\"tools\":[{"
    "\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}";
static bool hear(void *arg, const char *where, sl_str text)
{
    return true;
}

static sl_status chat(void)
{
    sl_chat *c = NULL, *again = NULL;
    sl_buf out = {0}, up = {0};
    sl_status rc = sl_chat_parse(&c, SL_CHAT, SL_STR(BODY), 65536, NULL, NULL);
    if (rc == SL_OK) {
        sl_chat_strings(c, hear, NULL);
        rc = sl_chat_decided(c, "m", 7, &out);
        sl_status rc2 = sl_chat_upstream(c, NULL, &up);
        rc = rc ? rc : rc2;
    }
    if (rc == SL_OK)
        rc = sl_chat_parse_decided(&again, sl_buf_str(&out), NULL);
    sl_chat_free(c);
    sl_chat_free(again);
    sl_buf_done(&out);
    sl_buf_done(&up);
    return rc;
}

/* Plain, and opened unarmed: OpenSSL keeps a queue of its own errors, and hashing stops the process
 * when it has no memory (common/crypto/digest.c). */
static sl_status envelope(void)
{
    sl_codec *c = NULL;
    sl_record rec;
    sl_envelope d;
    sl_envelope e = {.type = SL_TYPE_CHUNK, .subject = SL_STR("id"), .body = SL_STR("{}")};
    memset(e.requestchecksum, 'a', 32);
    memset(e.run, 'b', 32);
    bool was = armed;
    armed = false;
    sl_status rc = sl_codec_open(&c, "/sluice/test/0", NULL);
    armed = was;
    if (rc == SL_OK)
        rc = sl_envelope_encode(c, &e, NULL, &rec, NULL);
    if (rc == SL_OK)
        rc = sl_envelope_decode(c, &rec, NULL, SL_CLASS_PUBLIC, false, &d, NULL);
    sl_codec_free(c);
    return rc;
}

static sl_status bodies(void)
{
    sl_chunk c;
    sl_audit a;
    sl_jnode *root = NULL;
    sl_run_digest *digest = NULL;
    sl_status rc =
        sl_chunk_parse(&c, SL_STR("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}"), NULL);
    if (rc == SL_OK)
        sl_chunk_done(&c);
    if (rc == SL_OK)
        rc = sl_audit_parse(&a, &root, SL_STR("{\"event\":\"ended\",\"reasons\":[\"r\"]}"), NULL);
    sl_json_free(root);
    if (rc == SL_OK)
        rc = sl_run_digest_open(&digest);
    sl_run_digest_free(digest);
    return rc;
}

static void sweep(sl_status (*fn)(void))
{
    until = -1;
    assert_int_equal(fn(), SL_OK); /* what libraries set up once is set up now */
    long failures = 0;
    for (long n = 0;; n++) {
        long before = live;
        until = n;
        armed = true;
        sl_status rc = fn();
        armed = false;
        bool reached = until < 0;
        if (live != before)
            fail_msg("allocation %ld failed: %ld stay allocated", n, live - before);
        if (!reached)
            break;
        failures += rc != SL_OK;
        if (rc != SL_OK && rc != SL_E_NOMEM)
            fail_msg("allocation %ld failed: %s", n, sl_status_name(rc));
    }
    assert_true(failures > 0);
    until = -1;
    assert_int_equal(fn(), SL_OK);
}

static void chats(void **state)
{
    sweep(chat);
}

static void envelopes(void **state)
{
    sweep(envelope);
}

static void other_bodies(void **state)
{
    sweep(bodies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chats),
        cmocka_unit_test(envelopes),
        cmocka_unit_test(other_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
