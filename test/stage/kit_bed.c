/*
 * kit_bed.c -- collectors and their record: kit_bed.h.
 */
#include "kit_bed.h"

#include <stdio.h>

struct record record;

void note(const char *word)
{
    int size =
        snprintf(record.text + record.size, sizeof record.text - record.size,
                 "%s%s", record.size > 0 ? " " : "", word);

    if (size > 0 && record.size + (size_t)size < sizeof record.text)
        record.size += (size_t)size;
}

void note_term(etf_term t)
{
    char text[300];

    note(etf_format(text, sizeof text, t));
}

static enum gen_next
collect(struct gen *self, const struct gen_subscription *sub, etf_term events)
{
    etf_term event;

    (void)sub;
    while (etf_list_next(&events, &event)) {
        if (record.count < RECORD_MAX)
            record.at_ms[record.count] = rt_now_ms(rt_of(self));
        record.count++;
        note_term(event);
    }
    return GEN_NEXT;
}

static enum gen_next count_init(struct gen *self, etf_term args)
{
    (void)self;
    (void)args;
    record.inits++;
    return GEN_NEXT;
}

static void count_destroy(void *state)
{
    (void)state;
    record.destroys++;
}

const struct gen_stage collector_stage = {
    .name = "collector",
    .state_size = 1,
    .role = GEN_STAGE_CONSUMER,
    .init = count_init,
    .handle_events = collect,
    .destroy = count_destroy,
};

void kit_open(struct bed *bed, uint64_t seed)
{
    struct rt_options options = { .log_level = RT_LOG_EMERGENCY };

    record = (struct record){ .size = 0 };
    bed_open_with(bed, seed, options, NULL);
}

void kit_close(struct bed *bed)
{
    bed_close(bed);
    assert_int_equal(record.inits, record.destroys);
}

void kit_run(struct bed *bed, uint64_t ms)
{
    assert_true(sim_run(bed->sim, ms));
}

void kit_expect(const char *text)
{
    assert_string_equal(record.text, text);
    record.size = 0;
    record.text[0] = '\0';
}

etf_pid kit_collect(struct bed *bed, etf_pid producer,
                    const struct gen_stage_subscribe *options)
{
    etf_pid pid;

    assert_int_equal(gen_stage_start(bed->self, &collector_stage, etf_nil(),
                                     NULL, &pid, NULL),
                     AGNER_OK);
    assert_int_equal(gen_stage_sync_subscribe(
                         bed->self, etf_from_pid(NULL, pid),
                         etf_from_pid(NULL, producer), options, 5000, NULL),
                     AGNER_OK);
    return pid;
}

void kit_expect_end(struct bed *bed, etf_ref ref, const char *reason)
{
    etf_term message, object, why;
    char text[300];
    etf_ref seen;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{'DOWN', _, process, _, _}", &seen, &object, &why));
    assert_true(etf_ref_equal(seen, ref));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
}

etf_term term(etf_pid pid)
{
    return etf_from_pid(NULL, pid);
}

etf_pid queue_of(struct bed *bed, uint64_t max, etf_ref *monitor)
{
    struct gen_source_queue_options options = { .max = max };
    struct rt_spawn_options spawn = { .monitor = monitor != NULL,
                                      .monitor_ref = monitor };
    etf_pid pid;

    assert_int_equal(
        gen_source_queue_start(bed->self, &options, &spawn, &pid, NULL),
        AGNER_OK);
    return pid;
}

enum agner_err push(struct bed *bed, etf_pid queue, int64_t event,
                    uint64_t timeout_ms)
{
    return gen_source_push(bed->self, term(queue),
                           etf_make(bed->self, "_", event), timeout_ms);
}

struct gen_source_queue_info info_of(struct bed *bed, etf_pid queue)
{
    struct gen_source_queue_info info = { 0 };

    assert_int_equal(gen_source_info(bed->self, term(queue), 1000, &info),
                     AGNER_OK);
    return info;
}

void push_many(struct bed *bed, etf_pid queue, int from, int to)
{
    for (int i = from; i <= to; i++)
        assert_int_equal(push(bed, queue, i, 0), AGNER_OK);
    kit_run(bed, 20);
}
