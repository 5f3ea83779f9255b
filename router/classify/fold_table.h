/* fold_table.h - character by character: what the folded view makes of it (views.c walks texts).
 *
 * Built once a process from ICU's Unicode data: NFKC; default-ignorables, format characters and
 * decorating marks dropped; decimal digits of every script as ASCII; dashes '-', spaces ' ', dots
 * '.'; Latin letters without diacritics, in their case; other scripts in lower case.
 * Threads: constant once sl_fold_table_open returned true. */
#ifndef SL_CLASSIFY_FOLD_TABLE_H
#define SL_CLASSIFY_FOLD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SL_FOLD_POOL = 2048, SL_FOLD_EXPANSION = 31, SL_FOLD_SEGMENT = 16 };

/* Kinds, in the upper eight bits of an entry. */
#define SL_FOLD_SELF   0x00000000u /* stands for itself */
#define SL_FOLD_MAP    0x01000000u /* becomes the character of the lower bits */
#define SL_FOLD_DROP   0x02000000u
#define SL_FOLD_MARK   0x03000000u /* itself; dropped behind ASCII */
#define SL_FOLD_JOIN   0x04000000u /* may join what stands before: compose; dropped behind ASCII */
#define SL_FOLD_EXPAND 0x05000000u /* becomes the text of the pool */
#define SL_FOLD_KIND   0xff000000u

typedef struct sl_fold_table {
    const uint32_t *stage[0x110000 >> 8];
    struct {
        uint8_t n;
        char s[SL_FOLD_EXPANSION];
    } pool[SL_FOLD_POOL];
    uint32_t pool_n;
} sl_fold_table;

extern sl_fold_table sl_folding;

bool sl_fold_table_open(void); /* false: ICU's data or memory is missing */

static inline uint32_t sl_fold_entry(uint32_t ch)
{
    return sl_folding.stage[ch >> 8][ch & 0xff];
}

/* NFKC of a base and the marks behind it; at most out_max characters are written. */
size_t sl_fold_compose(const uint32_t *chars, size_t n, uint32_t *out, size_t out_max);

#endif
