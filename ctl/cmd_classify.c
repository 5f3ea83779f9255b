/* cmd_classify.c - `sluice classify`: the gateway's classifier on texts. */
#include "common/base/json.h"
#include "common/base/jsonw.h"
#include "ctl/classify_explain.h"
#include "ctl/cmd.h"
#include "router/classify/entities.h"
#include "router/router.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (16u << 20)

typedef struct job {
    size_t invalid; /* lines that could not be read */
    sl_router *router;
    sl_policy *policy;
    sl_str tenant;
    bool json, explain;
    bool route; /* a policy was named: class and model are shown too */
    sl_arena arena;
    sl_buf out;
} job;

static sl_status classify(job *j, sl_str text, sl_decision *d, sl_error *reterr)
{
    sl_arena_reset(&j->arena);
    return sl_router_classify(j->router, j->policy, j->tenant, text, &j->arena, d, reterr);
}

/* The form that tools read: {"id","level","reasons"}; beside a policy {"class","model"} too. */
static void print_json(job *j, sl_str id, const sl_decision *d)
{
    sl_buf_clear(&j->out);
    sl_jsonw w = sl_jsonw_on(&j->out);
    sl_jsonw_obj(&w, NULL);
    if (id.p)
        sl_jsonw_str(&w, "id", id);
    sl_jsonw_cstr(&w, "level", sl_level_name(d->level));
    sl_jsonw_raw(&w, "reasons", d->reasons.n ? d->reasons : SL_STR("[]"));
    if (j->route) {
        sl_jsonw_cstr(&w, "class", sl_class_name(d->cls));
        sl_jsonw_cstr(&w, "model", d->model ? d->model : "");
    }
    sl_jsonw_end_obj(&w);
    sl_buf_addc(&j->out, '\n');
    fwrite(j->out.data, 1, j->out.len, stdout);
}

static sl_status print_people(const job *j, const char *name, sl_str text, const sl_decision *d,
                              sl_error *reterr)
{
    printf("%s: %s\n", name, sl_level_name(d->level));
    if (j->route)
        printf("  route: %s, model %s\n", sl_class_name(d->cls), d->model ? d->model : "none");
    if (j->explain)
        return sl_classify_explain(text, d->findings, d->findings_n, reterr);
    for (size_t i = 0; i < d->findings_n; i++) {
        const sl_finding *f = &d->findings[i];
        printf("  %-24s %-12s %d x, first at byte %zu (%s)\n", f->entity, sl_level_name(f->level),
               f->count, f->offset, f->view);
    }
    return SL_OK;
}

static sl_status one(job *j, const char *name, sl_str text, sl_error *reterr)
{
    sl_decision d;
    sl_status st = classify(j, text, &d, reterr);
    if (!st && j->json)
        print_json(j, sl_str_c(name), &d);
    else if (!st)
        st = print_people(j, name, text, &d, reterr);
    return st;
}

/* A line that can't be read gets an answer too, and one that keeps its text inside. */
static void print_invalid(job *j, sl_str id, size_t number, const char *why)
{
    static const char reasons[] =
        "[{\"entity\":\"INVALID_INPUT\",\"level\":\"internal\",\"view\":\"raw\",\"where\":\"line\","
        "\"offset\":0,\"count\":1}]";
    j->invalid++;
    print_json(j, id,
               &(sl_decision){.level = SL_LEVEL_INTERNAL,
                              .cls = SL_CLASS_PRIVATE,
                              .reasons = SL_STR(reasons)});
    fprintf(stderr, "sluice: classify: line %zu: %s\n", number, why);
}

static void one_line(job *j, sl_str line, size_t number)
{
    sl_jnode *root = NULL;
    sl_str id, text;
    sl_decision d;
    sl_error err = {0};
    char own[32];
    int64_t n = (int64_t)number;
    sl_status st = sl_json_parse(&root, line, TEXT_MAX, &err);
    if (st || !sl_json_str(sl_json_get(root, "id"), &id)) {
        if (!st)
            (void)sl_json_i64(sl_json_get(root, "id"), &n);
        snprintf(own, sizeof(own), "%lld", (long long)n);
        id = sl_str_c(own);
    }
    if (!st && !sl_json_str(sl_json_get(root, "text"), &text))
        st = sl_fail(&err, SL_E_INVALID, "a string 'text' is missing");
    if (!st)
        st = classify(j, text, &d, &err);
    if (st)
        print_invalid(j, id, number, err.text);
    else
        print_json(j, id, &d);
    sl_json_free(root);
}

