/*
 * actors_play.h -- the randomised actor program: actors that run drawn
 * operations on the public API, and an oracle that knows what may come of them.
 *
 * Private to test/sim/actors/. The program is a list of items (sim_test.h):
 * actors with their operations, supervisors, faults at times. Actors share one
 * `struct play`, since a simulation has one thread: who acts records what was
 * asked, who receives checks what is seen. Each rule that is checked has its
 * number, I1 to I20, where it is checked and in the failure.
 *
 * A *life* is one process of an actor: the same actor may live again, on the
 * same node after a restart too. Numbers of lives are never used twice.
 *
 * Source: spec/reliability.md 2.4.
 */
#ifndef ACTORS_PLAY_H
#define ACTORS_PLAY_H

#include <agner/gen.h>
#include <agner/node.h>
#include <agner/sim.h>
#include <agner/sim_test.h>

#define NODES_MAX  8u
#define ACTORS_MAX 40u
#define OPS_MAX    64u  /* of one actor */
#define LIVES_MAX  240u /* then nobody is started any more */
#define NAMES_MAX  5u
#define GROUPS_MAX 3u
#define APPS_MAX   3u
#define CALLS_HELD 4u
#define WATCHES    12u /* monitors that a life remembers */
#define TIMERS     6u
#define TREES_MAX  4u
#define BRANCHES   5u /* children of a tree */
#define FAULTS_MAX 24u
#define ATOMS_MORE 128u /* that actors intern while they run */
#define TREE_HEARD 128u /* crashes of a tree that are remembered */

#define TICK_MS   4000u
#define CALL_MS   3000u  /* most that an operation waits for */
#define GRACE_MS  2000u  /* of a node that stops */
#define HIGH_MARK 65536u /* bytes to a peer, under pressure */

enum actors_profile { PROFILE_LOCAL, PROFILE_CLUSTER, PROFILE_PRESSURE };

/* Where a runtime's play is found: rt_registry.h. */
#define ACTORS_GROUP "sim"

struct play;
struct life;

/* ---- Operations --------------------------------------------------------- */

#define OP_NUMBERS 4u

struct op {
    const struct op_row *row;
    int64_t n[OP_NUMBERS];
};

/* A row of the language: actors_ops.c has all of them. */
struct op_row {
    const char *word;
    unsigned weights[3]; /* by profile; 0: not drawn */
    /* The numbers are below these bounds when they are drawn. */
    unsigned bounds[OP_NUMBERS];
    void (*run)(struct life *life, struct gen *self, const int64_t *n);
};

extern const struct op_row actors_ops[];
extern const unsigned actors_op_count;

/* ---- What the program is ------------------------------------------------ */

enum actor_flags {
    ACTOR_SERVER = 1, /* a behaviour; else a raw process */
    ACTOR_TRAP = 2,
    ACTOR_LATE = 4, /* not started at first */
    ACTOR_FLAGS = 8
};

struct actor {
    bool there;
    unsigned node, flags;
    unsigned limit;  /* messages; 0: none */
    unsigned policy; /* enum rt_overflow, without FALLBACK */
    struct op ops[OPS_MAX];
    unsigned op_count;
    struct life *latest; /* NULL: has never lived */
};

struct fault {
    uint64_t at_ms;
    unsigned kind;
    int64_t n[3];
};

/* ---- What the oracle knows ---------------------------------------------- */

/* One life's sends to another, and what the other has seen of them. */
struct pair {
    struct pair *next;
    unsigned to;       /* the number of the receiving life */
    uint64_t sent;     /* by pid; numbers 1 to sent */
    uint64_t received; /* the last of those numbers */
    uint64_t stamp;    /* the last stamp that was received, however addressed */
    uint64_t *connections; /* owned, other nodes only: at each send, number of
                              the connection as the receiver's node had it */
    size_t room;
    bool gapless; /* no loss is allowed */
    /* Links, as the sender of this pair sees them. */
    bool linked; /* it asked, and neither unlinked nor heard an exit since */
    unsigned expected;   /* exits that may come since it asked */
    unsigned waiting;    /* ... though it unlinked: they may be there already */
    bool unlinked;       /* it ever unlinked */
    unsigned links;      /* it asked */
    uint64_t connection; /* with the other's node, when it asked last */
    unsigned exits;      /* it heard, of links */
    bool signals;        /* it sent an exit signal by hand */
};

