/*
 * bench_floors.c -- row floors: what the machine itself costs, which bounds
 * every other row.
 *
 * Figures of the C library, the kernel and libsodium, nothing of ours. Each is
 * the median of five runs.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#define RUNS 5

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* Prints the median of what `run` returns: nanoseconds for `count` times. */
static void each(struct bench *b, const char *metric, int64_t count,
                 uint64_t (*run)(int64_t count))
{
    double ns[RUNS];

    (void)run(count / 10 + 1);
    for (int i = 0; i < RUNS; i++)
        ns[i] = (double)run(count) / (double)count;
    qsort(ns, RUNS, sizeof *ns, compare);
    bench_out(b, metric, ns[RUNS / 2], "ns");
}

/* On that processor, if there is one. */
static void sit_on(unsigned processor)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* ---- One processor ------------------------------------------------------- */

static _Alignas(128) _Atomic uint64_t word;

static uint64_t add(int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++)
        (void)atomic_fetch_add(&word, 1);
    return bench_now() - begin;
}

static uint64_t swap(int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++)
        (void)atomic_exchange(&word, (uint64_t)i);
    return bench_now() - begin;
}

static uint64_t compare_and_swap(int64_t count)
{
    uint64_t begin = bench_now(), seen = atomic_load(&word);

    for (int64_t i = 0; i < count; i++)
        if (atomic_compare_exchange_strong(&word, &seen, seen + 1))
            seen++;
    return bench_now() - begin;
}

static uint64_t system_call(int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++)
        (void)syscall(SYS_getppid);
    return bench_now() - begin;
}

static uint64_t read_clock(int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++)
        (void)bench_now();
    return bench_now() - begin;
}

static uint64_t allocate(int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++) {
        void *volatile p = malloc(64);

        free(p);
    }
    return bench_now() - begin;
}

/* Loads that each need the one before, over 256 MB: what a process costs that
 * no cache has. */
#define CHASE_SIZE (256u << 20)

static uint64_t chase(int64_t count)
{
    size_t n = CHASE_SIZE / sizeof(size_t), at = 0;
    size_t *next = bench_memory(n, sizeof *next);
    uint64_t begin;

    for (size_t i = 0; i < n; i++) /* n is a power of two: one circle of all */
        next[i] = (i * 1664525u + 1013904223u) & (n - 1);
    begin = bench_now();
    for (int64_t i = 0; i < count; i++)
        at = next[at];
    begin = bench_now() - begin;
    word = at;
    free(next);
    return begin;
}

static void copies(struct bench *b, const char *metric, size_t size)
{
    char *from = bench_memory(1, size), *to = bench_memory(1, size);
    double best[RUNS];

    memset(from, 1, size);
    memset(to, 2, size);
    for (int i = 0; i < RUNS; i++) {
        int64_t rounds = (int64_t)((512u << 20) / size);
        uint64_t begin = bench_now();

        for (int64_t k = 0; k < rounds; k++) {
            memcpy(to, from, size);
            __asm__ volatile("" : : "r"(to) : "memory");
        }
        best[i] =
            (double)rounds * (double)size * 1e3 / (double)(bench_now() - begin);
    }
    qsort(best, RUNS, sizeof *best, compare);
    bench_out(b, metric, best[RUNS / 2], "MB/s");
    free(from);
    free(to);
}

/* What encrypts a secure link, on blocks of a frame's size: no link is faster
 * than this on the thread that encrypts. */
static void seal(struct bench *b, const char *metric, size_t size)
{
    unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0 };
    unsigned char key[crypto_aead_chacha20poly1305_ietf_KEYBYTES] = { 1 };
    unsigned char *from = bench_memory(1, size);
    unsigned char *to =
        bench_memory(1, size + crypto_aead_chacha20poly1305_ietf_ABYTES);
    int64_t rounds = (int64_t)((64u << 20) / size);
    double rate[RUNS];

    memset(from, 1, size);
    bench_must(sodium_init() < 0 ? AGNER_ESYSTEM : AGNER_OK, "libsodium");
    for (int i = 0; i < RUNS; i++) {
        uint64_t begin = bench_now();

        for (int64_t k = 0; k < rounds; k++) {
            nonce[0]++;
            (void)crypto_aead_chacha20poly1305_ietf_encrypt(
                to, NULL, from, size, NULL, 0, NULL, nonce, key);
        }
        rate[i] =
            (double)rounds * (double)size * 1e3 / (double)(bench_now() - begin);
    }
    qsort(rate, RUNS, sizeof *rate, compare);
    bench_out(b, metric, rate[RUNS / 2], "MB/s");
    free(from);
    free(to);
}

/* ---- Two threads --------------------------------------------------------- */

struct pair {
    void *(*other)(void *arg);
    int64_t count;
    unsigned processor; /* the other thread's */
    int sockets[2];
};

