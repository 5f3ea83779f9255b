#include "ctl/child.h"

#include "common/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX 65536
#define LINE_MAX_  4096
#define LEAVE_MS   5000

extern char **environ;

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* `in` and `out` become its standard input (-1: none) and output. SIGPIPE, which we ignore, ends it
 * as it should. */
static sl_status spawn(const char *const *argv, int in, int out, pid_t *ret, sl_error *reterr)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t pipe_alone, none;
    sigemptyset(&none);
    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    if (posix_spawn_file_actions_init(&files) != 0)
        return sl_fail(reterr, SL_E_NOMEM, "out of memory");
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return sl_fail(reterr, SL_E_NOMEM, "out of memory");
    }
    int rc = in >= 0
                 ? posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO)
                 : posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(&attr, &pipe_alone);
    if (!rc)
        rc = posix_spawnattr_setsigmask(&attr, &none);
    if (!rc)
        rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!rc)
        rc = posix_spawnp(ret, argv[0], &files, &attr, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (rc == ENOENT)
        return sl_fail(reterr, SL_E_NOT_FOUND, "%s is not installed", argv[0]);
    return rc ? sl_fail(reterr, SL_E_IO, "%s can't be started: %s", argv[0], strerror(rc)) : SL_OK;
}

/* Appends what is there; false at the end of the stream or when it is too much. */
static bool take(int fd, size_t max, sl_buf *out)
{
    if (!sl_buf_reserve(out, 4096))
        return false;
    ssize_t n = read(fd, out->data + out->len, 4096);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    out->len += (size_t)n;
    out->data[out->len] = '\0';
    return n > 0 && out->len <= max;
}

/* Reads until the program has ended, not until its output has: a daemon that it left behind may
 * hold that. False when the time is over. */
static bool watch(int pidfd, int fd, int64_t timeout_ms, sl_buf *out)
{
    int64_t end = sl_mono_ms() + timeout_ms;
    struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    for (;;) {
        int64_t left = end - sl_mono_ms();
        if (left <= 0)
            return false;
        if (poll(p, 2, (int)left) < 0 && errno != EINTR)
            return false;
        if (p[1].revents && !take(fd, OUTPUT_MAX, out))
            p[1].fd = -1, p[1].revents = 0;
        else if (p[0].revents && !(p[1].revents & POLLIN))
            return true;
    }
}

sl_status sl_child_run(const char *const *argv, int64_t timeout_ms, sl_buf *out, sl_error *reterr)
{
    int fds[2] = {-1, -1}, status = 0;
    pid_t pid = 0;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sl_fail(reterr, SL_E_IO, "no pipe: %s", strerror(errno));
    sl_status st = spawn(argv, -1, fds[1], &pid, reterr);
    shut(&fds[1]);
    int pidfd = st ? -1 : pidfd_open(pid, 0);
    bool ended = pidfd >= 0 && watch(pidfd, fds[0], timeout_ms, out);
    if (!st && !ended)
        (void)kill(pid, SIGKILL);
    if (!st && waitpid(pid, &status, 0) != pid)
        status = -1;
    if (!st && !ended)
        st = sl_fail(reterr, SL_E_TIMEOUT, "%s has not ended within %lld ms", argv[0],
                     (long long)timeout_ms);
    else if (!st && !sl_buf_ok(out))
        st = sl_fail(reterr, SL_E_NOMEM, "out of memory");
    else if (!st && out->len > OUTPUT_MAX)
        st = sl_fail(reterr, SL_E_IO, "%s prints more than %d bytes", argv[0], OUTPUT_MAX);
    else if (!st && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        st = sl_fail(reterr, SL_E_IO, "%s failed", argv[0]);
    shut(&pidfd);
    shut(&fds[0]);
    return st;
}

sl_status sl_child_start(sl_child *c, const char *const *argv, sl_error *reterr)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *c = (sl_child){.in = -1, .out = -1};
    sl_status st = SL_OK;
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        st = sl_fail(reterr, SL_E_IO, "no pipe: %s", strerror(errno));
    if (!st)
        st = spawn(argv, to[0], from[1], &c->pid, reterr);
    shut(&to[0]);
    shut(&from[1]);
    c->in = from[0];
    c->out = to[1];
    if (st) {
        shut(&c->in);
        shut(&c->out);
    }
    return st;
}

sl_status sl_child_say(sl_child *c, sl_str line, sl_error *reterr)
{
    /* In one write: lines are shorter than a pipe's page. */
    char text[512];
    if (line.n >= sizeof(text))
        return sl_fail(reterr, SL_E_TOO_LARGE, "a line of the talk is too long");
    memcpy(text, line.p, line.n);
    text[line.n] = '\n';
    ssize_t n = write(c->out, text, line.n + 1);
    explicit_bzero(text, sizeof(text));
    return n == (ssize_t)line.n + 1 ? SL_OK : sl_fail(reterr, SL_E_CLOSED, "the other end is gone");
}

sl_status sl_child_hear(sl_child *c, int64_t timeout_ms, sl_buf *line, sl_error *reterr)
{
    int64_t end = sl_mono_ms() + timeout_ms;
    for (;;) {
        const char *feed = c->got.len ? memchr(c->got.data, '\n', c->got.len) : NULL;
        if (feed) {
            size_t n = (size_t)(feed - c->got.data);
            sl_buf_add(line, c->got.data, n);
            explicit_bzero(c->got.data, n);
            sl_buf_consume(&c->got, n + 1);
            return SL_OK;
        }
        if (c->got.len > LINE_MAX_)
            return sl_fail(reterr, SL_E_TOO_LARGE, "the other end sends no lines");
        int64_t left = end - sl_mono_ms();
        struct pollfd p = {.fd = c->in, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return sl_fail(reterr, SL_E_TIMEOUT, "the other end says nothing for %lld ms",
                           (long long)timeout_ms);
        if (p.revents && !take(c->in, LINE_MAX_ + 4096, &c->got))
            return sl_fail(reterr, SL_E_CLOSED, "the other end has ended the talk");
    }
}

void sl_child_done(sl_child *c)
{
    shut(&c->out);
    if (c->got.data)
        explicit_bzero(c->got.data, c->got.cap);
    sl_buf_done(&c->got);
    if (c->pid > 0) {
        struct pollfd p = {.fd = pidfd_open(c->pid, 0), .events = POLLIN};
        if (p.fd < 0 || poll(&p, 1, LEAVE_MS) <= 0)
            (void)kill(c->pid, SIGKILL);
        (void)waitpid(c->pid, NULL, 0);
        shut(&p.fd);
    }
    shut(&c->in);
    c->pid = 0;
}
