/* template.h - a chat becomes the model's prompt.
 *
 * A GGUF file carries its chat template as a Jinja program. Sluice runs none: it recognises the
 * program by its text (blanks outside strings aside) and renders that family natively. A program
 * that is not known is refused by its digest, never approximated.
 * Threads: immutable once opened.
 * Errors: SL_E_UNSUPPORTED (unknown template; tools, images), SL_E_INVALID. */
#ifndef SL_ENGINE_TEMPLATE_H
#define SL_ENGINE_TEMPLATE_H

#include "private-worker/engine/tokenizer.h"
#include "schemas/chat.h"

typedef struct sl_template sl_template;

/* text p NULL: the file has no template; then only completions run. bos: the text of that token. */
sl_status sl_template_open(sl_template **ret, sl_str text, sl_str bos,
                           sl_error *reterr) SL_MUST_CHECK;
void sl_template_free(sl_template *t);                /* NULL is fine */
const char *sl_template_digest(const sl_template *t); /* XXH3-128 in hex */

/* A prompt: its text, and which parts of it a user wrote. */
typedef struct sl_prompt {
    sl_buf text;
    sl_span *plain;
    size_t plain_n, plain_cap;
} sl_prompt;
void sl_prompt_done(sl_prompt *p);

sl_status sl_template_render(const sl_template *t, const sl_chat *chat, sl_prompt *out,
                             sl_error *reterr) SL_MUST_CHECK;

#endif
