/*
 * rpc_server.h -- the control socket's two halves and what goes between them.
 *
 * Private to apps/control. Bytes belong to the loop's thread (rpc_conn.c): it
 * finds where each message ends, and writes. Terms belong to processes: one
 * session for each connection (rpc_session.c) reads messages, sends and answers
 * in order, and a keeper (rpc_server.c) starts sessions and hears of their end.
 *
 *   loop to process   {accepted, Conn, Role} to the keeper
 *   (rt_post)         {frame, Milliseconds, Binary} and closed to the session
 *                     pushed to a session whose notifications are written
 *   process to loop   a task: a session is there, a session is gone, a message
 *   (net->post)       is dealt with, or notifications (struct rpc_done)
 *
 * Each message that a session gets is dealt with exactly once, by one rpc_done;
 * that is the credit which the loop counts to decide whether to read on, so a
 * client that sends too fast, or does not read its answers, is not read.
 *
 * The two halves name a connection by number: either side may be gone when the
 * other one speaks. The server outlives both: apps_control_stop() waits until
 * no connection and no session is left.
 */
#ifndef RPC_SERVER_H
#define RPC_SERVER_H

#include <stdatomic.h>

#include "rt_world.h"

#include "agner_apps.h"

#include "key_text.h"
#include "msgpack_term.h"
#include "msgpack_walk.h"
#include "rpc_keys.h"
#include "rpc_ring.h"

struct rpc_conn;
struct rpc_tcp;

/* Its own limits, as they are called in docs/limits.md, the field of
 * struct apps_control_options, and the default. */
/* clang-format off */
#define RPC_LIMITS(X)                                        \
    X(CONNECTIONS, control_connections, connections_max, 64) \
    X(PENDING,     control_pending,     pending_max,     1024) \
    X(MESSAGE,     control_message,     frame_max,       16u << 20) \
    X(OUTPUT,      control_output,      output_max,      64u << 20)
/* clang-format on */

#define RPC_LIMIT_ROW(name, word, field, number) RPC_LIMIT_##name,
enum rpc_limit { RPC_LIMITS(RPC_LIMIT_ROW) RPC_LIMIT_COUNT };
#undef RPC_LIMIT_ROW

struct apps_control {
    struct apps_control_options options; /* limits filled in; paths are ours */
    char path[108];                      /* empty: none */
    char keys_path[APPS_PATH_MAX];
    /* Set before the first connection: where it listens, and the node's key. */
    char tcp_at[300], tcp_key[KEY_TEXT_SIZE]; /* empty: it does not */
    _Atomic uint64_t refused; /* connections and requests, over TCP */
    struct rt *rt;
    const struct rt_net *net;
    struct rt_loop *loop;
    uint64_t started_ms;
    etf_pid keeper;
    /* Processes that hold this pointer, the keeper among them; each wakes the
     * word as it goes. */
    _Atomic uint32_t processes;
    _Atomic uint32_t atoms_left; /* that clients may still make */
    _Atomic uint64_t limits_met[RPC_LIMIT_COUNT];
    struct rpc_ring ring; /* a handler of the runtime's log */

    /* Loop thread only. */
    struct rt_listener *listener;
    struct rpc_tcp *tcp; /* owned; NULL: none */
    struct rpc_conn *conns;
    unsigned conn_count;        /* over the socket */
    uint32_t conn_next;         /* number of the next connection */
    struct etf_region *scratch; /* for messages to processes */
    bool stopping;
    _Atomic uint32_t drained; /* stopping, and no connection is left */
};

/* From a session: a message of `frame_size` bytes is dealt with, and these
 * bytes, if any, are its answer. Its own allocation; goes to rpc__done(), which
 * takes it. */
struct rpc_done {
    struct rt_task task; /* first */
    struct rt_write write;
    struct apps_control *control;
    uint32_t conn;
    size_t frame_size; /* 0: notifications, to no message */
    etf_pid pusher;    /* told `pushed` once they are written */
    bool hang_up;      /* then close the connection */
    struct etf_buffer bytes;
};

/* Any thread: somebody met that limit. */
void rpc__meet(struct apps_control *control, enum rpc_limit limit);
/* Its limits: a map of name to #{limit, met}. ETF_NONE: no memory. */
etf_term rpc__limits(struct gen *self, const struct apps_control *control);

