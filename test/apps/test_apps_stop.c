/*
 * test_apps_stop.c -- a node with all that the command gives it, up and down:
 * afterwards no thread and no file descriptor of it remains (I11). That no
 * memory does is for the address sanitizer to say.
 */
#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agner_apps.h"
#include "rt_world.h"

#define LONG_MS 60000u /* a deadline that only a defect reaches */
#define CYCLES  3

static unsigned entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

/* The kernel forgets a thread a moment after who joined it goes on. */
static void expect_entries(const char *path, unsigned count)
{
    const struct rt_world *world = rt_world_real();
    uint64_t end_ns = world->now_ns(world->ctx) + LONG_MS * UINT64_C(1000000);

    while (entries(path) != count && world->now_ns(world->ctx) < end_ns)
        (void)sched_yield();
    assert_int_equal(entries(path), count);
}

/* Ends in any case, so that a failure does not leave a node behind. */
static enum agner_err run_applications(struct gen *self,
                                       struct agner_error *error)
{
    static const char *const names[] = { "counter", "echo", "shop" };
    static struct apps_loader_options options;
    enum agner_err err = apps_loader_start(self, &options, error);
    etf_term reply;

    for (size_t i = 0; i < 3 && err == AGNER_OK; i++)
        err = gen_application_ensure_all_started(
            self, names[i], GEN_APP_PERMANENT, GEN_APP_TEMPORARY, NULL, NULL,
            error);
    if (err == AGNER_OK)
        err = gen_call(self, etf_atom("counter"), etf_make(self, "{add, 1}"),
                       LONG_MS, &reply);
    return err;
}

static enum agner_err up_and_down(const char *socket, struct agner_error *error)
{
    struct node_options options = { .name = "stop@127.0.0.1",
                                    .cookie = "a cookie of the tests",
                                    .listen_host = "127.0.0.1",
                                    .epmd = NODE_EPMD_NONE };
    struct apps_control_options control_options = { .path = socket };
    struct apps_control *control = NULL;
    struct node *node;
    struct gen *self;
    enum agner_err err = node_start(&options, &node, error), stopped;

    if (err != AGNER_OK)
        return err;
    self = rt_attach(node_rt(node));
    control_options.node = node;
    control_options.world = rt_world_real();
    err = run_applications(self, error);
    if (err == AGNER_OK)
        err = apps_control_start(self, &control_options, &control, error);
    stopped = gen_applications_stop(self, LONG_MS);
    if (control != NULL)
        apps_control_stop(self, control);
    rt_detach(self);
    node_stop(node, 1000);
    return err != AGNER_OK ? err : stopped;
}

static void I11_nothing_of_a_node_remains(void **state)
{
    char dir[] = "/tmp/agner-stop-XXXXXX", socket[64];
    struct agner_error error = { AGNER_OK, "" };
    unsigned files = 0, threads = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(socket, sizeof socket, "%s/s", dir);
    for (int i = 0; i < CYCLES; i++) {
        if (up_and_down(socket, &error) != AGNER_OK)
            fail_msg("%s", error.text);
        if (i > 0) { /* the first one may open what the program keeps */
            assert_int_equal(entries("/proc/self/fd"), files);
            expect_entries("/proc/self/task", threads);
        }
        files = entries("/proc/self/fd");
        threads = entries("/proc/self/task");
    }
    assert_int_equal(access(socket, F_OK), -1);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I11_nothing_of_a_node_remains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
