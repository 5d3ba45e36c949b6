/*
 * proc.c -- one function as a process, with the start and the end of a
 * behaviour.
 *
 * To the runtime a proc is a behaviour whose init is its whole life: so the
 * runtime carries its arguments and its starter's wait. Only one that
 * hibernates returns from init, and gets its next message as a callback.
 */
#include "gen_internal.h"

struct proc {
    struct gen_head head;        /* first */
    const struct gen_proc *proc; /* borrowed: static; NULL before init */
    struct etf_box *kept;        /* owned: the arguments of `woken`, or NULL */
    bool asleep;                 /* gen_proc_hibernate() left the code */
    bool failed;                 /* gen_proc_init_fail() did: no report */
};

/* What the code is called with. */
struct run {
    const struct gen_proc *proc;
    etf_term args;
    etf_term message; /* ETF_NONE: `run`, else `woken` */
};

static void call_code(struct gen *self, void *arg)
{
    const struct run *run = arg;

    if (etf_is_none(run->message))
        run->proc->run(self, run->args);
    else
        run->proc->woken(self, run->args, run->message);
}

/* The end of the code: that of the process, unless it only went to sleep. */
static enum rt_next live(struct gen *self, struct proc *p, struct run *run)
{
    etf_term reason = ETF_A(normal);

    (void)rt_try(self, call_code, run, &reason);
    if (p->asleep) {
        rt_hibernate(self);
        return RT_NEXT;
    }
    if (!p->failed)
        gen__crash_report(self, reason);
    return rt_stop(self, reason);
}

static const struct gen_sys_view proc_view = { .module = "gen_proc" };

static struct proc *begin(struct gen *self)
{
    struct proc *p = rt_state(self);

    p->proc = rt_note(self);
    p->head.state_offset = GEN_SIZE(proc);
    p->head.sys.view = &proc_view;
    p->head.sys.name = p->proc->name;
    return p;
}

/* gen_proc_start(): somebody waits for the code to say that it has begun. */
static enum rt_next proc_init(struct gen *self, etf_term args)
{
    struct proc *p = begin(self);
    struct run run = { .proc = p->proc, .args = args };

    return live(self, p, &run);
}

/* gen_proc_spawn(): nobody waits. */
static enum rt_next proc_init_at_once(struct gen *self, etf_term args)
{
    struct proc *p = begin(self);
    struct run run = { .proc = p->proc, .args = args };

    (void)rt_init_ack(self, ETF_NONE); /* nobody to tell: cannot fail */
    return live(self, p, &run);
}

/* The first message since it went to sleep. */
static enum rt_next proc_message(struct gen *self, const struct rt_message *m)
{
    struct proc *p = rt_state(self);
    struct etf_box *kept = p->kept;
    struct run run = { .proc = p->proc,
                       .args = etf_copy(rt_region(self), etf_box_term(kept)),
                       .message = gen__message_term(self, m) };

    if (m->kind == RT_PARENT_EXIT)
        run.message =
            etf_make(self, "{'EXIT', _, _}", rt_parent(self), m->term);
    if (m->kind == RT_DIRECT)
        rt_direct_reply(self, &m->direct, AGNER_ENOTSUP, NULL);
    p->kept = NULL;
    p->asleep = false;
    etf_box_free(kept);
    if (etf_is_none(run.args) || etf_is_none(run.message))
        return rt_stop(self, ETF_A(memory_limit));
    return live(self, p, &run);
}

static void proc_destroy(void *state)
{
    struct proc *p = state;

    etf_box_free(p->kept);
    gen__head_fini(&p->head);
}

#define PROC_BEHAVIOR(init_fn) \
    { \
        .name = "gen_proc", .state_size = sizeof(struct proc), \
        .init = (init_fn), .message = proc_message, .destroy = proc_destroy, \
        GEN_LABELLED, .note_is_labelled = true \
    }

/* By whether somebody waits. */
static const struct rt_behavior behaviors[2] = {
    PROC_BEHAVIOR(proc_init_at_once),
    PROC_BEHAVIOR(proc_init),
};

static struct proc *proc_of(struct gen *self)
{
    const struct rt_behavior *behavior = rt_behavior_of(self);

    if (behavior == NULL || behavior->message != proc_message)
        return NULL;
    return rt_state(self);
}

bool gen__is_proc(struct gen *self)
{
    return proc_of(self) != NULL;
}

/* ---- Starting ----------------------------------------------------------- */

static enum agner_err spawn(struct gen *self, const struct gen_proc *proc,
                            etf_term args,
                            const struct rt_spawn_options *options, bool link,
                            etf_pid *pid)
{
    struct rt_spawn_options full = { 0 };

    if (proc == NULL || proc->run == NULL)
        return AGNER_EINVAL;
    if (options != NULL)
        full = *options;
    full.link = full.link || link;
    full.note = (void *)(uintptr_t)proc; /* nobody writes through it */
    return rt_start_nowait(self, &behaviors[0], args, &full, pid);
}

