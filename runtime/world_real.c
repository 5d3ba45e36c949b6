/*
 * world_real.c -- the world as it is: clocks, randomness, threads, files.
 *
 * The table that a runtime uses unless it is given another one. It has no
 * state: every function is a few system calls, and any thread may make them.
 * The network is in world_uv.c, what is only written in world_output.c.
 */
#include "rt_world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "world_os.h"
#include "world_real.h"

#define READ_SIZE 16384u /* bytes asked of a file at a time */

struct rt_thread {
    pthread_t thread;
    sem_t started;
    uint64_t id; /* written by the thread before `started` */
    void (*run)(void *arg);
    void *arg; /* borrowed: the caller's */
    char name[64];
};

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* cannot fail for these two clocks */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t wall_ns(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static bool read_all(int fd, uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, bytes, size);

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
    return true;
}

/*
 * Keys and cookies are made from these bytes, and the caller has no way to hear
 * that there are none: a system that has neither the call nor the device ends
 * the program, since going on with guessable keys would be worse.
 */
static void fill_random(void *ctx, void *bytes, size_t size)
{
    int fd = -1;

    (void)ctx;
    if (rt__os_random(bytes, size))
        return;
    fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !read_all(fd, bytes, size)) {
        fputs("agner: the system has no random numbers\n", stderr);
        abort();
    }
    (void)close(fd); /* nothing was written */
}

static void *thread_main(void *arg)
{
    struct rt_thread *thread = arg;

    rt__os_thread_name(thread->name);
    rt__os_thread_punctual();
    thread->id = rt__os_thread_id();
    (void)sem_post(&thread->started); /* one post cannot overflow */
    thread->run(thread->arg);
    return NULL;
}

static enum agner_err thread_start(void *ctx, const char *name,
                                   void (*run)(void *arg), void *arg,
                                   struct rt_thread **out)
{
    struct rt_thread *thread = calloc(1, sizeof *thread);

    (void)ctx;
    if (thread == NULL)
        return AGNER_ENOMEM;
    thread->run = run;
    thread->arg = arg;
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    if (sem_init(&thread->started, 0, 0) != 0)
        goto free_thread;
    if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0)
        goto destroy_semaphore;
    while (sem_wait(&thread->started) != 0 && errno == EINTR)
        ;
    *out = thread;
    return AGNER_OK;

destroy_semaphore:
    (void)sem_destroy(&thread->started);
free_thread:
    free(thread);
    return AGNER_ESYSTEM;
}

static void thread_join(void *ctx, struct rt_thread *thread)
{
    (void)ctx;
    (void)pthread_join(thread->thread, NULL); /* it is joinable, and not us */
    (void)sem_destroy(&thread->started);
    free(thread);
}

static uint64_t thread_id(void *ctx, struct rt_thread *thread)
{
    (void)ctx;
    return thread->id;
}

static void wait_on(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                    uint64_t deadline_ns)
{
    (void)ctx;
    rt__os_wait(word, seen, deadline_ns);
}

static void wake(void *ctx, _Atomic uint32_t *word, uint32_t count)
{
    (void)ctx;
    rt__os_wake(word, count);
}

/* Both: a runtime in the real world is driven by its own threads. */
static void ignore_entity(void *ctx, struct rt_entity *entity)
{
    (void)ctx;
    (void)entity;
}

/* Opens `path` if it is a file with an end. O_NONBLOCK, since the opening of a
 * pipe would wait for its writer. */
static enum agner_err open_file(const char *path, int *out,
                                struct agner_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    char text[80];
    enum agner_err err = AGNER_OK;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return agner_fail(error, AGNER_ENONAME, "%s: no such file", path);
    if (fd < 0)
        return agner_fail(error, AGNER_ESYSTEM, "%s: %s", path,
                          rt__system_text(errno, text, sizeof text));
    if (fstat(fd, &about) != 0)
        err = agner_fail(error, AGNER_ESYSTEM, "%s: cannot be looked at", path);
    else if (S_ISDIR(about.st_mode))
        err = agner_fail(error, AGNER_ESYSTEM, "%s: is a directory", path);
    else if (!S_ISREG(about.st_mode))
        err =
            agner_fail(error, AGNER_ESYSTEM, "%s: is not a regular file", path);
    if (err != AGNER_OK)
        (void)close(fd); /* nothing was written */
    else
        *out = fd;
    return err;
}

/* Reads to the end, however long the file claims to be: it may be growing. One
 * byte more than allowed is asked for, which tells a full file from a long one.
 */
static enum agner_err read_to_end(int fd, const char *path, size_t bytes_max,
                                  struct etf_buffer *b,
                                  struct agner_error *error)
{
    size_t had = b->size;

    for (;;) {
        size_t left = bytes_max - (b->size - had);
        size_t want = left < READ_SIZE ? left + 1 : READ_SIZE;
        uint8_t piece[READ_SIZE];
        ssize_t got = read(fd, piece, want);
        char text[80];
        enum agner_err err;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return agner_fail(error, AGNER_ESYSTEM, "%s: %s", path,
                              rt__system_text(errno, text, sizeof text));
        if (got == 0)
            return AGNER_OK;
        if ((size_t)got > left)
            return agner_fail(error, AGNER_ELIMIT, "%s: longer than %zu bytes",
                              path, bytes_max);
        err = etf_buffer_add(b, piece, (size_t)got);
        if (err != AGNER_OK)
            return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    }
}

static enum agner_err file_read(void *ctx, const char *path, size_t bytes_max,
                                struct etf_buffer *b, struct agner_error *error)
{
    size_t had = b->size;
    enum agner_err err;
    int fd = -1;

    (void)ctx;
    err = open_file(path, &fd, error);
    if (err != AGNER_OK)
        return err;
    err = read_to_end(fd, path, bytes_max, b, error);
    if (err != AGNER_OK)
        b->size = had;
    (void)close(fd); /* nothing was written */
    return err;
}

static void memory(void *ctx, uint64_t *used, uint64_t *room)
{
    (void)ctx;
    rt__os_memory(used, room);
}

static void memory_trim(void *ctx)
{
    (void)ctx;
    rt__os_memory_trim();
}

const struct rt_world *rt_world_real(void)
{
    static const struct rt_world world = {
        .simulated = false,
        .now_ns = now_ns,
        .wall_ns = wall_ns,
        .random = fill_random,
        .thread_start = thread_start,
        .thread_join = thread_join,
        .thread_id = thread_id,
        .wait = wait_on,
        .wake = wake,
        .enter = ignore_entity,
        .leave = ignore_entity,
        .file_read = file_read,
        .output_open = rt__output_open,
        .output_write = rt__output_write,
        .output_close = rt__output_close,
        .file_rename = rt__file_rename,
        .file_map = rt__file_map,
        .file_unmap = rt__file_unmap,
        .private_read = rt__private_read,
        .private_write = rt__private_write,
        .private_folder = rt__private_folder,
        .private_lock = rt__private_lock,
        .private_unlock = rt__private_unlock,
        .thread_watch = rt__thread_watch,
        .thread_where = rt__thread_where,
        .memory = memory,
        .memory_trim = memory_trim,
        .net = &rt__net_uv,
    };

    return &world;
}
