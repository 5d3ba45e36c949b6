/*
 * app_bed.h -- a runtime with an application controller, in the simulated world
 * or on real threads, and applications that tell what happens to them.
 *
 * Shared by the tests of applications. What a callback does it writes into
 * `seen`, one line for each thing; what the node is told too:
 *
 *   init NAME, end NAME REASON   the actor
 *   node_stop NAME REASON        the controller
 *   anything else                the tests' own callbacks: app_bed_say()
 */
#ifndef APP_BED_H
#define APP_BED_H

#include "probe.h"

#include <agner/sim.h>

/* The head of an application's table, and its list of children. */
#define APP_HEAD(title) \
    .abi = GEN_APPLICATION_ABI, .name = (title), .description = (title), \
    .version = "1"
#define APP_CHILDREN(list) \
    .children = (list), .child_count = sizeof(list) / sizeof *(list)

struct app_bed {
    struct sim *sim; /* NULL: real threads */
    struct rt *rt;
    struct gen *self;
    struct witness seen, log;
    struct agner_error error;
};

/* The one that runs: what the static tables of applications write to. */
extern struct app_bed *app_bed;

/* cmocka's setup: *state is a struct app_bed. No controller yet. */
int app_bed_start(void **state);
int app_bed_start_real(void **state);
int app_bed_stop(void **state);
/* Ends the runtime before the test does; what was seen stays. */
void app_bed_free_rt(struct app_bed *bed, uint64_t grace_ms);

/* Starts the controller; `options` may be NULL. node_stop is ours. */
void app_bed_control(struct app_bed *bed,
                     const struct gen_applications_options *options);
void app_bed_load(struct app_bed *bed, const struct gen_application *app);

/* Fails the test when it does not start; ends with bed->error otherwise. */
void app_bed_up(struct app_bed *bed, const char *name,
                enum gen_start_type type);

/*
 * An actor that traps exits. Its args are a name for the trace, or {Name,
 * Command}; init obeys the command, and so do casts and calls:
 *
 *   {stop, R}     ends with reason R; in init: does not start
 *   {hang}        waits for ever in the middle
 *   {stubborn}    does not end before the message `go`
 *   {spawn}       spawns a process that nobody is linked to; answers its pid
 *   {env, Key}    answers what rt_env_get() finds, or none
 *   {application} answers rt_application()
 *   {io, Request} sends it to the group leader; answers what comes
 *   anything else answers ok
 */
extern const struct gen_server app_actor;

/* Writes a line into what was seen; in a callback. */
void app_bed_say(const char *what, etf_term term);

/* The pid of a registered actor, as a term; the test fails when it is not
 * there. */
etf_term app_bed_whereis(struct app_bed *bed, const char *name);
bool app_bed_is_there(struct app_bed *bed, const char *name);
/* Tells a registered actor to end, and waits until it has. */
void app_bed_end(struct app_bed *bed, const char *name, const char *reason);
/* A call, and the answer as text in a static buffer. */
const char *app_bed_ask(struct app_bed *bed, const char *name,
                        const char *request);
/* The text of a term in a static buffer. */
const char *app_bed_text(etf_term t);
/* Names of which_applications, "a b ". */
const char *app_bed_running(struct app_bed *bed);
/* One field of gen_application_info(). */
const char *app_bed_info(struct app_bed *bed, const char *name,
                         const char *field);
/* The state of an application: "none" when it is not loaded. */
const char *app_bed_state(struct app_bed *bed, const char *name);
/* Waits until it has that state; the test fails when it never comes. */
void app_bed_await(struct app_bed *bed, const char *name, const char *state);
/* Is `lines` in what was seen, now? And waits for it. */
void app_bed_saw(struct app_bed *bed, const char *lines);
void app_bed_sees(struct app_bed *bed, const char *lines);
/* The master's pid. */
etf_pid app_bed_master(struct app_bed *bed, const char *name);

/* A test in the simulated world, and on real threads. */
#define APP_TEST(name) \
    cmocka_unit_test_setup_teardown(name, app_bed_start, app_bed_stop)
#define APP_REAL(name) \
    cmocka_unit_test_setup_teardown(name, app_bed_start_real, app_bed_stop)

#endif