static uint64_t with_other(struct pair *p, void (*mine)(struct pair *p))
{
    pthread_t thread;
    uint64_t begin;

    atomic_store(&word, 0);
    bench_must(pthread_create(&thread, NULL, p->other, p) == 0 ? AGNER_OK
                                                               : AGNER_ESYSTEM,
               "thread");
    begin = bench_now();
    mine(p);
    begin = bench_now() - begin;
    pthread_join(thread, NULL);
    return begin;
}

/* The word goes to and fro: odd numbers are for the other. */
static void *answer_word(void *arg)
{
    const struct pair *p = arg;

    sit_on(p->processor);
    for (int64_t i = 1; i <= p->count; i++) {
        while (atomic_load(&word) != (uint64_t)i * 2 - 1)
            ;
        atomic_store(&word, (uint64_t)i * 2);
    }
    return NULL;
}

static void ask_word(struct pair *p)
{
    for (int64_t i = 1; i <= p->count; i++) {
        atomic_store(&word, (uint64_t)i * 2 - 1);
        while (atomic_load(&word) != (uint64_t)i * 2)
            ;
    }
}

static uint64_t line(int64_t count)
{
    struct pair p = { answer_word, count, 1, { 0 } };

    return with_other(&p, ask_word) / 2;
}

static _Atomic uint32_t turn; /* 0: ours, 1: the other's */

static void wait_for(uint32_t whose)
{
    while (atomic_load(&turn) != whose)
        (void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - whose, NULL,
                      NULL, 0);
}

static void give_to(uint32_t whose)
{
    atomic_store(&turn, whose);
    (void)syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer_futex(void *arg)
{
    const struct pair *p = arg;

    sit_on(p->processor);
    for (int64_t i = 0; i < p->count; i++) {
        wait_for(1);
        give_to(0);
    }
    return NULL;
}

static void ask_futex(struct pair *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        give_to(1);
        wait_for(0);
    }
}

static uint64_t futex_here(int64_t count)
{
    struct pair p = { answer_futex, count, 0, { 0 } };

    return with_other(&p, ask_futex) / 2;
}

static uint64_t futex_across(int64_t count)
{
    struct pair p = { answer_futex, count, 1, { 0 } };

    return with_other(&p, ask_futex) / 2;
}

/* ---- TCP over loopback: 64 bytes there and back -------------------------- */

static void *answer_tcp(void *arg)
{
    const struct pair *p = arg;
    char bytes[64];

    sit_on(p->processor);
    for (int64_t i = 0; i < p->count; i++)
        if (read(p->sockets[1], bytes, sizeof bytes) <= 0 ||
            write(p->sockets[1], bytes, sizeof bytes) <= 0)
            break;
    return NULL;
}

static void ask_tcp(struct pair *p)
{
    char bytes[64] = { 0 };

    for (int64_t i = 0; i < p->count; i++)
        if (write(p->sockets[0], bytes, sizeof bytes) <= 0 ||
            read(p->sockets[0], bytes, sizeof bytes) <= 0)
            break;
}

static void connect_pair(int sockets[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, size) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0 ||
        connect(sockets[0], (struct sockaddr *)&at, size) != 0)
        bench_must(AGNER_ESYSTEM, "loopback");
    sockets[1] = accept(listener, NULL, NULL);
    close(listener);
    for (int i = 0; i < 2; i++)
        (void)setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static uint64_t tcp(int64_t count)
{
    struct pair p = { answer_tcp, count, 1, { 0 } };
    uint64_t took;

    connect_pair(p.sockets);
    took = with_other(&p, ask_tcp);
    close(p.sockets[0]);
    close(p.sockets[1]);
    return took;
}

void bench_floors(struct bench *b)
{
    sit_on(0);
    each(b, "ns_fetch_add", b->n, add);
    each(b, "ns_exchange", b->n, swap);
    each(b, "ns_compare_exchange", b->n, compare_and_swap);
    each(b, "ns_malloc_free", b->n, allocate);
    each(b, "ns_clock", b->n / 10 + 1, read_clock);
    each(b, "ns_system_call", b->n / 10 + 1, system_call);
    if (b->n >= 1000000) {
        each(b, "ns_load_not_cached", b->n / 10, chase);
        copies(b, "mb_per_s_memcpy_64KB", 64u << 10);
        copies(b, "mb_per_s_memcpy_1MB", 1u << 20);
        copies(b, "mb_per_s_memcpy_256MB", 256u << 20);
        seal(b, "mb_per_s_aead_64KB", 64u << 10);
    }
    each(b, "ns_futex_same_core", b->n / 100 + 1, futex_here);
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return;
    each(b, "ns_cache_line", b->n / 100 + 1, line);
    each(b, "ns_futex_cross_core", b->n / 100 + 1, futex_across);
    each(b, "ns_tcp_round_trip", b->n / 100 + 1, tcp);
}
