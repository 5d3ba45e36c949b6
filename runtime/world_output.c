/*
 * world_output.c -- what is written and never read back: standard output and
 * error, files, datagrams.
 *
 * No write waits longer than it was told to, whatever is at the other end. For
 * that a pipe or a terminal at standard error is opened once more, since
 * whether a descriptor waits is a setting that all processes share which were
 * given the same one. A socket can be told so in each call. Where the second
 * opening is refused (the pipe is another user's), a little is written at a
 * time, when there is room for it; another writer may then still be quicker.
 */
#include "world_real.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "world_os.h"

#define FILE_MODE  0640
#define LITTLE     512u /* bytes: what a pipe with room always takes */
#define SAME_AGAIN "/proc/self/fd/2"

struct rt_output {
    int fd;
    enum rt_output_kind kind;
    bool socket;
    bool waits; /* the descriptor: see above */
};

static enum agner_err fail(struct agner_error *error, const char *what,
                           int number)
{
    enum agner_err err = AGNER_ESYSTEM;
    char text[80];

    if (number == EACCES || number == EPERM || number == EROFS)
        err = AGNER_ENOTALLOWED;
    else if (number == EPIPE || number == ECONNREFUSED || number == ENOTCONN ||
             number == ECONNRESET)
        err = AGNER_ENOCONN;
    else if (number == EMSGSIZE)
        err = AGNER_ELIMIT;
    else if (number == EAGAIN)
        err = AGNER_EAGAIN;
    else if (number == ENOMEM)
        err = AGNER_ENOMEM;
    return agner_fail(error, err, "%s: %s", what,
                      rt__system_text(number, text, sizeof text));
}

/* ---- Opening ------------------------------------------------------------ */

static int open_stderr(struct rt_output *o)
{
    struct stat about;
    int fd;

    if (fstat(STDERR_FILENO, &about) != 0)
        return -1;
    o->socket = S_ISSOCK(about.st_mode);
    if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) {
        fd = open(SAME_AGAIN, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0)
            return fd;
        o->waits = true;
    }
    return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
}

/* O_NONBLOCK: the opening of a pipe would wait for its reader. */
/* The descriptor itself, since a program that goes to the background puts
 * another file there. */
static int open_stdout(struct rt_output *o)
{
    struct stat about;

    if (fstat(STDOUT_FILENO, &about) != 0)
        return -1;
    o->socket = S_ISSOCK(about.st_mode);
    o->waits = !o->socket;
    return STDOUT_FILENO;
}

static int open_file(const char *path)
{
    return open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        FILE_MODE);
}

static int open_datagram(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd, kept;

    if (strlen(path) >= sizeof name.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    kept = errno == ENOENT ? ECONNREFUSED : errno; /* nobody, either way */
    (void)close(fd);                               /* errno is what counts */
    errno = kept;
    return -1;
}

static int open_fd(struct rt_output *o, const char *path)
{
    switch (o->kind) {
    case RT_OUTPUT_FILE:
        return open_file(path);
    case RT_OUTPUT_DATAGRAM:
        o->socket = true;
        return open_datagram(path);
    case RT_OUTPUT_STDOUT:
        return open_stdout(o);
    case RT_OUTPUT_STDERR:
        break;
    }
    return open_stderr(o);
}

enum agner_err rt__output_open(void *ctx, enum rt_output_kind kind,
                               const char *path, struct rt_output **output,
                               struct rt_output_info *info,
                               struct agner_error *error)
{
    struct rt_output *o = calloc(1, sizeof *o);
    struct stat about;
    enum agner_err err;

    (void)ctx;
    if (kind == RT_OUTPUT_STDERR)
        path = "standard error";
    else if (kind == RT_OUTPUT_STDOUT)
        path = "standard output";
    if (o == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: out of memory", path);
    o->kind = kind;
    o->fd = open_fd(o, path);
    if (o->fd < 0) {
        err = fail(error, path, errno);
        free(o);
        return err;
    }
    *info = (struct rt_output_info){ .terminal = isatty(o->fd) == 1 };
    if (kind == RT_OUTPUT_FILE && fstat(o->fd, &about) == 0 &&
        S_ISREG(about.st_mode))
        info->size = (uint64_t)about.st_size;
    *output = o;
    return AGNER_OK;
}

void rt__output_close(void *ctx, struct rt_output *output)
{
    (void)ctx;
    if (output->kind != RT_OUTPUT_STDOUT)
        (void)close(output->fd); /* what was refused, its write has told */
    free(output);
}

/* ---- Writing ------------------------------------------------------------ */

/* Bytes that the system took, or -1 with errno. */
static ssize_t write_some(const struct rt_output *o, const void *bytes,
                          size_t size)
{
    struct pollfd ready = { .fd = o->fd, .events = POLLOUT };

    if (o->socket)
        return send(o->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!o->waits)
        return write(o->fd, bytes, size);
    if (poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return write(o->fd, bytes, size < LITTLE ? size : LITTLE);
}

/* Waits until it takes something: false after wait_ms. An error shows when it
 * is written to. */
static bool takes_more(const struct rt_output *o, uint64_t wait_ms)
{
    struct pollfd ready = { .fd = o->fd, .events = POLLOUT };
    int ms = wait_ms > 60000 ? 60000 : (int)wait_ms;

    return poll(&ready, 1, ms) != 0;
}

/* A pipe whose reader is gone, and a file that may not grow, are errors and no
 * signals: these are blocked in this thread, and stay so, since they would come
 * after the unblocking. */
static void block_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set); /* with these none of the four can fail */
    (void)sigaddset(&set, SIGPIPE);
    (void)sigaddset(&set, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

enum agner_err rt__output_write(void *ctx, struct rt_output *output,
                                const void *bytes, size_t size,
                                uint64_t wait_ms, size_t *written,
                                struct agner_error *error)
{
    const uint8_t *next = bytes;
    bool waited = false;

    (void)ctx;
    *written = 0;
    block_signals();
    while (*written < size) {
        ssize_t took = write_some(output, next + *written, size - *written);

        if (took > 0) {
            *written += (size_t)took;
            waited = false;
        } else if (took < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            if (waited || !takes_more(output, wait_ms))
                return fail(error, "it takes no more", EAGAIN);
            waited = true;
        } else if (took == 0 || errno != EINTR) {
            return fail(error, "cannot be written", took == 0 ? EIO : errno);
        }
    }
    return AGNER_OK;
}

enum agner_err rt__file_rename(void *ctx, const char *from, const char *to,
                               struct agner_error *error)
{
    (void)ctx;
    if (rename(from, to) == 0)
        return AGNER_OK;
    if (errno == ENOENT)
        return agner_fail(error, AGNER_ENONAME, "%s: no such file", from);
    return fail(error, from, errno);
}
