#include "private-worker/engine/template.h"

#include <stdlib.h>
#include <xxhash.h>

typedef enum family { FAMILY_NONE, FAMILY_UNKNOWN, FAMILY_CHATML, FAMILY_LLAMA3 } family;

struct sl_template {
    family family;
    bool has_default; /* a system message for chats that begin without one */
    sl_buf default_system, bos;
    char digest[33];
};

/* ---- recognising ---- */
/* Programs in the form that `squeeze` gives them. \1 stands for any text without a quote. */
#define LOOP_CHATML                                                                       \
    "{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'}}{%endfor%}" \
    "{%ifadd_generation_prompt%}{{'<|im_start|>assistant\n'}}{%endif%}"
#define FOR_MESSAGES "{%formessageinmessages%}"
#define UNSET_PROMPT \
    "{%ifnotadd_generation_promptisdefined%}{%setadd_generation_prompt=false%}{%endif%}"

static const struct {
    family family;
    const char *text;
} known[] = {
    {FAMILY_CHATML, FOR_MESSAGES LOOP_CHATML},
    {FAMILY_CHATML, UNSET_PROMPT FOR_MESSAGES LOOP_CHATML},
    {FAMILY_CHATML, FOR_MESSAGES "{%ifloop.firstandmessages[0]['role']!='system'%}{{'<|im_start|>"
                                 "system\n\1<|im_end|>\n'}}{%endif%}" LOOP_CHATML},
    {FAMILY_LLAMA3,
     "{%setloop_messages=messages%}{%formessageinloop_messages%}{%setcontent='<|start_header_id|>'+"
     "message['role']+'<|end_header_id|>\n\n'+message['content']|trim+'<|eot_id|>'%}{%ifloop."
     "index0==0%}"
     "{%setcontent=bos_token+content%}{%endif%}{{content}}{%endfor%}{%ifadd_generation_prompt%}"
     "{{'<|start_header_id|>assistant<|end_header_id|>\n\n'}}{%endif%}"},
};

/* Brings a program to one form: blanks in code and blank control go, "\n" in strings
 * becomes a line break, neighbouring literals are joined. Text between blocks stays as the
 * renderer that the templates are written for leaves it (trim_blocks and lstrip_blocks are on). */
typedef struct squeezer {
    sl_str in;
    sl_buf *out;
    size_t i;          /* next character of in */
    size_t line_start; /* where the current line of text begins in out */
} squeezer;

static char peek(const squeezer *z, size_t ahead)
{
    return z->i + ahead < z->in.n ? z->in.p[z->i + ahead] : 0;
}
static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A string of code, from its opening quote on. */
static void squeeze_string(squeezer *z)
{
    sl_buf *out = z->out;
    if (out->len > 2 && !memcmp(out->data + out->len - 2, "'+", 2))
        out->len -= 2; /* 'a' + 'b' */
    else
        sl_buf_addc(out, '\'');
    for (z->i++; z->i < z->in.n;) {
        if (peek(z, 0) == '\\' && peek(z, 1) == 'n') {
            sl_buf_addc(out, '\n');
            z->i += 2;
            continue;
        }
        char c = z->in.p[z->i++];
        sl_buf_addc(out, c);
        if (c == '\'')
            return;
    }
}

/* "{%" or "{{" with what it takes away before it. */
static void squeeze_open(squeezer *z)
{
    sl_buf *out = z->out;
    bool dash = peek(z, 2) == '-', block = peek(z, 1) == '%';
    size_t end = out->len;
    while (end && blank(out->data[end - 1]) &&
           (dash || (block && out->data[end - 1] != '\n' && end > z->line_start)))
        end--;
    if (dash || end == z->line_start)
        out->len = end;
    sl_buf_add(out, z->in.p + z->i, 2);
    z->i += dash ? 3 : 2;
}

/* "%}" or "}}" with what it takes away behind it. */
static void squeeze_close(squeezer *z)
{
    sl_buf *out = z->out;
    bool dash = out->len && out->data[out->len - 1] == '-', block = peek(z, 0) == '%';
    out->len -= dash;
    sl_buf_add(out, z->in.p + z->i, 2);
    z->i += 2;
    while (dash && z->i < z->in.n && blank(peek(z, 0)))
        z->i++;
    if (block && !dash && peek(z, 0) == '\n')
        z->i++;
    if (dash || block)
        z->line_start = out->len;
}

