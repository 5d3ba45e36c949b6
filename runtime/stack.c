/*
 * stack.c -- stacks for coroutines: made in slabs, kept for reuse, guarded.
 *
 * The memory of a stack stays mapped while the runtime lives, so that a stale
 * deadline may look at its struct gen (timers.c). Below each stack is a guard
 * page: installed with MADV_GUARD_INSTALL where the kernel has it (it splits no
 * mapping), else with mprotect for as many as the system's limit of mappings
 * allows. Beyond that a stack has no guard, and the log says so once.
 * (spec/reliability.md G43)
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "context.h"
#include "worker.h"

#define GUARD_INSTALL 102 /* MADV_GUARD_INSTALL, Linux 6.13 */
#define PAGE          4096u
#define SLAB_STACKS   32u
#define PROTECTED_MAX 16000u /* stacks guarded by mprotect */
#define POOLED_MAX    64u    /* free stacks that a worker keeps */
#define WARM_MAX      4096u  /* free stacks whose memory is kept */
#define SEQ_STEP      ((uint64_t)1 << 32)

static void guard(struct rt *rt, uint8_t *low)
{
    if (rt->guards_work && madvise(low, PAGE, GUARD_INSTALL) == 0)
        return;
    rt->guards_work = false;
    if (rt->stack_slab_count * SLAB_STACKS < PROTECTED_MAX &&
        mprotect(low, PAGE, PROT_NONE) == 0)
        return;
    if (rt->stack_slab_count * SLAB_STACKS == PROTECTED_MAX)
        rt_log(rt, RT_LOG_WARNING,
               "more than %u stacks: further ones have no guard page",
               PROTECTED_MAX);
}

/* Where the struct gen of the index-th stack of a slab is: at the top, but not
 * at the same place of a page, or the hot parts of all stacks would share a few
 * sets of the caches. */
static struct gen *place(uint8_t *low, size_t size, unsigned index)
{
    size_t colour = (index * 7 % SLAB_STACKS) * (PAGE / SLAB_STACKS);

    return (struct gen *)(void *)(low + ((size - sizeof(struct gen) - colour) &
                                         ~(size_t)63));
}

/* Puts a new stack's struct gen at its top. */
static struct gen *furnish(struct rt *rt, uint8_t *low, size_t size,
                           unsigned index)
{
    struct gen *gen = place(low, size, index);

    guard(rt, low);
    memset(gen, 0, sizeof *gen);
    gen->rt = rt;
    gen->stack = low;
    gen->stack_size = size;
    gen->fiber.stack = low + PAGE;
    gen->fiber.size = (size_t)((uint8_t *)gen - low) - PAGE;
    etf__region_init(&gen->scratch, gen->first_words,
                     sizeof gen->first_words / sizeof(uint64_t),
                     rt->options.message_max);
    rt__fiber_new(&gen->fiber);
    return gen;
}

/* gen_lock is held. */
static bool add_slab(struct rt *rt)
{
    size_t size = rt->options.stack_size;
    void **slabs =
        realloc(rt->stack_slabs, (rt->stack_slab_count + 1) * sizeof *slabs);
    uint8_t *low;
    unsigned i;

    if (slabs == NULL)
        return false;
    rt->stack_slabs = slabs;
    low = mmap(NULL, size * SLAB_STACKS, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (low == MAP_FAILED)
        return false;
    slabs[rt->stack_slab_count++] = low;
    rt->stack_bytes += size * SLAB_STACKS;
    for (i = 0; i < SLAB_STACKS; i++) {
        struct gen *gen = furnish(rt, low + i * size, size, i);

        /* No two waits have one number, whichever stack they are on: a late
         * WAKE ends none but its own. */
        store_relaxed(&gen->wait.seq,
                      (rt->stack_slab_count * SLAB_STACKS + i) * SEQ_STEP);
        gen->next = rt->gens;
        rt->gens = gen;
        rt->gens_free++;
    }
    return true;
}

struct gen *rt__gen_get(struct rt *rt, struct worker *worker)
{
    struct gen *gen = worker->pooled;

    if (gen != NULL) {
        worker->pooled = gen->next;
        worker->pooled_count--;
        return gen;
    }
    rt__lock(&rt->gen_lock);
    if (rt->gens == NULL)
        (void)add_slab(rt); /* failed: there is none */
    gen = rt->gens;
    if (gen != NULL) {
        rt->gens = gen->next;
        rt->gens_free--;
    }
    rt__unlock(&rt->gen_lock);
    return gen;
}

/* Gives the used part of a free stack back to the system. */
static void cool(struct gen *gen)
{
    uint8_t *low = (uint8_t *)gen->stack + PAGE;
    size_t size = (size_t)((uint8_t *)gen - low) & ~(size_t)(PAGE - 1);

    rt__fiber_abandon(low, size);
    if (size > PAGE)
        (void)madvise(low, size, MADV_DONTNEED); /* a favour, not a need */
}

void rt__gen_put(struct rt *rt, struct worker *worker, struct gen *gen)
{
    bool cold;

    if (worker != NULL && worker->pooled_count < POOLED_MAX) {
        gen->next = worker->pooled;
        worker->pooled = gen;
        worker->pooled_count++;
        return;
    }
    /* What waits in the shared list begins afresh: its frames are left behind,
     * so that it belongs to no worker. */
    gen->context = NULL;
    gen->worker = NULL;
    rt__lock(&rt->gen_lock);
    cold = rt->gens_free >= WARM_MAX;
    rt__unlock(&rt->gen_lock);
    if (cold)
        cool(gen);
    rt__lock(&rt->gen_lock);
    gen->next = rt->gens;
    rt->gens = gen;
    rt->gens_free++;
    rt__unlock(&rt->gen_lock);
}

void rt__stacks_fini(struct rt *rt)
{
    size_t size = rt->options.stack_size;
    size_t i;
    unsigned j;

    for (i = 0; i < rt->stack_slab_count; i++) {
        uint8_t *low = rt->stack_slabs[i];

        for (j = 0; j < SLAB_STACKS; j++) {
            struct gen *gen = place(low + j * size, size, j);

            etf__region_fini(&gen->scratch);
            rt__fiber_free(&gen->fiber);
        }
        rt__fiber_abandon(low + PAGE, size * SLAB_STACKS - PAGE);
        munmap(low, size * SLAB_STACKS);
    }
    free(rt->stack_slabs);
}
