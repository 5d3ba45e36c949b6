/*
 * rt_world.h -- the door to everything that is not deterministic.
 *
 * Clock, random numbers, threads, parking, the network and files are reached
 * through one struct. The real world (world_real.c, world_uv.c) fills it with
 * the operating system and libuv; the simulated world (test/sim/) with virtual
 * time, a seeded choice and byte streams in memory. No other file of the
 * library calls what is behind it (spec/reliability.md 2.1).
 *
 * Not installed. All functions of a world may be called from any thread unless
 * they say "loop thread": that is whoever runs the loop at that moment, its own
 * thread or one in drive(); there is never more than one.
 */
#ifndef RT_WORLD_H
#define RT_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <agner/etf.h>

#define RT_NEVER UINT64_MAX /* a deadline that does not come */

struct rt;
struct rt_thread;
struct rt_mapping;
struct rt_net;
struct rt_output;

/* What is written and never read back. */
enum rt_output_kind {
    RT_OUTPUT_STDERR,   /* what is standard error at the time of opening */
    RT_OUTPUT_STDOUT,   /* what is standard output at the time of writing */
    RT_OUTPUT_FILE,     /* appended to; made with mode 0640 if not there */
    RT_OUTPUT_DATAGRAM, /* a UNIX socket: each write is one datagram */
};

struct rt_output_info {
    bool terminal;
    uint64_t size; /* FILE: bytes that are in it */
};

/*
 * A runtime, as the simulated world steps it. The real world ignores these: its
 * runtimes have threads. `step` runs one of the `runnable` processes to the end
 * of its slice; `expire` fires what is due. Neither waits.
 */
struct rt_entity {
    void *ctx;
    size_t (*runnable)(void *ctx);
    void (*step)(void *ctx, size_t index); /* index < runnable() */
    uint64_t (*deadline_ns)(void *ctx);    /* of its next timer, or RT_NEVER */
    void (*expire)(void *ctx);
    /* May be NULL. A number for the index-th runnable that stays its own, for
     * choices by priority; without it the index stands for it. */
    uint64_t (*identity)(void *ctx, size_t index);
    struct rt_entity *next; /* the world's */
};

struct rt_world {
    void *ctx;
    bool simulated; /* one thread, no parking: see `wait` and `enter` */

    /* Monotonic and wall clock, nanoseconds. */
    uint64_t (*now_ns)(void *ctx);
    uint64_t (*wall_ns)(void *ctx);

    /* Fills `bytes` with random ones, good enough for keys in the real world.
     */
    void (*random)(void *ctx, void *bytes, size_t size);

    /* Starts a thread that calls run(arg). AGNER_ESYSTEM. The simulated world
     * has none: AGNER_ENOTSUP. */
    enum agner_err (*thread_start)(void *ctx, const char *name,
                                   void (*run)(void *arg), void *arg,
                                   struct rt_thread **out);
    void (*thread_join)(void *ctx, struct rt_thread *thread);
    /* Sends the running code of `thread` nothing but makes its kernel id known,
     * for reports. */
    uint64_t (*thread_id)(void *ctx, struct rt_thread *thread);

    /*
     * Waits while *word == seen, until `deadline_ns` (RT_NEVER: without end).
     * May return early. In the simulated world this is what drives the
     * simulation: it takes steps until the word changes or virtual time is
     * there, and when nothing can ever happen again it returns.
     */
    void (*wait)(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                 uint64_t deadline_ns);
    /* Wakes up to `count` of those that wait on `word`. */
    void (*wake)(void *ctx, _Atomic uint32_t *word, uint32_t count);

    /* Puts a runtime under, and takes it from under, a simulated world's
     * control. Both do nothing in the real world. */
    void (*enter)(void *ctx, struct rt_entity *entity);
    void (*leave)(void *ctx, struct rt_entity *entity);

