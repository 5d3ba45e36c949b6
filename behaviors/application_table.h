/*
 * application_table.h -- what the controller keeps, and the files that work on
 * it.
 *
 * Private to behaviors/. Only the controller's own process touches it.
 *
 *   application_controller.c  the process: requests, and what masters tell
 *   application_run.c         from one state to the next
 *   application_table.c       the table of applications, and who waits
 *   application_look.c        what is told about them
 *   application_env.c         their environments
 *
 *   state        meaning                             left by
 *   -----------  ----------------------------------  -------------------------
 *   APP_LOADED   known; no process                   a start, an unload
 *   APP_STARTING its keeper is at the start          {started, _, _}, its end
 *   APP_RUNNING  up                                  a stop, its end
 *   APP_STOPPING told to end, or its master did      the end of its keeper
 *
 * Who asks for a start waits in the entry while it is APP_STARTING; any request
 * that comes while it is APP_STOPPING is put off until it is APP_LOADED.
 */
#ifndef GEN_APPLICATION_TABLE_H
#define GEN_APPLICATION_TABLE_H

#include "application_internal.h"

enum app_state { APP_LOADED, APP_STARTING, APP_RUNNING, APP_STOPPING };

/* Why an application is on its way to APP_LOADED. */
enum app_end {
    APP_END_ITSELF, /* it was up, and ended */
    APP_END_FAILED, /* it never came up */
    APP_END_STOPPED /* it was told to */
};

/* A call that is not answered yet. */
struct waiter {
    struct waiter *next;
    struct gen_from from;
    struct etf_box *request; /* owned: put off; NULL: asked for a start */
};

struct app {
    struct app *next;
    const struct gen_application *application; /* borrowed: static */
    enum app_state state;
    enum gen_start_type type;
    etf_pid master, keeper, top; /* all zero: none */
    uint64_t started_ms;
    struct waiter *waiters; /* owned; in the order in which they came */
    struct gen_from stopper;
    bool has_stopper; /* stopper waits for the end of the stop */
    /* From the end of the master to that of the keeper. */
    enum app_end end;
    bool told; /* the master was not killed */
    etf_ref keeper_ref;
    struct etf_box *reason; /* owned; or NULL */
};

struct controller {
    struct gen_applications_options options; /* `config`, `env`: not used */
    /* Those that run or start come first, the one in front that came up, or
     * began to start, last; then the others. */
    struct app *apps;
    size_t count;
    struct etf_box *config, *env; /* owned: the layers; or NULL */
    struct etf_box *kept;         /* owned: what set_env is to keep; or NULL */
    bool ending;                  /* all are stopped, one after the other */
    bool has_ender;
    struct gen_from ender; /* who asked for that */
};

/* Starts with {Options, Config, Env}, the options as a native value. */
extern const struct gen_server gen__application_controller;

/* ---- application_table.c ------------------------------------------------ */

struct app *gen__app_find(const struct controller *c, const char *name);
/* By its master, or by the monitor of its keeper. */
struct app *gen__app_of_master(const struct controller *c, etf_pid master);
struct app *gen__app_of_ref(const struct controller *c, etf_ref ref);
/* A new entry at the end. AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err gen__app_add(struct controller *c,
                            const struct gen_application *application,
                            struct app **app, struct agner_error *error);
/* Puts it in front: it begins to start, or is up. */
void gen__app_to_front(struct controller *c, struct app *app);
/* Puts it behind those that run. */
void gen__app_to_back(struct controller *c, struct app *app);
void gen__app_remove(struct controller *c, struct app *app);

/* One more that waits; `request` is put off, or ETF_NONE. AGNER_ENOMEM. */
enum agner_err gen__app_wait(struct app *app, struct gen_from from,
                             etf_term request);
void gen__waiter_free(struct waiter *w);

/* ---- application_run.c -------------------------------------------------- */

/* Finds it, loading it if need be. */
enum agner_err gen__app_get(struct gen *self, struct controller *c,
                            const char *which, struct app **app,
                            struct agner_error *error);
/* Puts it in the table with its environment; it may be there already. */
enum agner_err gen__app_load(struct gen *self, struct controller *c,
                             const struct gen_application *application,
                             struct app **app, struct agner_error *error);
/* Takes one that is APP_LOADED out of it again. */
void gen__app_unload(struct gen *self, struct controller *c, struct app *app);

/* Starts one that is APP_LOADED and whose needs are met: it is APP_STARTING
 * then, or APP_RUNNING when it has no processes. */
enum agner_err gen__app_start(struct gen *self, struct controller *c,
                              struct app *app, enum gen_start_type type,
                              struct agner_error *error);
/* Tells one that starts or runs to end: APP_STOPPING, or APP_LOADED at once.
 * AGNER_ENOMEM: nothing was done. */
enum agner_err gen__app_stop(struct gen *self, struct controller *c,
                             struct app *app);

/* What its master and its keeper tell. */
void gen__app_started(struct gen *self, struct controller *c, struct app *app,
                      etf_pid top);
/* Returns whether the end of the keeper is to come, as keeper_ref's DOWN. */
bool gen__app_master_ended(struct gen *self, struct app *app, etf_term reason);
/* It is APP_LOADED again. Returns those who waited; the caller's. */
struct waiter *gen__app_ended(struct gen *self, struct controller *c,
                              struct app *app);

/* ---- application_look.c ------------------------------------------------- */

etf_term gen__app_which(struct gen *self, const struct controller *c);
etf_term gen__app_loaded(struct gen *self, const struct controller *c);
etf_term gen__app_info(struct gen *self, const struct app *app);
etf_term gen__app_infos(struct gen *self, const struct controller *c);
/* application:info(). */
etf_term gen__app_info_all(struct gen *self, const struct controller *c);

/* ---- application_env.c -------------------------------------------------- */

/* Puts together what the layers say and makes it the application's
 * environment. AGNER_ENOTLOADED (its own defaults are wrong), AGNER_ENOMEM. */
enum agner_err gen__app_env_set(struct gen *self, const struct controller *c,
                                const struct gen_application *a,
                                struct agner_error *error);
void gen__app_env_clear(struct gen *self, const struct gen_application *a);
/* Notes that set_env, or unset_env with ETF_NONE, is to outlive a reload. */
enum agner_err gen__app_env_keep(struct gen *self, struct controller *c,
                                 etf_term app, etf_term key, etf_term value);
/* Takes a new configuration, and tells the applications that run what it
 * changes for them. AGNER_EINVAL, AGNER_ENOMEM. */
enum agner_err gen__app_env_change(struct gen *self, struct controller *c,
                                   etf_term config, struct agner_error *error);
/* Is it [{Application, [{Key, Value}]}]? */
bool gen__app_env_is_config(etf_term config);

#endif
