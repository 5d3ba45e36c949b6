/*
 * main.c -- the command line of a test: seeds, failures, cases.
 */
#include "sim_case.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_MAX   64u
#define SEEDS       100u
#define SHRINK_RUNS 5000u
#define SHRINK_S    60u

struct command {
    const struct sim_test *test;
    const char *program;
    uint64_t first, seeds, seconds, twice, shrink_seconds;
    const char *replay, *cases, *out;
    bool no_shrink, here, whole;
    uint64_t start_ns;
    /* So far. */
    uint64_t ran, steps, virtual_ns, failures;
};

static uint64_t real_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- A failure --------------------------------------------------------------
 */

static void print_result(const struct command *cmd, const char *what,
                         const struct sim_result *r)
{
    printf("%s: %s fails: %s: %s (step %" PRIu64 ", %.6f s)\n", cmd->test->name,
           what, r->name, r->text, r->steps, (double)r->now_ns / 1e9);
    (void)fflush(stdout);
}

static void write_case(const struct command *cmd, const struct sim_case *c,
                       uint64_t seed, uint64_t runs)
{
    char path[512];
    struct agner_error error;

    (void)snprintf(path, sizeof path, "%s/%s-%" PRIu64 ".case",
                   cmd->out == NULL ? "." : cmd->out, cmd->test->name, seed);
    if (sim_case_write(path, c, &error) != AGNER_OK) {
        printf("  %s\n", error.text);
        return;
    }
    printf("  made smaller in %" PRIu64 " runs: %zu items, a tape of %zu\n"
           "  again: %s --replay %s\n",
           runs, c->item_count, c->tape_count, cmd->program, path);
}

static void shrink(const struct command *cmd, uint64_t seed,
                   const struct sim_result *result)
{
    struct sim_budget budget = { .runs = SHRINK_RUNS,
                                 .ms = 1000 * cmd->shrink_seconds };
    struct sim_case c;
    uint64_t runs;

    if (sim_case_of(cmd->test, seed, &c) != AGNER_OK) {
        printf("  no memory to make it smaller\n");
        return;
    }
    (void)snprintf(c.fails, sizeof c.fails, "%s", result->name);
    runs = sim_case_shrink(cmd->test, &c, &budget);
    write_case(cmd, &c, seed, runs);
    sim_case_fini(&c);
}

static void report(struct command *cmd, uint64_t seed,
                   const struct sim_result *result)
{
    char what[40];

    (void)snprintf(what, sizeof what, "seed %" PRIu64, seed);
    print_result(cmd, what, result);
    printf("  again: GEN_SIM_SEED=%" PRIu64 " %s\n", seed, cmd->program);
    (void)fflush(stdout);
    cmd->failures++;
    if (!cmd->no_shrink)
        shrink(cmd, seed, result);
    (void)fflush(stdout);
}

/* ---- Seeds ----------------------------------------------------------------
 */

static bool run_seed(const struct command *cmd, uint64_t seed, bool quiet,
                     struct sim_result *result)
{
    struct sim_case c;
    enum agner_err err = sim_case_of(cmd->test, seed, &c);

    if (err == AGNER_OK && cmd->here)
        sim_test_here(cmd->test, &c, result);
    else if (err == AGNER_OK)
        err = sim_test_apart(cmd->test, &c, quiet, result, NULL, NULL);
    sim_case_fini(&c);
    if (err != AGNER_OK)
        printf("%s: seed %" PRIu64 ": %s\n", cmd->test->name, seed,
               agner_strerror(err));
    return err == AGNER_OK;
}

static void run_alone(struct command *cmd, uint64_t seed)
{
    struct sim_result result;

    if (!run_seed(cmd, seed, false, &result)) {
        cmd->failures++;
        return;
    }
    cmd->ran++;
    cmd->steps += result.steps;
    cmd->virtual_ns += result.now_ns;
    if (result.failed)
        report(cmd, seed, &result);
}