static bool squeeze(sl_str in, sl_buf *out)
{
    squeezer z = {.in = in, .out = out};
    bool code = false;
    while (z.i < in.n) {
        char c = in.p[z.i], d = peek(&z, 1);
        if (code && c == '\'') {
            squeeze_string(&z);
        } else if (!code && c == '{' && (d == '%' || d == '{')) {
            squeeze_open(&z);
            code = true;
        } else if (code && (c == '%' || c == '}') && d == '}') {
            squeeze_close(&z);
            code = false;
        } else {
            if (!code || !blank(c))
                sl_buf_addc(out, c);
            z.i++;
            if (!code && c == '\n')
                z.line_start = out->len;
        }
    }
    return sl_buf_ok(out);
}

static void replace(sl_buf *b, const char *from, const char *to)
{
    sl_buf out = {0};
    const char *p = b->data, *hit;
    while (p && (hit = strstr(p, from))) {
        sl_buf_add(&out, p, (size_t)(hit - p));
        sl_buf_adds(&out, to);
        p = hit + strlen(from);
    }
    if (p)
        sl_buf_adds(&out, p);
    sl_buf_done(b);
    *b = out;
}

/* Whether text is the pattern; *ret is what \1 stands for. */
static bool matches(sl_str text, const char *pattern, sl_str *ret)
{
    const char *hole = strchr(pattern, 1);
    if (!hole)
        return sl_str_is(text, pattern);
    size_t head = (size_t)(hole - pattern), tail = strlen(hole + 1);
    if (text.n < head + tail || memcmp(text.p, pattern, head) ||
        memcmp(text.p + text.n - tail, hole + 1, tail))
        return false;
    *ret = (sl_str){text.p + head, text.n - head - tail};
    return !memchr(ret->p, '\'', ret->n) && !memchr(ret->p, '\\', ret->n);
}

static sl_status recognise(sl_template *t, sl_str text, sl_error *err)
{
    sl_buf form = {0};
    bool ok = squeeze(text, &form);
    replace(&form, "message.role", "message['role']");
    replace(&form, "message.content", "message['content']");
    replace(&form, "[0].role", "[0]['role']");
    ok = ok && sl_buf_ok(&form);
    for (size_t i = 0; ok && i < sizeof(known) / sizeof(known[0]); i++) {
        sl_str hole = {0};
        if (!matches(sl_buf_str(&form), known[i].text, &hole))
            continue;
        t->family = known[i].family;
        t->has_default = hole.p != NULL;
        sl_buf_add_str(&t->default_system, hole);
        break;
    }
    sl_buf_done(&form);
    return ok && sl_buf_ok(&t->default_system)
               ? SL_OK
               : sl_fail(err, SL_E_NOMEM, "no memory for the chat template");
}

sl_status sl_template_open(sl_template **ret, sl_str text, sl_str bos, sl_error *reterr)
{
    if (text.p && !sl_utf8_valid(text.p, text.n))
        return sl_fail(reterr, SL_E_INVALID, "tokenizer.chat_template is not UTF-8");
    sl_template *t = calloc(1, sizeof(*t));
    if (!t)
        return sl_fail(reterr, SL_E_NOMEM, "no memory for the chat template");
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(text.p ? text.p : "", text.n));
    sl_hex_encode(t->digest, &digest, sizeof(digest));
    t->family = text.p ? FAMILY_UNKNOWN : FAMILY_NONE;
    sl_buf_add_str(&t->bos, bos);
    sl_status st = text.p ? recognise(t, text, reterr) : SL_OK;
    if (st) {
        sl_template_free(t);
        return st;
    }
    *ret = t;
    return SL_OK;
}

void sl_template_free(sl_template *t)
{
    if (!t)
        return;
    sl_buf_done(&t->default_system);
    sl_buf_done(&t->bos);
    free(t);
}

const char *sl_template_digest(const sl_template *t)
{
    return t->digest;
}

/* ---- rendering ---- */
void sl_prompt_done(sl_prompt *p)
{
    sl_buf_done(&p->text);
    free(p->plain);
    *p = (sl_prompt){0};
}

/* Text that a user wrote. */
static void plain(sl_prompt *p, sl_str s)
{
    if (p->plain_n == p->plain_cap) {
        size_t cap = p->plain_cap ? 2 * p->plain_cap : 16;
        sl_span *v = realloc(p->plain, cap * sizeof(*v));
        if (!v) {
            p->text.failed = true;
            return;
        }
        p->plain = v;
        p->plain_cap = cap;
    }
    p->plain[p->plain_n++] = (sl_span){p->text.len, s.n};
    sl_buf_add_str(&p->text, s);
}

