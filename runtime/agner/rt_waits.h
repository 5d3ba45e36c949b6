/*
 * rt_waits.h -- who waits for whom, and where code is stuck.
 *
 * Included by rt.h. Nobody is asked and nobody is held up: what is looked at is
 * what blocked code leaves behind, so it can be looked at when nothing moves
 * any more. Any thread. docs/postmortem.md shows what is made of it.
 */
#ifndef AGNER_RT_WAITS_H
#define AGNER_RT_WAITS_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rt_wait_kind {
    RT_WAIT_NOTHING, /* it does not wait in the middle of its code */
    RT_WAIT_MESSAGE, /* rt_receive() */
    RT_WAIT_CALL,    /* a call, or the init of what it starts */
    RT_WAIT_REQUEST, /* one of the requests that it sent */
    RT_WAIT_TIME,    /* rt_sleep() */
    RT_WAIT_GATE,    /* room in a mailbox or on a connection; a queue, a lock */
    RT_WAIT_WORK,    /* rt_blocking() */
    RT_WAIT_YIELD,   /* nothing: it let others run */
};

struct rt_waiting {
    enum rt_wait_kind kind;
    uint64_t ms;      /* for how long, but for some milliseconds */
    etf_pid to;       /* CALL, REQUEST: for whom; all zero: for several, or
                         by name */
    etf_term to_name; /* or ETF_NONE */
    etf_term to_node; /* with to_name: an atom */
    const void *site; /* the call in its code returns to there, or NULL */
};

/* What `pid` waits for in the middle of its code. AGNER_ENOPROC;
 * AGNER_EAGAIN: it changed while we looked. */
AGNER_API enum agner_err rt_waits(struct rt *rt, etf_pid pid,
                                  struct rt_waiting *waiting);

/* Where in the code an address is. */
struct rt_place {
    char module[256];  /* path; the end of it, if it is longer */
    uint64_t offset;   /* there, as addr2line takes it */
    char function[80]; /* "": not among the names that the module exports */
};

#define RT_PLACE_SIZE 96

/* false: it is in no code that was loaded. */
AGNER_API bool rt_place(const void *address, struct rt_place *place);
/* "FUNCTION (MODULE+0xOFFSET)" or "MODULE+0xOFFSET", MODULE without its folder.
 * Returns `text`, of RT_PLACE_SIZE bytes. */
AGNER_API char *rt_place_format(char *text, const struct rt_place *place);

/* Code that has run for two watchdog periods without a pause. */
struct rt_stuck {
    etf_pid pid;
    uint64_t ms;
    /* Where it is, the innermost first, without the runtime's own code if there
     * is other: see rt_options.watch_faults, without which there is none. */
    const void *places[16];
    size_t place_count;
};

/* Fills up to `room`; returns how many. May interrupt their threads, and wait
 * some milliseconds for each. */
AGNER_API size_t rt_stuck(struct rt *rt, struct rt_stuck *stuck, size_t room);

#ifdef __cplusplus
}
#endif

#endif
