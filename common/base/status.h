/* status.h - the one result type of every fallible function.
 *
 * Every fallible function returns sl_status (0 = SL_OK). Detail goes to an optional last
 * parameter `sl_error *reterr` (NULL is fine), which holds a fixed text buffer, so that no
 * failure path allocates. Texts say what was wrong and what to do; they never hold request
 * content, keys or a broker's own error string.
 * Threads: plain data; no globals. */
#ifndef SL_BASE_STATUS_H
#define SL_BASE_STATUS_H

#include <stdbool.h>

#define SL_MUST_CHECK   __attribute__((warn_unused_result))
#define SL_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef enum sl_status {
    SL_OK = 0,
    SL_E_INVALID,     /* the caller's or a user's input is wrong */
    SL_E_NOMEM,       /* an allocation failed */
    SL_E_IO,          /* a system call or a transport failed */
    SL_E_NOT_FOUND,   /* no such file, topic, model, key */
    SL_E_FULL,        /* backpressure: a queue or limit is reached, try later */
    SL_E_TIMEOUT,     /* a deadline passed */
    SL_E_CLOSED,      /* the peer or the object is closed */
    SL_E_DENIED,      /* authentication or authorisation refused */
    SL_E_UNAVAILABLE, /* the other side is down */
    SL_E_UNSUPPORTED, /* well-formed, but not something this build does */
    SL_E_CORRUPT,     /* checksum or structure of stored or received bytes is wrong */
    SL_E_UNAUTHENTIC, /* decryption or authentication of a record failed */
    SL_E_UNKNOWN_KEY, /* the key id of a record is not in the keyring (yet) */
    SL_E_TOO_LARGE,   /* over a size limit */
    SL_E_CONFLICT,    /* the same name stands for something else already */
    SL_E_INTERNAL     /* a broken invariant */
} sl_status;

typedef struct sl_error {
    sl_status code;
    bool retriable; /* the same call may succeed later */
    bool fatal;     /* the object is unusable: close it */
    char text[256];
} sl_error;

/* A short lower-case name: "invalid", "timeout", … Never NULL. */
const char *sl_status_name(sl_status code);

/* Fills *reterr (when not NULL) and returns `code`, so that a failure is one statement:
 *     return sl_fail(reterr, SL_E_INVALID, "port %d is out of range (1-65535)", port); */
sl_status sl_fail(sl_error *reterr, sl_status code, const char *fmt, ...) SL_PRINTF(3, 4);

/* Puts "prefix: " before the text of an error on its way up. NULL is fine. */
void sl_error_prefix(sl_error *err, const char *fmt, ...) SL_PRINTF(2, 3);

#endif
