/*
 * tap.c -- the thread of tap.h.
 */
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "raw_peer.h"

#define LINKS_MAX   32
#define FRAME_MAX   (2u + 65535u)
#define PREFACE     8u
#define WAIT_STEP_S 20

/* One way of one connection. */
struct way {
    uint8_t frame[FRAME_MAX + 16384]; /* what is not a whole frame yet */
    size_t held;
    bool preface; /* it has been passed on, or there is none */
    struct etf_buffer seen;
    uint8_t last[FRAME_MAX],
        kept[FRAME_MAX]; /* passed on; to be passed later */
    size_t last_size, kept_size;
};

struct link {
    int fd[2]; /* who dialled, whom we dialled; -1: closed */
    struct way way[2];
};

struct tap {
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, but for ports */
    pthread_cond_t done;
    uint16_t port, behind;
    bool frames;
    int listener, wake[2];
    bool ending, stalled, slow;
    enum tap_deed deed;
    int deed_way, deed_bit;
    bool was_done;
    size_t count;
    struct link *links[LINKS_MAX];
};

static void pass(struct tap *tap, int fd, const uint8_t *bytes, size_t size)
{
    if (!tap->slow) {
        raw_send(fd, bytes, size);
        return;
    }
    for (size_t i = 0; i < size; i++)
        raw_send(fd, bytes + i, 1);
}

static void hang_up(struct link *link)
{
    for (int i = 0; i < 2; i++) {
        if (link->fd[i] >= 0)
            close(link->fd[i]);
        link->fd[i] = -1;
    }
}

static void flip(uint8_t *frame, size_t size, int bit)
{
    size_t at = bit >= 0 ? (size_t)bit : 8 * size - (size_t)-bit;

    at %= 8 * size;
    frame[at / 8] ^= (uint8_t)(1u << at % 8);
}

/* Under the lock. A whole frame goes that way. */
static void take_frame(struct tap *tap, struct link *link, int way,
                       uint8_t *frame, size_t size)
{
    struct way *w = &link->way[way];
    enum tap_deed deed = tap->deed_way == way ? tap->deed : TAP_PASS;
    int to = link->fd[1 - way];
    uint8_t before[FRAME_MAX];
    size_t before_size = w->last_size;

    memcpy(before, w->last, before_size);
    memcpy(w->last, frame, size);
    w->last_size = size;
    if (deed == TAP_REPLAY && before_size == 0)
        deed = TAP_PASS; /* there is none yet */
    switch (deed) {
    case TAP_PASS:
        pass(tap, to, frame, size);
        break;
    case TAP_FLIP:
        flip(frame, size, tap->deed_bit);
        pass(tap, to, frame, size);
        break;
    case TAP_DROP:
        break;
    case TAP_REPEAT:
        pass(tap, to, frame, size);
        pass(tap, to, frame, size);
        break;
    case TAP_SWAP:
        memcpy(w->kept, frame, size);
        w->kept_size = size;
        break;
    case TAP_CUT:
        pass(tap, to, frame, size / 2);
        hang_up(link);
        break;
    case TAP_REPLAY:
        pass(tap, to, before, before_size);
        break;
    }
    if (deed != TAP_PASS) {
        tap->deed = TAP_PASS;
        tap->was_done = true;
        pthread_cond_broadcast(&tap->done);
    } else if (w->kept_size > 0) {
        pass(tap, to, w->kept, w->kept_size);
        w->kept_size = 0;
    }
}

/* Under the lock. Passes on what is whole. */
static void take_bytes(struct tap *tap, struct link *link, int way)
{
    struct way *w = &link->way[way];
    size_t at = 0;

    while (link->fd[0] >= 0 && w->held - at > 0) {
        uint8_t *frame = w->frame + at;
        size_t left = w->held - at, size = left;

        if (tap->frames && !w->preface)
            size = PREFACE;
        else if (tap->frames)
            size = left < 2 ? 2 : 2 + ((size_t)frame[0] << 8 | frame[1]);
        if (size > left)
            break;
        if (tap->frames && w->preface)
            take_frame(tap, link, way, frame, size);
        else
            pass(tap, link->fd[1 - way], frame, size);
        w->preface = true;
        at += size;
    }
    memmove(w->frame, w->frame + at, w->held - at);
    w->held -= at;
}

static void read_way(struct tap *tap, struct link *link, int way)
{
    struct way *w = &link->way[way];
    ssize_t got;

    if (link->fd[way] < 0)
        return;
    got = recv(link->fd[way], w->frame + w->held, sizeof w->frame - w->held,
               MSG_DONTWAIT);
    if (got <= 0) {
        hang_up(link);
        return;
    }
    (void)etf_buffer_add(&w->seen, w->frame + w->held, (size_t)got);
    tap->count += (size_t)got;
    w->held += (size_t)got;
    take_bytes(tap, link, way);
}

