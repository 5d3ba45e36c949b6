/*
 * test_behaviors_supervisor_memory.c -- failed allocations: each operation on a
 * supervisor with the first one failing, then the second, until it succeeds.
 *
 * The program's own malloc and its like are wrapped by the linker. Whatever
 * fails, the supervisor goes on or ends, and when it has ended nobody is left.
 */
#include "failing.h"
#include "members.h"

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing_now() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- Operations --------------------------------------------------------- */

static const struct gen_child_spec rows[] = {
    { .id = "a", .server = &member_server, .args = "a" },
    { .id = "b", .server = &member_server, .args = "b" },
};
static const struct gen_supervisor fixed = { .strategy = GEN_ONE_FOR_ALL,
                                             .intensity = 20,
                                             .children = rows,
                                             .child_count = 2 };
static const struct gen_supervisor simple = { .strategy =
                                                  GEN_SIMPLE_ONE_FOR_ONE,
                                              .intensity = 20,
                                              .children = rows,
                                              .child_count = 1 };

/* Each does one thing with a supervisor; the result is not looked at, since
 * the lack of memory may be anybody's. */
static void start_another(struct bed *bed, etf_term sup)
{
    etf_pid pid;

    (void)sup;
    if (gen_supervisor_start(bed->self, &fixed, etf_nil(), NULL, &pid, NULL) !=
        AGNER_OK)
        return;
    while (gen_server_stop(bed->self, etf_from_pid(NULL, pid), ETF_A(shutdown),
                           RT_INFINITY) != AGNER_ENOPROC)
        ; /* the first request may have found no memory */
}

static void start_child(struct bed *bed, etf_term sup)
{
    static const struct gen_child_spec row = { .id = "c",
                                               .server = &member_server,
                                               .args = "c" };

    (void)gen_start_child(bed->self, sup, &row, NULL, NULL);
}

static void start_alike(struct bed *bed, etf_term sup)
{
    (void)gen_start_child_args(bed->self, sup,
                               etf_make(bed->self, "[{x, \"a long one\"}]"),
                               NULL, NULL);
}

static void crash_one(struct bed *bed, etf_term sup)
{
    etf_term list, row;
    etf_pid pid;

    if (gen_which_children(bed->self, sup, &list) == AGNER_OK &&
        etf_list_next(&list, &row) &&
        etf_get_pid(etf_tuple_items(row)[1], &pid))
        (void)rt_exit_signal(bed->self, pid, etf_atom("boom"));
    members_run(bed, 100);
}

static void stop_child(struct bed *bed, etf_term sup)
{
    (void)gen_terminate_child(bed->self, sup, etf_atom("a"));
}

static void stop_all(struct bed *bed, etf_term sup)
{
    (void)gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY);
}

static const struct operation {
    const char *name;
    const struct gen_supervisor *table;
    void (*run)(struct bed *bed, etf_term sup);
} operations[] = {
    { "start", &fixed, start_another },
    { "start_child", &fixed, start_child },
    { "start_child of alike ones", &simple, start_alike },
    { "restart", &fixed, crash_one },
    { "terminate_child", &fixed, stop_child },
    { "stop", &fixed, stop_all },
    { "stop of alike ones", &simple, stop_all },
};

static void prepare(struct bed *bed, const struct operation *o, etf_pid *sup)
{
    members_open(bed, 1);
    assert_true(etf_get_pid(members_supervise(bed, o->table), sup));
    for (int i = 0; i < 3 && o->table == &simple; i++)
        assert_int_equal(
            gen_start_child_args(bed->self, etf_from_pid(NULL, *sup),
                                 members_term(bed, "[x]"), NULL, NULL),
            AGNER_OK);
    rt_reset(bed->self);
}

/* With the n-th allocation failing. Did one fail? */
static bool attempt(const struct operation *o, unsigned n)
{
    struct bed bed;
    etf_pid sup;

    prepare(&bed, o, &sup);
    failing_seen = false;
    failing_in = n;
    o->run(&bed, etf_from_pid(NULL, sup));
    failing_in = 0;
    (void)gen_server_stop(bed.self, etf_from_pid(NULL, sup), ETF_A(shutdown),
                          RT_INFINITY);
    members_run(&bed, 20000);
    if (members_alive(&bed) != 0)
        fail_msg("%s, allocation %u: %zu processes are left", o->name, n,
                 members_alive(&bed));
    members_close(&bed);
    return failing_seen;
}

static void leaves_nobody_when_memory_is_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        unsigned n = 1;

        while (attempt(&operations[i], n))
            n++;
        if (n == 1)
            fail_msg("%s: no allocation at all", operations[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_nobody_when_memory_is_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
