/*
 * service.h -- what the files of a service share.
 *
 * Private to behaviors/. The object (struct gen_service) is what handles point
 * at; it outlives the process, and a process that is started again goes on from
 * its last state. The process alone makes changes; others read.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "gen_internal.h"

#include "atomic.h"
#include "loan.h"
#include "service/service_state.h"
#include "spin.h"

/* ---- service_block.c: what a state is made of ---------------------------- */

/* A configuration: immutable, counted. */
struct service_config {
    _Atomic uint32_t refs;
    void *parsed; /* owned; NULL: not parsed */
    void (*parsed_free)(void *parsed);
    size_t size;
    uint8_t bytes[];
};

/* A copy of the bytes, count 1; NULL: no memory. */
struct service_config *gen__config_new(etf_bytes bytes);
struct service_config *gen__config_hold(struct service_config *config);
void gen__config_free(struct service_config *config);
void gen__config_destroy(void *config); /* for a resource */
static inline etf_bytes gen__config_bytes(const struct service_config *config)
{
    return (etf_bytes){ config->bytes, config->size };
}

/* A state, and what its pointers lead to: immutable, counted. */
struct service_block {
    struct gen_service_state state; /* first: what users see */
    _Atomic uint32_t refs;
    struct service_config *config; /* held, or NULL */
    struct etf_box *why;           /* held, or NULL */
};

/* The block of `state`, count 1: its config is that of `config` (borrowed; NULL
 * for none), its `why` is that of `before` if it is the same term, else a copy.
 * NULL: no memory. */
struct service_block *gen__block_new(const struct gen_service_state *state,
                                     struct service_config *config,
                                     const struct service_block *before);
struct service_block *gen__block_hold(struct service_block *block);
void gen__block_free(struct service_block *block);
void gen__block_destroy(void *block); /* for a resource */
/* The block that a user's state is the first part of. */
struct service_block *gen__block_of(const struct gen_service_state *state);

/* Reads gen_service_state_term() back, new; NULL: it is none, or no memory. */
struct service_block *gen__block_read(etf_term map);

/* ---- service_object.c ---------------------------------------------------- */

struct stream_item;
struct gen_service_map;
struct map_row;

struct gen_service {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    const struct gen_service_spec *spec; /* borrowed: static; NULL: `to` */
    struct gen_service_options options;  /* name, config, retry: not used */
    struct gen_retry_options retry;
    bool has_retry;
    etf_term name;   /* to register, or ETF_NONE */
    char *tag;       /* owned: for figures; NULL: the name, or the spec's */
    etf_pid watcher; /* a map's process, which hears of each change */
    struct gen_service_map *map; /* held: its map here, where it may be asleep;
                                    or NULL */
    _Atomic bool asleep;         /* it has no process yet: map_asleep.c */
    struct map_row *row;         /* the map's, while it is asleep */
    bool placed;                 /* by a map that waits for its first state */
    struct rt_figures figures;
    rt_spin lock;              /* guards: */
    struct etf_box *to;        /* held: who is called, when it has no spec */
    struct service_block *now; /* held; NULL: `to` */
    etf_pid pid;               /* all zero: no process */
    gen_loan loan;             /* of what the process has: */
    struct service *server;    /* its own; NULL: closed */
    bool wanted;               /* active, but for the end of its process */
};

/* Makes the object with its first state. `config`: taken, also on failure. */
enum agner_err gen__service_new(struct rt *rt,
                                const struct gen_service_spec *spec,
                                const struct gen_service_options *options,
                                struct service_config *config,
                                struct gen_service **out);
void gen__service_destroy(void *service); /* for a resource */
struct service_block *gen__service_now(struct gen_service *service); /* held */
/* Its process, which begins now if it is asleep; all zero: it has none. Errors
 * as gen_call(). */
enum agner_err gen__service_awake(struct gen *self, struct gen_service *service,
                                  etf_pid *pid);
/* The event is `plain` to a service that runs nothing: a new state and no more.
 * An error is, too. */
bool gen__service_is_plain(const struct gen_service *service,
                           const struct service_event *event);
/* Replaces the state, and has the block in `stream` (NULL: none) as `item`:
 * both or neither. Takes `block` on AGNER_OK; *before is given back. */
enum agner_err gen__service_show(struct gen_service *service,
                                 struct service_block *block,
                                 struct gen_stream *stream,
                                 const struct stream_item *item, bool *wanted,
                                 struct service_block **before);
