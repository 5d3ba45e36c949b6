/*
 * test_behaviors_stage_source.c -- sources: the queue, the lines of a file, the
 * rate: gen_source.h; issue "Stage and saga", 1.
 *
 * What is decided without a process (bucket.h, lines.h) is a table of cases;
 * the rest runs in the simulated world.
 */
#include "kit_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stage/bucket.h"
#include "stage/lines.h"

/* ---- The bucket ---------------------------------------------------------- */

/* What can be taken at a time, and how long the next one takes. */
static void a_bucket_fills_evenly(void **state)
{
    static const struct {
        struct bucket bucket;
        uint64_t at_ms, want, taken, wait_ms;
    } rows[] = {
        { { .count = 10, .interval_ms = 100, .burst = 5 }, 0, 9, 5, 10 },
        { { .count = 10, .interval_ms = 100, .burst = 5 }, 0, 3, 3, 0 },
        { { .count = 1, .interval_ms = 1000, .burst = 1 }, 0, 2, 1, 1000 },
        /* Rounded up, so never early. */
        { { .count = 3, .interval_ms = 100, .burst = 1 }, 0, 1, 1, 34 },
        { { .count = 1000, .interval_ms = 1, .burst = 7 }, 0, 9, 7, 1 },
        { { .count = 1, .interval_ms = BUCKET_MAX, .burst = 1 },
          0,
          1,
          1,
          BUCKET_MAX },
        { { .count = BUCKET_MAX, .interval_ms = 1, .burst = BUCKET_MAX },
          UINT64_MAX - 9,
          UINT64_MAX,
          BUCKET_MAX,
          1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bucket b = rows[i].bucket;

        gen__bucket_init(&b, 0);
        assert_int_equal(gen__bucket_take(&b, rows[i].at_ms, rows[i].want),
                         rows[i].taken);
        assert_int_equal(gen__bucket_wait_ms(&b, rows[i].at_ms),
                         rows[i].wait_ms);
    }
}

/* However it is asked, in no time are there more than burst + count * T /
 * interval, and nothing is lost to rounding. */
static void a_bucket_gives_what_its_rate_is(void **state)
{
    struct bucket b = { .count = 7, .interval_ms = 100, .burst = 3 };
    uint64_t taken = 0, now_ms = 0;

    (void)state;
    gen__bucket_init(&b, 0);
    for (unsigned i = 0; i < 100000; i++) {
        now_ms += i % 5;
        taken += gen__bucket_take(&b, now_ms, 1 + i % 3);
        assert_true(taken <= 3 + now_ms * 7 / 100);
        assert_true(taken + 3 >= now_ms * 7 / 100);
    }
}

/* ---- Lines ----------------------------------------------------------------
 */

/* The lines of `text`, read in chunks of that size; "!" for one that is too
 * long. */
static void cut(const char *text, size_t line_max, size_t chunk, char *out)
{
    size_t left = strlen(text), size;
    enum lines_next next;
    struct lines l;
    etf_bytes line;

    *out = '\0';
    assert_int_equal(gen__lines_init(&l, line_max, chunk), AGNER_OK);
    while ((next = gen__lines_next(&l, &line)) != LINES_END &&
           next != LINES_TOO_LONG) {
        if (next == LINES_MORE) {
            size = left < chunk ? left : chunk;
            memcpy(gen__lines_room(&l), text, size);
            gen__lines_put(&l, size);
            text += size;
            left -= size;
        } else {
            out +=
                sprintf(out, "%.*s|", (int)line.size, (const char *)line.data);
        }
    }
    if (next == LINES_TOO_LONG)
        (void)sprintf(out, "!%llu", (unsigned long long)(l.number + 1));
    gen__lines_fini(&l);
}

static void bytes_are_cut_into_lines(void **state)
{
    static const struct {
        const char *text;
        size_t line_max;
        const char *lines;
    } rows[] = {
        { "", 5, "" },
        { "\n", 5, "|" },
        { "a", 5, "a|" },
        { "a\nbb\n\nccc", 5, "a|bb||ccc|" },
        { "a\nbb\n\nccc\n", 5, "a|bb||ccc|" },
        { "12345\n12345", 5, "12345|12345|" },
        { "a\n123456\nb", 5, "a|!2" },
        { "a\n123456", 5, "a|!2" },
        { "123456", 5, "!1" },
    };
    char out[100];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t chunk = 1; chunk <= 12; chunk++) {
            cut(rows[i].text, rows[i].line_max, chunk, out);
            assert_string_equal(out, rows[i].lines);
        }
}

