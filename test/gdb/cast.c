/*
 * cast.c -- a program for a debugger to look at: servers that wait for each
 * other, raw code that sleeps, code that spins. It aborts once they all do.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <agner/gen.h>

#define PATIENCE_MS 60000

#define GUARD_INSTALL 102

static _Atomic int spins;

/* The library calls this one. Guards of stacks are then pages of their own, not
 * holes in the stacks' memory, which gdb cannot read and so leaves out of a
 * core file that it makes. The kernel's core files have no such trouble. */
AGNER_API int madvise(void *from, size_t size, int advice)
{
    if (advice == GUARD_INSTALL) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, from, size, advice);
}

static enum gen_next link_call(struct gen *self, struct gen_from from,
                               etf_term request)
{
    etf_term next, rest, reply;

    if (etf_match(request, "[_ | _]", &next, &rest))
        (void)gen_call(self, next, rest, GEN_INFINITY, &reply);
    return gen_reply(self, from, etf_make(self, "end"));
}

static const struct gen_server link_server = { .name = "link_server",
                                               .handle_call = link_call };

__attribute__((noinline)) static void doze_deep(struct gen *self)
{
    (void)rt_sleep(self, RT_INFINITY);
    __asm__ volatile(""); /* no tail call: the frame is to be seen */
}

static void dozer(struct gen *self, void *arg)
{
    (void)arg;
    doze_deep(self);
    __asm__ volatile("");
}

__attribute__((noinline)) static void spin_hard(void)
{
    for (;;)
        atomic_fetch_add(&spins, 1);
}

static void spinner(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
    spin_hard();
}

static void caller(struct gen *self, void *arg)
{
    etf_term reply;

    (void)arg;
    (void)gen_call(self, etf_atom("alpha"),
                   etf_make(self, "[beta, gamma, alpha]"), GEN_INFINITY,
                   &reply);
}

static bool waits(struct rt *rt, const char *name, enum rt_wait_kind kind)
{
    struct rt_waiting w;
    etf_pid pid;

    return rt_whereis(rt, etf_atom(name), &pid) == AGNER_OK &&
           rt_waits(rt, pid, &w) == AGNER_OK && w.kind == kind;
}

/* Blocked again, with so many messages in its mailbox? */
static bool waits_with(struct rt *rt, const char *name, uint64_t count)
{
    struct rt_process_info info;
    etf_pid pid;

    return rt_whereis(rt, etf_atom(name), &pid) == AGNER_OK &&
           rt_process_glance(rt, pid, &info) == AGNER_OK &&
           info.mailbox_count == count && info.status == RT_STATUS_CALLING;
}

static bool all_are_there(struct rt *rt)
{
    return waits(rt, "alpha", RT_WAIT_CALL) &&
           waits(rt, "beta", RT_WAIT_CALL) &&
           waits(rt, "gamma", RT_WAIT_CALL) &&
           waits(rt, "dozer", RT_WAIT_TIME) && atomic_load(&spins) > 0;
}

static void start(struct gen *self, const char *name)
{
    struct rt_spawn_options o = { .name = etf_atom(name) };
    etf_pid pid;

    if (gen_start(self, &link_server, etf_nil(), &o, &pid, NULL) != AGNER_OK)
        exit(3);
}

int main(void)
{
    struct rt_options options = { .workers = 3 };
    struct rt_spawn_options doze = { .name = etf_atom("dozer") };
    struct rt_spawn_options spin = { .name = etf_atom("spinner") };
    struct gen *self;
    struct rt *rt;
    etf_pid pid;

    if (rt_new(&options, &rt, NULL) != AGNER_OK)
        return 2;
    self = rt_attach(rt);
    start(self, "alpha");
    start(self, "beta");
    start(self, "gamma");
    start(self, "idle");
    (void)rt_spawn(self, dozer, NULL, &doze, &pid);
    (void)rt_spawn(self, caller, NULL, NULL, &pid);
    (void)rt_spawn(self, spinner, NULL, &spin, &pid);
    for (int ms = 0; ms < PATIENCE_MS && !all_are_there(rt); ms++)
        (void)rt_sleep(self, 1);
    if (!all_are_there(rt))
        return 4;
    (void)rt_send(self, etf_atom("alpha"), etf_make(self, "one"));
    (void)rt_send(self, etf_atom("alpha"), etf_make(self, "two"));
    for (int ms = 0; ms < PATIENCE_MS && !waits_with(rt, "alpha", 3); ms++)
        (void)rt_sleep(self, 1);
    abort();
}
