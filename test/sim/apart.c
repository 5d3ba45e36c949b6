/*
 * apart.c -- runs in a process of their own: it may crash, hang, or leak.
 *
 * The two share a page or more of memory: the child writes there what came of
 * it, so that what it had is not lost when it ends itself. A simulation has one
 * thread, which is what makes fork() safe here; a program that has threads by
 * the time it calls sim_main() must not hold a lock in them that a run needs.
 */
#include "sim_case.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_world.h"

#define TAPE_MAX (UINT64_C(1) << 22) /* numbers: 32 MiB, used as they come */
#define HANG_S   120u /* of real time for one run; then it hangs */

/* Of the sanitizers and of gcov, where the program has them. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
void __gcov_dump(void) __attribute__((weak));

struct shared {
    struct sim_batch batch;
    size_t tape_count;
    uint64_t tape[];
};

static struct shared *share(bool tape)
{
    size_t size = sizeof(struct shared) + (tape ? TAPE_MAX * 8 : 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static void unshare_it(struct shared *shared, bool tape)
{
    (void)munmap(shared, sizeof *shared + (tape ? TAPE_MAX * 8 : 0));
}

/* Does not return. Exit handlers are the parent's. `leaks`: are they asked for?
 * To look for them takes longer than a short run. */
static void leave_child(struct shared *shared, bool leaks)
{
    struct sim_result *result = &shared->batch.result;

    if (leaks && !result->failed && &__lsan_do_recoverable_leak_check != NULL &&
        __lsan_do_recoverable_leak_check() != 0) {
        result->failed = true;
        (void)snprintf(result->name, sizeof result->name, "leak");
    }
    if (&__gcov_dump != NULL)
        __gcov_dump();
    (void)fflush(NULL);
    _exit(0);
}

static void be_quiet(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return; /* then it is heard */
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
}

/* Waits for the child; what it did not tell itself is seen from its end. */
static enum agner_err await(pid_t child, struct sim_result *result)
{
    int status = 0;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return AGNER_ESYSTEM;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return AGNER_OK;
    result->failed = true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(result->name, sizeof result->name, "hang");
    else if (WIFSIGNALED(status))
        (void)snprintf(result->name, sizeof result->name, "signal-%d",
                       WTERMSIG(status));
    else
        (void)snprintf(result->name, sizeof result->name, "exit-%d",
                       WEXITSTATUS(status));
    (void)snprintf(result->text, sizeof result->text, "its process ended: %s",
                   result->name);
    return AGNER_OK;
}

static pid_t start_child(void)
{
    (void)fflush(NULL); /* or the child writes it once more */
    return fork();
}

/* ---- One run ------------------------------------------------------------ */

static enum agner_err copy_tape(const struct shared *shared, uint64_t **tape,
                                size_t *count)
{
    *tape = NULL;
    *count = 0;
    if (shared->tape_count > TAPE_MAX)
        return AGNER_OK;
    *tape = calloc(shared->tape_count + 1, sizeof **tape);
    if (*tape == NULL)
        return AGNER_ENOMEM;
    *count = shared->tape_count;
    memcpy(*tape, shared->tape, *count * sizeof **tape);
    return AGNER_OK;
}

enum agner_err sim_test_apart(const struct sim_test *test,
                              const struct sim_case *c, bool quiet,
                              struct sim_result *result, uint64_t **tape,
                              size_t *tape_count)
{
    return sim__apart(test, c, quiet, true, result, tape, tape_count);
}

enum agner_err sim__apart(const struct sim_test *test, const struct sim_case *c,
                          bool quiet, bool leaks, struct sim_result *result,
                          uint64_t **tape, size_t *tape_count)
{
    struct shared *shared = share(tape != NULL);
    struct tape_place place = { .max = TAPE_MAX };
    enum agner_err err;
    pid_t child;

    if (shared == NULL)
        return AGNER_ENOMEM;
    place.values = shared->tape;
    place.count = &shared->tape_count;
    child = start_child();
    if (child == 0) {
        (void)alarm(HANG_S);
        if (quiet)
            be_quiet();
        sim__run(test, c, &shared->batch.result, tape == NULL ? NULL : &place,
                 !quiet);
        leave_child(shared, leaks);
    }
    err = child < 0 ? AGNER_ESYSTEM : await(child, &shared->batch.result);
    *result = shared->batch.result;
    if (err == AGNER_OK && tape != NULL)
        err = copy_tape(shared, tape, tape_count);
    unshare_it(shared, tape != NULL);
    return err;
}

/* ---- A batch of seeds ------------------------------------------------------
 */

static void run_batch(const struct sim_test *test, struct shared *shared)
{
    struct sim_batch *batch = &shared->batch;

    while (batch->done < batch->count && !batch->result.failed) {
        struct sim_result result;
        struct sim_case c;

        (void)alarm(HANG_S);
        if (sim_case_of(test, batch->first + batch->done, &c) != AGNER_OK)
            _exit(1);
        sim__run(test, &c, &result, NULL, false);
        batch->steps += result.steps;
        batch->now_ns += result.now_ns;
        if (result.failed) {
            batch->result = result;
            break;
        }
        sim_case_fini(&c);
        batch->done++;
    }
    leave_child(shared, true);
}

enum agner_err sim__batch_apart(const struct sim_test *test,
                                struct sim_batch *batch)
{
    struct shared *shared = share(false);
    enum agner_err err;
    pid_t child;

    if (shared == NULL)
        return AGNER_ENOMEM;
    shared->batch = *batch;
    child = start_child();
    if (child == 0)
        run_batch(test, shared);
    err = child < 0 ? AGNER_ESYSTEM : await(child, &shared->batch.result);
    *batch = shared->batch;
    unshare_it(shared, false);
    return err;
}
