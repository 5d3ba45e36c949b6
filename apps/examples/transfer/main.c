/*
 * main.c -- money between accounts on three nodes, and kill -9 in the middle.
 *
 *     example-transfer             one run of each kind, told
 *     example-transfer --runs N    N runs: each is killed at another write
 *
 * The program forks three children before it has any thread, each a node of its
 * own, and talks to them through pipes (node.c). In a run one of them, the
 * victim, ends itself with SIGKILL at one of its writes, before it is made or
 * after, and is started again; at times the new one too. In the end each
 * transfer must be committed or compensated, and each balance be what follows
 * from that.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "transfer.h"

#define PATIENCE_MS 60000 /* longer than any run should take */

/* Where a run kills. */
struct place {
    unsigned victim;
    unsigned write; /* 0: nowhere */
    bool after;
    unsigned again; /* the write of the second life; 0: none */
};

struct child {
    pid_t pid;
    int to, from;
    char line[200]; /* what came of the next line */
    size_t size;
    unsigned port; /* 0: it is not up */
    unsigned lives;
    unsigned writes;
};

static struct run {
    char folder[64];
    struct place place;
    struct child children[PARTS];
    unsigned kills;
    bool going, done;
    char told[200]; /* by the one that coordinates */
    char wrong[200];
} run;

static void wrong(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static void wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (run.wrong[0] == '\0')
        (void)vsnprintf(run.wrong, sizeof run.wrong, format, args);
    va_end(args);
}

/* ---- Children ------------------------------------------------------------ */

/* Where the next life of a child is to end. */
static unsigned kill_at(unsigned index)
{
    if (index != run.place.victim)
        return 0;
    return run.children[index].lives == 0   ? run.place.write
           : run.children[index].lives == 1 ? run.place.again
                                            : 0;
}

static void give_birth(unsigned index)
{
    struct child *child = &run.children[index];
    int to[2], from[2];

    if (pipe(to) != 0 || pipe(from) != 0) {
        perror("transfer");
        exit(EXIT_FAILURE);
    }
    child->pid = fork();
    if (child->pid == 0) {
        struct part part = { .index = index,
                             .folder = run.folder,
                             .kill_at = kill_at(index),
                             .after = run.place.after,
                             .in = to[0],
                             .out = from[1] };

        for (unsigned i = 0; i < PARTS; i++) {
            if (i != index && run.children[i].to > 0) {
                (void)close(run.children[i].to);
                (void)close(run.children[i].from);
            }
        }
        (void)close(to[1]);
        (void)close(from[0]);
        exit(part_run(&part));
    }
    (void)close(to[0]);
    (void)close(from[1]);
    child->to = to[1];
    child->from = from[0];
    child->port = 0;
    child->size = 0;
}

/* A child that is gone hears nothing; its end shows elsewhere. */
static void say(unsigned index, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(unsigned index, const char *format, ...)
{
    char line[200];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (write(run.children[index].to, line, (size_t)size) != size)
        return;
}

static bool all_are_up(void)
{
    for (unsigned i = 0; i < PARTS; i++) {
        if (run.children[i].port == 0)
            return false;
    }
    return true;
}

/* It is up, perhaps again: all learn where, and it learns where the others are.
 */
static void on_up(unsigned index, unsigned port)
{
    run.children[index].port = port;
    for (unsigned i = 0; i < PARTS; i++) {
        if (i == index || run.children[i].port == 0)
            continue;
        say(i, "route %s %u\n", part_names[index], port);
        say(index, "route %s %u\n", part_names[i], run.children[i].port);
    }
    if (all_are_up() && (index == 0 || !run.going)) {
        run.going = true;
        say(0, "go\n");
    }
    run.children[index].lives++;
}

static void on_line(unsigned index, const char *line)
{
    unsigned number;

    if (sscanf(line, "up %u", &number) == 1) {
        on_up(index, number);
    } else if (sscanf(line, "writes %u", &number) == 1) {
        run.children[index].writes = number;
    } else if (strncmp(line, "done ", 5) == 0) {
        (void)snprintf(run.told, sizeof run.told, "%s", line + 5);
        run.done = true;
    } else {
        wrong("%s", line);
    }
}

/* It ended: as it should, or there is something wrong. */
static void on_end(unsigned index)
{
    struct child *child = &run.children[index];
    int status;

    (void)close(child->to);
    (void)close(child->from);
    child->to = child->from = 0;
    if (waitpid(child->pid, &status, 0) != child->pid)
        wrong("a child that is lost");
    child->pid = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
        index == run.place.victim) {
        run.kills++;
        if (child->port == 0)
            child->lives++; /* it was never up */
        if (!run.done)
            give_birth(index);
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        wrong("%s ended with status %d", part_names[index], status);
    }
}

static void read_lines(unsigned index)
{
    struct child *child = &run.children[index];
    ssize_t size = read(child->from, child->line + child->size,
                        sizeof child->line - 1 - child->size);
    char *end;

    if (size <= 0) {
        on_end(index);
        return;
    }
    child->size += (size_t)size;
    child->line[child->size] = '\0';
    while ((end = strchr(child->line, '\n')) != NULL) {
        *end = '\0';
        on_line(index, child->line);
        child->size -= (size_t)(end + 1 - child->line);
        memmove(child->line, end + 1, child->size + 1);
    }
}

