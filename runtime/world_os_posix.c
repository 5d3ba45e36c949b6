/*
 * world_os_posix.c -- parking and a few calls more, with what POSIX has.
 *
 * Words that threads wait on share a fixed table of locks by their address. A
 * sleeper compares the word under its lock, and a waker takes the same lock, so
 * a store before the wake is never missed; a wake reaches everybody in the
 * slot, whose words are then looked at again. Which slot a word has is visible
 * in nothing but speed.
 */
#include "world_os.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "rt_world.h"

#define SLOT_BITS 6

struct slot {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of CLOCK_MONOTONIC */
};

static struct slot slots[1u << SLOT_BITS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static void init_slots(void)
{
    pthread_condattr_t attributes;
    size_t i;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    for (i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        (void)pthread_mutex_init(&slots[i].lock, NULL);
        (void)pthread_cond_init(&slots[i].changed, &attributes);
    }
    (void)pthread_condattr_destroy(&attributes);
}

static struct slot *slot_of(const void *word)
{
    uint64_t mixed = (uint64_t)(uintptr_t)word * 0x9e3779b97f4a7c15u;

    (void)pthread_once(&slots_once, init_slots);
    return &slots[mixed >> (64 - SLOT_BITS)];
}

/* Order: relaxed, since the lock orders the word's store before its wake; what
 * the store publishes is for the caller, who loads the word again. */
void rt__os_wait(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
    struct slot *slot = slot_of(word);
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / 1000000000u),
        .tv_nsec = (long)(deadline_ns % 1000000000u),
    };

    (void)pthread_mutex_lock(&slot->lock);
    if (load_relaxed(word) == seen) {
        if (deadline_ns == RT_NEVER)
            (void)pthread_cond_wait(&slot->changed, &slot->lock);
        else /* late or woken, the caller looks */
            (void)pthread_cond_timedwait(&slot->changed, &slot->lock,
                                         &deadline);
    }
    (void)pthread_mutex_unlock(&slot->lock);
}

void rt__os_wake(_Atomic uint32_t *word, uint32_t count)
{
    struct slot *slot = slot_of(word);

    (void)count; /* others of the slot may be first in line: wake all */
    (void)pthread_mutex_lock(&slot->lock);
    (void)pthread_cond_broadcast(&slot->changed);
    (void)pthread_mutex_unlock(&slot->lock);
}

bool rt__os_random(void *bytes, size_t size)
{
    uint8_t *next = bytes;

    while (size > 0) {
        size_t piece = size < 256 ? size : 256; /* getentropy()'s limit */

        if (getentropy(next, piece) != 0)
            return false;
        next += piece;
        size -= piece;
    }
    return true;
}

uint64_t rt__os_thread_id(void)
{
    return 0;
}

void rt__os_thread_name(const char *name)
{
    (void)name;
}

void rt__os_thread_punctual(void)
{
}

/* Closed by exec, not blocking. Another thread's fork between the two calls
 * would hand the descriptor on: POSIX before 2024 has no way to avoid it. */
static int prepare(int fd)
{
    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
                    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
        int kept = errno;

        (void)close(fd); /* errno is what counts */
        errno = kept;
        return -1;
    }
    return fd;
}

int rt__os_socket(int domain)
{
    return prepare(socket(domain, SOCK_STREAM, 0));
}

int rt__os_accept(int listener)
{
    return prepare(accept(listener, NULL, NULL));
}

/* POSIX has no call for it; -1 is no user, so who demands one is refused. */
int64_t rt__os_peer_uid(int socket)
{
    (void)socket;
    return -1;
}

void rt__os_memory(uint64_t *used, uint64_t *room)
{
    *used = *room = 0;
}

void rt__os_memory_trim(void)
{
}

int64_t rt__os_rtt_us(int socket)
{
    (void)socket;
    return -1;
}