void gen__service_killed(struct gen_service *service); /* its state says so */
struct etf_box *
gen__service_to(struct gen_service *service); /* held; or NULL */
/* Another process for a handle without a spec. Takes `to`. */
void gen__service_moved(struct gen_service *service, struct etf_box *to,
                        etf_pid pid);
/* Takes a state that was told, unless a newer one was. */
void gen__service_learn(struct gen_service *service,
                        struct service_block *block);
/* Takes `block`; what was there is given back. */
void gen__service_publish(struct gen_service *service,
                          struct service_block *block);
uint64_t gen__service_clock(const struct gen_service *service);
/* A configuration of these bytes, parsed unless that is for the service's
 * process. While parse runs *out is its configuration too; after a failure it
 * is NULL. */
enum agner_err gen__service_parse(const struct gen_service_spec *spec,
                                  void *arg, bool inside, etf_bytes bytes,
                                  struct service_config **out,
                                  struct agner_error *error);

/* ---- service.c: the process --------------------------------------------- */

/* One try of a load. The service's process and the applier hold it. */
struct gen_apply {
    _Atomic uint32_t refs;
    struct gen_service *service;   /* held */
    struct service_config *config; /* held */
    struct gen_cancel *token;      /* held */
    etf_pid host;                  /* the service's process */
    uint64_t generation, attempt, serial;
    /* The applier's: */
    enum agner_err err;
    etf_term why; /* in its region */
    bool aborted;
    etf_term run; /* the supervisor of its children, when it is known */
    /* The service's process's: */
    struct gen_apply *next;
    etf_pid pid, supervisor; /* all zero: none, or none any more */
    etf_ref monitor;
    bool good;      /* apply has returned, and all was well */
    bool lost;      /* its supervisor has given up */
    bool cancelled; /* it is to end */
    bool told;      /* its supervisor is to end */
    struct rt_timer grace;
};

struct service_follower {
    struct service_follower *next;
    etf_ref ref; /* of the monitor */
    etf_pid pid;
    bool behind; /* has not got the last state: the connection is busy */
};

struct service {
    struct gen_head head;       /* first */
    struct gen_service *object; /* held */
    struct rt_hook ended;
    struct gen_apply *runs; /* owned; the newest first */
    uint64_t serial;        /* of the last one */
    bool load_wanted;       /* one begins when what was cancelled has ended */
    bool waiting;           /* `retry` runs */
    bool leaving;           /* terminate has begun */
    struct rt_timer retry;
    struct service_follower *followers; /* owned */
    struct gen_stream *stream;          /* held; NULL: nobody has followed */
};

/* Makes the event happen. AGNER_OK; why not; AGNER_ENOMEM: nothing changed.
 * `config` is that of a CONFIGURE: borrowed. */
enum agner_err gen__service_do(struct gen *self, struct service *s,
                               const struct service_event *event,
                               struct service_config *config);
/* The same by whoever calls, while the service's process has nothing to do and
 * there is nothing that it alone can do about the event: true, and *err says
 * what came of it; *state (may be NULL) is the state after it, to be freed. */
bool gen__service_do_here(struct gen *self, struct gen_service *service,
                          const struct service_event *event,
                          struct service_config *config,
                          const struct gen_service_state **state,
                          enum agner_err *err);
/* For events that nobody asked for: without memory the process ends. */
void gen__service_happen(struct gen *self, struct service *s,
                         const struct service_event *event);
enum agner_err gen__service_run(struct gen *self, struct gen_service *service,
                                const struct rt_spawn_options *options,
                                bool wait, etf_pid *pid);

/* Makes self, a raw process, the service's: returns only on failure. Takes
 * `service`. */
void gen__service_become(struct gen *self, struct gen_service *service);

/* What calls between processes of one node say, besides those of the header:
 * small numbers, so that the plain verbs need no memory. */
enum service_request {
    SERVICE_DO_START = 1,
    SERVICE_DO_STOP,
    SERVICE_DO_CONFIGURE, /* {3, Config, Replace} */
    SERVICE_DO_RUN,       /* {4, Serial}: the supervisor of a run */
    SERVICE_DO_FOLLOW,    /* {State, Promise} or error */
    SERVICE_DO_LEAVE,     /* a cast: stop, tell the map, and end */
    SERVICE_QUIET = 16,   /* on top of the first two: the code is enough */
};

/* ---- service_request.c --------------------------------------------------- */

void gen__service_call(struct gen *self, struct service *s,
                       const struct gen_from *from, etf_term request);