enum watch_state {
    WATCH_FREE,
    WATCH_ON,
    WATCH_FIRED,  /* its DOWN was received */
    WATCH_OFF,    /* taken back: no DOWN may come */
    WATCH_EITHER, /* taken back too late, without flush: one may be there */
};

struct watch {
    enum watch_state state;
    etf_ref ref;
    unsigned target;     /* a life; 0: not known, by name */
    uint64_t connection; /* with the target's node, when it began; 0: none */
};

enum clock_state {
    CLOCK_FREE,
    CLOCK_ON,
    CLOCK_FIRED,
    CLOCK_CANCELLED,
    CLOCK_LATE, /* cancelled, but it had fired: its message is there */
};

struct clock {
    enum clock_state state;
    struct rt_timer timer;
    uint64_t id;
    uint64_t due_ns;
};

struct life {
    struct play *play;
    struct actor *actor;
    unsigned number;      /* 1 ... */
    unsigned index;       /* of the actor */
    unsigned node, epoch; /* where, in which life of the node */
    uint32_t creation;    /* the node's, then */
    etf_pid pid;          /* there */
    bool begun, ended;
    uint64_t begun_ns, ended_ns;
    unsigned next_op;
    bool done; /* all operations are over: it serves */
    bool trap, trap_changed;
    bool suspect;      /* it was told to end: what it is asked may fail */
    bool abnormal_end; /* by its own doing, so that links must fire */
    uint64_t stamp;    /* of its last send */
    unsigned sending;  /* in a send by pid to that life now, or 0 */
    bool has_alias;
    etf_ref alias;
    uint64_t calls;     /* numbers of its calls */
    struct pair *pairs; /* owned: whom it sent to, or is linked with */
    struct watch watches[WATCHES];
    unsigned watch_next;
    struct clock clocks[TIMERS];
    unsigned clock_next;
    unsigned names;            /* bits: names that it registered */
    unsigned groups;           /* bits: groups that it is a member of */
    bool hears, heard_enough;  /* of nodes; it does so no more, or again */
    uint64_t heard[NODES_MAX]; /* connections that it heard of; 0: none */
    struct gen_from held[CALLS_HELD];
    uint64_t held_ids[CALLS_HELD];
    unsigned held_count;
    uint64_t intake; /* messages of lives that it has received */
    uint64_t posted; /* ... that were sent to it with success: local only */
    struct rt_hook hook;
};

/* Of a supervisor's child: what is and what was. */
struct branch {
    bool alive;  /* between its init and its destroy */
    bool dying;  /* an actor wanted its end */
    bool listed; /* the supervisor said that it runs */
    bool away;   /* it was stopped on request */
    bool asked;  /* an actor wants it stopped, or started, just now */
    etf_pid pid;
    unsigned starts, crashes;
    unsigned heard;    /* of those crashes, by the supervisor */
    unsigned restarts; /* on request */
    uint64_t started;  /* in the order of all starts of its tree */
};

/* A supervisor and its children: actors_tree.c. */
struct tree {
    struct play *play;
    bool there, up, ended;
    unsigned node, epoch;
    enum gen_strategy strategy;
    unsigned intensity, count;
    uint64_t period_ms;
    etf_pid pid;
    struct branch branches[BRANCHES];
    uint64_t starts;
    bool handled; /* children were started on request: order is theirs */
    bool unsure;  /* who asked for something did not hear what came of it */
    uint64_t heard_ms[TREE_HEARD]; /* when it heard of each crash */
    unsigned heard_count;
    struct rt_hook hook;
};

