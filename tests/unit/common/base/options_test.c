#include "common/base/options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct config {
    const char *listen, *password;
    bool tls;
    int64_t port, drain_ms;
    double ratio;
    int level;
    sl_option_list topics;
    sl_option_map props;
} config;

#define AT(field) .offset = offsetof(config, field)
static const sl_option table[] = {
    {"http.listen", SL_OPT_STR, AT(listen), .def = "127.0.0.1:80", .help = "Where to listen."},
    {"http.tls", SL_OPT_BOOL, AT(tls), .def = "false", .reloadable = true, .help = "TLS."},
    {"http.port", SL_OPT_INT, AT(port), .def = "8080", .min = 1, .max = 65535, .help = "Port."},
    {"bus.properties", SL_OPT_MAP, AT(props), .def = "", .reloadable = true, .help = "Kafka."},
    {"drain_ms", SL_OPT_INT, AT(drain_ms), .def = "30000", .unit = "ms", .reloadable = true,
     .help = "Drain."},
    {"log.level", SL_OPT_ENUM, AT(level), .def = "info", .choices = "debug|info|off",
     .reloadable = true, .help = "Level | least."},
    {"ratio", SL_OPT_FLOAT, AT(ratio), .def = "0.5", .min = 0, .max = 2, .help = "Ratio."},
    {"topics", SL_OPT_LIST, AT(topics), .def = "a,b", .reloadable = true, .help = "Topics."},
    {"http.password", SL_OPT_STR, AT(password), .def = "", .secret = true, .reloadable = true,
     .help = "Password."},
    {0},
};

static config cfg;
static const sl_options_spec spec = {
    .program = "sluice-test", .summary = "tests options.", .table = table, .target = &cfg};
static char path[] = "/tmp/sluice-options-XXXXXX";

static void write_config(const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* args: blank-separated; @ stands for the file. */
static sl_status load(sl_options **ret, const char *args, bool *ret_exit, sl_error *e)
{
    static char line[1024]; /* outlives the call, as argv does */
    char *argv[32] = {"test"};
    int argc = 1;
    snprintf(line, sizeof(line), "%s", args);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "@") == 0 ? path : word;
    memset(&cfg, 0, sizeof(cfg));
    return sl_options_load(ret, &spec, argc, argv, ret_exit, e);
}

static sl_options *loaded(const char *args)
{
    sl_options *o = NULL;
    sl_error e;
    bool leave = true;
    if (load(&o, args, &leave, &e))
        fail_msg("%s: %s", args, e.text);
    assert_false(leave);
    return o;
}

