/*
 * contain.c -- a fault in a callback ends one process: spec/reliability.md G42.
 *
 * Off unless asked for. A handler on a stack of its own looks where the fault
 * was: in the code of a callback, that is in no instruction of this library and
 * of libc (an allocator's lock, or ours, may be held there), it makes the
 * interrupted thread leave the callback as rt_exit() does, with {crash, Kind,
 * Address}. Everywhere else the fault takes its usual course and ends the node.
 * For that the library's code must be apart from the user's: in a program that
 * links it statically containment is refused. Either way the fault is noted in
 * the black box first.
 */
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "worker.h"

#define HANDLER_STACK     (64u * 1024u)
#define FAULTS_PER_MINUTE 100u
#define RANGES_MAX        16u

struct range {
    uintptr_t from, to;
};

/* Code in which a fault is fatal. Written once, before the handlers are set. */
static struct range ranges[RANGES_MAX];
static unsigned range_count;
static uintptr_t program_base;
static struct sigaction former[32];

static _Thread_local struct worker *this_worker;

static const struct {
    int number;
    const char *kind;
} faults[] = {
    { SIGSEGV, "segv" }, { SIGBUS, "bus" },    { SIGFPE, "fpe" },
    { SIGILL, "ill" },   { SIGABRT, "abort" },
};

static int add_ranges(struct dl_phdr_info *info, size_t size, void *ctx)
{
    const uintptr_t *bases = ctx;
    unsigned i;

    (void)size;
    if (program_base == 0 && info->dlpi_name[0] == '\0')
        program_base = info->dlpi_addr;
    if (info->dlpi_addr != bases[0] && info->dlpi_addr != bases[1])
        return 0;
    for (i = 0; i < info->dlpi_phnum && range_count < RANGES_MAX; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];

        if (h->p_type != PT_LOAD || (h->p_flags & PF_X) == 0)
            continue;
        ranges[range_count].from = info->dlpi_addr + h->p_vaddr;
        ranges[range_count].to = info->dlpi_addr + h->p_vaddr + h->p_memsz;
        range_count++;
    }
    return 0;
}

static uintptr_t base_of(const void *address)
{
    Dl_info info;

    if (dladdr(address, &info) == 0)
        return 0;
    return (uintptr_t)info.dli_fbase;
}

#if defined(__x86_64__)
static uintptr_t fault_address(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}

/* Makes the interrupted thread call fn(arg) on the stack that ends at `top`. */
static void redirect(ucontext_t *context, void *top, void (*fn)(void *),
                     void *arg)
{
    uintptr_t sp = (uintptr_t)top - 24;

    context->uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
    context->uc_mcontext.gregs[REG_RBP] = 0;
    context->uc_mcontext.gregs[REG_RDI] = (greg_t)(uintptr_t)arg;
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)fn;
}
#elif defined(__aarch64__)
static uintptr_t fault_address(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.pc;
}

static void redirect(ucontext_t *context, void *top, void (*fn)(void *),
                     void *arg)
{
    context->uc_mcontext.sp = (uintptr_t)top;
    context->uc_mcontext.regs[0] = (uintptr_t)arg;
    context->uc_mcontext.regs[29] = 0;
    context->uc_mcontext.regs[30] = 0;
    context->uc_mcontext.pc = (uintptr_t)fn;
}
#else
static uintptr_t fault_address(const ucontext_t *context)
{
    (void)context;
    return (uintptr_t)&ranges; /* in no callback: never contained */
}

static void redirect(ucontext_t *context, void *top, void (*fn)(void *),
                     void *arg)
{
    (void)context;
    (void)top;
    (void)fn;
    (void)arg;
}
#endif

static bool in_callback_code(const struct gen *gen, uintptr_t at)
{
    unsigned i;

    if (gen == NULL || !gen->in_callback || gen->process == NULL)
        return false;
    for (i = 0; i < range_count; i++)
        if (at >= ranges[i].from && at < ranges[i].to)
            return false;
    return true;
}

/* More faults than that: something is deeply wrong, and the node should end. */
static bool too_many(struct rt *rt)
{
    uint64_t minute = rt_now_ms(rt) / 60000u;
    uint64_t seen = load_relaxed(&rt->fault_minute);

    if (seen != minute) {
        store_relaxed(&rt->fault_minute, minute);
        store_relaxed(&rt->fault_count, 0u);
    }
    return add_relaxed(&rt->fault_count, 1u) >= FAULTS_PER_MINUTE;
}