    /* Reads a file of at most `bytes_max` into `b`. AGNER_ENONAME: no such
     * file, AGNER_ELIMIT: too large, AGNER_ESYSTEM: other; error says why. */
    enum agner_err (*file_read)(void *ctx, const char *path, size_t bytes_max,
                                struct etf_buffer *b,
                                struct agner_error *error);

    /* Opens an output; `path` is for FILE and DATAGRAM. AGNER_ENOMEM,
     * AGNER_ENOTALLOWED, AGNER_ENOCONN (nobody is at the socket),
     * AGNER_ESYSTEM. */
    enum agner_err (*output_open)(void *ctx, enum rt_output_kind kind,
                                  const char *path, struct rt_output **output,
                                  struct rt_output_info *info,
                                  struct agner_error *error);
    /*
     * Writes, and waits for at most `wait_ms` at a time while the output takes
     * nothing (a pipe that nobody reads). *written is set in any case: a
     * datagram is written whole or not at all. AGNER_EAGAIN: it takes nothing
     * now; AGNER_ENOCONN: there is nobody at the other end; AGNER_ELIMIT: the
     * datagram is too long; AGNER_ESYSTEM. One thread at a time, in which
     * SIGPIPE and SIGXFSZ are blocked from then on.
     */
    enum agner_err (*output_write)(void *ctx, struct rt_output *output,
                                   const void *bytes, size_t size,
                                   uint64_t wait_ms, size_t *written,
                                   struct agner_error *error);
    void (*output_close)(void *ctx, struct rt_output *output);
    /* Gives a file another name, in place of one that has it. AGNER_ENONAME,
     * AGNER_ESYSTEM. */
    enum agner_err (*file_rename)(void *ctx, const char *from, const char *to,
                                  struct agner_error *error);

    /*
     * Makes a file of `size` zero bytes and maps it: what is stored at *bytes
     * is in the file, whatever ends the program. One that is there becomes
     * PATH.1, that one PATH.2, and so on up to PATH.KEEP. The room is taken at
     * once, so that a full disk is an error here and not a fault later. NULL
     * where there are no such files. AGNER_ETAKEN: a program that lives has it;
     * AGNER_ENOTALLOWED, AGNER_ENOMEM, AGNER_ESYSTEM.
     */
    enum agner_err (*file_map)(void *ctx, const char *path, unsigned keep,
                               size_t size, struct rt_mapping **mapping,
                               uint8_t **bytes, struct agner_error *error);
    void (*file_unmap)(void *ctx, struct rt_mapping *mapping);

    /*
     * Files of this user that nobody else may read or write: for secrets, and
     * for whom to trust. All of these may wait for the disk; NULL where there
     * are no such files. Errors name the path and the command that mends it.
     *
     * private_read: at most `room` bytes. AGNER_ENONAME: no such file,
     * AGNER_ENOTALLOWED: not a plain file, a link, another user's, or others
     * have rights, AGNER_ELIMIT: longer, AGNER_ESYSTEM.
     */
    enum agner_err (*private_read)(void *ctx, const char *path, void *bytes,
                                   size_t room, size_t *size,
                                   struct agner_error *error);
    /* Writes one, whole or not at all, with mode 600. `fresh`: only where there
     * is none; AGNER_ETAKEN. AGNER_ENOTALLOWED, AGNER_ESYSTEM. */
    enum agner_err (*private_write)(void *ctx, const char *path,
                                    const void *bytes, size_t size, bool fresh,
                                    struct agner_error *error);
    /* Is it a folder of this user that nobody else may write to? `make`: it is
     * made, with mode 700, and those around it. AGNER_ENONAME,
     * AGNER_ENOTALLOWED, AGNER_ESYSTEM. */
    enum agner_err (*private_folder)(void *ctx, const char *path, bool make,
                                     struct agner_error *error);
    /* Between these nobody else who asks changes files of the folder, in no
     * program. */
    enum agner_err (*private_lock)(void *ctx, const char *folder, int *lock,
                                   struct agner_error *error);
    void (*private_unlock)(void *ctx, int lock);