/* ---- The queue ------------------------------------------------------------
 */

/* A process that pushes {Queue, Event} and notes what came of it. */
static enum gen_next pusher_cast(struct gen *self, etf_term request)
{
    etf_term queue, event;
    char text[100];

    if (etf_match(request, "{_, _}", &queue, &event)) {
        enum agner_err err = gen_source_push(self, queue, event, RT_INFINITY);

        (void)snprintf(text, sizeof text, "(%s)", agner_strerror(err));
        note(text);
    }
    return GEN_NEXT;
}

static const struct gen_server pusher_server = { .name = "pusher",
                                                 .handle_cast = pusher_cast };

static void push_elsewhere(struct bed *bed, etf_pid queue, int event)
{
    etf_pid pid;

    assert_int_equal(
        gen_start(bed->self, &pusher_server, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    (void)gen_cast(bed->self, term(pid),
                   etf_make(bed->self, "{_, _}", queue, event));
    kit_run(bed, 5);
}

static void a_queue_keeps_order_and_waits_for_demand(void **state)
{
    struct gen_stage_subscribe two = { .max_demand = 2, .min_demand = 1 };
    struct gen_source_queue_info info;
    struct bed bed;
    etf_pid queue;

    (void)state;
    kit_open(&bed, 1);
    queue = queue_of(&bed, 0, NULL);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(push(&bed, queue, i, 0), AGNER_OK);
    info = info_of(&bed, queue);
    assert_int_equal(info.held, 5);
    assert_int_equal(info.max, 1000);
    kit_run(&bed, 10);
    kit_expect("");
    kit_collect(&bed, queue, &two);
    kit_run(&bed, 10);
    kit_expect("1 2 3 4 5");
    assert_int_equal(push(&bed, queue, 6, 0), AGNER_OK);
    kit_run(&bed, 10);
    kit_expect("6");
    info = info_of(&bed, queue);
    assert_int_equal(info.held, 0);
    assert_in_range(info.demand, 1, 2);
    kit_close(&bed);
}

/* Who waits is let in as there is room, in order; who gave up is not. */
static void a_full_queue_makes_pushers_wait_or_refuses(void **state)
{
    struct gen_stage_subscribe one = { .max_demand = 1 };
    uint64_t begun_ms;
    struct bed bed;
    etf_pid queue;

    (void)state;
    kit_open(&bed, 2);
    queue = queue_of(&bed, 2, NULL);
    assert_int_equal(push(&bed, queue, 1, 0), AGNER_OK);
    assert_int_equal(push(&bed, queue, 2, 0), AGNER_OK);
    assert_int_equal(gen_source_try_push(bed.self, term(queue),
                                         etf_make(bed.self, "no"), 1000),
                     AGNER_EFULL);
    push_elsewhere(&bed, queue, 3);
    begun_ms = rt_now_ms(bed.rt);
    assert_int_equal(push(&bed, queue, 99, 50), AGNER_ETIMEOUT);
    assert_in_range(rt_now_ms(bed.rt) - begun_ms, 50, 55);
    push_elsewhere(&bed, queue, 4);
    assert_int_equal(info_of(&bed, queue).pushers, 2);
    kit_expect("");
    kit_collect(&bed, queue, &one);
    kit_run(&bed, 10);
    assert_non_null(strstr(record.text, "(ok)"));
    assert_null(strstr(record.text, "99"));
    assert_int_equal(record.count, 4);
    assert_int_equal(info_of(&bed, queue).pushers, 0);
    kit_close(&bed);
}

static void a_queue_takes_a_list_whole_or_not(void **state)
{
    struct gen_source_queue_options options = { .max = 3, .pushers_max = 1 };
    struct bed bed;
    etf_pid queue;

    (void)state;
    kit_open(&bed, 3);
    assert_int_equal(
        gen_source_queue_start(bed.self, &options, NULL, &queue, NULL),
        AGNER_OK);
    assert_int_equal(gen_source_push_list(bed.self, term(queue),
                                          etf_make(bed.self, "[1, 2]"), 0),
                     AGNER_OK);
    assert_int_equal(gen_source_push_list(bed.self, term(queue),
                                          etf_make(bed.self, "[3, 4]"), 10),
                     AGNER_ETIMEOUT);
    assert_int_equal(gen_source_push_list(bed.self, term(queue),
                                          etf_make(bed.self, "[3, 4, 5, 6]"),
                                          10),
                     AGNER_ELIMIT);
    assert_int_equal(gen_source_push_list(bed.self, term(queue),
                                          etf_make(bed.self, "[3 | 4]"), 10),
                     AGNER_EINVAL);
    /* One may wait, and no more. */
    push_elsewhere(&bed, queue, 3);
    push_elsewhere(&bed, queue, 4);
    push_elsewhere(&bed, queue, 5);
    kit_expect("(ok) (is full)");
    kit_collect(&bed, queue, NULL);
    kit_run(&bed, 10);
    assert_int_equal(record.count, 4);
    assert_non_null(strstr(record.text, "1 2 3"));
    assert_non_null(strstr(record.text, "(ok)"));
    kit_close(&bed);
}

static void a_closed_queue_delivers_and_ends(void **state)
{
    struct gen_stage_subscribe one = { .max_demand = 1,
                                       .cancel = GEN_STAGE_TRANSIENT };
    struct bed bed;
    etf_pid queue, sink;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 4);
    queue = queue_of(&bed, 2, &ref);
    assert_int_equal(push(&bed, queue, 1, 0), AGNER_OK);
    assert_int_equal(push(&bed, queue, 2, 0), AGNER_OK);
    push_elsewhere(&bed, queue, 3);
    assert_int_equal(gen_source_close(bed.self, term(queue), 1000), AGNER_OK);
    assert_int_equal(push(&bed, queue, 4, 0), AGNER_ECLOSED);
    kit_run(&bed, 10);
    kit_expect("(is closed)");
    assert_true(rt_is_alive(bed.rt, queue)); /* it has two to deliver */
    sink = kit_collect(&bed, queue, &one);
    kit_run(&bed, 10);
    kit_expect("1 2");
    kit_expect_end(&bed, ref, "normal");
    assert_true(rt_is_alive(bed.rt, sink));
    assert_int_equal(push(&bed, queue, 5, 0), AGNER_ENOPROC);
    kit_close(&bed);
}

/* ---- Lines of a file ------------------------------------------------------
 */

static void write_file(char *path, const char *text)
{
    int fd;

    (void)strcpy(path, "/tmp/agner-lines-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static etf_pid lines_of(struct bed *bed, const char *path, uint32_t line_max,
                        uint32_t chunk_max, etf_ref *monitor)
{
    struct gen_source_lines_options options = { .path = path,
                                                .line_max = line_max,
                                                .chunk_max = chunk_max };
    struct rt_spawn_options spawn = { .monitor = true, .monitor_ref = monitor };
    etf_pid pid;

    assert_int_equal(
        gen_source_lines_start(bed->self, &options, &spawn, &pid, NULL),
        AGNER_OK);
    return pid;
}

static void a_file_comes_line_by_line(void **state)
{
    struct gen_stage_subscribe few = { .max_demand = 2,
                                       .min_demand = 1,
                                       .cancel = GEN_STAGE_TRANSIENT };
    char path[40];
    struct bed bed;
    etf_pid source;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 5);
    write_file(path, "one\ntwo\n\nfour");
    source = lines_of(&bed, path, 0, 3, &ref);
    kit_run(&bed, 10);
    kit_expect("");
    kit_collect(&bed, source, &few);
    kit_run(&bed, 50);
    kit_expect("<<\"one\">> <<\"two\">> <<>> <<\"four\">>");
    kit_expect_end(&bed, ref, "normal");
    (void)unlink(path);
    kit_close(&bed);
}

/* The lines before it are delivered first. */
static void a_line_that_is_too_long_is_an_error(void **state)
{
    struct gen_stage_subscribe keep = { .cancel = GEN_STAGE_TEMPORARY };
    char path[40];
    struct bed bed;
    etf_pid source;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 6);
    write_file(path, "one\n123456\nthree\n");
    source = lines_of(&bed, path, 5, 0, &ref);
    kit_collect(&bed, source, &keep);
    kit_run(&bed, 50);
    kit_expect("<<\"one\">>");
    kit_expect_end(&bed, ref, "{line_too_long,2}");
    (void)unlink(path);
    kit_close(&bed);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct gen_source_lines_options options = { .path = "/no/such/file" };
    struct gen_stage_subscribe keep = { .cancel = GEN_STAGE_TEMPORARY };
    struct bed bed;
    etf_term reason;
    etf_pid pid;
    char text[200];
    etf_ref ref;

    (void)state;
    kit_open(&bed, 7);
    assert_int_equal(
        gen_source_lines_start(bed.self, &options, NULL, &pid, &reason),
        AGNER_EEXIT);
    assert_string_equal(
        etf_format(text, sizeof text, reason),
        "{open,<<\"/no/such/file\">>,<<\"No such file or directory\">>}");
    options.path = NULL;
    assert_int_equal(
        gen_source_lines_start(bed.self, &options, NULL, &pid, &reason),
        AGNER_EINVAL);
    /* A folder can be opened, and not read. */
    kit_collect(&bed, lines_of(&bed, "/", 0, 0, &ref), &keep);
    kit_run(&bed, 50);
    kit_expect_end(&bed, ref, "{read,<<\"/\">>,<<\"Is a directory\">>}");
    kit_close(&bed);
}

