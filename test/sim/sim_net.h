/*
 * sim_net.h -- the simulated network: loops, listeners, connections.
 *
 * Private to test/sim/. A connection has two ends, each on its loop. Bytes on
 * their way to an end are in that end's own window, a ring of fixed size with
 * marks that say when how much of it has arrived; so the writer may be gone
 * before its bytes are read, and writing needs no memory.
 *
 *   state           meaning                                left for
 *   END_DIALLING    the dial is on its way                 ANSWERED, REFUSED,
 *                                                          CLOSING
 *   END_ANSWERED    there is a peer, we hear of it soon    OPEN, CLOSING
 *   END_REFUSED     there is none, we hear of it soon      CLOSING
 *   END_INCOMING    accepted by the system; the owner of   OPEN, CLOSING
 *                   the listener hears of it soon
 *   END_OPEN        bytes go both ways                     FLUSHING, CLOSING
 *   END_FLUSHING    we closed; what is queued goes out     LINGERING, CLOSING
 *   END_LINGERING   all is out, the peer's end is awaited  CLOSING
 *   END_CLOSING     `closed` is the next step              (freed)
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim_world.h"
#include "write_list.h"

#define MARKS       64u
#define RECEIVE_MAX 65536u /* most that `received` gets at once */
#define FLUSH_MS    5000u
#define DIAL_MS     127000u /* the system's own patience with a silent host */

#define SIM__NO_DESCRIPTOR "too many open files"

enum end_state {
    END_DIALLING,
    END_ANSWERED,
    END_REFUSED,
    END_INCOMING,
    END_OPEN,
    END_FLUSHING,
    END_LINGERING,
    END_CLOSING,
};

/* Bytes up to `end` (counted from the first of the connection) arrive then. */
struct mark {
    uint64_t at_ns, end;
};

struct window {
    uint8_t *ring; /* owned */
    uint32_t size;
    uint64_t in, out; /* bytes ever written into it, read from it */
    struct mark marks[MARKS];
    unsigned mark_first, mark_count;
    uint64_t last_ns;    /* nothing arrives before what was sent before it */
    uint64_t line_ns;    /* bandwidth: when the line is free again */
    uint64_t clogged_ns; /* nothing arrives before then */
    uint64_t end_ns;     /* the end of the stream, or RT_NEVER: not sent */
    uint64_t reset_ns;   /* a reset, or RT_NEVER */
    bool cut_off;        /* a partition: arrivals wait */
    bool silent;         /* half open: nothing will arrive */
};

struct rt_conn {
    struct sim *sim; /* borrowed, as all that follow are */
    struct rt_loop *loop;
    struct rt_conn *next, **link; /* in the loop's `conns` */
    struct rt_conn *peer;         /* NULL: there is none, or not any more */
    struct rt_loop *peer_loop;    /* also when it is closed; NULL: gone */
    struct rt_listener *listener; /* END_INCOMING; else NULL */
    struct source hear, say;      /* steps: what comes in, what goes out */
    enum end_state state;
    enum rt_address_kind kind;
    bool owned, reading;
    bool shut;      /* half closed: what we write goes nowhere */
    bool peer_done; /* FLUSHING: the peer's end of stream was heard */
    struct rt_conn_owner owner;
    struct rt_address to;   /* what was dialled */
    struct rt_address from; /* END_INCOMING: who dialled */
    uint64_t event_ns;      /* of the dial's next part; RT_NEVER: none */
    uint64_t deadline_ns;   /* of the dial, then of the flush */
    uint64_t timeout_ms;
    struct window in;
    struct write_list queue, late;
    size_t sent;   /* bytes of the queue's first that are out */
    uint64_t lost; /* bytes written since there is no peer */
    enum agner_err why;
    char text[120];
};

struct rt_listener {
    struct rt_loop *loop;
    struct rt_listener *next, **link; /* in the loop's `listeners` */
    struct rt_listen_owner owner;
    struct rt_address address; /* its host resolved */
};

/* What partitions know a loop by, besides its own name. */
struct place_name {
    struct place_name *next;
    char host[256];
    char host_port[264];
};

struct rt_loop {
    struct sim *sim;
    struct sim_machine *machine;
    struct rt_loop *next, **link;
    char name[64];
    struct place_name *names; /* owned; newest first */
    struct source work, time;
    struct rt_task *first, *last;
    struct loop_timers timers;
    struct rt_conn *conns;
    struct rt_listener *listeners;
    struct rt_udp *udps;
    struct rt_resolve *resolves;
    bool stopping;
};

extern const struct rt_net sim__net;

/* ---- sim_loop.c ------------------------------------------------------------
 */

/* Frees it and what is on it; nobody is told. */
void sim__loop_drop(struct rt_loop *loop);

/* ---- sim_listen.c -----------------------------------------------------------
 */

enum agner_err sim__listen(struct rt_loop *loop,
                           const struct rt_address *address,
                           const struct rt_listen_owner *owner,
                           struct rt_listener **listener,
                           struct rt_address *bound, struct agner_error *error);
