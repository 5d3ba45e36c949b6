/*
 * play.h -- a scenario that is being played, and who plays in it.
 *
 * Everything here happens in one simulated world and so on one thread: actors
 * may look at the play while they run. Terms of the director live until the
 * play is over, since it never resets its region.
 */
#ifndef SCENARIO_PLAY_H
#define SCENARIO_PLAY_H

#include <agner/gen.h>
#include <agner/sim.h>

#define NAMES_MAX  64u
#define EVENTS_MAX 128u

/* What the scenario calls a pid or a reference. */
struct name {
    etf_term name;
    etf_term value;
    bool dead; /* its end was seen */
};

/* A line of the trace under a step. */
struct event {
    etf_term who;
    etf_term what; /* a verb, or the number of an earlier step */
    etf_term term; /* ETF_NONE: nothing more to say */
};

/* What the next inits of an id do, and how often it has started. */
struct life {
    etf_term id;
    etf_term inits; /* a list of commands */
    uint32_t starts;
};

struct play {
    struct sim *sim;
    struct rt *rt;
    struct gen *self; /* the director: the test's own thread */
    etf_pid director;
    int64_t step;
    struct name names[NAMES_MAX];
    size_t name_count;
    struct life lives[NAMES_MAX];
    size_t life_count;
    struct event events[EVENTS_MAX]; /* of this step */
    size_t event_count;
    etf_term result; /* of this step; ETF_NONE: none yet */
    struct block *memory;
    struct app *apps; /* those that were loaded: ops_application.c */
};

/*
 * Plays one scenario in a world of this seed and appends its trace. False, with
 * a line on stderr: the scenario is none.
 */
bool play_scenario(etf_term scenario, uint64_t seed, struct etf_buffer *trace);

/* Zeroed memory that lives as long as the play. Ends the program when there is
 * none. */
void *play_alloc(struct play *play, size_t size);

/* A copy of `t` that lives as long as the play. Ends the program when there is
 * no memory. Not for pids and references of the play. */
etf_term play_keep(struct play *play, etf_term t);

/* ---- Names: names.c ----------------------------------------------------- */

/* Calls `value` so from now on. */
void names_add(struct play *play, etf_term name, etf_term value);
/* What stands for `t`, or NULL. */
struct name *names_by_value(struct play *play, etf_term t);
/* `t` with names replaced by their values. */
etf_term names_to_values(struct play *play, etf_term t);
/* `t` with pids and references replaced by their names. {any_order, List} is
 * the list, sorted by names. */
etf_term names_from_values(struct play *play, etf_term t);

/* ---- Actors: actors.c --------------------------------------------------- */

/* An actor as its own code knows it. */
struct actor {
    struct play *play;
    struct gen_from kept;      /* who waits for {answer, _} */
    struct rt_request refused; /* a request that could not even be sent, */
    enum agner_err refusal;    /* and why */
};

/* Who an actor is, for rt_spawn(): memory of the play. */
struct role {
    struct play *play;
    const char *kind; /* "actor", or "child" of a supervisor */
    etf_term name;    /* an atom */
};

/* The code of an actor that is no server; `arg` is its role. */
void actor_code(struct gen *self, void *arg);

extern const struct gen_server actor_server;

/* The args of an actor_server. `who` is {child, Id} or {server, Name}. */
etf_term actor_args(struct gen *self, struct play *play, etf_term who,
                    etf_term options);
/* Takes args apart. *more is what a supervisor's start_child added to them. */
bool read_args(etf_term args, struct play **play, etf_term *who,
               etf_term *options, etf_term *more);
extern const struct gen_supervisor actor_supervisor;

/* Tells the director of self; what its init is to do. */
etf_term enter(struct gen *self, struct play *play, etf_term who,
               etf_term more);

/* Is the atom `option` one of the list, or the value of {option, Value}? The
 * latter goes to *value. */
bool option_flag(etf_term options, const char *option);
bool option_value(etf_term options, const char *option, etf_term *value);

/* Milliseconds, or the atom infinity. */
bool read_ms(etf_term t, uint64_t *ms);

/* Does what an order says, in the actor's own process; the result as the trace
 * shows it. */
etf_term actor_do(struct gen *self, struct actor *actor, etf_term order);

/* ---- Orders, by what they are about ------------------------------------- */

/* An order's verb, and who does it; `order` is the whole tuple. ETF_NONE: not
 * of that shape. */
struct verb {
    const char *verb;
    etf_term (*act)(struct gen *self, struct actor *actor, etf_term order);
};

extern const struct verb process_verbs[];     /* ops_process.c; end with NULL */
extern const struct verb server_verbs[];      /* ops_server.c */
extern const struct verb supervisor_verbs[];  /* ops_supervisor.c */
extern const struct verb application_verbs[]; /* ops_application.c */
extern const struct verb event_verbs[];       /* ops_event.c */

#endif
