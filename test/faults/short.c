/*
 * short.c -- a system that does less than it was asked to: LD_PRELOAD.
 *
 * What reads and writes connections between nodes is interrupted, told to come
 * back, and done in part, by turns that the number of the call decides. All
 * else is left alone. For test_faults_short.py; the program under it is not
 * changed.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes at most, when it is short: no boundary's multiple. */
#define PIECE 97u

static atomic_uint calls;

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

/* 0: as asked; 1: short; otherwise errno is set. */
static int turn(int fd)
{
    if (!is_connection(fd))
        return 0;
    switch ((atomic_fetch_add(&calls, 1) + 1) % 5) {
    case 0:
        errno = EINTR;
        return -1;
    case 2:
        errno = EAGAIN;
        return -1;
    case 3:
        return 0;
    default:
        return 1;
    }
}

ssize_t read(int fd, void *bytes, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    int what = turn(fd);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    if (what < 0)
        return -1;
    return real(fd, bytes, what == 1 && size > PIECE ? PIECE : size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    int what = turn(fd);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (what < 0)
        return -1;
    return real(fd, bytes, what == 1 && size > PIECE ? PIECE : size);
}

/* The first piece, or some of it. */
static struct iovec first_of(const struct iovec *pieces)
{
    struct iovec one = pieces[0];

    if (one.iov_len > PIECE)
        one.iov_len = PIECE;
    return one;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    int what = turn(fd);
    struct iovec one;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (what < 0)
        return -1;
    if (what == 0 || count < 1)
        return real(fd, pieces, count);
    one = first_of(pieces);
    return real(fd, &one, 1);
}

ssize_t readv(int fd, const struct iovec *pieces, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    int what = turn(fd);
    struct iovec one;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "readv");
    if (what < 0)
        return -1;
    if (what == 0 || count < 1)
        return real(fd, pieces, count);
    one = first_of(pieces);
    return real(fd, &one, 1);
}