/* The seed of a batch that failed, if it does so alone too. */
static void find_failure(struct command *cmd, const struct sim_batch *batch)
{
    uint64_t first = batch->first + batch->done, last = first;
    struct sim_result result;

    if (strcmp(batch->result.name, "leak") == 0) { /* it may be any of them */
        first = batch->first;
        last = batch->first + batch->count - 1;
    }
    for (uint64_t seed = first; seed <= last; seed++)
        if (run_seed(cmd, seed, true, &result) && result.failed) {
            report(cmd, seed, &result);
            return;
        }
    print_result(cmd, "a seed, together with those before it,", &batch->result);
    printf("  among %" PRIu64 " to %" PRIu64 "\n", batch->first, last);
    cmd->failures++;
}

static bool is_time_up(const struct command *cmd)
{
    return cmd->seconds > 0 &&
           real_ns() - cmd->start_ns >= cmd->seconds * 1000000000u;
}

/* `left` of them were not run, since the time is over. */
static void leave_out(struct command *cmd, uint64_t left, const char *what)
{
    if (left == 0 || cmd->failures > 0)
        return;
    printf("%s: %" PRIu64 " %s not run in %" PRIu64 " s\n", cmd->test->name,
           left, what, cmd->seconds);
    cmd->failures += cmd->whole;
}

/* Batches grow as long as they are short. */
static void run_seeds(struct command *cmd)
{
    uint64_t seed = cmd->first, left = cmd->seeds, size = 1;

    while (left > 0 && cmd->failures == 0 && !is_time_up(cmd)) {
        struct sim_batch batch = { .first = seed,
                                   .count = size < left ? size : left };
        uint64_t from_ns = real_ns();

        if (sim__batch_apart(cmd->test, &batch) != AGNER_OK) {
            printf("%s: no process for seed %" PRIu64 "\n", cmd->test->name,
                   seed);
            cmd->failures++;
            return;
        }
        cmd->ran += batch.done;
        cmd->steps += batch.steps;
        cmd->virtual_ns += batch.now_ns;
        if (batch.result.failed)
            find_failure(cmd, &batch);
        if (real_ns() - from_ns < 1000000000u && size < BATCH_MAX)
            size *= 2;
        seed += batch.count;
        left -= batch.count;
    }
    leave_out(cmd, left, "seeds were");
}

/* The same seed is the same run, in another process too. */
static void run_twice(struct command *cmd)
{
    uint64_t i;

    for (i = 0; i < cmd->twice && !is_time_up(cmd); i++) {
        struct sim_result one, other;

        if (!run_seed(cmd, cmd->first + i, true, &one) ||
            !run_seed(cmd, cmd->first + i, true, &other) ||
            one.hash == other.hash)
            continue;
        printf("%s: seed %" PRIu64 ": two runs differ: %016" PRIx64
               " and %016" PRIx64 "\n",
               cmd->test->name, cmd->first + i, one.hash, other.hash);
        cmd->failures++;
    }
    leave_out(cmd, cmd->twice - i, "second runs were");
}

/* ---- Cases ----------------------------------------------------------------
 */

static bool run_case(struct command *cmd, const char *path, bool quiet)
{
    struct sim_result result;
    struct agner_error error;
    struct sim_case c;
    enum agner_err err = sim_case_read(path, &c, &error);

    if (err != AGNER_OK) {
        printf("%s: %s\n", path, error.text);
        return false;
    }
    if (strcmp(c.test, cmd->test->name) != 0) {
        sim_case_fini(&c);
        if (!quiet)
            printf("%s: a case of another test\n", path);
        return quiet;
    }
    if (cmd->here)
        sim_test_here(cmd->test, &c, &result);
    else
        err = sim_test_apart(cmd->test, &c, quiet, &result, NULL, NULL);
    sim_case_fini(&c);
    if (err != AGNER_OK) {
        printf("%s: %s\n", path, agner_strerror(err));
        return false;
    }
    if (result.failed)
        print_result(cmd, path, &result);
    else
        printf("%s: %s does not fail\n", cmd->test->name, path);
    cmd->ran++;
    cmd->steps += result.steps;
    cmd->virtual_ns += result.now_ns;
    return !result.failed;
}

static int is_case(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);

    return size > 5 && strcmp(entry->d_name + size - 5, ".case") == 0;
}

