/*
 * world_uv.h -- the real network, on libuv: a loop and what is open on it.
 *
 * Private to world_uv*.c, which are the only files that see libuv. Everything
 * here belongs to the thread that runs the loop, except what is atomic. A
 * connection, once made, lives until its handle's close callback, which tells
 * the owner `closed` and frees it; so no function called by an owner's code
 * frees anything under it.
 *
 *   state            meaning                               left for
 *   ---------------  ------------------------------------ ---------------------
 *   CONN_LOOKUP      the host's name is being looked up    CONNECTING, CLOSING
 *   CONN_CONNECTING  an address is being tried             OPEN, RETRYING,
 *                                                          CLOSING
 *   CONN_RETRYING    its handle closes before the next     CONNECTING, CLOSING
 *                    address is tried
 *   CONN_INCOMING    accepted, nobody owns it yet          OPEN, CLOSING
 *   CONN_OPEN        bytes go both ways                    FLUSHING, CLOSING
 *   CONN_FLUSHING    we closed; what is queued goes out,   LINGERING, CLOSING
 *                    what comes is dropped
 *   CONN_LINGERING   all is out; the peer reads the rest,  CLOSING
 *                    and we wait for its end
 *   CONN_CLOSING     the handle closes; `why` is known     (freed)
 */
#ifndef WORLD_UV_H
#define WORLD_UV_H

#include <netdb.h>
#include <sys/stat.h>
#include <uv.h>

#include "loop_timer.h"
#include "rt_world.h"
#include "world_real.h"
#include "write_list.h"

#define READ_BYTES 65536u /* most that `received` gets at once */
#define FLUSH_MS   5000u  /* a close with flush takes no longer */

enum conn_state {
    CONN_LOOKUP,
    CONN_CONNECTING,
    CONN_RETRYING,
    CONN_INCOMING,
    CONN_OPEN,
    CONN_FLUSHING,
    CONN_LINGERING,
    CONN_CLOSING,
};

/* A look-up cannot be stopped once it runs, so it outlives its connection. */
struct lookup {
    uv_getaddrinfo_t req;
    struct rt_loop *loop; /* borrowed */
    struct rt_conn *conn; /* borrowed; NULL: nobody waits any more */
};

struct rt_conn {
    struct rt_loop *loop;         /* borrowed */
    struct rt_conn *next, **link; /* in the loop's `conns` */
    enum conn_state state;
    enum rt_address_kind kind;
    bool owned;     /* `owner` is set */
    bool reading;   /* the owner wants bytes */
    bool writing;   /* `write_req` is with libuv */
    bool peer_done; /* FLUSHING: the peer's end of stream was seen */
    struct rt_conn_owner owner;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;

    /* Dialling. */
    uv_connect_t connect_req;
    struct lookup *lookup;          /* borrowed: it frees itself */
    struct addrinfo *addresses;     /* owned: what the name stands for */
    const struct addrinfo *address; /* of those, the one being tried */
    uint16_t port;
    uint64_t timeout_ms;

    /* Writing. */
    uv_write_t write_req;
    uv_shutdown_t shutdown_req;
    struct write_list queue; /* in order; `sent` bytes of the first are out */
    struct write_list late;  /* given after close() */
    size_t sent;
    size_t handed; /* bytes that are with libuv while `writing` */
    struct rt_conn *dirty_next, **dirty_link; /* in the loop's `dirty` */

    struct rt_loop_timer deadline; /* of the dial, then of the flush */
    enum agner_err why;            /* CLOSING: what `closed` will be told */
    char text[120];
};

struct rt_listener {
    struct rt_loop *loop;             /* borrowed */
    struct rt_listener *next, **link; /* in the loop's `listeners` */
    struct rt_listen_owner owner;
    uv_poll_t poll;
    int fd; /* -1 once it is closed */
    bool closing;
    struct rt_loop_timer retry;
    struct rt_address address;
    struct stat file; /* UNIX: the socket file, to remove no other */
};

struct rt_udp {
    struct rt_loop *loop;        /* borrowed */
    struct rt_udp *next, **link; /* in the loop's `udps` */
    struct rt_udp_owner owner;
    uv_udp_t uv;
};

struct rt_loop {
    const struct rt_world *world; /* borrowed */
    struct rt_thread *thread;
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t settle; /* runs before each wait */
    uv_check_t waited;   /* runs after each wait */
    uv_idle_t hurry;     /* active while there must be no wait */
    uv_timer_t alarm;    /* for the next of `timers` */
    uint64_t alarm_ns;   /* when it rings, or RT_NEVER */
    /* Newest first. Any thread pushes, the loop takes all. */
    _Atomic(struct rt_task *) posted;
    struct loop_timers timers;
    struct rt_conn *conns;
    struct rt_conn *dirty; /* those with something to write */
    struct rt_listener *listeners;
    struct rt_udp *udps;
    size_t lookups;
    bool stopping; /* nothing new is opened */
    bool stopped;  /* the loop's own handles are closing too */
    struct rt_task stop;

    /* Who runs it: world_uv_drive.c. */
    _Atomic uint32_t driven;  /* 1: some thread does */
    _Atomic uint32_t waiting; /* 1: that thread waits, or is about to */
    _Atomic uint32_t napping; /* 1: it naps, or is about to */
    _Atomic uint32_t drives;  /* how often drive() began */
    /* The word of who found it taken; compared and woken, never read. */
    _Atomic(_Atomic uint32_t *) wanted;
    _Atomic uint32_t ending; /* 1: loop_free() was called */
    _Atomic uint32_t keeper_word, keeper_asleep;
    _Atomic uint32_t *word; /* what drive() was given, while it runs */
    uint32_t seen;
    uint64_t until_ns;
    size_t bytes_in; /* of this turn */
    bool wrote;      /* in this turn */
    unsigned stream; /* turns in a row that were of a stream */

