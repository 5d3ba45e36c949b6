/*
 * world_map.c -- a file that is memory, of the real world.
 *
 * Whoever has it holds its lock, so that a second program of the same name does
 * not take it away. The lock goes with the program, however that ends.
 */
#include "world_real.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096u
#define PIECE     65536u

struct rt_mapping {
    uint8_t *bytes;
    size_t size;
    int fd; /* holds the lock */
};

static enum agner_err fail(struct agner_error *error, const char *path,
                           int number)
{
    enum agner_err err = AGNER_ESYSTEM;
    char text[80];

    if (number == EACCES || number == EPERM || number == EROFS)
        err = AGNER_ENOTALLOWED;
    else if (number == ENOMEM)
        err = AGNER_ENOMEM;
    return agner_fail(error, err, "%s: %s", path,
                      rt__system_text(number, text, sizeof text));
}

static bool number_path(char *out, const char *path, unsigned number)
{
    int size = number == 0 ? snprintf(out, PATH_SIZE, "%s", path)
                           : snprintf(out, PATH_SIZE, "%s.%u", path, number);

    return size > 0 && size < (int)PATH_SIZE;
}

/* Files that are there move up by one, unless nobody lets the first one go. */
static enum agner_err make_way(const char *path, unsigned keep,
                               struct agner_error *error)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return AGNER_OK;
    if (fd < 0)
        return fail(error, path, errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd); /* nothing was written */
        return agner_fail(error, AGNER_ETAKEN, "%s: another node has it", path);
    }
    while (keep > 0) { /* those that are not there are no loss */
        if (number_path(to, path, keep) && number_path(from, path, keep - 1))
            (void)rename(from, to);
        keep--;
    }
    (void)close(fd); /* as above */
    return AGNER_OK;
}

static int write_zeros(int fd, size_t size)
{
    static const uint8_t zeros[PIECE];

    while (size > 0) {
        ssize_t done = write(fd, zeros, size < PIECE ? size : PIECE);

        if (done < 0 && errno != EINTR)
            return errno;
        if (done > 0)
            size -= (size_t)done;
    }
    return 0;
}

/* Zeros, so that the room is there. A file that may not grow so far (ulimit -f)
 * raises a signal here that would end the program, which did not ask for it. */
static int fill(int fd, size_t size)
{
    sigset_t set, before, waiting;
    int number, taken;

    (void)sigemptyset(&set); /* cannot fail, nor the others here */
    (void)sigaddset(&set, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    number = write_zeros(fd, size);
    if (number == EFBIG && sigismember(&before, SIGXFSZ) == 0 &&
        sigpending(&waiting) == 0 && sigismember(&waiting, SIGXFSZ) == 1)
        (void)sigwait(&set, &taken);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

static int map(struct rt_mapping *m)
{
    int number = fill(m->fd, m->size);

    if (number != 0)
        return number;
    if (flock(m->fd, LOCK_EX | LOCK_NB) != 0)
        return errno;
    m->bytes =
        mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    return m->bytes == MAP_FAILED ? errno : 0;
}

enum agner_err rt__file_map(void *ctx, const char *path, unsigned keep,
                            size_t size, struct rt_mapping **mapping,
                            uint8_t **bytes, struct agner_error *error)
{
    enum agner_err err = make_way(path, keep, error);
    struct rt_mapping *m;
    int number;

    (void)ctx;
    if (err != AGNER_OK)
        return err;
    m = calloc(1, sizeof *m);
    if (m == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: out of memory", path);
    m->size = size;
    m->fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->fd < 0) {
        number = errno;
        free(m);
        return fail(error, path, number);
    }
    number = map(m);
    if (number != 0) {
        (void)close(m->fd); /* what was written goes with the next line */
        (void)unlink(path);
        free(m);
        return fail(error, path, number);
    }
    *mapping = m;
    *bytes = m->bytes;
    return AGNER_OK;
}

void rt__file_unmap(void *ctx, struct rt_mapping *mapping)
{
    (void)ctx;
    (void)munmap(mapping->bytes, mapping->size); /* it is one, and ours */
    (void)close(mapping->fd); /* the system has what was stored */
    free(mapping);
}
