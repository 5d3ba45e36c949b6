/*
 * test_sim_world.c -- virtual time, steps, strategies, seeds.
 *
 * A runtime is played by a small entity, whose processes only count.
 */
#include "world_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/sim.h>

#define PROCESSES 5u
#define MS        UINT64_C(1000000)

/* Processes that have so many steps to take, and one timer. */
struct toy {
    struct rt_entity entity;
    struct sim *sim;
    unsigned left[PROCESSES], ran[PROCESSES];
    uint64_t deadline_ns;
    unsigned expired;
    uint64_t expired_ns;
    char order[4000]; /* who ran, as letters */
    size_t steps;
};

static size_t toy_runnable(void *ctx)
{
    const struct toy *toy = ctx;
    size_t i, count = 0;

    for (i = 0; i < PROCESSES; i++)
        count += toy->left[i] > 0;
    return count;
}

static size_t toy_nth(const struct toy *toy, size_t index)
{
    size_t i = 0;

    for (;; i++) {
        if (toy->left[i] == 0)
            continue;
        if (index-- == 0)
            return i;
    }
}

static void toy_step(void *ctx, size_t index)
{
    struct toy *toy = ctx;
    size_t who = toy_nth(toy, index);

    toy->left[who]--;
    toy->ran[who]++;
    if (toy->steps < sizeof toy->order - 1)
        toy->order[toy->steps++] = (char)('a' + who);
}

static uint64_t toy_identity(void *ctx, size_t index)
{
    return toy_nth(ctx, index);
}

static uint64_t toy_deadline(void *ctx)
{
    return ((struct toy *)ctx)->deadline_ns;
}

static void toy_expire(void *ctx)
{
    struct toy *toy = ctx;

    toy->expired++;
    toy->expired_ns = sim_now_ns(toy->sim);
    toy->deadline_ns = RT_NEVER;
}

static struct toy *toy_new(struct sim *sim, unsigned steps)
{
    struct toy *toy = calloc(1, sizeof *toy);
    size_t i;

    assert_non_null(toy);
    toy->sim = sim;
    toy->deadline_ns = RT_NEVER;
    toy->entity = (struct rt_entity){ .ctx = toy,
                                      .runnable = toy_runnable,
                                      .step = toy_step,
                                      .deadline_ns = toy_deadline,
                                      .expire = toy_expire,
                                      .identity = toy_identity };
    for (i = 0; i < PROCESSES; i++)
        toy->left[i] = steps;
    sim_world(sim)->enter(sim_world(sim)->ctx, &toy->entity);
    return toy;
}

static void toy_free(struct toy *toy)
{
    sim_world(toy->sim)->leave(sim_world(toy->sim)->ctx, &toy->entity);
    free(toy);
}

static struct sim *sim_with(uint64_t seed, enum sim_pick pick)
{
    struct sim_options options = { .pick = pick,
                                   .change_points = 3,
                                   .steps_expected = 100 };
    struct sim *sim = sim_new(seed, &options);

    assert_non_null(sim);
    return sim;
}

static void time_jumps_to_the_next_deadline(void **state)
{
    struct sim *sim = sim_with(1, SIM_PICK_UNIFORM);
    struct toy *toy = toy_new(sim, 0);
    uint64_t start_ns = sim_now_ns(sim);

    (void)state;
    toy->deadline_ns = start_ns + 86400000 * MS;
    assert_true(sim_run(sim, 1000));
    assert_int_equal(sim_now_ns(sim), start_ns + 1000 * MS);
    assert_int_equal(toy->expired, 0);
    assert_true(sim_step(sim));
    assert_int_equal(toy->expired, 1);
    assert_int_equal(toy->expired_ns, start_ns + 86400000 * MS);
    assert_false(sim_step(sim)); /* nothing will ever happen again */
    toy_free(toy);
    sim_free(sim);
}

/* The wait of an attached thread. */
static void a_wait_drives_until_its_deadline(void **state)
{
    struct sim *sim = sim_with(2, SIM_PICK_UNIFORM);
    const struct rt_world *world = sim_world(sim);
    struct toy *toy = toy_new(sim, 10);
    _Atomic uint32_t word = 0;
    uint64_t start_ns = sim_now_ns(sim);

    (void)state;
    world->wait(world->ctx, &word, 0, start_ns + 5 * MS);
    assert_int_equal(sim_now_ns(sim), start_ns + 5 * MS);
    assert_int_equal(toy->steps, 50);
    /* Nothing can happen: it returns all the same. */
    world->wait(world->ctx, &word, 0, RT_NEVER);
    toy_free(toy);
    sim_free(sim);
}

