/*
 * test_behaviors_stage_kit_memory.c -- failed allocations in sources and sinks:
 * G34.
 *
 * The program's own malloc and its like are wrapped by the linker. For each
 * operation, in a simulated world, the first allocation fails, then the second,
 * until none does: each time it is done or it is not, and who asked knows
 * which; or a stage has ended with `memory_limit`. No process and no memory is
 * left: the sanitizers look.
 */
#include "kit_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "failing.h"

struct desk {
    struct bed bed;
    etf_pid queue, sink;
    char path[40];
};

/* ---- What is operated on ------------------------------------------------- */

static enum gen_next take_batch(struct gen *self, void *state, etf_term events,
                                uint64_t count)
{
    (void)self;
    (void)events;
    *(uint64_t *)state += count;
    record.count += count;
    return GEN_NEXT;
}

static const struct gen_sink_batch batches = { .name = "batches",
                                               .size = 2,
                                               .state_size = sizeof(uint64_t),
                                               .handle_batch = take_batch };

static enum gen_next job_init(struct gen *self, etf_term args)
{
    (void)args;
    record.count++;
    return gen_cast(self, rt_self_term(self), ETF_A(ok)) == AGNER_OK
               ? GEN_NEXT
               : gen_stop(self, ETF_A(memory_limit));
}

static enum gen_next job_cast(struct gen *self, etf_term request)
{
    (void)request;
    return gen_stop(self, ETF_A(normal));
}

static const struct gen_server job = { .name = "job",
                                       .init = job_init,
                                       .handle_cast = job_cast };
static const struct gen_child_spec job_spec = { .id = "job",
                                                .server = &job,
                                                .restart = GEN_TEMPORARY };
static const struct gen_sink_supervisor jobs = { .name = "jobs",
                                                 .child = &job_spec };

static struct gen_stage_source source_of(etf_pid pid)
{
    return (struct gen_stage_source){
        .to = etf_from_pid(NULL, pid),
        .options = { .max_demand = 3, .cancel = GEN_STAGE_TEMPORARY },
    };
}

/* ---- Operations: whether they were done --------------------------------- */

static enum agner_err op_queue(struct desk *d)
{
    etf_pid pid;

    return gen_source_queue_start_link(d->bed.self, NULL, NULL, &pid, NULL);
}

static enum agner_err op_push(struct desk *d)
{
    return gen_source_push_list(d->bed.self, term(d->queue),
                                etf_make(d->bed.self, "[1, 2, 3, 4, 5]"), 10);
}

/* Full at once, so the call waits, and is told that its time is over. */
static enum agner_err op_wait(struct desk *d)
{
    enum agner_err err;

    for (int i = 0; i < 3; i++) {
        err =
            gen_source_push_list(d->bed.self, term(d->queue),
                                 etf_make(d->bed.self, "[1, 2, 3, 4, 5]"), 10);
        if (err != AGNER_OK)
            break;
    }
    return err == AGNER_ETIMEOUT ? AGNER_OK : err;
}

static enum agner_err op_lines(struct desk *d)
{
    struct gen_source_lines_options options = { .path = d->path,
                                                .line_max = 10,
                                                .chunk_max = 8 };
    struct gen_stage_source source;
    etf_pid pid, sink;
    enum agner_err err =
        gen_source_lines_start(d->bed.self, &options, NULL, &pid, NULL);

    if (err != AGNER_OK)
        return err;
    source = source_of(pid);
    err = gen_sink_batch_start(d->bed.self, &batches, etf_nil(), &source, 1,
                               NULL, &sink, NULL);
    if (err != AGNER_OK)
        (void)rt_exit_signal(d->bed.self, pid, ETF_A(kill));
    kit_run(&d->bed, 20);
    if (err == AGNER_OK)
        (void)rt_exit_signal(d->bed.self, sink, ETF_A(kill));
    return err;
}

static enum agner_err op_rate(struct desk *d)
{
    struct gen_stage_source source = source_of(d->queue);
    struct gen_source_rate_options options = { .count = 1000,
                                               .subscribe_to = &source,
                                               .subscribe_count = 1 };
    etf_pid pid;
    enum agner_err err =
        gen_source_rate_start(d->bed.self, &options, NULL, &pid, NULL);

