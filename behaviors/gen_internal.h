/*
 * gen_internal.h -- what a server process keeps before its user's state.
 *
 * Private to behaviors/. The state of a server process is a struct gen_head,
 * then `state_size` bytes of the user's. Nothing of it is shared: the process
 * alone reads and writes it.
 */
#ifndef GEN_INTERNAL_H
#define GEN_INTERNAL_H

#include <stdalign.h>

#include <agner/gen.h>

/* What makes the next step differ from the plain one. All zero is the fast
 * path: nothing was asked for, nothing is pending, nobody looks. */
enum {
    /* Of the callback that just ran. */
    GEN_FLAG_STOP = 1,     /* gen_stop() gave a reason */
    GEN_FLAG_CONTINUE = 2, /* `argument` waits for handle_continue */
    GEN_FLAG_TIMEOUT = 4,  /* `timeout_ms` runs until the next message */
    /* Of the server. */
    GEN_FLAG_STARTING = 8,  /* init has not succeeded: nothing to report */
    GEN_FLAG_IDLE = 16,     /* hibernate_after_ms is set */
    GEN_FLAG_WATCHED = 32,  /* sys.watched */
    GEN_FLAG_REPORTED = 64, /* its abnormal end is in the log */
};

/* The answer that {stop, Reason, Reply, _} leaves until terminate has run. */
struct gen_last_reply {
    struct gen_from from;
    struct etf_box *reply; /* owned */
};

struct gen_head {
    const struct gen_server *server; /* borrowed: static; NULL before init */
    unsigned flags;
    uint64_t timeout_ms;  /* GEN_FLAG_TIMEOUT: as asked for */
    etf_term last;        /* what the callback that runs got, for the report */
    etf_term argument;    /* GEN_FLAG_CONTINUE: its argument, in `kept` or in
                             scratch; GEN_FLAG_STOP: the reason, in scratch */
    struct etf_box *kept; /* owned: the argument that init left, or NULL */
    struct gen_last_reply *last_reply; /* owned, or NULL */
    struct gen_sys sys;
};

#define GEN_STATE_ALIGN 16u
#define GEN_HEAD_SIZE \
    ((sizeof(struct gen_head) + GEN_STATE_ALIGN - 1) & ~(GEN_STATE_ALIGN - 1))

/* The behaviour that runs `server`; `init` is false when gen_enter_loop() is
 * not to call it. Static. */
const struct rt_behavior *gen__server_behavior(const struct gen_server *server,
                                               bool init);

/* The head when self runs a server, else NULL. */
struct gen_head *gen__head(struct gen *self);

/* "name <0.1.2>" of the running process, for a log line. Returns `buffer`. */
char *gen__title(struct gen *self, const char *name, char *buffer, size_t size);

/* What is left of `timeout_ms` that began at `start_ms`; 0 when it is over. */
uint64_t gen__left_ms(struct gen *self, uint64_t start_ms, uint64_t timeout_ms);

/* Answers, with `error` in place of what cannot be sent; returns what went out.
 * No event for sys. */
etf_term gen__reply(struct gen *self, const struct gen_from *from,
                    etf_term reply);

/* Sends the last reply, if there is one, and forgets it. */
void gen__last_reply_send(struct gen *self, struct gen_head *head);
void gen__last_reply_free(struct gen_head *head);

#endif