/* An application of a node: actors_apps.c. */
struct app {
    bool alive;       /* its process is there */
    uint64_t started; /* in the order of all starts there */
    uint64_t asked;   /* how often somebody wanted it up or down */
    unsigned busy;    /* of those, who still wait */
};

struct place {
    struct sim_machine *machine; /* NULL: it has crashed */
    struct node *node;           /* NULL: a runtime alone, or it is down */
    struct rt *rt;               /* NULL: it is down */
    struct gen *at;              /* the oracle's own process; NULL: none */
    etf_pid scope;               /* of groups */
    struct app apps[APPS_MAX];
    uint64_t app_starts;
    bool apps_stopping; /* all of them */
    unsigned epoch;     /* how often it was started */
    bool stopping;
    bool core;     /* in the second phase: it reaches the others */
    etf_term name; /* atom */
    uint32_t creation;
    char text[40], host[24];
};

struct play {
    struct sim_run *run;
    struct sim *sim;
    enum actors_profile profile;
    unsigned node_count;
    struct place places[NODES_MAX];
    struct actor actors[ACTORS_MAX];
    struct life lives[LIVES_MAX];
    unsigned life_count;
    struct tree trees[TREES_MAX];
    bool has_apps, has_kernel;
    struct fault faults[FAULTS_MAX];
    unsigned fault_count, fault_next;
    uint64_t begun_ns;
    uint64_t timer_ids;
    bool faults_on;     /* the first phase */
    bool stopped;       /* being torn down: nothing is checked any more */
    bool in_step;       /* no step of ours is checked */
    uint64_t looked_at; /* the step of the last look at the runtimes */
    uint64_t progress_ns, progress_step;
    uint32_t atoms; /* interned when all was started */
    int64_t probes;
    uint64_t refused; /* sends to full mailboxes that said so */
};

static inline struct sim *sim_of(const struct life *life)
{
    return life->play->sim;
}

/* ---- actors_program.c --------------------------------------------------- */

/* Adds the program of a seed. AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err actors_draft(struct sim_case *c, enum actors_profile profile);
/* Reads the run's items into `play`. */
void actors_read(struct play *play);

/* ---- actors_life.c ------------------------------------------------------ */

/* A new life of `actor`, not begun; NULL: it lives, or there are too many. */
struct life *actors_conceive(struct play *play, unsigned actor);
/* It will not begin after all. */
void actors_abandon(struct life *life);
/* Starts it from a process of its own node. */
enum agner_err actors_start(struct life *life, struct gen *self, bool link,
                            bool monitor, etf_ref *ref);
/* Its life, to the end: for the code of a process. */
void actors_live(struct life *life, struct gen *self);
/* A message that came. */
void actors_take(struct life *life, struct gen *self, etf_term message);
extern const struct rt_remote actors_remote;

/* The life that `n` names as a target for `life`: not itself; NULL: none. */
struct life *actors_target(struct life *life, int64_t n);
/* How `life` names another: the pid as it looks from its node. */
etf_pid actors_pid_from(const struct life *life, const struct life *other);
etf_ref actors_alias_from(const struct life *life, const struct life *other);
/* Whose pid it is, as seen from that node; NULL: nobody's that is known. */
struct life *actors_of_pid(struct play *play, unsigned node, etf_pid pid);
/* Is it alive, in a node that is up? */
bool actors_lives(const struct life *life);
bool actors_local(const struct life *a, const struct life *b);
etf_term actors_name(unsigned n);
/* The scope of all groups, and one of those. */
etf_term actors_global(struct gen *self, unsigned n);
etf_term actors_scope(void);
etf_term actors_group(unsigned n);

