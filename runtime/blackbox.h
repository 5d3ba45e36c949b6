/*
 * blackbox.h -- noting what happens, for whoever asks after the end.
 *
 * Private to runtime/; rt_box.h has the form of what is written. A worker notes
 * in a ring of its own, without a lock; all other threads share one, under a
 * lock. The cost decides what is noted: what happens a million times a second
 * costs half a cache line and no look at the clock (rt__clock_ns()), messages
 * are sampled, and a text is made only of what is out of the ordinary.
 *
 * Without a black box the pens have no records, and nothing is noted.
 */
#ifndef RT_BLACKBOX_H
#define RT_BLACKBOX_H

#include "atomic.h"
#include "rt_box.h"
#include "rt_world.h"

struct worker;
struct process;
struct box; /* of a runtime: blackbox.c */

#define BOX_SEEN 64u

/* What one writes with. One thread at a time: its worker's. */
struct box_pen {
    struct rt_box_line *line;    /* in the file, or `nowhere` */
    struct rt_box_small *smalls; /* NULL: there is no black box */
    struct rt_box_large *larges;
    uint64_t small_count, small_mask, large_count, large_mask;
    struct {
        const void *address;
        uint32_t index;
    } seen[BOX_SEEN]; /* names that this pen has asked for, by address */
    struct rt_box_line nowhere;
};

/*
 * Order: who reads is another program, after this one. Only the compiler's
 * order counts: a thread that is killed has stored all that comes before the
 * place where it stood. So the record says "torn", then has its contents, then
 * its number, and the line follows. Release is what keeps it so.
 */
static inline uint64_t rt__box_head(uint64_t number, enum rt_box_kind kind,
                                    uint32_t detail)
{
    return (uint64_t)detail << 40 | (uint64_t)kind << 32 | (uint32_t)number;
}

static inline void rt__box_fill(struct rt_box_small *r, uint64_t head,
                                uint64_t time_ns, uint64_t a, uint64_t b)
{
    store_relaxed(&r->head, 0u);
    fence_compiler();
    r->time_ns = time_ns;
    r->a = a;
    r->b = b;
    store_release(&r->head, head);
}

/* Notes what is small. The pen's thread. */
static inline void rt__box_small(struct box_pen *pen, enum rt_box_kind kind,
                                 uint32_t detail, uint64_t time_ns, uint64_t a,
                                 uint64_t b)
{
    uint64_t count = pen->small_count;

    rt__box_fill(&pen->smalls[count & pen->small_mask],
                 rt__box_head(count + 1, kind, detail), time_ns, a, b);
    pen->small_count = count + 1;
    store_release(&pen->line->small, count + 1);
}

/* Makes the black box that the options ask for. What it fails with is logged,
 * and the runtime does without. The workers are there. */
void rt__box_init(struct rt *rt);
void rt__box_fini(struct rt *rt);
/* The runtime is told to end. */
void rt__box_stopping(struct rt *rt);
/* It is a node now. */
void rt__box_node(struct rt *rt, etf_term name);

/* A process begins or ends; `worker` is the calling one or NULL. The box is
 * there. `code`: of a raw process. */
void rt__box_spawn(struct rt *rt, struct worker *worker,
                   const struct process *p, const void *code);
void rt__box_exit(struct rt *rt, struct worker *worker, struct process *p,
                  etf_term self, etf_term reason);
/* The worker hands out a message of `from` to the process that it runs. */
void rt__box_message(struct worker *worker, const struct process *p,
                     etf_term from);
void rt__box_timers(struct rt *rt, struct worker *worker, uint64_t count);
/* Notes what is large, and does nothing without a box. Any thread; `worker` is
 * the calling one or NULL. */
void rt__box_note(struct rt *rt, struct worker *worker, enum rt_box_kind kind,
                  uint32_t detail, uint64_t a, uint64_t b, const char *text);
/* A fault on the worker's thread: from a signal handler. */
void rt__box_fault_elsewhere(struct rt *rt, int signal, uint64_t address,
                             uint64_t instruction); /* on another thread */
void rt__box_fault(struct worker *worker, int signal, uint64_t address,
                   uint64_t instruction, const char *text);

#endif
