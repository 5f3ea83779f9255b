#include "private-worker/engine/pretoken.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

/* White_Space of Unicode as a class. PCRE2's own \s with UCP also has U+180E, which the libraries
 * that trained these tokenizers do not count. */
#define WS                                                                                         \
    "\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}" \
    "\\x{3000}"
#define S     "[" WS "]"
#define NOT_S "[^" WS "]"

#define GPT2 \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" S "+(?!" NOT_S ")"
#define CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define TAIL         " ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" S "*[\\r\\n]+|" S "+(?!" NOT_S ")|" S "+"
#define WORDS        CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"

#define STAGES_MAX 4
typedef struct cut {
    const char *names; /* '|'-separated values of tokenizer.ggml.pre */
    bool ignore_merges, nfc, add_bos;
    const char *stages[STAGES_MAX];
} cut;

static const cut cuts[] = {
    {"smollm|starcoder|refact|command-r|codeshell|minerva", false, false, false, {"\\p{N}", GPT2}},
    {"gpt-2|gpt2|mpt|olmo|jais", false, false, false, {GPT2}},
    {"llama-bpe|llama3|llama-v3", true, false, true, {WORDS "\\p{N}{1,3}|" TAIL}},
    {"qwen2|deepseek-r1-qwen", false, true, false, {WORDS "\\p{N}|" TAIL}},
    {"default", false, false, false, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
};

struct sl_pretoken {
    const cut *cut;
    pcre2_code *code[STAGES_MAX];
    int stages;
};

static bool named(const char *names, sl_str name)
{
    for (const char *p = names; name.n && *p;) {
        size_t n = strcspn(p, "|");
        if (sl_str_eq((sl_str){p, n}, name))
            return true;
        p += n + (p[n] == '|');
    }
    return false;
}

sl_status sl_pretoken_open(sl_pretoken **ret, sl_str name, sl_error *reterr)
{
    const cut *found = NULL;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        if (named(cuts[i].names, name))
            found = &cuts[i];
    if (!found)
        return sl_fail(
            reterr, SL_E_UNSUPPORTED,
            "tokenizer.ggml.pre names a cut that this build does not have; it has smollm, gpt-2, "
            "llama-bpe, qwen2, default");
    sl_pretoken *p = calloc(1, sizeof(*p));
    if (!p)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the tokenizer");
    p->cut = found;
    for (int i = 0; i < STAGES_MAX && found->stages[i]; i++) {
        int code;
        PCRE2_SIZE off;
        p->code[i] = pcre2_compile((PCRE2_SPTR)found->stages[i], PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_UCP, &code, &off, NULL);
        if (!p->code[i]) {
            sl_pretoken_free(p);
            return sl_fail(reterr, SL_E_INTERNAL,
                           "a tokenizer pattern does not compile (%d at %zu)", code, off);
        }
        p->stages++;
        (void)pcre2_jit_compile(p->code[i], PCRE2_JIT_COMPLETE); /* without JIT it is only slower */
    }
    *ret = p;
    return SL_OK;
}

void sl_pretoken_free(sl_pretoken *p)
{
    if (!p)
        return;
    for (int i = 0; i < STAGES_MAX; i++)
        pcre2_code_free(p->code[i]);
    free(p);
}

bool sl_pretoken_ignore_merges(const sl_pretoken *p)
{
    return p->cut->ignore_merges;
}
bool sl_pretoken_nfc(const sl_pretoken *p)
{
    return p->cut->nfc;
}
bool sl_pretoken_add_bos(const sl_pretoken *p)
{
    return p->cut->add_bos;
}

typedef struct scan {
    const sl_pretoken *p;
    pcre2_match_data *md;
    sl_piece_fn fn;
    void *arg;
    sl_error *err;
} scan;

/* Cuts one segment with pattern `stage`; later patterns see each piece as a text of its own. */
static sl_status scan_stage(scan *s, int stage, const char *p, size_t n)
{
    if (n == 0)
        return SL_OK;
    if (stage == s->p->stages)
        return s->fn(s->arg, p, n);
    size_t at = 0;
    while (at < n) {
        int rc = pcre2_match(s->p->code[stage], (PCRE2_SPTR)p, n, at,
                             PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->md, NULL);
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
            return sl_fail(s->err, SL_E_INTERNAL, "the tokenizer's pattern failed (%d)", rc);
        if (rc < 0)
            break;
        const PCRE2_SIZE *ov = pcre2_get_ovector_pointer(s->md);
        size_t from = ov[0], to = ov[1]; /* md is used again below */
        sl_status st = scan_stage(s, stage + 1, p + at, from - at);
        if (!st)
            st = scan_stage(s, stage + 1, p + from, to - from);
        if (st)
            return st;
        at = to;
    }
    return scan_stage(s, stage + 1, p + at, n - at);
}

sl_status sl_pretoken_scan(const sl_pretoken *p, sl_str text, sl_piece_fn fn, void *arg,
                           sl_error *reterr)
{
    scan s = {p, pcre2_match_data_create(1, NULL), fn, arg, reterr};
    if (!s.md)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the tokenizer");
    sl_status st = scan_stage(&s, 0, text.p, text.n);
    pcre2_match_data_free(s.md);
    return st;
}
