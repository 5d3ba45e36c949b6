/*
 * world_uv.c -- a loop: its posted tasks, its timers, its end.
 *
 * One turn of the loop: settle() runs what was posted, writes what connections
 * have queued and sets the alarm; libuv waits and calls back what happened (the
 * alarm, sockets, a wake-up); then what was queued meanwhile is written. So
 * everything that was given to write() in one turn leaves in one system call.
 * Who takes the turns is in world_uv_drive.c.
 *
 * The loop ends in steps: stop() closes what is open and refuses what is new;
 * when the last connection has told its owner, settle() closes the loop's own
 * handles, and uv_run() returns.
 */
#include "world_uv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "atomic.h"

enum agner_err rt__uv_code(int err)
{
    switch (err) {
    case UV_ETIMEDOUT:
        return AGNER_ETIMEOUT;
    case UV_ECONNREFUSED:
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_ENETDOWN:
    case UV_EHOSTDOWN:
    case UV_EADDRNOTAVAIL:
    case UV_ENOENT: /* a UNIX socket that nobody has made */
        return AGNER_ENOCONN;
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_AGAIN:
    case UV_EAI_FAIL:
    case UV_EAI_FAMILY:
    case UV_EAI_ADDRFAMILY:
        return AGNER_ENONAME;
    case UV_ENOMEM:
    case UV_EAI_MEMORY:
        return AGNER_ENOMEM;
    default: /* libuv's list is open: the text says which one it was */
        return AGNER_ESYSTEM;
    }
}

char *rt__uv_text(int err, char *text, size_t size)
{
    return uv_strerror_r(err, text, size);
}

char *rt__system_text(int number, char *text, size_t size)
{
    return uv_strerror_r(uv_translate_sys_error(number), text, size);
}

/* ---- Posted tasks ---------------------------------------------------------
 */

/*
 * Order: release publishes the task to run_posted(). Whoever finds the list
 * empty sees to it that the loop is run; everybody else pushed before the loop
 * took the list that it was run for.
 */
static void post(struct rt_loop *loop, struct rt_task *task)
{
    struct rt_task *seen = load_relaxed(&loop->posted);

    do {
        task->next = seen;
    } while (!cas_weak_release(&loop->posted, &seen, task));
    if (seen == NULL)
        rt__uv_posted(loop);
}

/*
 * Runs what was posted, oldest first. A task that is posted meanwhile runs in
 * the next turn, for which its post() has woken the loop, so that connections
 * have their turns too. False: there was none.
 *
 * Order: acquire pairs with the release of every push in the list: each is a
 * read-modify-write, and so continues the release sequences before it.
 */