enum agner_err gen_proc_spawn(struct gen *self, const struct gen_proc *proc,
                              etf_term args,
                              const struct rt_spawn_options *options,
                              etf_pid *pid)
{
    return spawn(self, proc, args, options, false, pid);
}

enum agner_err gen_proc_spawn_link(struct gen *self,
                                   const struct gen_proc *proc, etf_term args,
                                   const struct rt_spawn_options *options,
                                   etf_pid *pid)
{
    return spawn(self, proc, args, options, true, pid);
}

/* `how` is for this start alone. */
static enum agner_err start(struct gen *self, const struct gen_proc *proc,
                            etf_term args,
                            const struct rt_spawn_options *options,
                            struct rt_spawn_options how, uint64_t timeout_ms,
                            etf_pid *pid, etf_term *result)
{
    const struct gen_start start = { .behavior = &behaviors[1],
                                     .table = proc,
                                     .head_size = GEN_SIZE(proc) };
    struct rt_spawn_options full = how;

    if (proc == NULL || proc->run == NULL)
        return AGNER_EINVAL;
    if (options != NULL)
        full = *options;
    full.link = full.link || how.link;
    full.monitor = full.monitor || how.monitor;
    if (how.monitor)
        full.monitor_ref = how.monitor_ref;
    full.init_timeout_ms = timeout_ms != 0 ? timeout_ms : 1; /* 0: no end */
    return gen__start(self, &start, args, &full, false, pid, result);
}

enum agner_err gen_proc_start(struct gen *self, const struct gen_proc *proc,
                              etf_term args,
                              const struct rt_spawn_options *options,
                              uint64_t timeout_ms, etf_pid *pid,
                              etf_term *result)
{
    return start(self, proc, args, options, (struct rt_spawn_options){ 0 },
                 timeout_ms, pid, result);
}

enum agner_err gen_proc_start_link(struct gen *self,
                                   const struct gen_proc *proc, etf_term args,
                                   const struct rt_spawn_options *options,
                                   uint64_t timeout_ms, etf_pid *pid,
                                   etf_term *result)
{
    return start(self, proc, args, options,
                 (struct rt_spawn_options){ .link = true }, timeout_ms, pid,
                 result);
}

enum agner_err gen_proc_start_monitor(struct gen *self,
                                      const struct gen_proc *proc,
                                      etf_term args,
                                      const struct rt_spawn_options *options,
                                      uint64_t timeout_ms, etf_pid *pid,
                                      etf_ref *ref, etf_term *result)
{
    return start(
        self, proc, args, options,
        (struct rt_spawn_options){ .monitor = true, .monitor_ref = ref },
        timeout_ms, pid, result);
}

/* ---- In the process ----------------------------------------------------- */

enum agner_err gen_proc_init_ack(struct gen *self, etf_term result)
{
    if (proc_of(self) == NULL)
        return AGNER_EINVAL;
    return etf_is_none(result) ? AGNER_ENOMEM : rt_init_ack(self, result);
}

void gen_proc_init_fail(struct gen *self, etf_term reason)
{
    struct proc *p = proc_of(self);

    if (p != NULL)
        p->failed = true;
    rt_exit(self, reason);
}

static bool is_system(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_is_tagged(m, ETF_A(system), 3);
}

enum agner_err gen_proc_receive(struct gen *self, uint64_t timeout_ms,
                                etf_term *message)
{
    struct proc *p = proc_of(self);
    uint64_t start = rt_now_ms(rt_of(self));
    struct rt_message m = { .kind = RT_MESSAGE };
    enum rt_next next;
    enum agner_err err;

    if (p == NULL)
        return AGNER_EINVAL;
    for (;;) {
        /* While it is suspended nothing else is looked at, and no time passes
         * for it. */
        if (p->head.sys.suspended)
            err = rt_receive_match(self, is_system, NULL, RT_INFINITY, &m.term);
        else
            err = rt_receive(self, gen__left_ms(self, start, timeout_ms),
                             &m.term);
        if (err != AGNER_OK)
            return err;
        if (!gen_sys_handle(self, &p->head.sys, &m, &next))
            break;
        if (next != RT_NEXT)
            rt_exit(self, ETF_A(normal)); /* the reason is set already */
    }
    *message = m.term;
    return AGNER_OK;
}

enum agner_err gen_proc_hibernate(struct gen *self, etf_term args)
{
    struct proc *p = proc_of(self);

    if (p == NULL || p->proc->woken == NULL)
        return AGNER_EINVAL;
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    p->kept = etf_box_new(args);
    if (p->kept == NULL)
        return AGNER_ENOMEM;
    p->asleep = true;
    rt_exit(self, ETF_A(normal)); /* to live() */
    return AGNER_OK;
}

enum agner_err gen_proc_stop(struct gen *self, etf_term to, etf_term reason,
                             uint64_t timeout_ms)
{
    return gen_server_stop(self, to, reason, timeout_ms);
}
