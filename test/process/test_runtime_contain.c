/*
 * test_runtime_contain.c -- faults in callbacks: G42. Linked with the shared
 * library, since containment tells the library's code from the user's by that.
 *
 * What must end the program is tried in a child process: this program again,
 * with an argument.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <agner/rt.h>

#define WAIT_MS 60000u

static const char *self_path;
static int *volatile nowhere;
static volatile int zero;

static void write_nowhere(void)
{
    *nowhere = 1;
}

static void divide(void)
{
    zero = 7 / zero; /* of 1 the compiler knows better */
}

static int deep(volatile char *above)
{
    volatile char here[512];

    if (above[0] == 2)
        return 2; /* never */
    here[0] = above[0];
    return deep(here) + here[0];
}

static void overflow(void)
{
    volatile char start = 1;

    zero = deep(&start);
}

static void trap(void)
{
    __builtin_trap();
}

static void in_libc(void)
{
    size_t (*volatile length)(const char *) = strlen; /* not built in */

    zero = (int)length((const char *)nowhere);
}

static const struct fault {
    const char *name;
    void (*run)(void);
    const char *kind;
} faults[] = {
    { "write", write_nowhere, "segv" }, { "divide", divide, "fpe" },
    { "overflow", overflow, "segv" },   { "trap", trap, "ill" },
    { "libc", in_libc, NULL },
};

static enum rt_next on_message(struct gen *self, const struct rt_message *m)
{
    int64_t number;

    if (m->kind == RT_CALL && etf_get_int(m->term, &number)) {
        faults[number].run();
        (void)rt_reply(self, &m->from, ETF_A(ok));
    } else if (m->kind == RT_CALL) {
        (void)rt_reply(self, &m->from, m->term);
    }
    return RT_NEXT;
}

static const struct rt_behavior victim = { .name = "victim",
                                           .message = on_message };

static struct gen *open_runtime(struct rt **rt)
{
    struct rt_options options = { .workers = 2,
                                  .contain_crashes = true,
                                  .log_level = RT_LOG_ERROR };

    assert_int_equal(rt_new(&options, rt, NULL), AGNER_OK);
    return rt_attach(*rt);
}

static void fault_in(struct gen *self, unsigned number)
{
    etf_term reply = ETF_NONE, kind = ETF_NONE;
    etf_pid pid, other;
    uint64_t address;

    assert_int_equal(rt_start(self, &victim, etf_nil(), NULL, &pid, NULL),
                     AGNER_OK);
    assert_int_equal(rt_start(self, &victim, etf_nil(), NULL, &other, NULL),
                     AGNER_OK);
    assert_int_equal(rt_call(self, etf_from_pid(NULL, pid),
                             etf_int(rt_region(self), number), WAIT_MS, &reply),
                     AGNER_EEXIT);
    assert_true(etf_match(reply, "{crash, _, _}", &kind, &address));
    assert_true(etf_same(kind, etf_atom(faults[number].kind)));
    assert_false(rt_is_alive(rt_of(self), pid));
    /* Others go on. */
    assert_int_equal(
        rt_call(self, etf_from_pid(NULL, other), ETF_A(ok), WAIT_MS, &reply),
        AGNER_OK);
}

static void a_fault_in_a_callback_ends_its_process_only(void **state)
{
    struct gen *self;
    struct rt *rt;
    unsigned i, round;

    (void)state;
    self = open_runtime(&rt);
    for (round = 0; round < 5; round++)
        for (i = 0; faults[i].kind != NULL; i++)
            fault_in(self, i);
    rt_detach(self);
    rt_free(rt, 100);
}

static void child(void)
{
    struct rlimit none = { 0, 0 };
    struct gen *self;
    struct rt *rt, *second;
    etf_term reply;
    etf_pid pid;

    (void)setrlimit(RLIMIT_CORE, &none);
    alarm(100); /* a fault that comes again and again is no end */
    self = open_runtime(&rt);
    (void)open_runtime(&second);
    if (rt_start(self, &victim, etf_nil(), NULL, &pid, NULL) == AGNER_OK)
        (void)rt_call(self, etf_from_pid(NULL, pid),
                      etf_int(rt_region(self), 4), WAIT_MS, &reply);
    _exit(0);
}

static void a_fault_in_libc_ends_the_program(void **state)
{
    int status = 0;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl(self_path, self_path, "child", (char *)NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_in_a_callback_ends_its_process_only),
        cmocka_unit_test(a_fault_in_libc_ends_the_program),
    };

    self_path = argv[0];
    if (argc > 1) {
        child();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
