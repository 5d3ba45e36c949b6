/*
 * world_where.c -- where another thread is in its code.
 *
 * A thread that runs is sent a signal, and its handler walks the stack. One
 * that waits in the kernel is left alone, since a signal would end that wait;
 * the kernel tells its stack pointer, and what on its stack follows a call
 * instruction is taken for a return address. That may name a call that is over.
 *
 * One question at a time. The word says how far it is:
 *
 *   FREE   nobody asks               -> ASKED by the asker, with `id` set
 *   ASKED  the signal is on its way  -> BUSY by the thread `id`; -> FREE by the
 *                                       asker, who has waited long enough
 *   BUSY   the thread writes         -> DONE by the thread
 *   DONE   `places` are there        -> FREE by the asker
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "atomic.h"
#include "world_os.h"
#include "world_real.h"

#define PLACES_MAX 48
#define OWN_PLACES 2   /* the handler, and how the system calls it */
#define PATIENCE   20u /* times WAIT_NS */
#define WAIT_NS    1000000u
#define SCAN_WORDS 1024u

enum { FREE, ASKED, BUSY, DONE };

/* Of the program: a signal's handler belongs to it too. */
static struct {
    pthread_mutex_t lock; /* held by the asker */
    _Atomic uint32_t word;
    _Atomic uint64_t id;
    _Atomic uint32_t watched;
    int count;
    void *places[PLACES_MAX];
} question = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int signal_number(void)
{
    return SIGRTMIN + 6;
}

static void on_signal(int number)
{
    uint32_t asked = ASKED;
    int had = errno;

    (void)number;
    if (load_acquire(&question.id) == rt__os_thread_id() &&
        cas_acq_rel(&question.word, &asked, (uint32_t)BUSY)) {
        question.count = backtrace(question.places, PLACES_MAX);
        store_release(&question.word, (uint32_t)DONE);
        rt__os_wake(&question.word, 1);
    }
    errno = had;
}

enum agner_err rt__thread_watch(void *ctx)
{
    struct sigaction action, before;
    void *place;

    (void)ctx;
    if (load_acquire(&question.watched) != 0)
        return AGNER_OK;
    (void)backtrace(&place,
                    1); /* it loads what it needs, which no handler may */
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    if (sigaction(signal_number(), NULL, &before) != 0)
        return AGNER_ESYSTEM;
    if (before.sa_handler != SIG_DFL)
        return AGNER_ETAKEN; /* somebody else's, and it stays so */
    if (sigaction(signal_number(), &action, NULL) != 0)
        return AGNER_ESYSTEM;
    store_release(&question.watched, 1u);
    return AGNER_OK;
}

/* ---- A thread that waits in the kernel ---------------------------------- */

struct code {
    uintptr_t at;
    bool found;
};

static int look_for(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct code *code = ctx;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + h->p_vaddr;

        if (h->p_type == PT_LOAD && (h->p_flags & PF_X) != 0 &&
            code->at >= from + 8 && code->at < from + h->p_memsz)
            code->found = true;
    }
    return code->found;
}

/* Does the instruction before it call? */
#if defined(__x86_64__)
static bool follows_call(uintptr_t at)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it is in a code segment */
    const uint8_t *p = (const uint8_t *)at;

    if (p[-5] == 0xe8)
        return true;
    for (int i = 2; i <= 7; i++)
        if (p[-i] == 0xff && (p[1 - i] & 0x38) == 0x10)
            return true;
    return false;
}
#elif defined(__aarch64__)
static bool follows_call(uintptr_t at)
{
    uint32_t word;

    if (at % 4 != 0)
        return false;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): it is in a code segment */
    memcpy(&word, (const void *)(at - 4), sizeof word);
    return (word & 0xfc000000u) == 0x94000000u ||
           (word & 0xfffffc1fu) == 0xd63f0000u;
}
#else
static bool follows_call(uintptr_t at)
{
    (void)at;
    return false;
}
#endif

/* It is a stack that its thread writes to, perhaps right now. */
__attribute__((no_sanitize("address", "thread"))) static size_t
scan(uintptr_t sp, uintptr_t end, void **places, size_t room)
{
    size_t count = 0;

    for (unsigned i = 0; i < SCAN_WORDS && count < room; i++) {
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel's number */
        const volatile uintptr_t *word = (const volatile uintptr_t *)sp;
        struct code code = { .found = false };

        sp += sizeof *word;
        if (sp > end)
            break;
        code.at = *word;
        if (dl_iterate_phdr(look_for, &code) != 0 && follows_call(code.at))
            /* NOLINTNEXTLINE(performance-no-int-to-ptr): as it was there */
            places[count++] = (void *)code.at;
    }
    return count;
}

/* "running", or "NUMBER ARGUMENTS... SP PC". */
static bool waits_in_kernel(uint64_t id, uintptr_t *sp, uintptr_t *pc)
{
    char path[64], text[256], *at;
    unsigned long long value[16];
    unsigned count = 0;
    ssize_t size;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/self/task/%llu/syscall",
                   (unsigned long long)id);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size = read(fd, text, sizeof text - 1);
    (void)close(fd); /* nothing was written */
    if (size <= 0 || text[0] == 'r')
        return false;
    text[size] = '\0';
    for (at = text; count < 16 && *at != '\0' && *at != '\n'; count++) {
        value[count] = strtoull(at, &at, 0);
        while (*at == ' ')
            at++;
    }
    if (count < 3)
        return false;
    *sp = (uintptr_t)value[count - 2];
    *pc = (uintptr_t)value[count - 1];
    return true;
}

/* ---- One that runs ------------------------------------------------------ */

static bool answered(void)
{
    uint64_t now_ns;
    unsigned i;

    for (i = 0; i < PATIENCE; i++) {
        uint32_t seen = load_acquire(&question.word);

        if (seen == DONE)
            return true;
        now_ns = rt_world_real()->now_ns(NULL);
        rt__os_wait(&question.word, seen, now_ns + WAIT_NS);
    }
    return false;
}

static size_t ask(uint64_t id, void **places, size_t room)
{
    uint32_t asked = ASKED;
    size_t count = 0;

    if (load_acquire(&question.watched) == 0 ||
        pthread_mutex_trylock(&question.lock) != 0)
        return 0;
    store_relaxed(&question.id, id);
    store_release(&question.word, (uint32_t)ASKED);
    if (syscall(SYS_tgkill, getpid(), (pid_t)id, signal_number()) == 0 &&
        !answered() && !cas_acq_rel(&question.word, &asked, (uint32_t)FREE)) {
        while (load_acquire(&question.word) != DONE)
            atomic_relax(); /* it writes: some microseconds */
    }
    if (load_acquire(&question.word) == DONE) {
        for (int i = OWN_PLACES; i < question.count && count < room; i++)
            places[count++] = question.places[i];
    }
    store_release(&question.word, (uint32_t)FREE);
    (void)pthread_mutex_unlock(&question.lock); /* it is ours */
    return count;
}

size_t rt__thread_where(void *ctx, struct rt_thread *thread,
                        const void *stack_end, void **places, size_t room)
{
    uint64_t id = rt_world_real()->thread_id(ctx, thread);
    uintptr_t sp, pc;

    if (room == 0 || load_acquire(&question.watched) == 0)
        return 0;
    if (!waits_in_kernel(id, &sp, &pc))
        return ask(id, places, room);
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel's number */
    places[0] = (void *)pc;
    return 1 + (sp < (uintptr_t)stack_end
                    ? scan(sp, (uintptr_t)stack_end, places + 1, room - 1)
                    : 0);
}
