/*
 * world_uv_drive.c -- who runs a loop: whoever is idle, else its own thread.
 *
 * A thread that has nothing to do waits for the network itself: then what comes
 * needs no second thread to be woken for it. Exactly one thread runs the loop
 * at a time: the one that changed `driven` from 0 to 1. A turn of drive() ends
 * as soon as something happened, and the loop may then be without a thread for
 * a while. That is the keeper's affair, the loop's own thread: it looks every
 * 200 us, and takes a loop that nobody has taken since its last look. It sleeps
 * without end only while somebody waits in drive(), who wakes it on leaving.
 *
 * Nobody spins before a wait: the processor is wanted by whoever is to answer,
 * who may be another program on this machine. On the contrary, who gets one
 * small thing after another and has nothing to say to it naps before each wait,
 * so that one read brings many. A thread in a wait has to be woken for each
 * thing that is written to it, at the cost of the writer: BEAM, which makes a
 * system call for each message, sends half as many to a reader that is always
 * there.
 *
 * No wake-up is lost. Who is about to wait writes `waiting` or `napping`,
 * fences, and then looks at what was posted and at its word; who posts, or
 * changes the word, does that first, fences, and then looks at these two.
 */
#include "world_uv.h"

#include <signal.h>

#include "atomic.h"

#define LOOK_NS     200000u
#define STILL_LOOKS 10u /* without any change: the keeper may sleep */

/* So many turns in a row make a stream: each read something, but no more than
 * so much, wrote nothing, and waited for less than a nap. */
#define STREAM_TURNS 16u
#define STREAM_BYTES 16384u
#define NAP_NS       100000u

static bool take(struct rt_loop *loop)
{
    uint32_t nobody = 0;

    /* Acquire pairs with leave(): the loop is as the last one left it. */
    return load_relaxed(&loop->driven) == 0 &&
           cas_acq_rel(&loop->driven, &nobody, 1u);
}

static void wake_keeper(struct rt_loop *loop)
{
    const struct rt_world *world = loop->world;

    (void)add_acq_rel(&loop->keeper_word, 1u);
    world->wake(world->ctx, &loop->keeper_word, 1);
}

static void leave(struct rt_loop *loop)
{
    uint32_t asleep = 1;

    store_release(&loop->driven, 0u);
    fence_seq_cst(); /* `driven`, then `asleep`: pairs with sleep() */
    if (load_relaxed(&loop->keeper_asleep) != 0 &&
        cas_acq_rel(&loop->keeper_asleep, &asleep, 0u))
        wake_keeper(loop);
}

/* ---- Waiting, and ending a wait ---------------------------------------------
 */

static bool is_wanted(const struct rt_loop *loop)
{
    return load_relaxed(&loop->posted) != NULL ||
           (loop->word != NULL && load_relaxed(loop->word) != loop->seen);
}

bool rt__uv_may_wait(struct rt_loop *loop)
{
    store_relaxed(&loop->waiting, 1u);
    fence_seq_cst(); /* see the top */
    return !is_wanted(loop);
}

static void nap(struct rt_loop *loop)
{
    const struct rt_world *world = loop->world;
    uint64_t end_ns = rt__uv_now(loop) + NAP_NS;

    store_relaxed(&loop->napping, 1u);
    fence_seq_cst(); /* see the top */
    if (!is_wanted(loop))
        world->wait(world->ctx, &loop->napping, 1,
                    end_ns < loop->until_ns ? end_ns : loop->until_ns);
    store_relaxed(&loop->napping, 0u);
}

static void end_nap(struct rt_loop *loop)
{
    const struct rt_world *world = loop->world;

    store_relaxed(&loop->napping, 0u);
    world->wake(world->ctx, &loop->napping, 1);
}

void rt__uv_interrupt(struct rt_loop *loop)
{
    fence_seq_cst(); /* see the top */
    if (load_relaxed(&loop->waiting) != 0)
        (void)uv_async_send(&loop->wake); /* fails for no async handle only */
    if (load_relaxed(&loop->napping) != 0)
        end_nap(loop);
}

/* Who runs the loop without waiting finds it before the next wait; if nobody
 * does, the next who is idle or the keeper will. */
void rt__uv_posted(struct rt_loop *loop)
{
    rt__uv_interrupt(loop);
}

/* ---- Threads that are idle
 * ---------------------------------------------------
 */

/* A broken connection is an error that write() returns, and no reason to end
 * the program. For good: undoing it would take two system calls each time. */