/* Until done() or something is wrong. */
static void listen_to_all(bool (*done)(void))
{
    while (run.wrong[0] == '\0' && !done()) {
        struct pollfd fds[PARTS];

        for (unsigned i = 0; i < PARTS; i++)
            fds[i] = (struct pollfd){ .fd = run.children[i].pid == 0
                                                ? -1
                                                : run.children[i].from,
                                      .events = POLLIN };
        if (poll(fds, PARTS, PATIENCE_MS) <= 0)
            wrong("nothing happens");
        for (unsigned i = 0; i < PARTS; i++) {
            if (fds[i].revents != 0)
                read_lines(i);
        }
    }
}

static bool is_done(void)
{
    return run.done;
}

static bool all_are_gone(void)
{
    for (unsigned i = 0; i < PARTS; i++) {
        if (run.children[i].pid != 0)
            return false;
    }
    return true;
}

/* ---- A run --------------------------------------------------------------- */

static void sweep(void)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[120];

    for (unsigned i = 0; i < PARTS; i++) {
        for (unsigned e = 0; e < 3; e++) {
            (void)snprintf(path, sizeof path, "%s/%u.store%s", run.folder, i,
                           ends[e]);
            (void)unlink(path);
        }
    }
    (void)rmdir(run.folder);
}

/* false: run.wrong says why, and run.folder is left as it was. */
static bool play(struct place place)
{
    memset(&run, 0, sizeof run);
    run.place = place;
    (void)snprintf(run.folder, sizeof run.folder, "/tmp/agner-transfer-XXXXXX");
    if (mkdtemp(run.folder) == NULL) {
        wrong("no folder");
        return false;
    }
    for (unsigned i = 0; i < PARTS; i++)
        give_birth(i);
    listen_to_all(is_done);
    for (unsigned i = 0; i < PARTS; i++) { /* the end of their input */
        if (run.children[i].pid != 0) {
            (void)close(run.children[i].to);
            run.children[i].to = -1;
        }
    }
    listen_to_all(all_are_gone);
    for (unsigned i = 0; i < PARTS; i++) {
        if (run.children[i].pid != 0) {
            (void)kill(run.children[i].pid, SIGKILL);
            (void)waitpid(run.children[i].pid, NULL, 0);
        }
    }
    if (run.wrong[0] != '\0')
        return false;
    sweep();
    return true;
}

static int tell_wrong(struct place place)
{
    (void)printf("%s killed %s write %u: %s; its files are in %s\n",
                 part_names[place.victim], place.after ? "after" : "before",
                 place.write, run.wrong, run.folder);
    return EXIT_FAILURE;
}

/* ---- Many ---------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The place of run `i` of `count`: all writes of all nodes, before and after,
 * evenly when there are fewer runs than places. */
static struct place place_of(unsigned i, unsigned count,
                             const unsigned writes[PARTS])
{
    unsigned places = 0, turn, at;
    struct place place = { .victim = 0 };

    for (unsigned p = 0; p < PARTS; p++)
        places += 2 * writes[p];
    at = count < places ? (unsigned)((uint64_t)i * places / count) : i % places;
    turn = i / places;
    for (; at >= 2 * writes[place.victim]; place.victim++)
        at -= 2 * writes[place.victim];
    place.write = 1 + at / 2;
    place.after = at % 2 == 1;
    if (turn % 2 == 1)
        place.again = 1 + turn / 2 % 6;
    return place;
}

static int play_many(unsigned count)
{
    unsigned writes[PARTS], kills = 0, places = 0;
    uint64_t start_ms = now_ms();

    if (!play((struct place){ .write = 0 }))
        return tell_wrong((struct place){ .write = 0 });
    for (unsigned p = 0; p < PARTS; p++) {
        writes[p] = run.children[p].writes;
        places += 2 * writes[p];
    }
    for (unsigned i = 0; i < count; i++) {
        struct place place = place_of(i, count, writes);

        if (!play(place))
            return tell_wrong(place);
        kills += run.kills;
    }
    (void)printf("%u runs, %u places, %u kills, %llu ms: each transfer is "
                 "committed or compensated, the money is all there\n",
                 count, places, kills,
                 (unsigned long long)(now_ms() - start_ms));
    return EXIT_SUCCESS;
}

static int play_once(struct place place, const char *what)
{
    unsigned committed, compensated;
    long long sum;

    (void)printf("%s: ", what);
    (void)fflush(stdout);
    if (!play(place))
        return tell_wrong(place);
    (void)sscanf(run.told, "%lld %u %u", &sum, &committed, &compensated);
    (void)printf("%u committed, %u compensated, %lld of %lld are there\n",
                 committed, compensated, sum, (long long)PARTS * OPENING);
    return EXIT_SUCCESS;
}

int main(int count, char **args)
{
    static const struct {
        struct place place;
        const char *what;
    } stories[] = {
        { { .write = 0 }, "five transfers between three nodes" },
        { { .victim = 0, .write = 9 }, "kill -9 of the one that coordinates" },
        { { .victim = 1, .write = 3, .after = true },
          "kill -9 of one with an account" },
    };
    int code = EXIT_SUCCESS;

    (void)signal(SIGPIPE, SIG_IGN);
    if (count == 3 && strcmp(args[1], "--runs") == 0)
        return play_many((unsigned)strtoul(args[2], NULL, 10));
    if (count != 1) {
        (void)fprintf(stderr, "usage: example-transfer [--runs N]\n");
        return 2;
    }
    for (size_t i = 0; i < 3 && code == EXIT_SUCCESS; i++)
        code = play_once(stories[i].place, stories[i].what);
    return code;
}