    /*
     * Where `thread` is in its code: return addresses, the innermost first, and
     * how many of `room`. 0: nobody can tell, or it did not answer in time. The
     * thread is interrupted for it, unless it waits in the kernel: then what
     * its stack shows, up to `stack_end`, is all there is. thread_watch()
     * allows that, for the whole program, and takes a signal; without it the
     * answer is 0. NULL: no threads.
     */
    enum agner_err (*thread_watch)(void *ctx);
    size_t (*thread_where)(void *ctx, struct rt_thread *thread,
                           const void *stack_end, void **places, size_t room);

    /*
     * What the program has of the machine's memory, and how much it may have
     * before the system ends it; 0 where that is not known. NULL: nothing is.
     * memory_trim() gives back to the system what the allocator holds without
     * need; NULL: it cannot.
     */
    void (*memory)(void *ctx, uint64_t *used, uint64_t *room);
    void (*memory_trim)(void *ctx);

    const struct rt_net *net; /* borrowed: static, or the simulation's */
};

/* The operating system. Static; needs no clean-up. */
const struct rt_world *rt_world_real(void);

/* The one that a runtime lives in. */
const struct rt_world *rt_world_of(const struct rt *rt);

/* ---- The network: one loop, many connections ---------------------------- */

struct rt_loop;
struct rt_listener;
struct rt_conn;
struct rt_udp;
struct rt_resolve;

enum rt_address_kind { RT_ADDRESS_TCP, RT_ADDRESS_UNIX };

struct rt_address {
    enum rt_address_kind kind;
    char host[256]; /* TCP: name or number, IPv4 or IPv6, "" to listen on every
                       address; UNIX: the path */
    uint16_t port;  /* TCP; 0: any free one when listening */
};

/* Work for the loop's thread: embed it, and do not reuse it before it ran. */
struct rt_task {
    void (*run)(struct rt_task *task);
    struct rt_task *next; /* the loop's */
};

/* A timer on the loop: embed it. All zero is a stopped one. Never early.
 * Stopped or not, its memory is the owner's again once the loop is gone. */
struct rt_loop_timer {
    void (*fire)(struct rt_loop_timer *timer);
    /* The loop's: loop_timer.h. */
    uint64_t deadline_ns;
    uint64_t repeat_ns;
    uint64_t order;
    struct rt_loop_timer *child, *next, **link;
};

/* What the owner of a connection is told, on the loop's thread; the struct is
 * copied when it is given to dial(), adopt() or listen(). `closed` is the
 * last call, comes exactly once for each connection that was dialled or
 * accepted, never from inside a function of the owner's making, and the
 * connection is gone when it returns. */
struct rt_conn_owner {
    void *ctx;
    /* Dialled connections: it is open. */
    void (*opened)(void *ctx, struct rt_conn *conn);
    /* May be NULL. Where bytes are to be put that may be about to come: how
     * many, at *bytes; 0: anywhere. Those that are put there are told in the
     * next `received` of this connection. */
    size_t (*place)(void *ctx, struct rt_conn *conn, uint8_t **bytes);
    /* Bytes came. Borrowed during the call. */
    void (*received)(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                     size_t size);
    /* AGNER_OK: we closed, or the peer did in an orderly way (text says
     * which); AGNER_ETIMEOUT, AGNER_ENOCONN (refused, unreachable),
     * AGNER_ENONAME (the host does not resolve), AGNER_ESYSTEM: what the system
     * said. */
    void (*closed)(void *ctx, struct rt_conn *conn, enum agner_err why,
                   const char *text);
};

struct rt_listen_owner {
    void *ctx;
    /* A connection came in: answer with net->adopt() or net->close() before
     * returning. `from` is the other end. */
    void (*accepted)(void *ctx, struct rt_listener *listener,
                     struct rt_conn *conn, const struct rt_address *from);
    /* May be NULL. No connection could be taken (out of descriptors, of
     * memory): what waits is tried again in 100 ms. */
    void (*refused)(void *ctx, struct rt_listener *listener, const char *text);
};

