/*
 * test_runtime_threads.c -- threads that the system does not give: while a
 * runtime starts, and later (spec/reliability.md 5.4).
 *
 * The world is the real one, but that it refuses to start threads of a name, so
 * often as a test says.
 */
#include <dirent.h>

#include "bed.h"

#include "atomic.h"
#include "rt_world.h"

static struct rt_world world;
static const char *refused;    /* threads of that name; NULL: of any */
static _Atomic int refuse_at;  /* the so manieth, from 0 */
static _Atomic int refuse_for; /* and so many after it */
static _Atomic int asked;

static enum agner_err start_or_not(void *ctx, const char *name,
                                   void (*run)(void *arg), void *arg,
                                   struct rt_thread **out)
{
    int number;

    if (refused == NULL || strcmp(name, refused) == 0) {
        number = add_relaxed(&asked, 1);
        if (number >= load_relaxed(&refuse_at) &&
            number - load_relaxed(&refuse_at) < load_relaxed(&refuse_for))
            return AGNER_ESYSTEM;
    }
    return rt_world_real()->thread_start(ctx, name, run, arg, out);
}

static void refuse(const char *name, int at, int count)
{
    world = *rt_world_real();
    world.thread_start = start_or_not;
    refused = name;
    store_relaxed(&refuse_at, at);
    store_relaxed(&refuse_for, count);
    store_relaxed(&asked, 0);
}

/* One that has ended, but not for the system yet, is gone a moment later. */
static void wait_for_threads(unsigned count)
{
    unsigned found;

    do {
        DIR *tasks = opendir("/proc/self/task");
        const struct dirent *entry;

        assert_non_null(tasks);
        found = 0;
        while ((entry = readdir(tasks)) != NULL)
            found += entry->d_name[0] != '.';
        (void)closedir(tasks);
    } while (found > count);
}

static unsigned threads_now(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned found = 0;

    assert_non_null(tasks);
    while (readdir(tasks) != NULL)
        found++;
    (void)closedir(tasks);
    return found - 2; /* . and .. */
}

/* Each in turn: the start says so, and leaves no thread behind. */
static void a_runtime_without_a_thread_is_not_made(void **state)
{
    const struct rt_options options = { .world = &world, .workers = 3 };
    enum agner_err err = AGNER_ESYSTEM;
    unsigned threads;
    struct rt *first;
    int at = 0;

    (void)state;
    refuse(NULL, 0, 0);
    assert_int_equal(rt_new(&options, &first, NULL), AGNER_OK);
    rt_free(first, 0);
    threads = threads_now(); /* with what a sanitizer has by now */
    for (; err != AGNER_OK; at++) {
        struct agner_error error = { AGNER_OK, "" };
        struct rt *rt;

        assert_true(at < 10);
        refuse(NULL, at, 1);
        err = rt_new(&options, &rt, &error);
        if (err == AGNER_OK) {
            rt_free(rt, 0);
        } else {
            assert_int_equal(err, AGNER_ESYSTEM);
            assert_true(error.text[0] != '\0');
        }
        wait_for_threads(threads);
    }
    assert_true(at >= 4 + 1); /* workers and watchdog, at least */
}

static _Atomic int freed;

static void spin(struct gen *self, void *arg)
{
    const etf_pid *tester = arg;

    (void)rt_send_pid(self, *tester, etf_make(self, "spins"));
    while (load_acquire(&freed) == 0)
        atomic_relax();
}

static void set_free(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
    store_release(&freed, 1);
}

/* G13: who waits behind code that does not return is run in the end, though the
 * first spare workers cannot be made. */
static void a_spare_worker_is_tried_again(void **state)
{
    const struct rt_options options = { .world = &world, .workers = 1 };
    struct bed bed;
    etf_pid spinner, saviour, tester;
    etf_term message;

    (void)state;
    refuse("agner-spare", 0, 3);
    bed_open_with(&bed, 0, options, NULL);
    tester = rt_self(bed.self);
    assert_int_equal(rt_spawn(bed.self, spin, &tester, NULL, &spinner),
                     AGNER_OK);
    assert_int_equal(rt_receive(bed.self, RT_INFINITY, &message), AGNER_OK);
    assert_int_equal(rt_spawn(bed.self, set_free, NULL, NULL, &saviour),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed.self, spinner, RT_INFINITY), AGNER_OK);
    assert_true(load_relaxed(&asked) > 3);
    bed_close(&bed);
}

static void note_work(void *arg)
{
    *(bool *)arg = true;
}

static void do_blocking(struct gen *self, void *arg)
{
    (void)rt_blocking(self, note_work, arg);
}

/* Then the work is done where it is asked for. */
static void blocking_work_is_done_without_a_thread(void **state)
{
    const struct rt_options options = { .world = &world, .workers = 1 };
    bool done = false;
    struct bed bed;
    etf_pid pid;

    (void)state;
    refuse("agner-blocking", 0, 1000);
    bed_open_with(&bed, 0, options, NULL);
    assert_int_equal(rt_spawn(bed.self, do_blocking, &done, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed.self, pid, RT_INFINITY), AGNER_OK);
    assert_true(load_relaxed(&asked) > 0);
    bed_close(&bed);
    assert_true(done);
}

static void count_event(void *ctx, const struct rt_log_event *event)
{
    (void)event;
    add_relaxed((_Atomic int *)ctx, 1);
}

/* What is logged waits for the thread that writes it, and each further event
 * asks for it again. */
static void a_log_writer_is_tried_again(void **state)
{
    const struct rt_options options = { .world = &world, .workers = 1 };
    _Atomic int events = 0;
    const struct rt_log_handler handler = { .id = "more",
                                            .kind = RT_LOG_CALLBACK,
                                            .event = count_event,
                                            .ctx = &events };
    struct bed bed;

    (void)state;
    refuse("agner-log", 0, 2);
    bed_open_with(&bed, 0, options, NULL);
    assert_int_equal(rt_log_handler_remove(bed.rt, "default"), AGNER_OK);
    assert_int_equal(rt_log_handler_add(bed.rt, &handler, NULL), AGNER_OK);
    for (int i = 1; i <= 3; i++)
        rt_log(bed.rt, RT_LOG_ERROR, "event %d", i);
    assert_int_equal(rt_log_flush(bed.rt, RT_INFINITY), AGNER_OK);
    assert_true(load_relaxed(&events) >= 3); /* and what others say */
    assert_true(load_relaxed(&asked) >= 3);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_without_a_thread_is_not_made),
        cmocka_unit_test(a_spare_worker_is_tried_again),
        cmocka_unit_test(blocking_work_is_done_without_a_thread),
        cmocka_unit_test(a_log_writer_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