static sl_str trim(sl_str s)
{
    while (s.n && strchr(" \t\n\r\v\f", s.p[0]))
        s.p++, s.n--;
    while (s.n && strchr(" \t\n\r\v\f", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* An earlier turn that called tools, as text in the form that ChatML models write calls. */
static void tool_calls(sl_prompt *p, const sl_jnode *calls)
{
    sl_buf json = {0};
    for (const sl_jnode *c = sl_json_first(calls); c; c = sl_json_next(c)) {
        const sl_jnode *fn = sl_json_get(c, "function");
        sl_buf_adds(&json, "\n<tool_call>\n");
        sl_json_write(fn ? fn : c, &json);
        sl_buf_adds(&json, "\n</tool_call>");
    }
    if (!sl_buf_ok(&json))
        p->text.failed = true;
    plain(p, sl_buf_str(&json));
    sl_buf_done(&json);
}

static sl_str role_of(const sl_chat_message *m)
{
    return sl_str_is(m->role, "developer") ? SL_STR("system") : m->role; /* the same, newer name */
}

static void render_chatml(const sl_template *t, const sl_chat *chat, sl_prompt *p)
{
    if (t->has_default && !sl_str_is(role_of(&chat->messages[0]), "system")) {
        sl_buf_adds(&p->text, "<|im_start|>system\n");
        sl_buf_add_str(&p->text, sl_buf_str(&t->default_system));
        sl_buf_adds(&p->text, "<|im_end|>\n");
    }
    for (size_t i = 0; i < chat->messages_n; i++) {
        const sl_chat_message *m = &chat->messages[i];
        sl_buf_adds(&p->text, "<|im_start|>");
        plain(p, role_of(m));
        sl_buf_adds(&p->text, "\n");
        plain(p, m->content);
        if (m->tool_calls)
            tool_calls(p, m->tool_calls);
        sl_buf_adds(&p->text, "<|im_end|>\n");
    }
    sl_buf_adds(&p->text, "<|im_start|>assistant\n");
}

static void render_llama3(const sl_template *t, const sl_chat *chat, sl_prompt *p)
{
    sl_buf_add_str(&p->text, sl_buf_str(&t->bos));
    for (size_t i = 0; i < chat->messages_n; i++) {
        const sl_chat_message *m = &chat->messages[i];
        sl_buf_adds(&p->text, "<|start_header_id|>");
        plain(p, role_of(m));
        sl_buf_adds(&p->text, "<|end_header_id|>\n\n");
        plain(p, trim(m->content));
        if (m->tool_calls)
            tool_calls(p, m->tool_calls);
        sl_buf_adds(&p->text, "<|eot_id|>");
    }
    sl_buf_adds(&p->text, "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

static sl_status check(const sl_template *t, const sl_chat *chat, sl_error *err)
{
    if (t->family == FAMILY_NONE)
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "this model has no chat template; use /v1/completions");
    if (t->family == FAMILY_UNKNOWN)
        return sl_fail(
            err, SL_E_UNSUPPORTED,
            "this model's chat template (digest %s) is not one that this build renders; it renders "
            "ChatML and Llama 3",
            t->digest);
    if (chat->tools && sl_json_size(chat->tools))
        return sl_fail(err, SL_E_UNSUPPORTED, "this model's chat template has no tools");
    if (!chat->messages_n)
        return sl_fail(err, SL_E_INVALID, "the chat has no messages");
    for (size_t i = 0; i < chat->messages_n; i++)
        if (chat->messages[i].opaque)
            return sl_fail(err, SL_E_UNSUPPORTED,
                           "messages[%zu] has a part that is not text; this model reads text", i);
    return SL_OK;
}

sl_status sl_template_render(const sl_template *t, const sl_chat *chat, sl_prompt *out,
                             sl_error *reterr)
{
    sl_status st = check(t, chat, reterr);
    if (st)
        return st;
    if (t->family == FAMILY_CHATML)
        render_chatml(t, chat, out);
    else
        render_llama3(t, chat, out);
    return sl_buf_ok(&out->text) ? SL_OK : sl_fail(reterr, SL_E_NOMEM, "no memory for the prompt");
}
