/*
 * service_state.h -- what an event makes of a service's state, decided without
 * doing it.
 *
 * Private to behaviors/. Plain values in, plain values out: no process, clock
 * or allocation, so that a table of cases is the whole test. service.c acts.
 * The pointers in a state (config, why) are carried along, not followed.
 *
 *   event      when            what it makes
 *   ---------  --------------  -------------------------------------------
 *   START      active          AGNER_ESTARTED
 *              inactive        active, no error; configured: load
 *   CONFIGURE  loading         AGNER_ELOADING; with `replace` as below
 *              active          the new configuration; load
 *              inactive        the new configuration
 *   STOP       inactive        AGNER_ESTOPPED
 *              active          inactive, not loading; cancel
 *   LOADED     loading         not loading
 *   FAILED     loading         retry: waits; else inactive, not loading
 *   LOST       active, loaded  retry: loads again after a wait; else inactive
 *   DOWN       any             inactive, not loading, with the error
 *   RESUME     active          configured: load
 *
 * LOADED, FAILED and LOST carry a generation; one that is not the state's own
 * is of a load that is over, and changes nothing (AGNER_EUNKNOWN).
 *
 * Source: spec/service.md 2.1 to 2.3.
 */
#ifndef SERVICE_STATE_H
#define SERVICE_STATE_H

#include <agner/gen_service.h>

enum service_event_kind {
    SERVICE_START,
    SERVICE_CONFIGURE,
    SERVICE_STOP,
    SERVICE_LOADED,
    SERVICE_FAILED, /* a try has failed */
    SERVICE_LOST,   /* what a good load had started is gone */
    SERVICE_DOWN,   /* the process, or its node */
    SERVICE_RESUME, /* another process goes on */
};

struct service_event {
    enum service_event_kind kind;
    uint64_t now_ns;
    etf_bytes config;    /* CONFIGURE */
    bool replace;        /* CONFIGURE: also while it loads */
    uint64_t generation; /* LOADED, FAILED, LOST */
    enum agner_err err;  /* FAILED, LOST, DOWN */
    etf_term why;
    bool abort;                            /* FAILED: no further try */
    const struct gen_retry_options *retry; /* FAILED, LOST; NULL: none */
    uint64_t draw;                         /* for its jitter */
};

enum service_action {
    SERVICE_CANCEL = 1, /* the present load, or what it left running */
    SERVICE_LOAD = 2,   /* begin one, once what was cancelled has ended */
    SERVICE_WAIT = 4,   /* `delay_ms`, then another try of the same load */
    SERVICE_HOOK = 8,   /* on_stop */
    SERVICE_FINAL = 16, /* a final failure: on_stop by option */
};

struct service_step {
    enum agner_err err; /* AGNER_OK: `state` is the new one */
    struct gen_service_state state;
    unsigned actions;
    uint64_t delay_ms;
};

/* The state of a service that was just made. */
struct gen_service_state gen__service_first(uint64_t now_ns);

struct service_step gen__service_step(const struct gen_service_state *before,
                                      const struct service_event *event);

#endif
