/* envelope_bench.c - what one record costs: encode and decode of a request and of a chunk, plain
 * and encrypted, and reading a chat body. Prints nanoseconds and allocations an operation.
 *
 * malloc is counted by standing in front of glibc's; sanitizers do the same, so not under them. */
#include "schemas/chat.h"
#include "schemas/envelope.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t allocations;

#ifndef SL_SANITIZED
void *__libc_malloc(size_t n);
void *malloc(size_t n);
void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}
#endif

static const char KEYS[] =
    "[{\"kid\":\"k\",\"class\":\"public\",\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\","
    "\"not_before\":\"2020-01-01T00:00:00Z\",\"not_after\":\"2100-01-01T00:00:00Z\"}]";

static sl_codec *enc, *dec;
static sl_keyring *ring;
static char text[1024 + 128];
static sl_str body;
static sl_envelope env;
static sl_record rec;

static void must(sl_status rc, const sl_error *err)
{
    if (rc) {
        fprintf(stderr, "envelope_bench: %s\n", err->text);
        exit(1);
    }
}

static void encode(const sl_keyring *r)
{
    sl_error err;
    must(sl_envelope_encode(enc, &env, &(sl_seal){r, SL_CLASS_PUBLIC}, &rec, &err), &err);
}

static void decode(void)
{
    sl_error err;
    sl_envelope out;
    must(sl_envelope_decode(dec, &rec, ring, SL_CLASS_PUBLIC, false, &out, &err), &err);
}

static void request_plain(void)
{
    encode(NULL);
}
static void request_sealed(void)
{
    encode(ring);
}
static void chunk_plain(void)
{
    env.seq++, encode(NULL);
}
static void chunk_sealed(void)
{
    env.seq++, encode(ring);
}

static void chat_parse(void)
{
    sl_error err;
    sl_chat_fault fault;
    sl_chat *c = NULL;
    must(sl_chat_parse(&c, SL_CHAT, body, sizeof(text), &fault, &err), &err);
    sl_chat_free(c);
}

static void report(const char *name, void (*fn)(void))
{
    enum { WARM = 2000, N = 50000 };
    for (int i = 0; i < WARM; i++)
        fn();
    uint64_t before = allocations;
    int64_t start = sl_mono_us();
    for (int i = 0; i < N; i++)
        fn();
    int64_t us = sl_mono_us() - start;
    printf("%-28s %8.0f ns  %5.2f allocations\n", name, (double)us * 1000 / N,
           (double)(allocations - before) / N);
}

static void pair(const char *name, void (*fn)(void))
{
    char line[64];
    snprintf(line, sizeof(line), "%s encode", name);
    report(line, fn);
    snprintf(line, sizeof(line), "%s decode", name);
    report(line, decode);
}

int main(void)
{
    sl_error err;
    must(sl_codec_open(&enc, "/sluice/bench/0", &err), &err);
    must(sl_codec_open(&dec, "/sluice/bench/1", &err), &err);
    must(sl_keyring_parse(&ring, "keys", sl_str_c(KEYS), &err), &err);
    char words[1025];
    for (int i = 0; i < 1024; i++)
        words[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 26);
    words[1024] = '\0';
    int n = snprintf(text, sizeof(text),
                     "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
                     words);
    body = (sl_str){text, (size_t)n};

    env = (sl_envelope){.type = SL_TYPE_REQUEST,
                        .subject = SL_STR("018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b1"),
                        .cls = SL_CLASS_PUBLIC,
                        .policy = SL_STR("0123456789abcdef0123456789abcdef"),
                        .tenant = SL_STR("acme"),
                        .deadline_ms = 1795521600000,
                        .body = body};
    pair("request 1 KB plain", request_plain);
    pair("request 1 KB encrypted", request_sealed);
    env = (sl_envelope){.type = SL_TYPE_CHUNK,
                        .subject = SL_STR("018f6b1e-2c3d-7e4f-8a5b-6c7d8e9fa0b1"),
                        .body = SL_STR("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\" "
                                       "word\"},\"finish_reason\":null}]}")};
    memcpy(env.requestchecksum, "0123456789abcdef0123456789abcdef", SL_CHECKSUM_TEXT);
    sl_run_new(env.run);
    pair("chunk plain", chunk_plain);
    pair("chunk encrypted", chunk_sealed);
    report("chat parse 1 KB", chat_parse);
    sl_codec_free(enc);
    sl_codec_free(dec);
    sl_keyring_unref(ring);
    return 0;
}