/* A piece to be written; its bytes are borrowed until `done`, which runs on the
 * loop's thread, once, written or not. Embed it. */
struct rt_write {
    const uint8_t *bytes;
    size_t size;
    void (*done)(struct rt_write *write, enum agner_err err);
    void *handle; /* the connection's */
};

#define RT_DATAGRAM_MAX 65507u /* bytes that fit into one */
#define RT_RESOLVE_MAX  1024u  /* addresses of one name; further are dropped */

/* Where datagrams are taken. Numbers, no names. */
struct rt_udp_options {
    char host[64]; /* own address; "": every one */
    uint16_t port; /* 0: any free one */
    /* A multicast group to join, "": none. Others on this machine may then have
     * the same port, and hear what is sent to the group, as we do ourselves. */
    char group[64];
    char interface[64]; /* by its address; "": the system's choice */
    uint8_t hops; /* routers on the way of what we send to a group; 0: 1 */
};

struct rt_udp_owner {
    void *ctx;
    /* A datagram came, whole. Borrowed during the call. */
    void (*received)(void *ctx, struct rt_udp *udp, const uint8_t *bytes,
                     size_t size, const struct rt_address *from);
};

struct rt_net {
    /* A loop with a thread of its own (in the real world). AGNER_ENOMEM,
     * AGNER_ESYSTEM. loop_free runs what was posted, closes what is open (each
     * owner hears `closed`), and joins. Posts by others must have ended. A name
     * that is just being looked up is waited for, since the C library cannot be
     * interrupted. Not to be called on the loop's thread. */
    enum agner_err (*loop_new)(const struct rt_world *world, const char *name,
                               struct rt_loop **loop,
                               struct agner_error *error);
    void (*loop_free)(struct rt_loop *loop);

    /* Runs `task` on the loop's thread, in the order posted. Any thread.
     * Wake-ups merge, tasks do not. If nobody runs the loop just now, somebody
     * does within about 200 us. */
    void (*post)(struct rt_loop *loop, struct rt_task *task);

    /*
     * Like `wait` of the world, but serves the loop meanwhile: returns when
     * *word != seen and interrupt() was called, `deadline_ns` is there (rounded
     * up to milliseconds), or something came. Often early. False, and at once:
     * another thread runs the loop. Any thread that is not inside a callback of
     * this loop; SIGPIPE is blocked in it from then on. The loop's own thread
     * takes over when nobody has driven it for about 200 us, so that whoever
     * drives may stop doing so at any time. Not once loop_free() is called. In
     * the simulated world: false.
     */
    bool (*drive)(struct rt_loop *loop, _Atomic uint32_t *word, uint32_t seen,
                  uint64_t deadline_ns);
    /* After a change of the word: makes who waits in drive() look at it. Any
     * thread. */
    void (*interrupt)(struct rt_loop *loop);

    /* All that follow: loop thread only. */

    /* (Re)starts `timer`: first after `after_ms`, then every `repeat_ms` unless
     * that is 0. */
    void (*timer_start)(struct rt_loop *loop, struct rt_loop_timer *timer,
                        uint64_t after_ms, uint64_t repeat_ms);
    void (*timer_stop)(struct rt_loop *loop, struct rt_loop_timer *timer);

    /* Listens. A stale UNIX socket file that nobody serves is replaced; the
     * file gets mode 0600. *bound (may be NULL) is the address with its real
     * port. Resolves the host, if it is a name, and waits for that.
     * AGNER_ETAKEN (in use), AGNER_ENOTALLOWED, AGNER_ENONAME, AGNER_EINVAL (an
     * address that cannot be), AGNER_ENOMEM, AGNER_ENOTRUNNING (the loop ends),
     * AGNER_ESYSTEM. */
    enum agner_err (*listen)(struct rt_loop *loop,
                             const struct rt_address *address,
                             const struct rt_listen_owner *owner,
                             struct rt_listener **listener,
                             struct rt_address *bound,
                             struct agner_error *error);
    void (*unlisten)(struct rt_listener *listener);

