/* follow_fuzz.c - any order of records of several runs: nothing crashes, a verdict that ended
 * stays, and what the client was given is counted as it was given. Three bytes a step: what, run,
 * time. */
#include "gateway/follow.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct run {
    uint64_t seq;
    sl_run_digest *digest;
} run;

static void on_delta(void *arg, const sl_chunk *delta)
{
    *(uint64_t *)arg += delta->content.n;
}

static void write_body(sl_buf *body, uint8_t what, bool fin)
{
    static const char *const texts[] = {"a", "ab", "b", ""};
    if (fin && what & 16)
        sl_chunk_write_error(body, "m", "t", "c");
    else if (fin)
        sl_chunk_write_usage(body, &(sl_usage){1, 2});
    else if (what & 16)
        sl_chunk_write_heartbeat(body);
    else if (what & 32)
        sl_buf_adds(body, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
                          "\"function\":{\"arguments\":\"{\"}}]},\"finish_reason\":null}]}");
    else
        sl_chunk_write_delta(body, SL_STR("assistant"), sl_str_c(texts[what & 3]),
                             what & 64 ? SL_STR("r") : (sl_str){0});
}

static sl_follow_verdict step(sl_follow *f, run *r, uint8_t what, uint8_t which, int64_t now)
{
    sl_buf body = {0};
    bool fin = what & 8;
    write_body(&body, what, fin);
    if (what & 128 && which & 128) /* malformed */
        sl_buf_consume(&body, body.len / 2);
    sl_envelope env = {.type = SL_TYPE_CHUNK,
                       .seq = r->seq + (which & 64 ? 1 : 0),
                       .fin = fin,
                       .count = r->seq,
                       .end = what & 16 ? SL_END_ERROR : SL_END_STOP,
                       .env = which & 32 ? SL_STR("e1") : SL_STR("e2"),
                       .body = sl_buf_str(&body)};
    snprintf(env.run, sizeof(env.run), "%032x", which & 15u);
    sl_checksum_bytes(env.checksum, body.data, body.len);
    sl_run_digest_text(r->digest, env.digest);
    if (!fin)
        sl_run_digest_add(r->digest, env.checksum);
    if (!(which & 16)) /* else it comes again */
        r->seq++;
    sl_follow_verdict v = sl_follow_record(f, &env, now);
    sl_buf_done(&body);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run runs[16] = {{0}};
    uint64_t given = 0;
    int64_t now = 1000;
    sl_follow *f;
    sl_follow_result res;
    sl_follow_verdict last = SL_FOLLOW_MORE;
    if (size < 1 || sl_follow_open(&f, data[0] & 1, on_delta, &given) != SL_OK)
        return 0;
    for (int i = 0; i < 16; i++)
        if (sl_run_digest_open(&runs[i].digest) != SL_OK)
            abort();
    for (size_t at = 1; at + 3 <= size; at += 3) {
        now += data[at + 2] * 100;
        sl_follow_verdict v = data[at] == 255 ? sl_follow_tick(f, now)
                              : data[at] == 254
                                  ? sl_follow_damaged(f, now)
                                  : step(f, &runs[data[at + 1] & 15], data[at], data[at + 1], now);
        if (last != SL_FOLLOW_MORE && v != last)
            abort();
        last = v;
        sl_follow_get_result(f, &res);
        if (res.text_bytes != given)
            abort();
    }
    if (last == SL_FOLLOW_FAILED && !sl_follow_why(f)[0])
        abort();
    for (int i = 0; i < 16; i++)
        sl_run_digest_free(runs[i].digest);
    sl_follow_free(f);
    return 0;
}
