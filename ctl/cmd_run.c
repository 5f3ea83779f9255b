/* cmd_run.c - `sluice run`: model in, text out, in this process. */
#include "common/base/jsonw.h"
#include "ctl/cmd.h"
#include "private-worker/engine/engine.h"

#include <poll.h>
#include <stdio.h>

typedef struct result {
    bool done, json;
    sl_buf text; /* of the answer, for --json */
    sl_gen_event end;
} result;

static void on_event(void *arg, const sl_gen_event *ev)
{
    result *r = arg;
    if (ev->text.n && r->json) {
        sl_buf_add_str(&r->text, ev->text);
    } else if (ev->text.n) {
        fwrite(ev->text.p, 1, ev->text.n, stdout);
        fflush(stdout);
    }
    if (ev->end) {
        r->done = true;
        r->end = *ev;
    }
}

/* The request as an OpenAI body, so that `run` and the worker read it by the same rules. */
static sl_status make_chat(sl_chat **ret, const char *prompt, const char *system,
                           int64_t max_tokens, const char *temperature, int64_t seed, bool raw,
                           sl_error *reterr)
{
    sl_buf body = {0};
    sl_chat_fault fault;
    sl_jsonw w = sl_jsonw_on(&body);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_cstr(&w, "model", "auto");
    if (raw) {
        sl_jsonw_cstr(&w, "prompt", prompt);
    } else {
        const char *const texts[][2] = {{"system", system}, {"user", prompt}};
        sl_jsonw_arr(&w, "messages");
        for (int i = system[0] ? 0 : 1; i < 2; i++) {
            sl_jsonw_obj(&w, NULL);
            sl_jsonw_cstr(&w, "role", texts[i][0]);
            sl_jsonw_cstr(&w, "content", texts[i][1]);
            sl_jsonw_end_obj(&w);
        }
        sl_jsonw_end_arr(&w);
    }
    sl_jsonw_i64(&w, "max_tokens", max_tokens);
    sl_jsonw_i64(&w, "seed", seed);
    if (temperature[0])
        sl_jsonw_raw(&w, "temperature", sl_str_c(temperature));
    sl_jsonw_end_obj(&w);
    sl_status st = sl_chat_parse(ret, raw ? SL_COMPLETION : SL_CHAT, sl_buf_str(&body),
                                 SL_RECORD_MAX, &fault, reterr);
    sl_buf_done(&body);
    return st;
}

static sl_status generate(sl_engine *e, const sl_chat *chat, result *r, sl_error *reterr)
{
    sl_gen *gen = NULL;
    sl_status st = sl_engine_submit(e, chat, NULL, &gen, reterr);
    while (!st && !r->done) {
        struct pollfd p = {.fd = sl_engine_fd(e), .events = POLLIN};
        (void)poll(&p, 1, 1000);
        sl_engine_poll(e, on_event, r);
    }
    if (!st && r->end.reason == SL_END_ERROR)
        st = sl_fail(reterr, r->end.error.code, "%s", r->end.error.text);
    return st;
}

static void report(const result *r, bool stats)
{
    if (!r->json) {
        putchar('\n');
        if (stats)
            fprintf(stderr, "%lld prompt tokens, %lld generated, ended by %s\n",
                    (long long)r->end.usage.prompt_tokens,
                    (long long)r->end.usage.completion_tokens, sl_end_name(r->end.reason));
        return;
    }
    sl_buf out = {0};
    sl_jsonw w = sl_jsonw_on(&out);
    sl_jsonw_obj(&w, NULL);
    sl_jsonw_str(&w, "text", r->text.len ? sl_buf_str(&r->text) : SL_STR(""));
    sl_jsonw_cstr(&w, "finish_reason", sl_end_name(r->end.reason));
    sl_jsonw_i64(&w, "prompt_tokens", r->end.usage.prompt_tokens);
    sl_jsonw_i64(&w, "completion_tokens", r->end.usage.completion_tokens);
    sl_jsonw_end_obj(&w);
    puts(out.data ? out.data : "");
    sl_buf_done(&out);
}

static sl_status run_model(const char *path, int64_t threads, const sl_chat *chat, result *r,
                           sl_error *reterr)
{
    sl_model *model = NULL;
    sl_engine *engine = NULL;
    sl_status st =
        sl_model_open(&model, &(sl_model_options){.path = path, .backend = "cpu"}, reterr);
    if (!st)
        st = sl_engine_open(&engine, model,
                            &(sl_engine_options){.threads = (int)threads, .slots = 1}, reterr);
    if (!st)
        st = generate(engine, chat, r, reterr);
    sl_engine_free(engine);
    sl_model_free(model);
    return st;
}

int sl_cmd_run(int argc, char **argv)
{
    const char *path = NULL, *prompt = NULL, *system = NULL, *temperature = NULL;
    int64_t threads = 0, max_tokens = 0, seed = 0;
    bool raw = false, stats = false;
    result r = {0};
    const sl_arg table[] = {
        {"model", "FILE", "", "a GGUF file", &path, NULL, NULL},
        {"prompt", "TEXT", "", "what to ask", &prompt, NULL, NULL},
        {"system", "TEXT", "", "system prompt", &system, NULL, NULL},
        {"max-tokens", "N", "256", "most tokens of the answer", NULL, NULL, &max_tokens},
        {"temperature", "T", "0", "0: always the likeliest token", &temperature, NULL, NULL},
        {"seed", "N", "0", "the same seed gives the same text", NULL, NULL, &seed},
        {"threads", "N", "0", "0: all cores", NULL, NULL, &threads},
        {"raw", NULL, NULL, "complete the prompt as it is, without the chat template", NULL, &raw,
         NULL},
        {"stats", NULL, NULL, "tokens at the end, on standard error", NULL, &stats, NULL},
        {"json", NULL, NULL, "one JSON object at the end", NULL, &r.json, NULL},
        {0},
    };
    sl_args a = {.command = "run",
                 .words = "[MODEL TEXT]",
                 .summary = "Runs a model on a prompt and prints the text as it comes. Words stand "
                            "for --model and --prompt.",
                 .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    sl_error err = {0};
    sl_chat *chat = NULL;
    if (a.words_n == 2 && !path[0] && !prompt[0]) {
        path = a.word[0];
        prompt = a.word[1];
        a.words_n = 0;
    }
    sl_status st = SL_OK;
    if (a.words_n || !path[0] || !prompt[0])
        st = sl_fail(&err, SL_E_INVALID, "a model file and a text are needed: MODEL TEXT");
    else if (threads < 0 || threads > 1024 || max_tokens < 1 || !sl_cmd_is_number(temperature))
        st = sl_fail(&err, SL_E_INVALID,
                     "--threads is 0 to 1024, --max-tokens at least 1, --temperature a number");
    if (!st)
        st = make_chat(&chat, prompt, system, max_tokens, temperature, seed, raw, &err);
    if (!st)
        st = run_model(path, threads, chat, &r, &err);
    if (!st)
        report(&r, stats);
    sl_buf_done(&r.text);
    sl_chat_free(chat);
    sl_args_done(&a);
    return st ? sl_cmd_fail("run", &err) : SL_EXIT_OK;
}
