/*
 * gen_proc.h -- plain processes that start, fail and stop like behaviours.
 *
 * A raw process (rt_spawn) is known to nobody: who starts it hears nothing, and
 * when it fails nobody learns why. A proc is one function, too, but
 *
 *   - gen_proc_start() waits until it says that it has begun, or why not,
 *   - it has a name for people, and ancestors,
 *   - its abnormal end is a crash report in the log,
 *   - with gen_proc_receive() it answers sys and can be told to stop.
 *
 * gen.h includes this header.
 *
 * Sources: OTP 25, proc_lib; spec/gen.md 4.4.
 */
#ifndef AGNER_GEN_PROC_H
#define AGNER_GEN_PROC_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Static. */
struct gen_proc {
    const char *name; /* for people: the module, as OTP sees it */
    /* The process. It ends with `normal` when this returns, with the reason of
     * rt_exit() when it leaves so. `args` as given at the start, until
     * rt_reset(). */
    void (*run)(struct gen *self, etf_term args);
    /* After gen_proc_hibernate(), with the message that woke it. */
    void (*woken)(struct gen *self, etf_term args, etf_term message);
};

/*
 * Starts a process and does not wait. `proc` is borrowed: static; `args` are
 * copied; `options`: name, link, monitor, limits: rt.h; NULL for none. Errors
 * as rt_spawn().
 */
AGNER_API enum agner_err
gen_proc_spawn(struct gen *self, const struct gen_proc *proc, etf_term args,
               const struct rt_spawn_options *options, etf_pid *pid);
AGNER_API enum agner_err
gen_proc_spawn_link(struct gen *self, const struct gen_proc *proc,
                    etf_term args, const struct rt_spawn_options *options,
                    etf_pid *pid);

/*
 * Starts a process and waits until it has called gen_proc_init_ack().
 *
 *   timeout_ms  RT_INFINITY: without end. After it the process is killed.
 *   pid         written on AGNER_OK, and with AGNER_ETAKEN: who has the name
 *   result      in self's region; may be NULL. AGNER_OK: what the process said.
 *               AGNER_EEXIT: why it ended before that.
 *
 * AGNER_EEXIT, AGNER_ETIMEOUT, AGNER_ETAKEN, AGNER_ELIMIT, AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. After an error nothing of the process is left:
 * no name, no link, no monitor, and no message of theirs.
 */
AGNER_API enum agner_err
gen_proc_start(struct gen *self, const struct gen_proc *proc, etf_term args,
               const struct rt_spawn_options *options, uint64_t timeout_ms,
               etf_pid *pid, etf_term *result);
AGNER_API enum agner_err
gen_proc_start_link(struct gen *self, const struct gen_proc *proc,
                    etf_term args, const struct rt_spawn_options *options,
                    uint64_t timeout_ms, etf_pid *pid, etf_term *result);
AGNER_API enum agner_err
gen_proc_start_monitor(struct gen *self, const struct gen_proc *proc,
                       etf_term args, const struct rt_spawn_options *options,
                       uint64_t timeout_ms, etf_pid *pid, etf_ref *ref,
                       etf_term *result);

/* ---- In the process ----------------------------------------------------- */

/* It has begun: gen_proc_start() returns, with `result`. AGNER_EALREADY: nobody
 * waits. AGNER_ENOMEM: the starter still does. AGNER_EINVAL: self runs no
 * proc. */
AGNER_API enum agner_err gen_proc_init_ack(struct gen *self, etf_term result);

/* It cannot begin: gen_proc_start() gets AGNER_EEXIT and `reason`, and the
 * process ends, without a crash report. Does not return. */
AGNER_API void gen_proc_init_fail(struct gen *self, etf_term reason);

/*
 * rt_receive() that serves system messages meanwhile: sys sees the process,
 * gen_proc_stop() ends it: then this does not return, as rt_exit(). Errors as
 * rt_receive(), AGNER_EINVAL: self runs no proc.
 */
AGNER_API enum agner_err gen_proc_receive(struct gen *self, uint64_t timeout_ms,
                                          etf_term *message);

/* Leaves the code for good and gives back all that an idle process can spare,
 * its stack too. `woken` is called with the next message, and `args`, which are
 * copied. Counts as gen_proc_init_ack(ok). Not within rt_try(). Returns only on
 * failure: AGNER_ENOMEM, AGNER_EINVAL (no proc, or no `woken`). */
AGNER_API enum agner_err gen_proc_hibernate(struct gen *self, etf_term args);

/* ---- Any process -------------------------------------------------------- */

/* Orderly end of a process that serves sys messages: as gen_server_stop(). */
AGNER_API enum agner_err gen_proc_stop(struct gen *self, etf_term to,
                                       etf_term reason, uint64_t timeout_ms);

/*
 * Who started self, who started that one, and so on, as far as they live:
 * registered names and pids, in self's region. (OTP notes the names at the
 * start; these are today's, and no process pays for them.)
 */
AGNER_API etf_term gen_ancestors(struct gen *self);

/* {Module, Function, Arity}: what it began with, {Name, init, 1} of a
 * behaviour, {Name, run, 1} of a proc. */
AGNER_API etf_term gen_initial_call(struct gen *self);

#ifdef __cplusplus
}
#endif

#endif