static void block_broken_pipe(void)
{
    static _Thread_local bool blocked;
    sigset_t set;

    if (blocked)
        return;
    blocked = true;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* cannot fail */
}

/* One turn, which waits, after a nap if bytes come in a stream. False: there is
 * nothing left to wait for. */
static bool take_turn(struct rt_loop *loop)
{
    uint64_t begin_ns;
    bool alive;

    if (loop->stream >= STREAM_TURNS)
        nap(loop);
    loop->bytes_in = 0;
    loop->wrote = false;
    begin_ns = rt__uv_now(loop);
    alive = uv_run(&loop->uv, UV_RUN_ONCE) != 0;
    if (loop->wrote || loop->bytes_in == 0 || loop->bytes_in > STREAM_BYTES ||
        rt__uv_now(loop) - begin_ns > NAP_NS)
        loop->stream = 0;
    else if (loop->stream < STREAM_TURNS)
        loop->stream++;
    return alive;
}

bool rt__uv_drive(struct rt_loop *loop, _Atomic uint32_t *word, uint32_t seen,
                  uint64_t deadline_ns)
{
    if (!take(loop)) {
        store_relaxed(&loop->wanted, word);
        return false;
    }
    block_broken_pipe();
    store_relaxed(&loop->drives, load_relaxed(&loop->drives) + 1);
    loop->word = word;
    loop->seen = seen;
    loop->until_ns = deadline_ns;
    (void)take_turn(loop); /* there are always handles */
    loop->word = NULL;
    loop->until_ns = RT_NEVER;
    leave(loop);
    return true;
}

/* ---- The keeper
 * ---------------------------------------------------------------
 */

/* Runs the loop until something has happened and somebody idle wants it, who is
 * told. A thread that is only about to sleep is not reached; then the keeper
 * comes back, and gives it the loop after the next event. True: the loop has
 * ended. */
static bool hold(struct rt_loop *loop)
{
    const struct rt_world *world = loop->world;
    _Atomic uint32_t *wanted;

    do {
        if (!take_turn(loop)) {
            leave(loop);
            return true;
        }
    } while (loop->stopping || load_relaxed(&loop->wanted) == NULL);
    wanted = swap_acquire(&loop->wanted, NULL);
    leave(loop);
    world->wake(world->ctx, wanted, 1);
    return false;
}

static bool someone_waits(const struct rt_loop *loop, uint32_t drives)
{
    return load_relaxed(&loop->driven) != 0 &&
           load_relaxed(&loop->waiting) != 0 &&
           load_relaxed(&loop->drives) == drives &&
           load_acquire(&loop->ending) == 0;
}

/* Sleeps until the thread that waits in drive() leaves it. */
static void sleep_on(struct rt_loop *loop, uint32_t drives, uint32_t seen)
{
    const struct rt_world *world = loop->world;

    store_relaxed(&loop->keeper_asleep, 1u);
    fence_seq_cst(); /* `asleep`, then `driven`: pairs with leave() */
    if (someone_waits(loop, drives))
        world->wait(world->ctx, &loop->keeper_word, seen, RT_NEVER);
    store_relaxed(&loop->keeper_asleep, 0u);
}

/* Returns when nobody has driven the loop for LOOK_NS. */
static void watch(struct rt_loop *loop)
{
    const struct rt_world *world = loop->world;
    uint32_t drives = load_relaxed(&loop->drives);
    unsigned still = 0;

    while (load_acquire(&loop->ending) == 0) {
        uint32_t seen = load_acquire(&loop->keeper_word);

        if (still >= STILL_LOOKS)
            sleep_on(loop, drives, seen);
        else
            world->wait(world->ctx, &loop->keeper_word, seen,
                        rt__uv_now(loop) + LOOK_NS);
        if (still < STILL_LOOKS && load_relaxed(&loop->driven) == 0 &&
            load_relaxed(&loop->drives) == drives)
            return;
        still =
            still < STILL_LOOKS && someone_waits(loop, drives) ? still + 1 : 0;
        drives = load_relaxed(&loop->drives);
    }
}

void rt__uv_keep(struct rt_loop *loop)
{
    for (;;) {
        if (take(loop) && hold(loop))
            return;
        watch(loop);
    }
}

void rt__uv_end(struct rt_loop *loop)
{
    /* Release pairs with watch(). */
    store_release(&loop->ending, 1u);
    wake_keeper(loop);
}