/* ---- service_run.c: loads ------------------------------------------------ */

/* Cancels runs: all, or only what has not come to a good end. */
void gen__runs_cancel(struct gen *self, struct service *s, bool all);
/* Begins the load that is wanted, if nothing is in its way. */
void gen__runs_go_on(struct gen *self, struct service *s);
/* A message that is of a run: true. */
bool gen__runs_message(struct gen *self, struct service *s, etf_term message);
/* {ok, Pid} or {error, Code}. */
etf_term gen__runs_supervisor(struct gen *self, struct service *s,
                              uint64_t serial);
/* Waits until all have ended. */
void gen__runs_drain(struct gen *self, struct service *s);
void gen__runs_free(struct service *s);

/* ---- service_apply.c: the applier ---------------------------------------- */

extern const struct rt_behavior gen__applier;
struct gen_apply *gen__apply_new(struct gen *self, struct service *s);
struct gen_apply *gen__apply_hold(struct gen_apply *apply);
void gen__apply_free(struct gen_apply *apply);
void gen__apply_destroy(void *apply); /* for a resource */
/* What the end of an applier means: LOADED or FAILED, of that generation. */
struct service_event gen__apply_outcome(const struct gen_apply *apply,
                                        etf_term reason);

/* ---- service_follow.c ---------------------------------------------------- */

void gen__followers_tell(struct gen *self, struct service *s,
                         struct service_block *block);
/* To the map, if it is in one: {'$service_changed', Pid, State}. */
void gen__map_tell(struct gen *self, struct service *s,
                   struct service_block *block);
/* {ok, Ref, State} or {error, Why}. */
etf_term gen__follower_add(struct gen *self, struct service *s,
                           const struct gen_from *from, bool updates_only);
bool gen__follower_remove(struct gen *self, struct service *s, etf_ref ref);
/* {First, Promise}: what comes after it; the atom `error`: no memory. Takes
 * `first`, of which NULL is no memory. */
etf_term gen__followed_term(struct gen *self, struct gen_stream *stream,
                            void *first, void (*destroy)(void *first));
etf_term gen__service_followed(struct gen *self, struct service *s);
/* Asks for that, and opens the cursor. *first is in self's region. */
enum agner_err gen__follow(struct gen *self, etf_pid pid, int64_t request,
                           const struct gen_cursor_options *options,
                           void **first, struct gen_cursor **cursor);
extern const struct gen_cursor_options gen__follow_all; /* the default */
/* The stream of states, made when it is first wanted. AGNER_ENOMEM. */
enum agner_err gen__service_stream(struct service *s);
void gen__state_destroy(void *ctx, void *state, size_t size); /* an event */
bool gen__followers_message(struct gen *self, struct service *s,
                            etf_term message);
void gen__followers_end(struct gen *self, struct service *s, etf_term reason);
void gen__followers_free(struct service *s);

/* ---- service_far.c ------------------------------------------------------- */

/* A message of a relay on another node: true. */
bool gen__far_message(struct gen *self, struct service *s, etf_term message);
/* What a relay asks: its answer; ETF_NONE: it is none of its questions. */
etf_term gen__far_call(struct gen *self, struct service *s, etf_term request);
/* For relays of a stream that is not lost with a connection: so many events are
 * kept for them. A '$stream_follow' is answered; another message: false. */
bool gen__far_serve(struct gen *self, struct gen_stream *stream,
                    uint64_t retain, etf_term message);
/* Is it a process of this node? An atom is the name of one, or of nobody: *pid
 * is all zero. */
bool gen__far_is_here(struct gen *self, etf_term to, etf_pid *pid);
/* Follows such a stream from here: its snapshot in self's region, and a promise
 * of what comes after it. `events` is how they are kept. AGNER_ENOTSUP: it has
 * none. */
enum agner_err gen__far_follow(struct gen *self, etf_term to,
                               const struct gen_stream_options *events,
                               etf_term *snapshot,
                               struct gen_stream_promise *changes);
/* gen_service_follow() of a handle without a spec. */
enum agner_err gen__service_follow_at(struct gen *self,
                                      struct gen_service *service,
                                      const struct gen_cursor_options *options,
                                      const struct gen_service_state **state,
                                      struct gen_cursor **cursor);

/* ---- service_call.c ------------------------------------------------------ */

/* Whom a handle without a spec leads to, in self's region; ETF_NONE: no memory.
 */
etf_term gen__service_whom(struct gen *self, struct gen_service *service);

#endif