static void set_word(void *ctx)
{
    atomic_store((_Atomic uint32_t *)ctx, 1);
}

static void a_wait_ends_when_its_word_changes(void **state)
{
    struct sim *sim = sim_with(3, SIM_PICK_UNIFORM);
    const struct rt_world *world = sim_world(sim);
    _Atomic uint32_t word = 0;
    uint64_t start_ns = sim_now_ns(sim);

    (void)state;
    assert_int_equal(sim_after(sim, 7, set_word, &word), AGNER_OK);
    world->wait(world->ctx, &word, 0, RT_NEVER);
    assert_int_equal(atomic_load(&word), 1);
    assert_in_range(sim_now_ns(sim), start_ns + 7 * MS, start_ns + 8 * MS);
    sim_free(sim);
}

static bool has_expired(void *ctx)
{
    return ((struct toy *)ctx)->expired > 0;
}

static void running_until_something_stops_there(void **state)
{
    struct sim *sim = sim_with(4, SIM_PICK_UNIFORM);
    struct toy *toy = toy_new(sim, 0);
    uint64_t start_ns = sim_now_ns(sim);

    (void)state;
    toy->deadline_ns = start_ns + 50 * MS;
    assert_false(sim_run_until(sim, has_expired, toy, 49));
    assert_true(sim_run_until(sim, has_expired, toy, 2));
    toy->expired = 0;
    assert_false(sim_run_until(sim, has_expired, toy, RT_INFINITY));
    toy_free(toy);
    sim_free(sim);
}

static void steps_can_be_limited(void **state)
{
    struct sim_options options = { .steps_max = 10 };
    struct sim *sim = sim_new(5, &options);
    struct toy *toy = toy_new(sim, 100);

    (void)state;
    assert_false(sim_run(sim, 1000));
    assert_int_equal(toy->steps, 10);
    assert_int_equal(sim_steps(sim), 10);
    toy_free(toy);
    sim_free(sim);
}

static void run_toys(uint64_t seed, enum sim_pick pick, char *order,
                     uint64_t *hash)
{
    struct sim *sim = sim_with(seed, pick);
    struct toy *toy = toy_new(sim, 20);
    size_t i;

    assert_true(sim_run(sim, 1000));
    for (i = 0; i < PROCESSES; i++)
        assert_int_equal(toy->ran[i], 20);
    memcpy(order, toy->order, toy->steps + 1);
    *hash = sim_trace_hash(sim);
    toy_free(toy);
    sim_free(sim);
}

static void a_seed_is_a_run(void **state)
{
    unsigned pick;

    (void)state;
    for (pick = SIM_PICK_UNIFORM; pick <= SIM_PICK_ROUND_ROBIN; pick++) {
        char first[200], again[200];
        uint64_t hash, hash_again;

        run_toys(42, (enum sim_pick)pick, first, &hash);
        run_toys(42, (enum sim_pick)pick, again, &hash_again);
        assert_string_equal(first, again);
        assert_true(hash == hash_again);
    }
}

static void another_seed_is_another_run(void **state)
{
    static const enum sim_pick drawn[] = { SIM_PICK_UNIFORM, SIM_PICK_PRIORITY,
                                           SIM_PICK_STARVE };
    char first[200], other[200];
    uint64_t hash, other_hash;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof drawn / sizeof drawn[0]; i++) {
        run_toys(42, drawn[i], first, &hash);
        run_toys(43, drawn[i], other, &other_hash);
        assert_string_not_equal(first, other);
        assert_true(hash != other_hash);
    }
}

static void the_program_and_the_world_draw_apart(void **state)
{
    struct sim *a = sim_with(6, SIM_PICK_UNIFORM);
    struct sim *b = sim_with(6, SIM_PICK_UNIFORM);
    uint8_t bytes[100], same[100];
    int i;

    (void)state;
    for (i = 0; i < 10; i++)
        (void)sim_draw(a, 1000);
    sim_world(a)->random(sim_world(a)->ctx, bytes, sizeof bytes);
    sim_world(b)->random(sim_world(b)->ctx, same, sizeof same);
    assert_memory_equal(bytes, same, sizeof bytes);
    for (i = 0; i < 10; i++)
        (void)sim_draw(b, 1000);
    assert_int_equal(sim_draw(a, UINT64_MAX), sim_draw(b, UINT64_MAX));
    sim_free(a);
    sim_free(b);
}