static int clean(void **state)
{
    static const char *const names[] = {"SLUICE_HTTP_LISTEN", "SLUICE_HTTP_PORT", "SLUICE_TOPICS",
                                        "SLUICE_BUS_PROPERTIES", "SLUICE_LOG_LEVEL"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    return 0;
}

static void defaults(void **state)
{
    sl_options *o = loaded("");
    assert_string_equal(cfg.listen, "127.0.0.1:80");
    assert_string_equal(cfg.password, "");
    assert_false(cfg.tls);
    assert_int_equal(cfg.port, 8080);
    assert_true(cfg.ratio == 0.5);
    assert_int_equal(cfg.level, 1);
    assert_int_equal(cfg.topics.n, 2);
    assert_string_equal(cfg.topics.v[1], "b");
    assert_int_equal(cfg.props.n, 0);
    assert_string_equal(sl_options_config_path(o), "");
    sl_options_free(o);
    sl_options_free(NULL);
}

static void later_wins(void **state)
{
    write_config("http:\n  listen: file\n  port: 1\nlog: {level: off}\ndrain_ms: 5\n"
                 "topics: [x, \"y,z\"]\nbus.properties:\n  a.b: 1\n  c: true\n");
    sl_options *o = loaded("--config @");
    assert_string_equal(cfg.listen, "file");
    assert_int_equal(cfg.port, 1);
    assert_int_equal(cfg.level, 2);
    assert_int_equal(cfg.topics.n, 2);
    assert_string_equal(cfg.topics.v[1], "y,z");
    assert_int_equal(cfg.props.n, 2);
    assert_string_equal(cfg.props.v[0].name, "a.b");
    assert_string_equal(cfg.props.v[1].value, "true");
    assert_string_equal(sl_options_config_path(o), path);
    sl_options_free(o);

    setenv("SLUICE_HTTP_LISTEN", "env", 1);
    setenv("SLUICE_HTTP_PORT", "2", 1);
    setenv("SLUICE_TOPICS", " p , q\\,r ,s", 1);
    setenv("SLUICE_BUS_PROPERTIES", "k=v=w,l=", 1);
    setenv("SLUICE_NOT_OURS", "x", 1);
    o = loaded("--http.port=3 --config @ --http.tls --log.level debug");
    assert_string_equal(cfg.listen, "env");
    assert_int_equal(cfg.port, 3);
    assert_int_equal(cfg.drain_ms, 5);
    assert_true(cfg.tls);
    assert_int_equal(cfg.level, 0);
    assert_int_equal(cfg.topics.n, 3);
    assert_string_equal(cfg.topics.v[0], "p");
    assert_string_equal(cfg.topics.v[1], "q,r");
    assert_string_equal(cfg.topics.v[2], "s");
    assert_string_equal(cfg.props.v[0].value, "v=w");
    assert_string_equal(cfg.props.v[1].value, "");
    sl_options_free(o);
    o = loaded("--http.tls=false --http.port 1 --http.port 9");
    assert_false(cfg.tls);
    assert_int_equal(cfg.port, 9);
    sl_options_free(o);
    o = loaded("--http.tls false --topics=");
    assert_false(cfg.tls);
    assert_int_equal(cfg.topics.n, 0);
    sl_options_free(o);
}

static void empty_values_and_sections(void **state)
{
    write_config("http:\n  listen:\nlog:\ntopics:\nbus:\n  properties: ~\n");
    char args[64];
    snprintf(args, sizeof(args), "--config=%s", path);
    sl_options *o = loaded(args);
    assert_string_equal(cfg.listen, "");
    assert_int_equal(cfg.topics.n, 0);
    assert_int_equal(cfg.level, 1);
    sl_options_free(o);
}

static void errors(void **state)
{
    static const struct {
        const char *file, *args, *why;
    } cases[] = {
        {"", "--http.lisen=x", "--http.lisen is no option; did you mean --http.listen?"},
        {"", "--listen=x", "--listen is no option; did you mean --http.listen?"},
        {"", "--confg x", "--confg is no option; did you mean --config?"},
        {"", "--zzzzzzzzzzzz=1", "--zzzzzzzzzzzz is no option; see --help"},
        {"", "--http.port", "--http.port needs a value"},
        {"", "--config", "--config needs a value"},
        {"", "stray", "argument 1 is no option"},
        {"", "--", "argument 1 is no option"},
        {"", "--http.port=70000", "the command line: --http.port must be from 1 to 65535"},
        {"", "--http.port=x", "the command line: --http.port must be a whole number"},
        {"", "--http.port=", "the command line: --http.port must be a whole number"},
        {"", "--http.tls=yes", "the command line: --http.tls must be true or false"},
        {"", "--ratio=2.5", "the command line: --ratio must be from 0 to 2"},
        {"", "--ratio=nan", "the command line: --ratio must be a number"},
        {"", "--ratio=1x", "the command line: --ratio must be a number"},
        {"", "--log.level=loud", "the command line: --log.level must be one of debug|info|off"},
        {"", "--topics=a,,b", "the command line: --topics has an empty entry"},
        {"", "--bus.properties=a", "the command line: --bus.properties takes entries of the form"},
        {"", "--bus.properties=a=1,a=2",
         "the command line: --bus.properties names one entry twice"},
        {"", "--http.listen=\xff", "the command line: --http.listen must be UTF-8"},
        {"http:\n  lisen: x\n", "", "F:2: http.lisen is no option; did you mean http.listen?"},
        {"htpp:\n  listen: x\n", "", "F:1: htpp is no option; did you mean http?"},
        {"http: 5\n", "", "F:1: http is a section"},
        {"http:\n  - listen\n", "", "F:1: http is a section"},
        {"http:\n  port: 0\n", "", "F:2: http.port must be from 1 to 65535"},
        {"http:\n  port: \"80\"\n", "", "F:2: http.port must be written without quotes"},
        {"http:\n  port: [80]\n", "", "F:2: http.port takes one value"},
        {"http:\n  tls: yes\n", "", "F:2: http.tls must be true or false"},
        {"topics: {a: b}\n", "", "F:1: topics takes a list"},
        {"topics: a\n", "", "F:1: topics takes a list"},
        {"topics:\n  - [a]\n", "", "F:1: topics takes single values only"},
        {"bus:\n  properties: [a]\n", "", "F:2: bus.properties takes"},
        {"http.port: 1\nhttp:\n  port: 2\n", "", "F:3: http.port stands twice (first in line 1)"},
        {"- a\n", "", "F:1: a configuration is made of"},
        {"drain_ms: ${SL_TEST_NOT_SET}\n", "", "F:1: the environment variable"},
        /* a bad value of the file counts even where the command line wins */
        {"http:\n  port: x\n", "--http.port=1", "F:2: http.port must be a whole number"},
    };
    const char *file = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char args[256], why[256];
        sl_options *o = NULL;
        sl_error e = {0};
        bool leave = false;
        write_config(cases[i].file);
        snprintf(args, sizeof(args), "%s %s", cases[i].file[0] ? "--config @" : "", cases[i].args);
        bool in_file = strncmp(cases[i].why, "F:", 2) == 0;
        snprintf(why, sizeof(why), "%s%s", in_file ? file : "", cases[i].why + (in_file ? 1 : 0));
        if (load(&o, args, &leave, &e) != SL_E_INVALID)
            fail_msg("accepted: %s %s", cases[i].file, cases[i].args);
        if (strncmp(e.text, why, strlen(why)) != 0)
            fail_msg("\"%s\" is not \"%s\"", e.text, why);
        assert_null(o);
        assert_null(cfg.listen); /* nothing was written */
    }
    sl_options *o = NULL;
    bool leave;
    assert_int_equal(load(&o, "--config /nonexistent.yaml", &leave, NULL), SL_E_NOT_FOUND);
    setenv("SLUICE_LOG_LEVEL", "loud", 1);
    sl_error e; /* and again where the command line wins */
    assert_int_equal(load(&o, "--log.level=off", &leave, &e), SL_E_INVALID);
    assert_string_equal(e.text, "the environment: SLUICE_LOG_LEVEL must be one of debug|info|off");
}