/* No line is lost, though one partition's consumer comes when all has been
 * read: the end comes behind all lines. */
static void a_file_ends_behind_its_last_line(void **state)
{
    static const struct gen_stage_partition_options parts = { .count = 2 };
    struct gen_stage_options stage = { .dispatcher_options = &parts };
    struct gen_source_lines_options options = { .stage = &stage };
    struct gen_stage_subscribe sub = { .cancel = GEN_STAGE_TRANSIENT };
    char path[40], text[600] = "";
    struct bed bed;
    etf_pid pid;
    etf_ref ref;
    struct rt_spawn_options spawn = { .monitor = true, .monitor_ref = &ref };

    (void)state;
    kit_open(&bed, 8);
    for (int i = 0; i < 100; i++)
        (void)sprintf(text + strlen(text), "%d\n", i);
    write_file(path, text);
    options.path = path;
    stage.dispatcher = gen_stage_partition_dispatcher();
    assert_int_equal(
        gen_source_lines_start(bed.self, &options, &spawn, &pid, NULL),
        AGNER_OK);
    sub.partition = etf_make(bed.self, "0");
    kit_collect(&bed, pid, &sub);
    kit_run(&bed, 50);
    assert_in_range(record.count, 1, 99);
    assert_true(rt_is_alive(bed.rt, pid));
    sub.partition = etf_make(bed.self, "1");
    kit_collect(&bed, pid, &sub);
    kit_run(&bed, 50);
    assert_int_equal(record.count, 100);
    kit_expect_end(&bed, ref, "normal");
    (void)unlink(path);
    kit_close(&bed);
}

