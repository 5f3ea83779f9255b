/* pattern_cache.h - the compiled pattern database in a file, so that a start does not compile it.
 *
 * File: <dir>/patterns-<32 hex digits>.db, named by a digest of the expressions as they are
 * matched, of Vectorscan's version and of the processor's features; another build or machine has
 * another name. Written to a temporary name with mode 0600 and renamed; the 16 newest are kept.
 *
 *     bytes  0-7   "SLPATDB1"
 *     bytes  8-39  the digest that names the file
 *     bytes 40-71  SHA-256 of the database
 *     bytes 72-79  its length, little-endian
 *     bytes 80-    the database as hs_serialize_database wrote it
 *
 * Trust: Vectorscan believes the bytes that it is given, so whoever writes this file decides what
 * this process executes. A hostile directory could therefore take over the process or blind the
 * classifier. The checksum finds damage, not malice; against malice a file is used only when the
 * directory and the file belong to this user (or the directory to root), neither can be written
 * by others, both are what they seem (no links), and the file has one name. Whoever can still
 * write it can already act as this user. In any doubt the patterns are compiled, and the file is
 * replaced. A cache never fails a start.
 *
 * Threads: called from the one that opens the database. */
#ifndef SL_CLASSIFY_PATTERN_CACHE_H
#define SL_CLASSIFY_PATTERN_CACHE_H

#include "common/crypto/digest.h"

#include <stdbool.h>
#include <stddef.h>

#define SL_PATTERN_DB_MAX (8u << 20) /* bytes of all compiled databases */

struct hs_database;

/* The directory to use, into buf: dir, or the default when dir is NULL (SLUICE_CACHE_DIR, else
 * sluice/ under XDG_CACHE_HOME or ~/.cache; an empty variable turns the cache off). It is made when
 * it is absent. False: none, or it can't be trusted. */
bool sl_pattern_cache_dir(const char *dir, char *buf, size_t cap);
/* The database of this key, or NULL. sl_pattern_cache_free when it is not kept. */
struct hs_database *sl_pattern_cache_load(const char *dir, const uint8_t key[SL_SHA256_SIZE]);
void sl_pattern_cache_free(struct hs_database *db);
/* Best effort; false when it was not stored. */
bool sl_pattern_cache_store(const char *dir, const uint8_t key[SL_SHA256_SIZE],
                            const struct hs_database *db);

#endif