static void run_cases(struct command *cmd)
{
    struct dirent **entries;
    int count = scandir(cmd->cases, &entries, is_case, alphasort);

    if (count < 0) {
        printf("%s: cannot be read\n", cmd->cases);
        cmd->failures++;
        return;
    }
    for (int i = 0; i < count; i++) {
        char path[1024];

        (void)snprintf(path, sizeof path, "%s/%s", cmd->cases,
                       entries[i]->d_name);
        cmd->failures += !run_case(cmd, path, true);
        free(entries[i]);
    }
    free(entries);
}

/* ---- Arguments ------------------------------------------------------------
 */

static void usage(const struct command *cmd)
{
    printf(
        "%s [OPTION]...\n"
        "  --seeds N           so many seeds; 100\n"
        "  --first N           from this one on; 1\n"
        "  --seed N            this one alone; also GEN_SIM_SEED=N\n"
        "  --seconds N         no new ones after so long\n"
        "  --whole             ...which is a failure, if some are left then\n"
        "  --twice N           so many of them twice, to see that they are "
        "the same\n"
        "  --no-shrink         a failure is not made smaller\n"
        "  --shrink-seconds N  that may take so long; 60\n"
        "  --out DIR           where cases are written\n"
        "  --replay FILE       a case, with the last events if it fails\n"
        "  --cases DIR         all cases there are of this test\n"
        "  --here              in this process, for a debugger\n",
        cmd->program);
}

static bool read_number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool set_one_seed(struct command *cmd, const char *text)
{
    cmd->seeds = 1;
    return read_number(text, &cmd->first);
}

static bool read_option(struct command *cmd, const char *name,
                        const char *value)
{
    const struct {
        const char *name;
        uint64_t *number;
        const char **text;
    } options[] = {
        { "--seeds", &cmd->seeds, NULL },
        { "--first", &cmd->first, NULL },
        { "--seconds", &cmd->seconds, NULL },
        { "--twice", &cmd->twice, NULL },
        { "--shrink-seconds", &cmd->shrink_seconds, NULL },
        { "--out", NULL, &cmd->out },
        { "--replay", NULL, &cmd->replay },
        { "--cases", NULL, &cmd->cases },
    };

    if (strcmp(name, "--seed") == 0)
        return set_one_seed(cmd, value);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        if (options[i].text != NULL)
            *options[i].text = value;
        return options[i].text != NULL || read_number(value, options[i].number);
    }
    return false;
}

static bool read_arguments(struct command *cmd, int argc, char **argv)
{
    const char *seed = getenv("GEN_SIM_SEED");

    if (seed != NULL && !set_one_seed(cmd, seed))
        return false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-shrink") == 0)
            cmd->no_shrink = true;
        else if (strcmp(argv[i], "--whole") == 0)
            cmd->whole = true;
        else if (strcmp(argv[i], "--here") == 0)
            cmd->here = true;
        else if (i + 1 == argc || !read_option(cmd, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    return true;
}

static int finish(const struct command *cmd)
{
    double seconds = (double)(real_ns() - cmd->start_ns) / 1e9;

    printf("%s: %" PRIu64 " runs, %" PRIu64 " steps, %.0f virtual seconds in "
           "%.1f s: %" PRIu64 " failed\n",
           cmd->test->name, cmd->ran, cmd->steps, (double)cmd->virtual_ns / 1e9,
           seconds, cmd->failures);
    return cmd->failures > 0;
}

int sim_main(const struct sim_test *test, int argc, char **argv)
{
    struct command cmd = { .test = test,
                           .program = argc > 0 ? argv[0] : test->name,
                           .first = 1,
                           .seeds = SEEDS,
                           .shrink_seconds = SHRINK_S,
                           .start_ns = real_ns() };

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(&cmd);
        return 0;
    }
    if (!read_arguments(&cmd, argc, argv)) {
        usage(&cmd);
        return 2;
    }
    if (cmd.cases != NULL)
        run_cases(&cmd);
    if (cmd.replay != NULL) {
        cmd.failures += !run_case(&cmd, cmd.replay, false);
        return finish(&cmd);
    }
    if (cmd.seeds == 1)
        run_alone(&cmd, cmd.first);
    else
        run_seeds(&cmd);
    run_twice(&cmd);
    return finish(&cmd);
}