struct place *actors_place(struct play *play, unsigned node);
/* What the clock says where it lives: that of its machine. */
uint64_t actors_now_ns(const struct life *life);

/* ---- actors_apps.c ------------------------------------------------------ */

void actors_apps_start(struct play *play, struct place *place);
void actors_apps_stop(struct play *play, struct place *place);

/* ---- actors_tree.c ------------------------------------------------------ */

void actors_tree_start(struct tree *tree);
void actors_tree_crash(struct life *life, struct gen *self, const int64_t *n);
void actors_tree_stop_child(struct life *life, struct gen *self,
                            const int64_t *n);
void actors_tree_restart_child(struct life *life, struct gen *self,
                               const int64_t *n);

/* ---- The oracle: each says of what it was asked, and fails the run ------ */

void oracle_fail(struct play *play, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* oracle_order.c */
struct pair *oracle_pair(struct life *from, unsigned to);
struct pair *oracle_find_pair(const struct life *from, unsigned to);
/* Before a send by pid; its number. oracle_unsent(): it failed. */
uint64_t oracle_sending(struct life *from, struct life *to);
void oracle_unsent(struct life *from, struct life *to);
void oracle_i1_i2_message(struct life *to, struct life *from, uint64_t meant,
                          uint64_t seq, uint64_t stamp);
void oracle_i2_nothing_is_missing(struct play *play);
/* Which connection with `of` the node of `at` has; 0: none. */
uint64_t oracle_connection(const struct life *at, const struct life *of);
void oracle_i14_counters(struct play *play);

/* oracle_links.c */
void oracle_linked(struct life *a, struct life *b);
void oracle_unlinked(struct life *a, struct life *b, bool flushed);
void oracle_i4_exit(struct life *to, struct life *from, bool noconnection);
void oracle_i4_links_agree(struct play *play);
void oracle_watching(struct life *life, etf_ref ref, struct life *target);
void oracle_i5_down(struct life *life, struct gen *self, etf_ref ref,
                    etf_term reason);
void oracle_i5_all_downs_came(struct play *play);
/* `life` hears that the connection of that number with `node` is lost: G6. */
void oracle_i5_nodedown(struct life *life, etf_term node, uint64_t connection);
void oracle_i6_name_is_free(struct life *life, struct life *dead);

/* oracle_time.c */
void oracle_i7_outcome(struct life *life, struct life *callee, uint64_t id,
                       uint64_t began_ns, uint64_t timeout_ms,
                       enum agner_err err, etf_term reply);
void oracle_i8_fired(struct life *life, uint64_t id);
void oracle_i8_all_timers_fired(struct play *play);
/* `allowed` are bits by -err. */
void oracle_i18_error(struct life *life, const char *what, enum agner_err err,
                      uint64_t allowed);

/* oracle_tree.c */
void oracle_i9_tree(struct play *play);

/* oracle_runtime.c */
void oracle_i3_i10_runtimes(struct play *play);
void oracle_i15_nothing_is_left(struct play *play);
void oracle_i16_no_atoms_came(struct play *play);
void oracle_i20_time_goes_on(struct play *play);

/* oracle_groups.c */
void oracle_i12_joined(struct life *life, struct gen *self, unsigned group);
void oracle_i12_groups_agree(struct play *play);
void oracle_i12_global_names_agree(struct play *play);

/* oracle_cluster.c */
void oracle_i11_links_are_bounded(struct play *play);
void oracle_i12_nodes_agree(struct play *play);
bool oracle_all_connected(struct play *play);
void oracle_i12_both_dial(struct play *play);
/* `life` hears of a connection with `node`: that it is there, or was lost. */
void oracle_i12_nodeup(struct life *life, etf_term node, uint64_t connection);
void oracle_i12_nodedown(struct life *life, etf_term node, uint64_t connection);
void oracle_i17_stopped_in_time(struct play *play, uint64_t took_ms);
void oracle_i19_everybody_answers(struct play *play);

#endif