static sl_status all_lines(job *j, sl_error *reterr)
{
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        number++;
        if (n > 0)
            one_line(j, (sl_str){line, (size_t)n}, number);
    }
    free(line);
    if (ferror(stdin))
        return sl_fail(reterr, SL_E_IO, "standard input could not be read to its end");
    return j->invalid ? sl_fail(reterr, SL_E_INVALID, "%zu of %zu lines could not be read",
                                j->invalid, number)
                      : SL_OK;
}

static sl_status run(job *j, const sl_args *a, const char *text, sl_error *reterr)
{
    sl_status st = SL_OK;
    if (text[0])
        return one(j, "text", sl_str_c(text), reterr);
    if (a->words_n == 0)
        return all_lines(j, reterr);
    for (size_t i = 0; i < a->words_n && !st; i++) {
        sl_buf file = {0};
        st = sl_file_read(a->word[i], TEXT_MAX, &file, reterr);
        if (!st)
            st = one(j, a->word[i], sl_buf_str(&file), reterr);
        sl_buf_done(&file);
    }
    return st;
}

static int print_entities(void)
{
    static const char *const strengths[] = {
        [SL_ALONE] = "alone",
        [SL_WEAK] = "weak",
        [SL_CONTEXT] = "context",
        [SL_CLOSED] = "doubt",
    };
    puts("| entity | level | counts | verified | what |\n|---|---|---|---|---|");
    for (int i = 0; i < SL_ENT_N; i++) {
        const sl_entity_info *e = &sl_entities[i];
        printf("| %s | %s | %s | %s | %s |\n", e->name, sl_level_name(e->level),
               strengths[e->strength], e->validator, e->help);
    }
    return SL_EXIT_OK;
}

int sl_cmd_classify(int argc, char **argv)
{
    const char *text = NULL, *policy = NULL, *tenant = NULL, *model = NULL;
    job j = {0};
    bool entities = false;
    const sl_arg table[] = {
        {"text", "TEXT", "", "classify this text", &text, NULL, NULL},
        {"policy", "FILE", "", "policy with tenants' rules; shows the route too; empty: built-in",
         &policy, NULL, NULL},
        {"model", "FILE", "", "weights of the learned second opinion; empty: the built-in ones",
         &model, NULL, NULL},
        {"tenant", "NAME", "", "tenant whose rules count", &tenant, NULL, NULL},
        {"json", NULL, NULL, "JSON lines, also for files and --text", NULL, &j.json, NULL},
        {"explain", NULL, NULL, "show the places in the text (and so the values)", NULL, &j.explain,
         NULL},
        {"entities", NULL, NULL, "list what can be found, as a Markdown table", NULL, &entities,
         NULL},
        {0},
    };
    sl_args a = {
        .command = "classify",
        .words = "[FILE...]",
        .summary =
            "Classifies files or a text; without either, JSON lines {\"id\",\"text\"} on "
            "standard input become lines {\"id\",\"level\",\"reasons\"}. A line that can't be "
            "read is answered with level internal, reason INVALID_INPUT, and exit code 2 "
            "at the end; empty lines are skipped.",
        .table = table};
    int code = sl_cmd_args(&a, argc, argv);
    if (code >= 0)
        return code;
    if (entities) {
        sl_args_done(&a);
        return print_entities();
    }
    sl_error err = {0};
    j.tenant = sl_str_c(tenant);
    j.route = policy[0] != '\0';
    sl_status st =
        policy[0] ? sl_policy_load(&j.policy, policy, &err) : sl_policy_default(&j.policy, &err);
    if (!st)
        st = sl_router_setup(model, NULL, &err);
    if (!st)
        st = sl_router_open(&j.router, &err);
    if (!st)
        st = run(&j, &a, text, &err);
    sl_router_free(j.router);
    sl_policy_unref(j.policy);
    sl_arena_done(&j.arena);
    sl_buf_done(&j.out);
    sl_args_done(&a);
    return st ? sl_cmd_fail("classify", &err) : SL_EXIT_OK;
}