static void secrets_are_not_in_errors(void **state)
{
    setenv("SL_TEST_SECRET", "hunter2", 1);
    sl_options *o = NULL;
    sl_error e = {0};
    bool leave;
    write_config("http:\n  port: ${SL_TEST_SECRET}\n");
    assert_int_equal(load(&o, "--config @", &leave, &e), SL_E_INVALID);
    assert_null(strstr(e.text, "hunter2"));
}

static void reloads(void **state)
{
    sl_buf ignored = {0};
    sl_error e;
    write_config("http:\n  tls: false\n  port: 1\ntopics: [a]\nratio: 1\n");
    sl_options *o = loaded("--config @ --drain_ms=7");
    const char *first = cfg.topics.v[0];
    write_config("http:\n  tls: true\n  port: 2\ntopics: [b, c]\nratio: 2\ndrain_ms: 9\n");
    assert_int_equal(sl_options_reload(o, &ignored, &e), SL_OK);
    assert_true(cfg.tls);
    assert_int_equal(cfg.port, 1);
    assert_int_equal(cfg.topics.n, 2);
    assert_string_equal(cfg.topics.v[1], "c");
    assert_true(cfg.ratio == 1);
    assert_int_equal(cfg.drain_ms, 7); /* the command line still wins */
    assert_string_equal(ignored.data, "http.port, ratio");
    assert_string_equal(first, "a"); /* whoever holds the old text may read it */

    write_config("http:\n  tls: false\n  nonsense: 1\n");
    assert_int_equal(sl_options_reload(o, &ignored, &e), SL_E_INVALID);
    assert_true(cfg.tls);
    unlink(path);
    assert_int_equal(sl_options_reload(o, NULL, NULL), SL_E_NOT_FOUND);
    assert_true(cfg.tls);
    write_config("");
    assert_int_equal(sl_options_reload(o, NULL, NULL), SL_OK);
    assert_false(cfg.tls);
    sl_buf_done(&ignored);
    sl_options_free(o);
}