static void take_link(struct tap *tap)
{
    int fd = accept4(tap->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
    struct link *link;

    for (int i = 0; i < LINKS_MAX; i++) {
        if (tap->links[i] != NULL)
            continue;
        link = calloc(1, sizeof *link);
        if (fd < 0 || link == NULL)
            break;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        link->fd[0] = fd;
        link->fd[1] = raw_connect(tap->behind);
        link->way[1].preface = true; /* it has none */
        tap->links[i] = link;
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void *run(void *arg)
{
    struct tap *tap = arg;

    for (;;) {
        struct pollfd fds[2 + 2 * LINKS_MAX];
        nfds_t count = 2;
        char byte;

        fds[0] = (struct pollfd){ .fd = tap->listener, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = tap->wake[0], .events = POLLIN };
        pthread_mutex_lock(&tap->lock);
        for (int i = 0; i < 2 * LINKS_MAX; i++) {
            const struct link *link = tap->links[i / 2];

            fds[count++] = (struct pollfd){ .fd = link == NULL || tap->stalled
                                                      ? -1
                                                      : link->fd[i % 2],
                                            .events = POLLIN };
        }
        pthread_mutex_unlock(&tap->lock);
        (void)poll(fds, count, -1);
        pthread_mutex_lock(&tap->lock);
        if (fds[1].revents != 0)
            (void)!read(tap->wake[0], &byte, 1);
        if (tap->ending) {
            pthread_mutex_unlock(&tap->lock);
            return NULL;
        }
        for (int i = 0; i < 2 * LINKS_MAX; i++)
            if (fds[2 + i].revents != 0 && !tap->stalled)
                read_way(tap, tap->links[i / 2], i % 2);
        if (fds[0].revents != 0)
            take_link(tap);
        pthread_mutex_unlock(&tap->lock);
    }
}

static void wake(struct tap *tap)
{
    (void)!write(tap->wake[1], "", 1);
}

struct tap *tap_new(uint16_t behind, bool frames)
{
    struct tap *tap = calloc(1, sizeof *tap);

    assert_non_null(tap);
    tap->behind = behind;
    tap->frames = frames;
    tap->listener = raw_listen(&tap->port);
    assert_int_equal(pipe(tap->wake), 0);
    assert_int_equal(pthread_mutex_init(&tap->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&tap->done, NULL), 0);
    assert_int_equal(pthread_create(&tap->thread, NULL, run, tap), 0);
    return tap;
}

uint16_t tap_port(const struct tap *tap)
{
    return tap->port;
}

void tap_free(struct tap *tap)
{
    pthread_mutex_lock(&tap->lock);
    tap->ending = true;
    pthread_mutex_unlock(&tap->lock);
    wake(tap);
    (void)pthread_join(tap->thread, NULL);
    for (int i = 0; i < LINKS_MAX; i++) {
        if (tap->links[i] == NULL)
            continue;
        hang_up(tap->links[i]);
        etf_buffer_fini(&tap->links[i]->way[0].seen);
        etf_buffer_fini(&tap->links[i]->way[1].seen);
        free(tap->links[i]);
    }
    close(tap->listener);
    close(tap->wake[0]);
    close(tap->wake[1]);
    (void)pthread_mutex_destroy(&tap->lock);
    (void)pthread_cond_destroy(&tap->done);
    free(tap);
}

void tap_do(struct tap *tap, enum tap_deed deed, int way, int bit)
{
    pthread_mutex_lock(&tap->lock);
    tap->deed = deed;
    tap->deed_way = way;
    tap->deed_bit = bit;
    tap->was_done = false;
    pthread_mutex_unlock(&tap->lock);
}

void tap_wait(struct tap *tap)
{
    struct timespec end;

    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3 * WAIT_STEP_S;
    pthread_mutex_lock(&tap->lock);
    while (!tap->was_done)
        if (pthread_cond_timedwait(&tap->done, &tap->lock, &end) != 0)
            break;
    assert_true(tap->was_done);
    pthread_mutex_unlock(&tap->lock);
}

static bool is_over(struct tap *tap)
{
    bool over = true;

    pthread_mutex_lock(&tap->lock);
    for (int i = 0; i < LINKS_MAX; i++)
        over = over && (tap->links[i] == NULL || tap->links[i]->fd[0] < 0);
    pthread_mutex_unlock(&tap->lock);
    return over;
}

void tap_over(struct tap *tap)
{
    for (int i = 0; i < WAIT_STEP_S * 3000; i++) {
        if (is_over(tap))
            return;
        (void)usleep(1000);
    }
    fail_msg("a connection is still open");
}

void tap_byte_by_byte(struct tap *tap, bool on)
{
    pthread_mutex_lock(&tap->lock);
    tap->slow = on;
    pthread_mutex_unlock(&tap->lock);
}

void tap_stall(struct tap *tap, bool on)
{
    pthread_mutex_lock(&tap->lock);
    tap->stalled = on;
    pthread_mutex_unlock(&tap->lock);
    wake(tap);
}

bool tap_saw(struct tap *tap, const void *bytes, size_t size)
{
    bool saw = false;

    pthread_mutex_lock(&tap->lock);
    for (int i = 0; i < 2 * LINKS_MAX && !saw; i++) {
        const struct link *link = tap->links[i / 2];

        if (link != NULL && link->way[i % 2].seen.size >= size)
            saw = memmem(link->way[i % 2].seen.data, link->way[i % 2].seen.size,
                         bytes, size) != NULL;
    }
    pthread_mutex_unlock(&tap->lock);
    return saw;
}

size_t tap_seen(struct tap *tap)
{
    size_t count;

    pthread_mutex_lock(&tap->lock);
    count = tap->count;
    pthread_mutex_unlock(&tap->lock);
    return count;
}
