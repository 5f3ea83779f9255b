/* streams_bench.c - memory of many open streams: each got its first piece and waits for more.
 *
 * Prints this process's RSS idle and with the streams open. The process holds the gateway, an echo
 * worker, the in-memory bus and the client's sockets, so the gateway's own share is less.
 * Usage: streams_bench [streams] */
#include "tests/bench/gateway/rig.c"

#include <sys/resource.h>

static double rss_mb(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double kb = 0;
    while (f && fgets(line, sizeof(line), f))
        if (!strncmp(line, "VmRSS:", 6))
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

/* Reads until the first event of the stream is there. */
static void first_piece(int fd)
{
    char buf[4096];
    size_t len = 0;
    while (len < sizeof(buf) - 1) {
        ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        buf[len] = '\0';
        if (strstr(buf, "data: "))
            return;
    }
    fprintf(stderr, "a stream did not begin: %.*s\n", (int)len, buf);
    exit(1);
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000;
    rig r;
    struct rlimit lim = {16384, 16384};
    if (setrlimit(RLIMIT_NOFILE, &lim) != 0)
        return 1;
    rig_open(&r, "memory:bench", true);
    double idle = rss_mb();
    for (int i = 0; i < n; i++) {
        int fd = dial(r.port);
        if (write(fd, r.stream.data, r.stream.len) != (ssize_t)r.stream.len)
            return 1;
        first_piece(fd);
    }
    double open = rss_mb();
    printf(
        "%d open streams: %.1f MB RSS (idle %.1f MB; %.1f KB a stream), with the echo worker and "
        "the bus in the same process\n",
        n, open, idle, (open - idle) * 1024 / n);
    rig_done(&r);
    return 0;
}