    uint8_t bytes[READ_BYTES]; /* of the read under way */
};

/* An error of libuv as one of ours, and in words. Returns `text`. */
enum agner_err rt__uv_code(int err);
char *rt__uv_text(int err, char *text, size_t size);

/* world_uv.c */
uint64_t rt__uv_now(const struct rt_loop *loop);
void rt__uv_timer_start(struct rt_loop *loop, struct rt_loop_timer *timer,
                        uint64_t after_ms, uint64_t repeat_ms);
void rt__uv_timer_stop(struct rt_loop *loop, struct rt_loop_timer *timer);

/* world_uv_drive.c: the loop's own thread, until the loop has ended. */
void rt__uv_keep(struct rt_loop *loop);
bool rt__uv_drive(struct rt_loop *loop, _Atomic uint32_t *word, uint32_t seen,
                  uint64_t deadline_ns);
void rt__uv_interrupt(struct rt_loop *loop);
/* Something was posted. */
void rt__uv_posted(struct rt_loop *loop);
/* Just before and after a wait. False: there must be none. */
bool rt__uv_may_wait(struct rt_loop *loop);
/* loop_free(): the loop's own thread has to run it to its end. */
void rt__uv_end(struct rt_loop *loop);

/* world_uv_conn.c: a new connection of this loop with an initialised handle, or
 * NULL: no memory. */
struct rt_conn *rt__uv_conn_new(struct rt_loop *loop, enum rt_address_kind kind,
                                enum conn_state state);
/* The connection is there: tells libuv about it, and reads if it should. */
void rt__uv_conn_up(struct rt_conn *conn);
/* Ends the connection, whatever its state; the first reason given counts. */
void rt__uv_conn_end(struct rt_conn *conn, enum agner_err why,
                     const char *text);
void rt__uv_conn_fail(struct rt_conn *conn, int err);
/* Becomes RETRYING, and rt__uv_dial_next() follows. */
void rt__uv_conn_retry(struct rt_conn *conn);
void rt__uv_adopt(struct rt_conn *conn, const struct rt_conn_owner *owner);
void rt__uv_read(struct rt_conn *conn, bool on);
void rt__uv_close(struct rt_conn *conn, bool flush);
int64_t rt__uv_peer_uid(struct rt_conn *conn);
int64_t rt__uv_rtt_us(struct rt_conn *conn);

/* world_uv_write.c */
void rt__uv_write(struct rt_conn *conn, struct rt_write *write);
/* Has rt__uv_flush() called before the loop waits. */
void rt__uv_dirty(struct rt_conn *conn);
void rt__uv_clean(struct rt_conn *conn); /* takes that back */
/* Writes what is queued. */
void rt__uv_flush(struct rt_conn *conn);
/* Tells `done` of everything queued that it was not written. */
void rt__uv_drop_writes(struct rt_conn *conn);

/* world_uv_dial.c */
enum agner_err rt__uv_dial(struct rt_loop *loop,
                           const struct rt_address *address,
                           uint64_t timeout_ms,
                           const struct rt_conn_owner *owner,
                           struct rt_conn **conn, struct agner_error *error);
/* RETRYING, and the handle of the last attempt is closed. */
void rt__uv_dial_next(struct rt_conn *conn);
/* Forgets what was looked up or still is. */
void rt__uv_dial_forget(struct rt_conn *conn);

/* world_uv_listen.c */
enum agner_err rt__uv_listen(struct rt_loop *loop,
                             const struct rt_address *address,
                             const struct rt_listen_owner *owner,
                             struct rt_listener **listener,
                             struct rt_address *bound,
                             struct agner_error *error);
void rt__uv_unlisten(struct rt_listener *listener);

/* world_uv_udp.c */
enum agner_err rt__uv_udp_open(struct rt_loop *loop,
                               const struct rt_udp_options *options,
                               const struct rt_udp_owner *owner,
                               struct rt_udp **udp, uint16_t *bound,
                               struct agner_error *error);
enum agner_err rt__uv_udp_send(struct rt_udp *udp, const char *host,
                               uint16_t port, const void *bytes, size_t size);
void rt__uv_udp_close(struct rt_udp *udp);

/* world_uv_resolve.c */
enum agner_err rt__uv_resolve(struct rt_loop *loop, const char *host,
                              void (*done)(void *ctx, enum agner_err err,
                                           const struct rt_address *addresses,
                                           size_t count, const char *text),
                              void *ctx, struct rt_resolve **resolve,
                              struct agner_error *error);
void rt__uv_resolve_cancel(struct rt_resolve *resolve);

/* world_uv_listen.c: the address in words; an IPv4 one in IPv6 is shown as
 * IPv4. */
void rt__uv_describe(const struct sockaddr_storage *address,
                     struct rt_address *out);

/* world_uv_socket.c: a listening descriptor for `address`, whose port becomes
 * the real one; for a UNIX socket *file is what was made. */
enum agner_err rt__uv_socket(struct rt_address *address, int *fd,
                             struct stat *file, struct agner_error *error);

#endif