static bool run_posted(struct rt_loop *loop)
{
    struct rt_task *newest = swap_acquire(&loop->posted, NULL);
    struct rt_task *oldest = NULL;
    bool any = newest != NULL;

    while (newest != NULL) {
        struct rt_task *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    while (oldest != NULL) {
        struct rt_task *task = oldest;

        oldest = task->next; /* running may free the task, or post it again */
        task->run(task);
    }
    return any;
}

static void on_wake(uv_async_t *wake)
{
    struct rt_loop *loop = wake->data;

    (void)run_posted(loop);
}

/* ---- Timers ----------------------------------------------------------------
 */

uint64_t rt__uv_now(const struct rt_loop *loop)
{
    return loop->world->now_ns(loop->world->ctx);
}

void rt__uv_timer_start(struct rt_loop *loop, struct rt_loop_timer *timer,
                        uint64_t after_ms, uint64_t repeat_ms)
{
    loop_timer_start(&loop->timers, timer, rt__uv_now(loop), after_ms,
                     repeat_ms);
}

void rt__uv_timer_stop(struct rt_loop *loop, struct rt_loop_timer *timer)
{
    loop_timer_remove(&loop->timers, timer);
}

/* The clock is read once, so that timers that start each other without delay
 * fire in the next turn and do not keep this one. */
static void on_alarm(uv_timer_t *alarm)
{
    struct rt_loop *loop = alarm->data;
    uint64_t now_ns = rt__uv_now(loop);

    loop->alarm_ns = RT_NEVER;
    while (loop_timer_next(&loop->timers) <= now_ns)
        loop_timer_fire(&loop->timers, now_ns);
}

/* libuv's timers count from the cached time of the turn; rounding up and
 * looking at our own clock when it rings keeps ours from being early. */
static void set_alarm(struct rt_loop *loop)
{
    uint64_t next_ns = loop_timer_next(&loop->timers);
    uint64_t now_ns;

    if (next_ns > loop->until_ns)
        next_ns = loop->until_ns;
    if (next_ns == loop->alarm_ns)
        return;
    loop->alarm_ns = next_ns;
    if (next_ns == RT_NEVER) {
        (void)uv_timer_stop(&loop->alarm); /* cannot fail */
        return;
    }
    uv_update_time(&loop->uv);
    now_ns = rt__uv_now(loop);
    /* Fails for a closing handle only. */
    (void)uv_timer_start(
        &loop->alarm, on_alarm,
        next_ns <= now_ns ? 0 : (next_ns - now_ns + 999999) / 1000000, 0);
}

/* ---- The end of a turn, and of the loop -------------------------------------
 */

static void close_own_handles(struct rt_loop *loop)
{
    loop->stopped = true;
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->settle, NULL);
    uv_close((uv_handle_t *)&loop->waited, NULL);
    uv_close((uv_handle_t *)&loop->hurry, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
}

static void do_nothing(uv_idle_t *hurry)
{
    (void)hurry;
}

static void flush_all(struct rt_loop *loop)
{
    struct rt_conn *dirty = loop->dirty;

    loop->dirty = NULL;
    if (dirty != NULL)
        dirty->dirty_link = &dirty;
    while (dirty != NULL) {
        struct rt_conn *conn = dirty;

        rt__uv_clean(conn);
        rt__uv_flush(conn);
    }
}

/* Before each wait. What a `done` queues goes out in the next turn, which then
 * must not wait: that is what the idle handle is for. */
static void settle(uv_prepare_t *handle)
{
    struct rt_loop *loop = handle->data;

    (void)run_posted(loop);
    flush_all(loop);
    set_alarm(loop);
    if (loop->stopping && loop->conns == NULL && loop->listeners == NULL &&
        loop->udps == NULL && loop->lookups == 0)
        close_own_handles(loop);
    else if (loop->dirty != NULL || !rt__uv_may_wait(loop))
        (void)uv_idle_start(&loop->hurry, do_nothing); /* cannot fail */
    else
        (void)uv_idle_stop(&loop->hurry); /* cannot fail */
}

/* After each wait: what the callbacks queued need not wait for the next turn.
 */
static void waited(uv_check_t *handle)
{
    struct rt_loop *loop = handle->data;

    store_relaxed(&loop->waiting, 0u);
    flush_all(loop);
}

/* The last task: nothing is opened from now on, and what is open closes. */
static void stop(struct rt_task *task)
{
    struct rt_loop *loop =
        (struct rt_loop *)((char *)task - offsetof(struct rt_loop, stop));
    struct rt_conn *conn;

    loop->stopping = true;
    while (loop->listeners != NULL)
        rt__uv_unlisten(loop->listeners);
    while (loop->udps != NULL)
        rt__uv_udp_close(loop->udps);
    for (conn = loop->conns; conn != NULL; conn = conn->next)
        rt__uv_conn_end(conn, AGNER_OK, "closed here: the loop ends");
}

/* Signals are for the program's threads. SIGPIPE above all: a broken connection
 * is an error that write() returns. What the processor raises stays. */
static void block_signals(void)
{
    static const int raised[] = { SIGSEGV, SIGBUS,  SIGFPE,
                                  SIGILL,  SIGABRT, SIGTRAP };
    sigset_t blocked;
    size_t i;

    (void)sigfillset(&blocked);
    for (i = 0; i < sizeof raised / sizeof raised[0]; i++)
        (void)sigdelset(&blocked, raised[i]);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, NULL); /* cannot fail */
}

