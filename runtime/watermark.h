/*
 * watermark.h -- the two marks of a node's memory, and who is over them.
 *
 * Private to runtime/. What the program has of the machine's memory is looked
 * at ten times a second: by the watchdog, and in the simulated world, where
 * marks were given, by a deadline of the runtime's. Of it the free blocks of
 * the pools (pool.h) do not count, since what is made next goes there. Over the
 * soft mark an alarm is raised, and the node takes no new peers; over the hard
 * one nothing large is made any more, and links are not read. Whoever is below
 * a mark by a sixteenth of it is not over it any more, so that nobody goes to
 * and fro with each message.
 *
 * Source: spec/reliability.md G33.
 */
#ifndef RT_WATERMARK_H
#define RT_WATERMARK_H

#include <agner/rt.h>

#include "atomic.h"
#include "spin.h"

/* Of a message: one over a hard mark is not sent. */
#define RT_LARGE_WORDS 8192u

struct watermark {
    uint64_t soft, hard;    /* bytes; 0: there is no such mark. Constant */
    _Atomic uint32_t level; /* enum rt_memory_level */
    _Atomic uint64_t used;  /* at the last look */
    _Atomic uint64_t alarms, refused;
    /* Whoever looks: the watchdog, or the simulation. */
    uint64_t look_ns, trim_ns; /* the next time for each */
    rt_spin lock;              /* guards the rest */
    void (*changed)(void *ctx, enum rt_memory_level level);
    void *ctx;
};

/* Takes the marks from the options. AGNER_EINVAL: the hard one is not above the
 * soft one. */
enum agner_err rt__watermark_init(struct rt *rt, struct agner_error *error);
/* Looks, if it is time, and tells of a change. Watchdog, or simulation. */
void rt__watermark_look(struct rt *rt, uint64_t now_ns);
/* When it is time again, for who sleeps while all is quiet; RT_NEVER: nothing
 * that is quiet changes it. */
uint64_t rt__watermark_wanted_ns(const struct rt *rt);

#endif
