/*
 * cmd_sim.c -- agner sim: a test in the simulated world, many seeds of it.
 *
 * The test is somebody else's program, which has the simulation in it
 * (libagner-sim); or a shared object, which finds the rest of the library here.
 * Both read the same arguments: docs/simulation.md.
 */
#include "cli.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32u
#define NUMBER_SIZE   24u

static const struct option options[] = {
    { "seeds", 's', "N", "so many seeds (default 100)", OPTION_NUMBER,
      CLI_OPTION(seeds), 1, INT64_MAX, "seed" },
    { "first", 0, "N", "from this one on (default 1)", OPTION_NUMBER,
      CLI_OPTION(first), 0, INT64_MAX, "seed" },
    { "seed", 0, "N", "this one alone", OPTION_NUMBER, CLI_OPTION(seed), 0,
      INT64_MAX, NULL },
    { "seconds", 0, "N", "no new ones after so long", OPTION_NUMBER,
      CLI_OPTION(seconds), 1, INT64_MAX, NULL },
    { "whole", 0, NULL, "some that are left then are a failure", OPTION_FLAG,
      CLI_OPTION(whole), 0, 0, NULL },
    { "twice", 0, "N", "so many of them twice: are the runs the same?",
      OPTION_NUMBER, CLI_OPTION(twice), 1, INT64_MAX, NULL },
    { "no-shrink", 0, NULL, "a failure is not made smaller", OPTION_FLAG,
      CLI_OPTION(no_shrink), 0, 0, NULL },
    { "shrink-seconds", 0, "N", "that may take so long (default 60)",
      OPTION_NUMBER, CLI_OPTION(shrink_seconds), 1, INT64_MAX, "no-shrink" },
    { "out", 'o', "DIR", "where cases are written (default here)", OPTION_TEXT,
      CLI_OPTION(out), 0, 0, NULL },
    { "replay", 'r', "CASE", "a case, with the last events if it fails",
      OPTION_TEXT, CLI_OPTION(replay), 0, 0, NULL },
    { "cases", 0, "DIR", "all cases there, which must not fail", OPTION_TEXT,
      CLI_OPTION(cases), 0, 0, NULL },
    { "here", 0, NULL, "in this process, for a debugger", OPTION_FLAG,
      CLI_OPTION(here), 0, 0, NULL },
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* ---- Its arguments ----------------------------------------------------------
 */

struct arguments {
    char numbers[ARGUMENTS_MAX][NUMBER_SIZE];
    char *list[ARGUMENTS_MAX + 1]; /* ends with NULL */
    int count;
};

/* The vector of a program is of pointers that are not to const, and no program
 * of ours writes there. */
static void add(struct arguments *a, const char *text)
{
    a->list[a->count++] = (char *)(uintptr_t)text;
    a->list[a->count] = NULL;
}

static void add_number(struct arguments *a, const char *name, int64_t value)
{
    char *text = a->numbers[a->count];

    if (value == CLI_ABSENT)
        return;
    (void)snprintf(text, NUMBER_SIZE, "%" PRId64, value);
    add(a, name);
    add(a, text);
}

static void add_text(struct arguments *a, const char *name, const char *value)
{
    if (value == NULL)
        return;
    add(a, name);
    add(a, value);
}

static void add_all(struct arguments *a, const struct cli_options *o)
{
    add_number(a, "--seeds", o->seeds);
    add_number(a, "--first", o->first);
    add_number(a, "--seed", o->seed);
    add_number(a, "--seconds", o->seconds);
    add_number(a, "--twice", o->twice);
    add_number(a, "--shrink-seconds", o->shrink_seconds);
    add_text(a, "--out", o->out);
    add_text(a, "--replay", o->replay);
    add_text(a, "--cases", o->cases);
    if (o->whole)
        add(a, "--whole");
    if (o->no_shrink)
        add(a, "--no-shrink");
    if (o->here)
        add(a, "--here");
}

/* ---- Its file --------------------------------------------------------------
 */

enum kind { NOTHING, PROGRAM, SHARED_OBJECT };

/* A shared object is what names no loader, and is not at a fixed address. */
static enum kind kind_of_elf(FILE *file, const ElfW(Ehdr) * head)
{
    if (head->e_type == ET_EXEC)
        return PROGRAM;
    if (head->e_type != ET_DYN)
        return NOTHING;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        ElfW(Phdr) segment;
        long at = (long)(head->e_phoff + i * sizeof segment);

        if (fseek(file, at, SEEK_SET) != 0 ||
            fread(&segment, sizeof segment, 1, file) != 1)
            return NOTHING;
        if (segment.p_type == PT_INTERP)
            return PROGRAM;
    }
    return SHARED_OBJECT;
}

/* What is no ELF file may be a script. */
static enum kind kind_of(const char *path)
{
    ElfW(Ehdr) head;
    FILE *file = fopen(path, "re");
    enum kind kind = NOTHING;

    if (file == NULL)
        return NOTHING;
    if (fread(&head, sizeof head, 1, file) == 1 &&
        memcmp(head.e_ident, ELFMAG, SELFMAG) == 0)
        kind = kind_of_elf(file, &head);
    else if (access(path, X_OK) == 0)
        kind = PROGRAM;
    (void)fclose(file); /* nothing was written */
    return kind;
}

static int run_shared_object(struct cli *cli, const char *path,
                             struct arguments *a)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*test_main)(int argc, char **argv) = NULL;

    if (object == NULL)
        return cli_fail(cli, EXIT_REMOTE, "is it linked with libagner-sim?",
                        "%s", dlerror());
    *(void **)&test_main = dlsym(object, "sim_test_main");
    if (test_main == NULL)
        return cli_fail(cli, EXIT_REMOTE, "SIM_TEST(...) in one of its files",
                        "%s: there is no test in it", path);
    return test_main(a->count, a->list);
}

static int run(struct cli *cli)
{
    struct arguments a = { .count = 0 };
    char *path = realpath(cli->args[0], NULL);
    char name[600];

    if (path == NULL)
        return cli_fail(cli, EXIT_NOT_FOUND,
                        "the path of a program or a shared object", "%s: %s",
                        cli->args[0], strerror(errno));
    (void)snprintf(name, sizeof name, "agner sim %s", cli->args[0]);
    add(&a, name);
    add_all(&a, &cli->o);
    switch (kind_of(path)) {
    case NOTHING:
        return cli_fail(cli, EXIT_REMOTE,
                        "the path of a program or a shared object",
                        "%s: neither of them", cli->args[0]);
    case PROGRAM:
        a.list[0] = path;
        (void)execv(path, a.list);
        return cli_fail(cli, EXIT_REMOTE, "is it a program for this machine?",
                        "%s: %s", cli->args[0], strerror(errno));
    case SHARED_OBJECT:
        break;
    }
    return run_shared_object(cli, path, &a);
}

const struct command cmd_sim = {
    .name = "sim",
    .arguments = "FILE",
    .summary = "run a test in the simulated world, with many seeds",
    .example = "agner sim build/wallet_sim.so --seeds 1000\n"
               "agner sim build/wallet_sim.so --replay careless-17.case",
    .text = "FILE is a program, or a shared object, that was made with "
            "agner/sim_test.h. A seed for which the test fails is told, made "
            "smaller, and written as a case, which --replay runs again. The "
            "exit code is 1 then.",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