static unsigned longest_run(const char *order)
{
    unsigned longest = 0, length = 0;

    for (; *order != '\0'; order++) {
        length = order[0] == order[1] ? length + 1 : 0;
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* With three change points there are at most so many switches before a process
 * has taken all its steps. */
static void priorities_run_one_until_it_is_demoted(void **state)
{
    char order[200];
    uint64_t hash;
    unsigned i, switches = 0;

    (void)state;
    run_toys(7, SIM_PICK_PRIORITY, order, &hash);
    for (i = 0; order[i + 1] != '\0'; i++)
        switches += order[i] != order[i + 1];
    assert_in_range(switches, 4, 4 + 2 * 3);
    run_toys(7, SIM_PICK_UNIFORM, order, &hash);
    assert_in_range(longest_run(order), 0, 15);
}

static void the_starved_one_comes_last(void **state)
{
    char order[200], last;
    uint64_t hash;
    size_t end;

    (void)state;
    run_toys(8, SIM_PICK_STARVE, order, &hash);
    end = strlen(order);
    last = order[end - 1];
    /* All but the step at which it was drawn, if it was, come at the end. */
    assert_int_equal(longest_run(order), 19);
    assert_int_equal(order[end - 20], last);
}

static void stalls_take_time(void **state)
{
    struct sim_options options = { .stall_ppm = 100000, .stall_ms = 50 };
    struct sim *sim = sim_new(9, &options);
    struct toy *toy = toy_new(sim, 100);

    (void)state;
    while (sim_step(sim))
        ;
    assert_int_equal(toy->steps, 500);
    assert_true(sim_now_ns(sim) > 100 * MS);
    toy_free(toy);
    sim_free(sim);
}

static void files_are_what_was_put(void **state)
{
    struct sim *sim = sim_with(10, SIM_PICK_UNIFORM);
    const struct rt_world *world = sim_world(sim);
    struct etf_buffer b = { .data = NULL };
    struct agner_error error;

    (void)state;
    assert_int_equal(sim_file_put(sim, "/etc/a", "abc", 3), AGNER_OK);
    assert_int_equal(sim_file_put(sim, "/etc/b", "", 0), AGNER_OK);
    assert_int_equal(sim_file_put(sim, "/etc/a", "abcd", 4), AGNER_OK);
    assert_int_equal(world->file_read(world->ctx, "/etc/a", 4, &b, NULL),
                     AGNER_OK);
    assert_int_equal(b.size, 4);
    assert_memory_equal(b.data, "abcd", 4);
    assert_int_equal(world->file_read(world->ctx, "/etc/b", 0, &b, NULL),
                     AGNER_OK);
    assert_int_equal(world->file_read(world->ctx, "/etc/a", 3, &b, &error),
                     AGNER_ELIMIT);
    assert_int_equal(sim_file_put(sim, "/etc/a", NULL, 0), AGNER_OK);
    assert_int_equal(world->file_read(world->ctx, "/etc/a", 9, &b, &error),
                     AGNER_ENONAME);
    assert_string_equal(error.text, "/etc/a: no such file");
    assert_int_equal(b.size, 4);
    etf_buffer_fini(&b);
    sim_free(sim);
}

static void expect_file(struct sim *sim, const char *path, const char *text)
{
    const struct rt_world *world = sim_world(sim);
    struct etf_buffer b = { .data = NULL };

    assert_int_equal(world->file_read(world->ctx, path, 100, &b, NULL),
                     AGNER_OK);
    assert_int_equal(b.size, strlen(text));
    assert_memory_equal(b.data, text, b.size);
    etf_buffer_fini(&b);
}

static void private_files_are_whole(void **state)
{
    struct sim *sim = sim_with(11, SIM_PICK_UNIFORM);
    const struct rt_world *world = sim_world(sim);
    struct agner_error error;
    char bytes[8];
    size_t size;
    int lock;

    (void)state;
    assert_int_equal(world->private_folder(world->ctx, "/keys", true, NULL),
                     AGNER_OK);
    assert_int_equal(world->private_lock(world->ctx, "/keys", &lock, NULL),
                     AGNER_OK);
    assert_int_equal(
        world->private_read(world->ctx, "/keys/a", bytes, 8, &size, &error),
        AGNER_ENONAME);
    assert_int_equal(
        world->private_write(world->ctx, "/keys/a", "abc", 3, true, NULL),
        AGNER_OK);
    assert_int_equal(
        world->private_write(world->ctx, "/keys/a", "xyz", 3, true, &error),
        AGNER_ETAKEN);
    assert_int_equal(
        world->private_read(world->ctx, "/keys/a", bytes, 8, &size, NULL),
        AGNER_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_int_equal(
        world->private_read(world->ctx, "/keys/a", bytes, 2, &size, &error),
        AGNER_ELIMIT);
    assert_int_equal(
        world->private_write(world->ctx, "/keys/a", NULL, 0, false, NULL),
        AGNER_OK);
    expect_file(sim, "/keys/a", "");
    world->private_unlock(world->ctx, lock);
    sim_free(sim);
}

static void what_is_written_is_in_the_files(void **state)
{
    struct sim_options options = { .file_error_ppm = 1000000 };
    struct sim *sim = sim_new(12, &options);
    const struct rt_world *world = sim_world(sim);
    struct rt_output_info info;
    struct rt_output *output;
    struct agner_error error;
    size_t written;

    (void)state;
    sim_faults(sim, false);
    assert_int_equal(sim_file_put(sim, "/log", "old ", 4), AGNER_OK);
    assert_int_equal(world->output_open(world->ctx, RT_OUTPUT_FILE, "/log",
                                        &output, &info, NULL),
                     AGNER_OK);
    assert_int_equal(info.size, 4);
    assert_false(info.terminal);
    assert_int_equal(
        world->output_write(world->ctx, output, "new", 3, 0, &written, NULL),
        AGNER_OK);
    assert_int_equal(written, 3);
    expect_file(sim, "/log", "old new");
    sim_faults(sim, true);
    assert_int_equal(
        world->output_write(world->ctx, output, "lost", 4, 0, &written, &error),
        AGNER_ESYSTEM);
    assert_int_equal(written, 0);
    sim_faults(sim, false);
    world->output_close(world->ctx, output);
    assert_int_equal(sim_file_put(sim, "/log.1", "older", 5), AGNER_OK);
    assert_int_equal(world->file_rename(world->ctx, "/log", "/log.1", NULL),
                     AGNER_OK);
    expect_file(sim, "/log.1", "old new");
    assert_int_equal(world->file_rename(world->ctx, "/log", "/log.1", &error),
                     AGNER_ENONAME);
    assert_int_equal(world->output_open(world->ctx, RT_OUTPUT_DATAGRAM, "/s",
                                        &output, &info, &error),
                     AGNER_ENOCONN);
    sim_free(sim);
}

static void the_wall_clock_jumps(void **state)
{
    struct sim *sim = sim_with(11, SIM_PICK_UNIFORM);
    const struct rt_world *world = sim_world(sim);
    uint64_t wall_ns = world->wall_ns(world->ctx);

    (void)state;
    sim_wall_jump(sim, -3600000);
    assert_int_equal(world->wall_ns(world->ctx), wall_ns - 3600000 * MS);
    sim_wall_jump(sim, 3600001);
    assert_int_equal(world->wall_ns(world->ctx), wall_ns + MS);
    assert_int_equal(world->thread_start(world->ctx, "none", NULL, NULL, NULL),
                     AGNER_ENOTSUP);
    sim_free(sim);
}

static void count_line(void *ctx, const char *text)
{
    unsigned *lines = ctx;

    if (strstr(text, "here I am") != NULL)
        *lines += 1000;
    ++*lines;
}

static void the_trace_shows_the_last_events(void **state)
{
    struct sim *sim = sim_with(12, SIM_PICK_UNIFORM);
    struct toy *toy = toy_new(sim, 100);
    unsigned lines = 0;
    uint64_t hash;

    (void)state;
    assert_true(sim_run(sim, 10));
    hash = sim_trace_hash(sim);
    sim_trace(sim, "here I am");
    assert_true(sim_trace_hash(sim) != hash);
    sim_trace_tail(sim, count_line, &lines);
    assert_int_equal(lines, 1256);
    toy_free(toy);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_jumps_to_the_next_deadline),
        cmocka_unit_test(a_wait_drives_until_its_deadline),
        cmocka_unit_test(a_wait_ends_when_its_word_changes),
        cmocka_unit_test(running_until_something_stops_there),
        cmocka_unit_test(steps_can_be_limited),
        cmocka_unit_test(a_seed_is_a_run),
        cmocka_unit_test(another_seed_is_another_run),
        cmocka_unit_test(the_program_and_the_world_draw_apart),
        cmocka_unit_test(priorities_run_one_until_it_is_demoted),
        cmocka_unit_test(the_starved_one_comes_last),
        cmocka_unit_test(stalls_take_time),
        cmocka_unit_test(files_are_what_was_put),
        cmocka_unit_test(private_files_are_whole),
        cmocka_unit_test(what_is_written_is_in_the_files),
        cmocka_unit_test(the_wall_clock_jumps),
        cmocka_unit_test(the_trace_shows_the_last_events),
    };

    return cmocka_run_group_tests_name("simulated world", tests, NULL, NULL);
}