static void dump_reads_back_and_hides_secrets(void **state)
{
    static const char text[] = "http:\n  listen: \"a ${SL_TEST_HOST} \\\"q\\\" $${X}\"\n"
                               "  password: open\n"
                               "bus.properties:\n  ssl.key: ${SL_TEST_HOST}\n  plain: p\n"
                               "  sasl.password: open\n"
                               "topics: [x, \"${SL_TEST_HOST}\"]\n";
    setenv("SL_TEST_HOST", "hunter2", 1);
    write_config(text);
    sl_options *o = loaded("--config @");
    assert_string_equal(cfg.listen, "a hunter2 \"q\" ${X}");
    sl_buf dump = {0};
    sl_options_dump(o, &dump);
    assert_string_equal(dump.data, "http:\n  listen: \"***\"\n  tls: false\n  port: 8080\n"
                                   "  password: \"***\"\n"
                                   "bus:\n  properties:\n    \"ssl.key\": \"***\"\n"
                                   "    \"plain\": \"p\"\n    \"sasl.password\": \"***\"\n"
                                   "drain_ms: 30000\nlog:\n  level: info\nratio: 0.5\n"
                                   "topics: [\"x\", \"***\"]\n");
    sl_options_free(o);
    write_config("http.listen: \"odd: $${X} \\n \xe4\xb8\xad\"\n");
    o = loaded("--config @ --topics=q,r");
    sl_buf_clear(&dump);
    sl_options_dump(o, &dump);
    sl_options_free(o);
    write_config(dump.data);
    o = loaded("--config @");
    assert_string_equal(cfg.listen, "odd: ${X} \n \xe4\xb8\xad");
    assert_string_equal(cfg.topics.v[1], "r");
    sl_options_free(o);
    sl_buf_done(&dump);
}

/* What `args` prints on standard output. */
static void printed(const char *args, sl_buf *out)
{
    char name[] = "/tmp/sluice-stdout-XXXXXX";
    int fd = mkstemp(name), saved = dup(STDOUT_FILENO);
    sl_options *o = NULL;
    bool leave = false;
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    sl_status st = load(&o, args, &leave, NULL);
    dup2(saved, STDOUT_FILENO);
    close(saved), close(fd);
    assert_int_equal(st, SL_OK);
    assert_true(leave);
    assert_null(o);
    sl_buf_clear(out);
    assert_int_equal(sl_file_read(name, 1 << 20, out, NULL), SL_OK);
    unlink(name);
}

static void answers(void **state)
{
    sl_buf out = {0};
    printed("--version", &out);
    assert_string_equal(out.data, "sluice-test " SL_VERSION "\n");
    printed("--config /nonexistent.yaml --help", &out);
    for (const sl_option *row = table; row->name; row++)
        assert_non_null(strstr(out.data, row->name));
    assert_non_null(strstr(out.data, "SLUICE_HTTP_LISTEN"));
    assert_non_null(strstr(out.data, "Default: 30000 ms; reloadable; SLUICE_DRAIN_MS"));
    printed("-h", &out);
    assert_non_null(strstr(out.data, "Usage: sluice-test"));
    printed("--dump-doc", &out);
    assert_non_null(strstr(out.data,
                           "| `log.level` | debug\\|info\\|off | `info` |  | yes | Level \\| "
                           "least. |\n"));
    assert_non_null(strstr(out.data, "| `http.port` | whole number | `8080` | 1 to 65535 | no |"));
    printed("--dump-config --http.port=99", &out);
    assert_non_null(strstr(out.data, "  port: 99\n"));
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, clean),
        cmocka_unit_test_setup(later_wins, clean),
        cmocka_unit_test_setup(empty_values_and_sections, clean),
        cmocka_unit_test_setup(errors, clean),
        cmocka_unit_test_setup(secrets_are_not_in_errors, clean),
        cmocka_unit_test_setup(reloads, clean),
        cmocka_unit_test_setup(dump_reads_back_and_hides_secrets, clean),
        cmocka_unit_test_setup(answers, clean),
    };
    close(mkstemp(path));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