    if (err != AGNER_OK)
        return err;
    (void)op_push(d);
    source = source_of(pid);
    err = gen_sink_batch_start(d->bed.self, &batches, etf_nil(), &source, 1,
                               NULL, &d->sink, NULL);
    kit_run(&d->bed, 20);
    if (err == AGNER_OK)
        (void)rt_exit_signal(d->bed.self, d->sink, ETF_A(kill));
    (void)rt_exit_signal(d->bed.self, pid, ETF_A(kill));
    return err;
}

static enum agner_err op_batch(struct desk *d)
{
    struct gen_stage_source source = source_of(d->queue);
    enum agner_err err = gen_sink_batch_start(d->bed.self, &batches, etf_nil(),
                                              &source, 1, NULL, &d->sink, NULL);

    if (err != AGNER_OK)
        return err;
    err = op_push(d);
    kit_run(&d->bed, 20);
    (void)gen_server_stop(d->bed.self, term(d->sink), ETF_A(normal), 1000);
    return err;
}

static enum agner_err op_jobs(struct desk *d)
{
    struct gen_stage_source source = source_of(d->queue);
    enum agner_err err = gen_sink_supervisor_start(d->bed.self, &jobs, &source,
                                                   1, NULL, &d->sink, NULL);

    if (err != AGNER_OK)
        return err;
    err = op_push(d);
    kit_run(&d->bed, 20);
    (void)gen_server_stop(d->bed.self, term(d->sink), ETF_A(normal), 1000);
    return err;
}

/* ---- Each of them, with each allocation failing ------------------------- */

#define FAILURES_MAX 2000u

static void open_desk(struct desk *d, const char *path)
{
    struct gen_source_queue_options options = { .max = 8 };

    kit_open(&d->bed, 1);
    (void)rt_trap_exit(d->bed.self, true);
    (void)strcpy(d->path, path);
    assert_int_equal(
        gen_source_queue_start(d->bed.self, &options, NULL, &d->queue, NULL),
        AGNER_OK);
    kit_run(&d->bed, 5);
    rt_reset(d->bed.self);
}

/* In a world of its own: the n-th allocation fails. Was there none any more? */
static bool try(enum agner_err (*op)(struct desk *d), const char *path,
                unsigned n, bool *done)
{
    struct gen_source_queue_info info;
    struct desk d;

    open_desk(&d, path);
    failing_seen = false;
    failing_in = n;
    *done = op(&d) == AGNER_OK;
    failing_in = 0;
    kit_run(&d.bed, 50);
    /* It goes on as if nothing had been, or it has ended. */
    if (rt_is_alive(d.bed.rt, d.queue))
        assert_int_equal(
            gen_source_info(d.bed.self, term(d.queue), 1000, &info), AGNER_OK);
    kit_close(&d.bed);
    return !failing_seen;
}

static void survives(enum agner_err (*op)(struct desk *d))
{
    char path[] = "/tmp/agner-kit-XXXXXX";
    int fd = mkstemp(path);
    unsigned n = 1, undone = 0;
    bool done;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "one\ntwo\nthree\nfour\n", 19), 19);
    (void)close(fd);
    while (!try(op, path, n, &done) && n < FAILURES_MAX) {
        undone += !done;
        n++;
    }
    (void)unlink(path);
    assert_true(done);       /* nothing failed, so it was done */
    assert_true(n > 5);      /* it needs memory */
    assert_true(undone > 0); /* and says when there is none */
}

#define SURVIVES(name) \
    static void name##_survives(void **state) \
    { \
        (void)state; \
        survives(op_##name); \
    }
SURVIVES(queue)
SURVIVES(push)
SURVIVES(wait)
SURVIVES(lines)
SURVIVES(rate)
SURVIVES(batch)
SURVIVES(jobs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_survives), cmocka_unit_test(push_survives),
        cmocka_unit_test(wait_survives),  cmocka_unit_test(lines_survives),
        cmocka_unit_test(rate_survives),  cmocka_unit_test(batch_survives),
        cmocka_unit_test(jobs_survives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