/* ---- The rate -------------------------------------------------------------
 */

static enum gen_stage_cancel rate_mode = GEN_STAGE_TRANSIENT;

static etf_pid rate_of(struct bed *bed, etf_pid from, uint64_t count,
                       uint64_t interval_ms, uint64_t burst, etf_ref *monitor)
{
    struct gen_stage_source source = {
        .to = term(from),
        .options = { .max_demand = 10, .cancel = rate_mode },
    };
    struct gen_source_rate_options options = { .count = count,
                                               .interval_ms = interval_ms,
                                               .burst = burst,
                                               .subscribe_to = &source,
                                               .subscribe_count = 1 };
    struct rt_spawn_options spawn = { .monitor = true, .monitor_ref = monitor };
    etf_pid pid;

    assert_int_equal(
        gen_source_rate_start(bed->self, &options, &spawn, &pid, NULL),
        AGNER_OK);
    return pid;
}

/* In no time T more than burst + count * T / interval events; and not slower,
 * since there are always some. */
static void events_pass_at_a_rate(void **state)
{
    struct gen_stage_subscribe sub = { .max_demand = 1000,
                                       .cancel = GEN_STAGE_TRANSIENT };
    struct bed bed;
    etf_pid queue, rate;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 9);
    queue = queue_of(&bed, 0, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(push(&bed, queue, i, 0), AGNER_OK);
    rate = rate_of(&bed, queue, 10, 100, 5, &ref);
    kit_run(&bed, 20);
    assert_int_equal(info_of(&bed, queue).held, 190); /* it took its 10 */
    assert_int_equal(gen_source_close(bed.self, term(queue), 1000), AGNER_OK);
    kit_collect(&bed, rate, &sub);
    kit_run(&bed, 1000);
    assert_in_range(record.count, 100, 106);
    kit_expect_end(&bed, ref, "normal"); /* after the last one */
    kit_run(&bed, 1);
    assert_int_equal(record.count, 200);
    for (size_t i = 0; i < 200; i++)
        for (size_t j = i; j < 200; j++)
            assert_true(j - i + 1 <=
                        5 + 1 + (record.at_ms[j] - record.at_ms[i]) / 10);
    kit_close(&bed);
}

