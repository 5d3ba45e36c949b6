/*
 * oracle.h -- what the actors of a random program did and saw, and what they
 * should have: reliability 2.4.
 *
 * A simulation has one thread, so the actors write here directly, right when
 * they act. The first thing that cannot be is kept as text; the test asserts
 * that there is none.
 */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "twin.h"

#define ACTORS_MAX   96u
#define MONITORS_MAX 2048u
#define TIMERS_MAX   1024u
#define EVENTS       3u /* on each side */

/* Which operations a run has: drawn from its seed. */
enum profile {
    PROFILE_CALLS = 1,
    PROFILE_TIMERS = 2,
    PROFILE_KILLS = 4,
    PROFILE_LINKS = 8,
    PROFILE_MONITORS = 16,
    PROFILE_LIMITS = 32,
    PROFILE_ALIASES = 64,
    PROFILE_SPAWNS = 128,
    PROFILE_FAR = 256, /* actors of the two sides know each other */
    PROFILE_HEIRS = 512,
    PROFILE_EVENTS = 1024,
    PROFILE_ALL = 2047,
};

struct alias {
    etf_ref ref;
    bool active, once;
};

/* An event, and what its owner has said of it in this life. */
struct told {
    bool open;
    unsigned owner;
    etf_ref token;
    int64_t life, told;
};

/* A subscription: to which life of an event, and what it hears next. */
struct listening {
    etf_ref ref;
    int64_t life, next, until;
    bool active, leaving;
};

struct actor {
    struct play *play;
    unsigned id;
    struct side *side;
    etf_pid pid;
    bool born;
    bool behaves;           /* a behaviour process */
    bool bounded;           /* its mailbox has a limit... */
    bool lossy;             /* ...and drops */
    uint64_t room;          /* bounded: more than its low mark */
    struct actor *sends_to; /* now; it may have to wait for room there */
    int64_t ended; /* the number in the reason that it gave itself; 0: none */
    unsigned ops;  /* still to do */
    struct alias alias;
    struct gen_from kept[4]; /* calls to answer later */
    int64_t kept_id[4];
    unsigned kept_count;
    int64_t env;    /* what key k has; 0: nothing */
    etf_pid leader; /* all zero: itself */
    struct listening listening[EVENTS];
};

enum state { ACTIVE, REMOVED, FIRED };

struct monitor {
    unsigned owner, target;
    etf_ref ref;
    enum state state;
    bool maybe; /* a down may be in the queue, though it was taken back */
    uint64_t losses;
};

struct timer_note {
    unsigned owner;
    struct rt_timer timer;
    uint64_t due_ns;
    enum state state;
};

struct play {
    uint64_t seed, random;
    struct sim *sim;
    struct twin twin;
    unsigned profile;
    uint64_t now; /* counts operations */
    struct actor actors[ACTORS_MAX];
    unsigned actor_count;
    int64_t ends, calls;
    /* By sender, receiver. */
    uint32_t sent[ACTORS_MAX][ACTORS_MAX], got[ACTORS_MAX][ACTORS_MAX];
    /* Connections lost when the message was sent that was received last. */
    uint64_t losses_then[ACTORS_MAX][ACTORS_MAX];
    bool last_word[ACTORS_MAX][ACTORS_MAX]; /* its down was seen */
    /* When one linked the other, and took it back while the other lived. */
    uint64_t linked[ACTORS_MAX][ACTORS_MAX], unlinked[ACTORS_MAX][ACTORS_MAX];
    bool exit_seen[ACTORS_MAX][ACTORS_MAX]; /* by receiver, sender */
    struct monitor monitors[MONITORS_MAX];
    unsigned monitor_count;
    struct timer_note timers[TIMERS_MAX];
    unsigned timer_count;
    uint64_t attempts, received; /* messages, however they fared */
    uint64_t seen_downs, seen_exits, seen_calls, seen_timers, seen_events;
    struct told events[2][EVENTS]; /* by side */
    char wrong[300];               /* empty: all is well */
};

void wrong(struct play *play, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

uint64_t draw(struct play *play, uint64_t bound);

/* The actor with that pid, as `side` sees it; NULL: none. */
struct actor *actor_of(struct play *play, const struct side *side, etf_pid pid);
bool is_far(const struct actor *a, const struct actor *b);
bool lives(const struct actor *a);

/* {m, From, To, Seq, Losses, Check} was received: I1, I2, I13. */
void saw_message(struct actor *me, etf_term message);
void saw_exit(struct actor *me, etf_pid from, etf_term reason);
void saw_down(struct actor *me, etf_ref ref, etf_term reason);
void saw_timer(struct actor *me, int64_t number);

struct monitor *note_monitor(struct actor *me, unsigned target, etf_ref ref);

/* Everything is quiet: both sides of each relation agree, and nobody waits with
 * something that it has not seen (I3 to I5). */
void check_quiet(struct play *play, struct gen *selves[2]);

#endif