/* Any thread. Takes `done`. */
void rpc__done(struct rpc_done *done);

/* A process that uses the control begins, or has ended and uses it no more: the
 * control may be gone then. */
void rpc__count(struct apps_control *control);
void rpc__uncount(struct apps_control *control);

/* From the keeper: the session of that connection, or that it is no more. */
enum agner_err rpc__bind(struct apps_control *control, uint32_t conn,
                         etf_pid session);
enum agner_err rpc__unbind(struct apps_control *control, etf_pid session);

/* Loop thread: begin to listen; close everything. */
enum agner_err rpc__listen(struct apps_control *control,
                           struct agner_error *error);
void rpc__close_all(struct apps_control *control);

/* The session's behaviour: starts with {Conn, Role}, the number of its
 * connection and what its client may do, and the control as its note. */
extern const struct rt_behavior rpc__session;

/* A method's process: starts with {Session, Number, Method, StartedMs, Params,
 * Limits}, and sends the session {done, Number, Result} or {failed, Number,
 * Class, Term, Text}. Its note is the node. */
extern const struct rt_behavior rpc__helper;

/* ---- Methods ---------------------------------------------------------- */

/* Why a request failed, as the client gets it: [class, term, text]. */
struct rpc_failure {
    etf_term
        class_atom; /* noproc timeout overload badarg denied exit nodedown */
    etf_term term;
    char text[240];
};

/* A method of the agner namespace, while it runs: in the session, or in a
 * process of its own. */
struct rpc_call {
    struct gen *self;
    struct node *node;
    struct apps_control *control;  /* NULL in a process of its own */
    struct rpc_follower *follower; /* the session's; NULL elsewhere */
    uint32_t conn;                 /* in the session: its connection, ... */
    enum msgpack_mode mode;        /* ... and how that is written to */
    uint64_t started_ms;           /* when the control socket was opened */
    etf_term
        limits; /* of the control socket: rpc__limits() when it was asked */
    etf_term params;  /* its first parameter; an empty map if none */
    etf_term result;  /* ok at first */
    etf_pid listener; /* is told `pushed` once this is answered; or all zero */
    bool stops;       /* the node is to stop once this is answered */
    struct rpc_failure failure;
};

struct rpc_method {
    const char *name;
    /* AGNER_OK with c->result, or another code with c->failure. */
    enum agner_err (*run)(struct rpc_call *c);
    bool slow; /* may wait: runs in a process of its own */
    /* What a client must have to call it. A method that changes nothing and
     * sends nothing to a process of the user's is RPC_READ_ONLY. */
    enum rpc_role role;
};

/* All of them, in the order of their names; `call` and `mode`, which the
 * session runs itself, too. NULL: there are no more. */
const struct rpc_method *rpc__method_at(size_t index);

/* The method of that name, without "agner."; NULL: unknown. */
const struct rpc_method *rpc__method(etf_bytes name);

/* Fills the failure with the class that belongs to `err`; returns `err`. */
enum agner_err rpc__fail(struct rpc_failure *f, enum agner_err err,
                         etf_term term, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A parameter by its name, given as a str or as an atom; ETF_NONE when absent.
 */
etf_term rpc__param(struct rpc_call *c, const char *name);

/* An atom, or a text that is an atom's: ETF_NONE for anything else. */
etf_term rpc__name(etf_term t);

/* A process as a client names it: a pid, an atom, {Name, Node}, or a text,
 * which is a name or a pid as printed; with a node, the name there. */
enum agner_err rpc__target(struct gen *self, etf_term to, etf_term node,
                           etf_term *target, struct rpc_failure *f);

/* Milliseconds from a number, or from the atom or text infinity. */
enum agner_err rpc__timeout(etf_term t, uint64_t *ms, struct rpc_failure *f);

/* What an agner.call asks for. */
enum agner_err rpc__call_params(struct rpc_call *c, etf_term *target,
                                etf_term *request, uint64_t *timeout_ms);

/* The request that the parameters of a call by name are
 * (docs/control-socket.md): one stands for itself, several are a tuple, and a
 * text in front is an atom, not interned if it was not before. */
etf_term rpc__request(struct gen *self, etf_term params, bool first_is_text);

#endif