/* What is not asked for is not taken, and a pause saves up a burst, no more. */
static void a_rate_asks_only_for_what_it_lets_through(void **state)
{
    struct gen_stage_subscribe sub = { .max_demand = 4, .min_demand = 3 };
    struct bed bed;
    etf_pid queue, rate;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 10);
    queue = queue_of(&bed, 0, NULL);
    rate = rate_of(&bed, queue, 1, 100, 3, &ref);
    kit_collect(&bed, rate, &sub);
    kit_run(&bed, 10000);
    for (int i = 0; i < 50; i++)
        assert_int_equal(push(&bed, queue, i, 0), AGNER_OK);
    kit_run(&bed, 5);
    kit_expect("0 1 2");
    kit_run(&bed, 100);
    kit_expect("3");
    kit_run(&bed, 200);
    kit_expect("4 5");
    kit_close(&bed);
}

static void a_rate_ends_at_once_with_a_producer_that_failed(void **state)
{
    struct gen_stage_subscribe sub = { .cancel = GEN_STAGE_TEMPORARY };
    struct gen_source_rate_options wrong = { .count = BUCKET_MAX + 1 };
    struct bed bed;
    etf_pid queue, rate;
    etf_ref ref;

    (void)state;
    kit_open(&bed, 11);
    assert_int_equal(gen_source_rate_start(bed.self, &wrong, NULL, &rate, NULL),
                     AGNER_EINVAL);
    queue = queue_of(&bed, 0, NULL);
    for (int i = 0; i < 9; i++)
        assert_int_equal(push(&bed, queue, i, 0), AGNER_OK);
    rate = rate_of(&bed, queue, 1, 100, 1, &ref);
    kit_collect(&bed, rate, &sub);
    kit_run(&bed, 20);
    (void)rt_exit_signal(bed.self, queue, etf_atom("broken"));
    kit_expect_end(&bed, ref, "broken");
    kit_expect("0");
    kit_close(&bed);
}

/* What it holds is not lost when a permanent producer has ended in order; and a
 * temporary one may even fail. */
static void a_rate_ends_as_its_subscriptions_say(void **state)
{
    struct gen_stage_subscribe sub = { .cancel = GEN_STAGE_TEMPORARY };
    struct bed bed;
    etf_pid queue, rate;
    etf_ref ref;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        kit_open(&bed, 21 + i);
        rate_mode = i == 0 ? GEN_STAGE_PERMANENT : GEN_STAGE_TEMPORARY;
        queue = queue_of(&bed, 0, NULL);
        push_many(&bed, queue, 1, 4);
        rate = rate_of(&bed, queue, 1, 100, 1, &ref);
        kit_collect(&bed, rate, &sub);
        if (i == 0)
            assert_int_equal(gen_source_close(bed.self, term(queue), 1000),
                             AGNER_OK);
        kit_run(&bed, 20);
        if (i == 1)
            (void)rt_exit_signal(bed.self, queue, etf_atom("broken"));
        kit_run(&bed, 1000);
        kit_expect("1 2 3 4");
        if (i == 0)
            kit_expect_end(&bed, ref, "normal");
        else
            assert_true(rt_is_alive(bed.rt, rate));
        rate_mode = GEN_STAGE_TRANSIENT;
        kit_close(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_fills_evenly),
        cmocka_unit_test(a_bucket_gives_what_its_rate_is),
        cmocka_unit_test(bytes_are_cut_into_lines),
        cmocka_unit_test(a_queue_keeps_order_and_waits_for_demand),
        cmocka_unit_test(a_full_queue_makes_pushers_wait_or_refuses),
        cmocka_unit_test(a_queue_takes_a_list_whole_or_not),
        cmocka_unit_test(a_closed_queue_delivers_and_ends),
        cmocka_unit_test(a_file_comes_line_by_line),
        cmocka_unit_test(a_line_that_is_too_long_is_an_error),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_file_ends_behind_its_last_line),
        cmocka_unit_test(events_pass_at_a_rate),
        cmocka_unit_test(a_rate_asks_only_for_what_it_lets_through),
        cmocka_unit_test(a_rate_ends_at_once_with_a_producer_that_failed),
        cmocka_unit_test(a_rate_ends_as_its_subscriptions_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
