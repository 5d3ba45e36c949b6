/*
 * world_os_linux.c -- futex, getrandom and a few calls more: Linux.
 *
 * The word of a futex is the caller's; nothing is allocated here and nothing
 * kept.
 */
#include "world_os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rt_world.h"

#ifdef __GLIBC__
#include <malloc.h>
#define TRIM() ((void)malloc_trim(0)) /* whether there was something */
#else
#define TRIM() ((void)0)
#endif

_Static_assert(sizeof(_Atomic uint32_t) == 4, "a futex is four bytes");

/* FUTEX_WAIT_BITSET, and not FUTEX_WAIT, because its time is a deadline of
 * CLOCK_MONOTONIC and no duration. */
void rt__os_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
    struct timespec deadline;
    struct timespec *until = NULL;

    if (deadline_ns != RT_NEVER) {
        deadline.tv_sec = (time_t)(deadline_ns / 1000000000u);
        deadline.tv_nsec = (long)(deadline_ns % 1000000000u);
        until = &deadline;
    }
    /* Whatever it returns (changed, woken, late, a signal), the caller looks
     * at the word again. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen,
                  until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void rt__os_wake(_Atomic uint32_t *word, uint32_t count)
{
    if (count > INT_MAX)
        count = INT_MAX;
    (void)syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL,
                  NULL, 0);
}

bool rt__os_random(void *bytes, size_t size)
{
    uint8_t *next = bytes;

    while (size > 0) {
        ssize_t got = getrandom(next, size, 0);

        if (got < 0 && errno != EINTR)
            return false;
        if (got > 0) {
            next += got;
            size -= (size_t)got;
        }
    }
    return true;
}

uint64_t rt__os_thread_id(void)
{
    return (uint64_t)gettid();
}

void rt__os_thread_name(const char *name)
{
    char cut[16]; /* what the kernel keeps */

    (void)snprintf(cut, sizeof cut, "%s", name);
    (void)prctl(PR_SET_NAME, cut, 0, 0, 0); /* only a name */
}

/* By default a sleep may last 50 us longer, so that several end with one
 * interrupt: that would be added to each timer, which are on whole milliseconds
 * anyway. */
void rt__os_thread_punctual(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0); /* in ns; 0: the default */
}

int rt__os_socket(int domain)
{
    return socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int rt__os_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int64_t rt__os_peer_uid(int socket)
{
    struct ucred who;
    socklen_t size = sizeof who;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return -1;
    return (int64_t)who.uid;
}

/* The number at the start of a small file; 0: there is none. */
static uint64_t number_in(const char *path, unsigned skip)
{
    char text[256], *at = text, *end;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned long long number = 0;
    ssize_t size;

    if (fd < 0)
        return 0;
    size = read(fd, text, sizeof text - 1);
    (void)close(fd); /* nothing was written */
    if (size <= 0)
        return 0;
    text[size] = '\0';
    do { /* "max", no limit, is no number */
        number = strtoull(at, &end, 10);
        if (end == at)
            return 0;
        at = end;
    } while (skip-- > 0);
    return number;
}

static uint64_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (uint64_t)size : 4096;
}

/* Inside a container the group's own file is at the top of the file system. */
static uint64_t group_limit(void)
{
    uint64_t limit = number_in("/sys/fs/cgroup/memory.max", 0);

    if (limit == 0)
        limit = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", 0);
    return limit;
}

/* Source: proc_pid_statm(5): pages of the program, then those in memory. */
void rt__os_memory(uint64_t *used, uint64_t *room)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t limit = group_limit();

    *used = number_in("/proc/self/statm", 1) * page_size();
    *room = pages > 0 ? (uint64_t)pages * page_size() : 0;
    if (limit != 0 && (*room == 0 || limit < *room))
        *room = limit;
}

void rt__os_memory_trim(void)
{
    TRIM();
}

int64_t rt__os_rtt_us(int socket)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return -1;
    return (int64_t)info.tcpi_rtt;
}