/* On the process's stack again, which holds nothing any more. */
static void after_fault(void *arg)
{
    struct gen *gen = arg;
    etf_term reason = etf_make(gen, "{crash, _, _}", etf_atom(gen->fault_kind),
                               (uint64_t)gen->fault_address);

    gen->trying = NULL; /* gone with the stack: the whole process ends */
    rt_log_self(gen, RT_LOG_ERROR, "process crashed: %s at %#llx",
                gen->fault_kind, (unsigned long long)gen->fault_address);
    rt_exit(gen, etf_is_none(reason) ? ETF_A(crash) : reason);
}

static const char *kind_of(int number)
{
    unsigned i;

    for (i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].number == number)
            return faults[i].kind;
    return "fault";
}

/* Whose box has the faults of threads that are no workers: the first runtime
 * that watches. Order: release in rt__contain_watch() publishes the box. */
static _Atomic(struct rt *) watched;

void rt__contain_watch(struct rt *rt)
{
    struct rt *nobody = NULL;

    (void)cas_acq_rel(&watched, &nobody, rt); /* or another one does */
}

void rt__contain_unwatch(struct rt *rt)
{
    struct rt *mine = rt;

    (void)cas_acq_rel(&watched, &mine, NULL); /* if it was this one */
}

static void on_fault(int number, siginfo_t *info, void *arg)
{
    struct worker *w = this_worker;
    struct gen *gen = w == NULL ? NULL : load_relaxed(&w->running);
    ucontext_t *context = arg;

    bool contained = gen != NULL && gen->rt->options.contain_crashes &&
                     in_callback_code(gen, fault_address(context)) &&
                     !too_many(gen->rt);

    struct rt *rt = load_acquire(&watched);

    if (w == NULL && rt != NULL)
        rt__box_fault_elsewhere(rt, number, (uint64_t)(uintptr_t)info->si_addr,
                                (uint64_t)fault_address(context));
    if (w != NULL)
        rt__box_fault(w, number, (uint64_t)(uintptr_t)info->si_addr,
                      (uint64_t)fault_address(context),
                      contained ? "contained" : "");
    if (!contained) {
        /* The usual course: the handler of before, and the fault once more. */
        (void)sigaction(number, &former[number], NULL);
        return;
    }
    gen->fault_kind = kind_of(number);
    gen->fault_address = (uint64_t)(uintptr_t)info->si_addr;
    redirect(context, gen, after_fault, gen);
}

enum agner_err rt__contain_install(bool contain, struct agner_error *error)
{
    /* An address in this library, and one in libc. */
    const uintptr_t bases[2] = { base_of((const void *)(uintptr_t)&rt_new),
                                 base_of((const void *)(uintptr_t)&malloc) };
    struct sigaction action;
    unsigned i;

    if (range_count == 0)
        (void)dl_iterate_phdr(add_ranges, (void *)(uintptr_t)bases);
    if (contain && (bases[0] == 0 || range_count < 2 ||
                    base_of((const void *)(uintptr_t)&rt_new) == program_base))
        return agner_fail(error, AGNER_ENOTSUP,
                          "contain_crashes needs libagner as a shared library");
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct sigaction before;

        if (sigaction(faults[i].number, &action, &before) != 0)
            return agner_fail(error, AGNER_ESYSTEM, "no handler for signal %d",
                              faults[i].number);
        /* Of a second runtime the handler of before is this one. */
        if ((before.sa_flags & SA_SIGINFO) == 0 ||
            before.sa_sigaction != on_fault)
            former[faults[i].number] = before;
    }
    return AGNER_OK;
}

/* The stack for signals that the thread had before: a sanitizer's, say. */
static _Thread_local stack_t former_stack;

void rt__contain_thread(struct worker *worker)
{
    stack_t stack = { .ss_size = HANDLER_STACK };

    this_worker = worker;
    worker->fault_stack = malloc(HANDLER_STACK);
    if (worker->fault_stack == NULL)
        return; /* a fault on this worker then ends the node */
    stack.ss_sp = worker->fault_stack;
    (void)sigaltstack(&stack, &former_stack); /* as above */
}

void rt__contain_thread_end(const struct worker *worker)
{
    if (worker->fault_stack != NULL)
        (void)sigaltstack(&former_stack, NULL); /* it gives that one back */
}