void sim__unlisten(struct rt_listener *listener);
/* Who listens there, or NULL. */
struct rt_listener *sim__find_listener(struct sim *sim,
                                       const struct rt_address *address);
/* What the other end sees of a connection that is dialled on this loop. */
void sim__describe(struct rt_loop *loop, struct rt_address *from);

/* ---- sim_names.c ---------------------------------------------------------
 */

/* Is it an address in numbers; does it mean all addresses? */
bool sim__is_number(const char *host);
bool sim__is_everywhere(const char *host);
/* The (first) address that a host's name stands for, or NULL. */
const char *sim__resolve(const struct sim *sim, const char *host);
enum agner_err sim__ask_name(struct rt_loop *loop, const char *host,
                             void (*done)(void *ctx, enum agner_err err,
                                          const struct rt_address *addresses,
                                          size_t count, const char *text),
                             void *ctx, struct rt_resolve **resolve,
                             struct agner_error *error);
void sim__ask_name_cancel(struct rt_resolve *resolve);
/* The loop ends: its questions are answered so, or just forgotten. */
void sim__names_end(struct rt_loop *loop, bool tell);
void sim__hosts_free(struct sim *sim);

/* ---- sim_udp.c ------------------------------------------------------------
 */

enum agner_err sim__udp_open(struct rt_loop *loop,
                             const struct rt_udp_options *options,
                             const struct rt_udp_owner *owner,
                             struct rt_udp **udp, uint16_t *bound,
                             struct agner_error *error);
enum agner_err sim__udp_send(struct rt_udp *udp, const char *host,
                             uint16_t port, const void *bytes, size_t size);
void sim__udp_close(struct rt_udp *udp);

/* ---- sim_dial.c --------------------------------------------------------- */

enum agner_err sim__dial(struct rt_loop *loop, const struct rt_address *address,
                         uint64_t timeout_ms, const struct rt_conn_owner *owner,
                         struct rt_conn **conn, struct agner_error *error);
/* When the dial's next part may take place, or its time is over. */
uint64_t sim__dial_when(const struct rt_conn *conn);
void sim__dial_step(struct rt_conn *conn);

/* ---- sim_conn.c --------------------------------------------------------- */

struct rt_conn *sim__conn_new(struct rt_loop *loop, enum end_state state,
                              enum rt_address_kind kind);
void sim__conn_free(struct rt_conn *conn);
/* Ends this end; its peer hears of it. */
void sim__conn_end(struct rt_conn *conn, enum agner_err why, const char *text);
/* CLOSING: gives back what was not written, tells the owner, frees. */
void sim__conn_finish(struct rt_conn *conn);
void sim__adopt(struct rt_conn *conn, const struct rt_conn_owner *owner);
void sim__read(struct rt_conn *conn, bool on);
void sim__close(struct rt_conn *conn, bool flush);
int64_t sim__peer_uid(struct rt_conn *conn);
int64_t sim__rtt_us(struct rt_conn *conn);

/* ---- sim_bytes.c -------------------------------------------------------- */

/* How long something takes to another host, and to the other end. */
uint64_t sim__net_delay_ns(struct sim *sim);
uint64_t sim__delay_ns(struct rt_conn *conn);
void sim__write(struct rt_conn *conn, struct rt_write *write);
void sim__drop_writes(struct rt_conn *conn);
/* Is there something to move from the queue to the peer, and moves some. */
bool sim__can_say(const struct rt_conn *conn);
void sim__say(struct rt_conn *conn);
/* When the next thing can be heard: bytes, the end, a reset. */
uint64_t sim__heard_ns(const struct rt_conn *conn);
/* When a reset is heard. */
uint64_t sim__reset_ns(const struct rt_conn *conn);
/* Takes bytes that have arrived, no more than `max`, in one piece, good until
 * the step ends; 0: none have. */
size_t sim__take_arrived(struct rt_conn *conn, size_t max,
                         const uint8_t **bytes);

/* ---- sim_faults.c ------------------------------------------------------- */

/* Is the loop meant by `who` (NULL: everybody)? */
bool sim__is_known_as(const struct rt_loop *loop, const char *who);
/* Does a partition keep what `from` sends from `to`? */
bool sim__is_cut(const struct rt_loop *from, const struct rt_loop *to);
/* Looks at the partitions again, for each connection. */
void sim__update_cuts(struct sim *sim);
/* The loop is going away: its connections' other ends are told nothing. */
void sim__forget_loop(struct rt_loop *loop);
/* What may happen after a chunk was put into the window of `to`. */
void sim__chunk_faults(struct rt_conn *from, struct rt_conn *to);
/* Nothing gets there or from there before then. */
void sim__clog_machine(struct sim_machine *machine, uint64_t until_ns);
/* Can a machine open no socket now? */
bool sim__no_descriptor(struct sim_machine *machine);

#endif
