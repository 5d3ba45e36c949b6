/*
 * errors.c -- a system whose calls fail: LD_PRELOAD.
 *
 * FAULTS has rules, divided by commas: CALL:ERROR:WHERE. CALL is open (of a
 * file to be written), read, write, send (to another node) or thread
 * (pthread_create); ERROR a number of errno; WHERE a part of the file's path,
 * or, for send and thread, which of the calls fails: N the N-th alone, N+ all
 * from that on. What no rule names is left alone. For test_faults_errors.py and
 * test_faults_threads.py; the program under it is not changed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RULES_MAX 8

static struct rule {
    char call[8], where[64];
    int error;
    unsigned from; /* of a number */
    bool on;       /* all from there on */
    atomic_uint calls;
} rules[RULES_MAX];

static unsigned rule_count;

__attribute__((constructor)) static void read_rules(void)
{
    const char *text = getenv("FAULTS");

    while (text != NULL && *text != '\0' && rule_count < RULES_MAX) {
        struct rule *r = &rules[rule_count];

        if (sscanf(text, "%7[^:]:%d:%63[^,]", r->call, &r->error, r->where) !=
            3) {
            fprintf(stderr, "errors: what is %s?\n", text);
            abort();
        }
        r->from = (unsigned)strtoul(r->where, NULL, 10);
        r->on = r->where[0] != '\0' && r->where[strlen(r->where) - 1] == '+';
        rule_count++;
        text = strchr(text, ',');
        text = text == NULL ? NULL : text + 1;
    }
}

/* The error of a call on that path; 0: none. */
static int error_at(const char *call, const char *path)
{
    for (unsigned i = 0; i < rule_count; i++)
        if (strcmp(rules[i].call, call) == 0 &&
            strstr(path, rules[i].where) != NULL)
            return rules[i].error;
    return 0;
}

static int error_of(const char *call, int fd)
{
    char name[64], path[512];
    int saved = errno;
    ssize_t size;

    if (rule_count == 0)
        return 0;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    size = readlink(name, path, sizeof path - 1);
    errno = saved;
    if (size <= 0)
        return 0;
    path[size] = '\0';
    return error_at(call, path);
}

/* The error of this call, of those that are counted. */
static int error_now(const char *call)
{
    int error = 0;

    for (unsigned i = 0; i < rule_count; i++) {
        struct rule *r = &rules[i];
        unsigned number;

        if (strcmp(r->call, call) != 0)
            continue;
        number = atomic_fetch_add(&r->calls, 1) + 1;
        if (number == r->from || (r->on && number > r->from))
            error = r->error;
    }
    return error;
}

/* Of another node, or of epmd: the control socket is none. */
static bool is_connection(int fd)
{
    struct sockaddr_storage here;
    socklen_t size = sizeof here;
    int saved = errno;
    bool yes = getsockname(fd, (struct sockaddr *)&here, &size) == 0 &&
               (here.ss_family == AF_INET || here.ss_family == AF_INET6);

    errno = saved;
    return yes;
}

static int error_of_write(int fd)
{
    int error = is_connection(fd) ? error_now("send") : 0;

    return error != 0 ? error : error_of("write", fd);
}

/* `flags` of open(): does it write? */
static int error_of_open(const char *path, int flags)
{
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) == 0)
        return 0;
    return error_at("open", path);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (real == NULL) \
    *(void **)&real = dlsym(RTLD_NEXT, name)

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;
    REAL(int, "open", const char *, int, ...);

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    errno = error_of_open(path, flags);
    return errno != 0 ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;
    REAL(int, "open64", const char *, int, ...);

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    errno = error_of_open(path, flags);
    return errno != 0 ? -1 : real(path, flags, mode);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    int error = error_of("read", fd);
    REAL(ssize_t, "read", int, void *, size_t);

    errno = error;
    return error != 0 ? -1 : real(fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    int error = error_of_write(fd);
    REAL(ssize_t, "write", int, const void *, size_t);

    errno = error;
    return error != 0 ? -1 : real(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    int error = error_of_write(fd);
    REAL(ssize_t, "writev", int, const struct iovec *, int);

    errno = error;
    return error != 0 ? -1 : real(fd, pieces, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    int error = error_of_write(fd);
    REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);

    errno = error;
    return error != 0 ? -1 : real(fd, message, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*code)(void *), void *arg)
{
    int error = error_now("thread");
    REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *,
         void *(*)(void *), void *);

    return error != 0 ? error : real(thread, attributes, code, arg);
}