    /* Begins to connect; the outcome is `opened` or `closed`, later. timeout_ms
     * 0: the system's own. AGNER_ENOMEM, AGNER_EINVAL for an address that
     * cannot be, AGNER_ENOTRUNNING (the loop ends). */
    enum agner_err (*dial)(struct rt_loop *loop,
                           const struct rt_address *address,
                           uint64_t timeout_ms,
                           const struct rt_conn_owner *owner,
                           struct rt_conn **conn, struct agner_error *error);

    /* Gives an accepted connection its owner; reading starts. Also replaces the
     * owner of an open one, whose reading stays as it is. */
    void (*adopt)(struct rt_conn *conn, const struct rt_conn_owner *owner);

    /* Reading on or off: back-pressure. On at first. While it is off the end of
     * the connection is not noticed either, unless by writing. */
    void (*read)(struct rt_conn *conn, bool on);

    /* Writes in order; `done` comes later, when the system has the bytes, or
     * with the reason why it never will. Takes *write until then. Before
     * `opened` it waits. After close() nothing is sent any more: AGNER_ENOCONN.
     */
    void (*write)(struct rt_conn *conn, struct rt_write *write);

    /* Closes; nothing is received any more. `flush` first writes what was given
     * to write(), for at most 5 s, which includes waiting for the other end to
     * have read it. Without `flush`, and a second time, it is immediate. */
    void (*close)(struct rt_conn *conn, bool flush);

    /* Who is at the other end of a UNIX connection: its user id, or -1. */
    int64_t (*peer_uid)(struct rt_conn *conn);

    /* Microseconds to the other end and back, as the system has measured them
     * on this TCP connection, or -1: not known. */
    int64_t (*rtt_us)(struct rt_conn *conn);

    /*
     * Datagrams. What is sent may be lost, and comes in any order. udp_send()
     * copies; AGNER_EAGAIN: not now, AGNER_ENOCONN (no way there),
     * AGNER_EINVAL, AGNER_ESYSTEM. Nothing is received after udp_close(), which
     * the loop's end does too. udp_open(): AGNER_ETAKEN, AGNER_ENOTALLOWED,
     * AGNER_EINVAL (an address that cannot be), AGNER_ENOTSUP (no multicast
     * here), AGNER_ENOMEM, AGNER_ENOTRUNNING, AGNER_ESYSTEM; *bound (may be
     * NULL) is the real port.
     */
    enum agner_err (*udp_open)(struct rt_loop *loop,
                               const struct rt_udp_options *options,
                               const struct rt_udp_owner *owner,
                               struct rt_udp **udp, uint16_t *bound,
                               struct agner_error *error);
    enum agner_err (*udp_send)(struct rt_udp *udp, const char *host,
                               uint16_t port, const void *bytes, size_t size);
    void (*udp_close)(struct rt_udp *udp);

    /*
     * All addresses that a host's name stands for: A and AAAA records. `done`
     * comes once and later, also when the loop ends, unless it is cancelled
     * before: AGNER_OK with 1 to RT_RESOLVE_MAX numeric ones (port 0, borrowed
     * during the call), AGNER_ENONAME, AGNER_ENOMEM, AGNER_ESYSTEM with a text.
     * Fails at once with AGNER_ENOMEM, AGNER_EINVAL, AGNER_ENOTRUNNING.
     */
    enum agner_err (*resolve)(struct rt_loop *loop, const char *host,
                              void (*done)(void *ctx, enum agner_err err,
                                           const struct rt_address *addresses,
                                           size_t count, const char *text),
                              void *ctx, struct rt_resolve **resolve,
                              struct agner_error *error);
    void (*resolve_cancel)(struct rt_resolve *resolve);
};

#endif
