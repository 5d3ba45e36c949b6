/*
 * rt_info.h -- looking at processes from outside.
 *
 * Included by rt.h. Source: erlang:process_info/2; spec/gen.md 1.2, 1.5.
 */
#ifndef AGNER_RT_INFO_H
#define AGNER_RT_INFO_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rt_status {
    RT_STATUS_INIT,
    RT_STATUS_WAITING,
    RT_STATUS_RUNNABLE,
    RT_STATUS_RUNNING,
    RT_STATUS_CALLING, /* blocked in the middle of its code */
    RT_STATUS_SUSPENDED,
    RT_STATUS_EXITING,
};

struct rt_process_info {
    etf_pid pid;
    etf_pid parent;
    etf_pid group_leader;
    etf_term name;        /* first registered name, or ETF_NONE */
    const char *behavior; /* static; "" for a raw process */
    const char *label;    /* static or NULL */
    enum rt_status status;
    enum rt_priority priority;
    bool trap_exit;
    uint64_t mailbox_count;
    uint64_t mailbox_peak; /* the most that it found there at once */
    uint64_t messages_in;  /* received in its life, modulo 2^32 */
    uint64_t messages_out; /* sent: casts and calls too; modulo 2^32 */
    uint64_t reductions;   /* callbacks run, or messages received by raw code;
                              modulo 2^32 */
    uint64_t run_ms; /* on a worker: sampled by the watchdog, so right in the
                        long run; 0 without it and in a simulated world */
    uint64_t memory_bytes;
    uint64_t timers;      /* that it has running: rt_process_info() */
    etf_term application; /* atom, or ETF_NONE */
    /* In the caller's region. Of a monitor by name the list has {Name, Node}.
     */
    etf_term links, monitors, monitored_by, aliases, names;
    etf_term env; /* its own layer: a map */
};

/* What `pid` is doing. Waits for the process to answer if it must (from a
 * process or an attached thread). Of itself a process may ask until its very
 * end. AGNER_ENOPROC, AGNER_ETIMEOUT (5 s: it is busy). */
AGNER_API enum agner_err rt_process_info(struct gen *self, etf_pid pid,
                                         struct rt_process_info *info);
/* Messages that wait in the mailbox of `pid`, as rt_receive() will give them,
 * the oldest first: at most `count_max`, and as many as have room in 16 MiB. A
 * list in self's region. Errors as rt_process_info(). */
AGNER_API enum agner_err rt_process_messages(struct gen *self, etf_pid pid,
                                             uint64_t count_max,
                                             etf_term *list);
/* A glance, as below, and with it `label` and `memory_bytes`, which the process
 * has to answer: for looking at very many, since nothing is left in self's
 * region. Errors as above. */
AGNER_API enum agner_err rt_process_brief(struct gen *self, etf_pid pid,
                                          struct rt_process_info *info);
/* The next live process after `after` (all zero: the first) in slot order:
 * false at the end. Any thread. */
AGNER_API bool rt_process_next(struct rt *rt, etf_pid after, etf_pid *pid);
/* Up to `room` live processes after `after` (all zero: from the first), in
 * ascending order of pids; how many there were. Fewer than `room`: the last
 * page. Any thread. */
AGNER_API size_t rt_process_list(struct rt *rt, etf_pid after, etf_pid *pids,
                                 size_t room);
/* The parts of the above that need no answer: no lists, label, memory,
 * trap_exit, priority, and a parent of this node only. Any thread.
 * AGNER_ENOPROC. */
AGNER_API enum agner_err rt_process_glance(struct rt *rt, etf_pid pid,
                                           struct rt_process_info *info);

#ifdef __cplusplus
}
#endif

#endif