static void run_loop(void *arg)
{
    struct rt_loop *loop = arg;

    block_signals();
    rt__uv_keep(loop);
    while (run_posted(loop))
        ;
}

/* ---- Birth and death ---------------------------------------------------- */

static int init_handles(struct rt_loop *loop)
{
    int err = uv_async_init(&loop->uv, &loop->wake, on_wake);

    if (err != 0)
        return err;
    /* These four only fill in structs. */
    (void)uv_prepare_init(&loop->uv, &loop->settle);
    (void)uv_check_init(&loop->uv, &loop->waited);
    (void)uv_idle_init(&loop->uv, &loop->hurry);
    (void)uv_timer_init(&loop->uv, &loop->alarm);
    loop->wake.data = loop->settle.data = loop->alarm.data = loop;
    loop->waited.data = loop;
    (void)uv_prepare_start(&loop->settle, settle);
    (void)uv_check_start(&loop->waited, waited);
    return 0;
}

static void free_loop(struct rt_loop *loop)
{
    while (loop->timers.root != NULL)
        loop_timer_remove(&loop->timers, loop->timers.root);
    (void)uv_loop_close(&loop->uv); /* all handles are closed */
    free(loop);
}

static enum agner_err loop_new(const struct rt_world *world, const char *name,
                               struct rt_loop **out, struct agner_error *error)
{
    struct rt_loop *loop = calloc(1, sizeof *loop);
    enum agner_err err;
    char text[80];
    int uv_err;

    if (loop == NULL)
        return agner_fail(error, AGNER_ENOMEM, "loop %s", name);
    loop->world = world;
    loop->alarm_ns = loop->until_ns = RT_NEVER;
    loop->stop.run = stop;
    uv_err = uv_loop_init(&loop->uv);
    if (uv_err != 0) {
        free(loop);
        return agner_fail(error, rt__uv_code(uv_err), "loop %s: %s", name,
                          rt__uv_text(uv_err, text, sizeof text));
    }
    uv_err = init_handles(loop);
    if (uv_err != 0) {
        free_loop(loop);
        return agner_fail(error, rt__uv_code(uv_err), "loop %s: %s", name,
                          rt__uv_text(uv_err, text, sizeof text));
    }
    err = world->thread_start(world->ctx, name, run_loop, loop, &loop->thread);
    if (err != AGNER_OK) {
        close_own_handles(loop);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
        free_loop(loop);
        return agner_fail(error, err, "loop %s: no thread", name);
    }
    *out = loop;
    return AGNER_OK;
}

static void loop_free(struct rt_loop *loop)
{
    post(loop, &loop->stop);
    rt__uv_end(loop);
    loop->world->thread_join(loop->world->ctx, loop->thread);
    free_loop(loop);
}

const struct rt_net rt__net_uv = {
    .loop_new = loop_new,
    .loop_free = loop_free,
    .post = post,
    .drive = rt__uv_drive,
    .interrupt = rt__uv_interrupt,
    .timer_start = rt__uv_timer_start,
    .timer_stop = rt__uv_timer_stop,
    .listen = rt__uv_listen,
    .unlisten = rt__uv_unlisten,
    .dial = rt__uv_dial,
    .adopt = rt__uv_adopt,
    .read = rt__uv_read,
    .write = rt__uv_write,
    .close = rt__uv_close,
    .peer_uid = rt__uv_peer_uid,
    .rtt_us = rt__uv_rtt_us,
    .udp_open = rt__uv_udp_open,
    .udp_send = rt__uv_udp_send,
    .udp_close = rt__uv_udp_close,
    .resolve = rt__uv_resolve,
    .resolve_cancel = rt__uv_resolve_cancel,
};
