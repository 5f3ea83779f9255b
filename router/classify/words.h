/* words.h - digits that are written in another form: Chinese and Korean numerals, digit words of
 * some twenty languages, letters that look like digits. Each run is judged where it stands, as the
 * number it means. Threads: one owner; the word table is constant once built. */
#ifndef SL_CLASSIFY_WORDS_H
#define SL_CLASSIFY_WORDS_H

#include "router/classify/classify.h"

bool sl_words_open(void); /* builds the table of words, once a process; false: no memory */
/* Runs near the view's hints. The context map must still be the view's. */
void sl_words_scan(sl_classifier *c, sl_str t);
/* The digit that a letter looks like, or -1. */
int sl_alike_digit(char ch);

/* pieces.c: [from, end) of t means `text`. It is read beside what stands around it there, once the
 * view's own scan is done. doubtful: weak signs in it don't count. */
void sl_pieces_add(sl_classifier *c, sl_str t, size_t from, size_t end, sl_str text, bool doubtful);
void sl_pieces_scan(sl_classifier *c, const sl_frame *f);
void sl_pieces_clear(sl_classifier *c);

#endif
