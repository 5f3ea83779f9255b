/* rig.h - one classifier for a test program of this folder: open, ask, look at what was found.
 *
 * setup and teardown are the group's. classify leaves the level, the doubt and the findings in the
 * variables below until the next call. Included once by each program that needs it. */
#ifndef TESTS_UNIT_ROUTER_CLASSIFY_RIG_H
#define TESTS_UNIT_ROUTER_CLASSIFY_RIG_H

#include "router/classify/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RIG      __attribute__((unused))
#define COUNT(a) (sizeof(a) / sizeof *(a))

static sl_classifier *c;
static sl_arena arena;
static sl_level level;
static bool doubt;
static sl_finding *found;
static size_t found_n;

static RIG int setup(void **state)
{
    (void)state;
    sl_error err = {0};
    if (sl_classifier_open(&c, &err) != SL_OK)
        fail_msg("%s", err.text);
    return 0;
}

static RIG int teardown(void **state)
{
    (void)state;
    sl_classifier_free(c);
    sl_arena_done(&arena);
    return 0;
}

static RIG void begin(const sl_dictionary *dict, const sl_entity_set *allow)
{
    sl_arena_reset(&arena);
    sl_classify_begin(c, dict, allow, &arena);
}

static RIG void end(void)
{
    sl_classify_end(c, &level, &doubt, &found, &found_n);
}

static RIG void classify(sl_str text)
{
    begin(NULL, NULL);
    sl_classify_text(c, "text", text);
    end();
}

static RIG sl_level level_of(sl_str text)
{
    classify(text);
    return level;
}

static RIG const char *first_found(void)
{
    return found_n ? found[0].entity : "nothing";
}

static RIG const sl_finding *finding(const char *entity)
{
    for (size_t i = 0; i < found_n; i++) {
        if (strcmp(found[i].entity, entity) == 0)
            return &found[i];
    }
    return NULL;
}

/* ---- tables of texts ---- */

/* Every text is of one of these levels; tells all that are not. */
static RIG void check_levels(const char *const *texts, size_t n, sl_level least, sl_level most)
{
    int wrong = 0;
    for (size_t i = 0; i < n; i++) {
        classify(sl_str_c(texts[i]));
        if (level < least || level > most) {
            print_error("%s (%s): \"%s\"\n", sl_level_name(level), first_found(), texts[i]);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}
#define INNOCENT(texts) check_levels(texts, COUNT(texts), SL_LEVEL_PUBLIC, SL_LEVEL_PUBLIC)

typedef struct rig_line {
    const char *text, *entity;
} rig_line;

/* Each text has the finding, and is of the level given or above. */
static RIG void check_found(const rig_line *lines, size_t n, sl_level least)
{
    for (size_t i = 0; i < n; i++) {
        classify(sl_str_c(lines[i].text));
        if (!finding(lines[i].entity) || level < least)
            fail_msg("\"%s\": level %s, %s %s", lines[i].text, sl_level_name(level),
                     lines[i].entity, finding(lines[i].entity) ? "found" : "not found");
    }
}
#define FOUND(lines, least) check_found(lines, COUNT(lines), least)

#endif
