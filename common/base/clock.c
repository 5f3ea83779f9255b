#include "common/base/clock.h"

#include "common/base/buf.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t sl_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}
int64_t sl_unix_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

/* ---- calendar: Howard Hinnant's days_from_civil and its inverse, proleptic Gregorian ---- */

static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static char *put_digits(char *p, uint32_t v, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return p + width;
}

#define YEAR_0_US    (-62167219200000000) /* 0000-01-01T00:00:00Z */
#define YEAR_9999_US 253402300799999999   /* 9999-12-31T23:59:59.999999Z */

void sl_time_format(char out[SL_TIME_TEXT], int64_t us)
{
    /* RFC 3339 has four digits for the year; times outside are shown as its ends. */
    if (us < YEAR_0_US)
        us = YEAR_0_US;
    if (us > YEAR_9999_US)
        us = YEAR_9999_US;
    int64_t secs = us / 1000000, frac = us % 1000000;
    if (frac < 0)
        frac += 1000000, secs--;
    int64_t days = secs / 86400, rest = secs % 86400;
    if (rest < 0)
        rest += 86400, days--;
    int64_t y;
    unsigned m, d;
    civil_from_days(days, &y, &m, &d);
    char *p = put_digits(out, (uint32_t)y, 4);
    *p++ = '-', p = put_digits(p, m, 2);
    *p++ = '-', p = put_digits(p, d, 2);
    *p++ = 'T', p = put_digits(p, (uint32_t)(rest / 3600), 2);
    *p++ = ':', p = put_digits(p, (uint32_t)(rest / 60 % 60), 2);
    *p++ = ':', p = put_digits(p, (uint32_t)(rest % 60), 2);
    *p++ = '.', p = put_digits(p, (uint32_t)frac, 6);
    *p++ = 'Z', *p = '\0';
}

/* Reads exactly `width` digits at *p; false when one is missing. */
static bool take_digits(const char **p, const char *end, int width, unsigned *ret)
{
    unsigned v = 0;
    if (end - *p < width)
        return false;
    for (int i = 0; i < width; i++, (*p)++) {
        unsigned d = (unsigned char)**p - (unsigned)'0';
        if (d > 9)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    return true;
}

static bool take_char(const char **p, const char *end, char c)
{
    if (*p == end || **p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_fraction(const char **p, const char *end, int64_t *ret_us)
{
    int64_t us = 0, scale = 100000;
    const char *start = *p;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        us += (**p - '0') * scale; /* digits past the sixth are cut: scale is 0 */
        scale /= 10;
    }
    *ret_us = us;
    return *p > start;
}

static bool take_offset(const char **p, const char *end, int64_t *ret_s)
{
    unsigned h, m;
    *ret_s = 0;
    if (take_char(p, end, 'Z') || take_char(p, end, 'z'))
        return true;
    bool minus = *p < end && **p == '-';
    if (!minus && (*p == end || **p != '+'))
        return false;
    (*p)++;
    if (!take_digits(p, end, 2, &h) || !take_char(p, end, ':') || !take_digits(p, end, 2, &m) ||
        h > 23 || m > 59)
        return false;
    *ret_s = (int64_t)(h * 3600 + m * 60) * (minus ? -1 : 1);
    return true;
}

bool sl_time_parse(const char *p, size_t n, int64_t *ret)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *end = p + n;
    unsigned y, mo, d, h, mi, s;
    int64_t frac = 0, offset;
    if (!take_digits(&p, end, 4, &y) || !take_char(&p, end, '-') || !take_digits(&p, end, 2, &mo) ||
        !take_char(&p, end, '-') || !take_digits(&p, end, 2, &d))
        return false;
    if (!take_char(&p, end, 'T') && !take_char(&p, end, 't') && !take_char(&p, end, ' '))
        return false;
    if (!take_digits(&p, end, 2, &h) || !take_char(&p, end, ':') || !take_digits(&p, end, 2, &mi) ||
        !take_char(&p, end, ':') || !take_digits(&p, end, 2, &s))
        return false;
    if (take_char(&p, end, '.') && !take_fraction(&p, end, &frac))
        return false;
    if (!take_offset(&p, end, &offset) || p != end)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] + (leap && mo == 2 ? 1u : 0u) ||
        h > 23 || mi > 59 || s > 60) /* 60: a leap second, read as the next second */
        return false;
    int64_t secs = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset;
    *ret = secs * 1000000 + frac;
    return true;
}

/* ---- randomness ---- */

/* Each thread keeps kernel bytes, so that an id costs no system call. Bytes are wiped as they are
 * handed out. A child after fork must not repeat its parent's: the generation tells it. */
static _Thread_local struct {
    uint8_t bytes[512];
    size_t left;
    unsigned generation;
} pool;
static atomic_uint fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add(&fork_generation, 1);
}
static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

static void kernel_random(uint8_t *p, size_t n)
{
    while (n) {
        ssize_t k = getrandom(p, n, 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            abort(); /* no randomness: ids and salts would repeat, nothing may go on */
        p += k;
        n -= (size_t)k;
    }
}

void sl_random(void *out, size_t n)
{
    if (n > sizeof(pool.bytes) / 2) {
        kernel_random(out, n);
        return;
    }
    unsigned generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    if (pool.left < n || pool.generation != generation) {
        pthread_once(&fork_once, watch_forks);
        kernel_random(pool.bytes, sizeof(pool.bytes));
        pool.left = sizeof(pool.bytes);
        pool.generation = generation;
    }
    pool.left -= n;
    memcpy(out, pool.bytes + pool.left, n);
    explicit_bzero(pool.bytes + pool.left, n);
}

/* ---- ids ---- */

static void uuid_text(char out[SL_UUID_TEXT], const uint8_t b[16])
{
    char hex[33];
    sl_hex_encode(hex, b, 16);
    memcpy(out, hex, 8);
    memcpy(out + 9, hex + 8, 4);
    memcpy(out + 14, hex + 12, 4);
    memcpy(out + 19, hex + 16, 4);
    memcpy(out + 24, hex + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
    out[36] = '\0';
}

void sl_uuid7(char out[SL_UUID_TEXT])
{
    /* RFC 9562 6.2 method 1: rand_a is a counter that starts at a random value under 2048 each
     * millisecond. When it is full, or the clock went back, time is borrowed from the next one. */
    static _Thread_local uint64_t last_ms;
    static _Thread_local uint16_t counter;
    uint8_t b[16];
    sl_random(b + 6, 10);
    uint64_t now = (uint64_t)sl_unix_ms();
    uint16_t seed = (uint16_t)((b[6] << 8 | b[7]) & 0x7ff);
    if (now > last_ms) {
        last_ms = now;
        counter = seed;
    } else if (++counter > 0xfff) {
        last_ms++;
        counter = seed;
    }
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(last_ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | counter >> 8);
    b[7] = (uint8_t)counter;
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    uuid_text(out, b);
}

void sl_uuid8(char out[SL_UUID_TEXT], const uint8_t digest[16])
{
    uint8_t b[16];
    memcpy(b, digest, 16);
    b[6] = (uint8_t)(0x80 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    uuid_text(out, b);
}

bool sl_uuid_valid(const char *p, size_t n)
{
    if (n != SL_UUID_TEXT - 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : !((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    }
    return true;
}
