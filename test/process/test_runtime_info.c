/*
 * test_runtime_info.c -- what can be known of processes: all fields are real.
 * Source: spec/gen.md 1.2, 1.5.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "bed.h"

#define SEEDS 10

static const struct rt_process_info *look(struct bed *bed, etf_pid pid)
{
    static struct rt_process_info info;

    assert_int_equal(rt_process_info(bed->self, pid, &info), AGNER_OK);
    return &info;
}

static void expect_text(etf_term term, const char *text)
{
    char seen[300];

    assert_string_equal(etf_format(seen, sizeof seen, term), text);
}

/* A puppet does as it is told, and we know when it has. */
static void make_it(struct bed *bed, etf_pid pid, etf_term order)
{
    bed_order(bed, pid, "{do, _, _}", rt_self(bed->self), order);
    bed_expect(bed, "{done,ok}");
}

/* ---- Messages -------------------------------------------------------------*/

static bool is_stop(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_same(m, ETF_A(stop));
}

/* Leaves everything in its mailbox until `stop`; sees the end of `arg`. */
static void wait_for_stop(struct gen *self, void *arg)
{
    etf_pid *other = arg;
    etf_term message;
    etf_ref ref;

    (void)rt_trap_exit(self, true);
    (void)rt_link(self, *other);
    (void)rt_monitor(self, etf_from_pid(NULL, *other), 0, &ref);
    (void)rt_register_self(self, etf_atom("waits"));
    (void)rt_receive_match(self, is_stop, NULL, RT_INFINITY, &message);
}

static void messages_that_wait(struct bed *bed)
{
    etf_term to = etf_atom("waits"), list = ETF_NONE, m[5] = { ETF_NONE };
    etf_pid other = bed_puppet(bed, NULL), pid;
    struct rt_request id;

    assert_int_equal(rt_spawn(bed->self, wait_for_stop, &other, NULL, &pid),
                     AGNER_OK);
    while (rt_whereis(bed->rt, to, &pid) != AGNER_OK)
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    assert_int_equal(rt_send(bed->self, to, etf_make(bed->self, "{plain, 1}")),
                     AGNER_OK);
    assert_int_equal(rt_cast(bed->self, to, ETF_A(cast)), AGNER_OK);
    assert_int_equal(rt_request_send(bed->self, to, ETF_A(call), &id),
                     AGNER_OK);
    assert_int_equal(rt_process_messages(bed->self, pid, 100, &list), AGNER_OK);
    assert_true(etf_match(list,
                          "[{plain, 1}, {'$gen_cast', cast}, "
                          "{'$gen_call', {_, __}, call}]",
                          &m[0]));
    assert_true(etf_same(m[0], rt_self_term(bed->self)));
    assert_int_equal(rt_process_messages(bed->self, pid, 2, &list), AGNER_OK);
    expect_text(list, "[{plain,1},{'$gen_cast',cast}]");
    assert_int_equal(rt_process_messages(bed->self, pid, 0, &list), AGNER_OK);
    expect_text(list, "[]");
    /* Exits and downs; looking takes nothing. */
    bed_order(bed, other, "{exit, over}");
    assert_int_equal(rt_wait(bed->self, other, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_process_messages(bed->self, pid, 9, &list), AGNER_OK);
    assert_int_equal(etf_list_size(list), 5);
    assert_true(
        etf_match(list, "[_, _, _, _, _]", &m[0], &m[1], &m[2], &m[3], &m[4]));
    assert_true(etf_match(etf_is_tagged(m[3], ETF_A(EXIT), 3) ? m[3] : m[4],
                          "{'EXIT', __, over}"));
    assert_true(etf_match(etf_is_tagged(m[3], ETF_A(EXIT), 3) ? m[4] : m[3],
                          "{'DOWN', __, process, __, over}"));
    /* Of itself, and of the dead. */
    assert_int_equal(rt_send_pid(bed->self, rt_self(bed->self), ETF_A(yes)),
                     AGNER_OK);
    assert_int_equal(
        rt_process_messages(bed->self, rt_self(bed->self), 9, &list), AGNER_OK);
    expect_text(list, "[yes]");
    bed_expect(bed, "yes");
    assert_int_equal(rt_process_messages(bed->self, other, 9, &list),
                     AGNER_ENOPROC);
    assert_int_equal(rt_send(bed->self, to, ETF_A(stop)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    rt_request_abandon(bed->self, &id);
}

/* ---- Fields ---------------------------------------------------------------*/

static void fields(struct bed *bed)
{
    etf_pid me = rt_self(bed->self), other = bed_puppet(bed, NULL);
    etf_term app = etf_atom("app");
    struct rt_spawn_options options = {
        .name = etf_atom("one"),
        .priority = RT_PRIORITY_HIGH,
        .trap_exit = true,
        .label = "a puppet",
        .group_leader = &other,
        .env = etf_make(bed->self, "#{k => v}"),
    };
    etf_pid pid = bed_puppet(bed, &options);
    const struct rt_process_info *info;

    assert_int_equal(rt_application_leader(bed->rt, other, app), AGNER_OK);
    assert_int_equal(rt_register(bed->rt, etf_atom("two"), pid), AGNER_OK);
    make_it(bed, pid, etf_make(bed->self, "{link, _}", other));
    make_it(bed, pid, etf_make(bed->self, "{say, _, ok}", other));
    info = look(bed, pid);
    assert_true(etf_pid_equal(info->pid, pid));
    assert_true(etf_pid_equal(info->parent, me));
    assert_true(etf_pid_equal(info->group_leader, other));
    assert_true(etf_same(info->name, etf_atom("one")));
    expect_text(info->names, "[one,two]");
    assert_string_equal(info->behavior, "");
    assert_string_equal(info->label, "a puppet");
    assert_int_equal(info->priority, RT_PRIORITY_HIGH);
    assert_true(info->trap_exit);
    assert_int_equal(info->mailbox_count, 0);
    assert_int_equal(info->messages_in, 2);
    assert_int_equal(info->messages_out, 3); /* two answers, one message */
    assert_true(info->mailbox_peak >= 1);
    assert_true(info->memory_bytes > 128);
    assert_true(etf_same(info->application, app));
    expect_text(info->env, "#{k => v}");
    assert_int_equal(etf_list_size(info->links), 1);
    info = look(bed, other);
    assert_int_equal(etf_list_size(info->links), 1);
    assert_false(info->trap_exit);
    expect_text(info->env, "#{}");
    assert_true(etf_same(info->name, ETF_NONE));
    assert_int_equal(rt_application_leader(bed->rt, other, ETF_NONE), AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    {
        struct rt_process_info gone;

        assert_int_equal(rt_process_info(bed->self, pid, &gone), AGNER_ENOPROC);
    }
}

/* The status is what it was before one asked. */
static void statuses(struct bed *bed)
{
    uint64_t deadline = rt_now_ms(bed->rt) + WAIT_MS;
    etf_pid pid = bed_puppet(bed, NULL);
    struct rt_process_info info;

    do {
        (void)rt_sleep(bed->self, 1);
        assert_int_equal(rt_process_info(bed->self, pid, &info), AGNER_OK);
    } while (info.status != RT_STATUS_CALLING && rt_now_ms(bed->rt) < deadline);
    assert_int_equal(info.status, RT_STATUS_CALLING);
    assert_int_equal(look(bed, rt_self(bed->self))->status, RT_STATUS_RUNNING);
}

static void a_status_is_what_it_was_before_one_asked(void **state)
{
    (void)state;
    bed_everywhere(statuses, SEEDS);
}

static void every_field_is_real(void **state)
{
    (void)state;
    bed_everywhere(fields, SEEDS);
}

static void relations(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("named") };
    etf_pid pid = bed_puppet(bed, NULL), named = bed_puppet(bed, &options);
    const struct rt_process_info *info;
    etf_ref by_pid, by_name, alias;
    etf_term list, item;
    etf_pid who;

    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &by_pid),
                     AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_atom("named"), 0, &by_name),
                     AGNER_OK);
    assert_int_equal(rt_alias(bed->self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    info = look(bed, rt_self(bed->self));
    list = info->monitors;
    assert_true(etf_list_next(&list, &item));
    assert_true(etf_get_pid(item, &who));
    assert_true(etf_pid_equal(who, pid));
    assert_true(etf_list_next(&list, &item));
    expect_text(item, "{named,nonode@nohost}");
    assert_int_equal(etf_list_size(info->aliases), 1);
    info = look(bed, named);
    list = info->monitored_by;
    assert_true(etf_list_next(&list, &item) && etf_get_pid(item, &who));
    assert_true(etf_pid_equal(who, rt_self(bed->self)));
    assert_int_equal(etf_list_size(info->monitors), 0);
    /* By reference, from the side that has it and from the other. */
    assert_true(rt_is_monitor(bed->self, by_pid));
    assert_true(rt_is_alias(bed->self, alias));
    assert_false(rt_is_alias(bed->self, by_pid));
    assert_false(rt_is_monitor(bed->self, alias));
    assert_int_equal(rt_alias_find(bed->self, alias, &who), AGNER_OK);
    assert_true(etf_pid_equal(who, rt_self(bed->self)));
    assert_int_equal(rt_unalias(bed->self, alias), AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, by_pid, true), AGNER_OK);
    assert_false(rt_is_monitor(bed->self, by_pid));
    assert_false(rt_is_alias(bed->self, alias));
    assert_int_equal(rt_alias_find(bed->self, alias, &who), AGNER_ENOALIAS);
    assert_int_equal(rt_demonitor(bed->self, by_pid, true), AGNER_ENOREF);
}

static void relations_are_seen_from_both_ends(void **state)
{
    (void)state;
    bed_everywhere(relations, SEEDS);
}

/* Another process's alias and monitor are asked of it. */
static void of_others(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL), other = bed_puppet(bed, NULL);
    etf_term message;
    etf_ref ref;

    bed_order(bed, pid, "{do, _, {monitor, _}}", rt_self(bed->self), other);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{done, _}", &ref));
    assert_true(rt_is_monitor(bed->self, ref));
    bed_order(bed, pid, "{do, _, {demonitor, _}}", rt_self(bed->self), ref);
    bed_expect(bed, "{done,ok}");
    assert_false(rt_is_monitor(bed->self, ref));
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    assert_false(rt_is_monitor(bed->self, ref));
}

static void a_reference_is_known_to_whose_it_is(void **state)
{
    (void)state;
    bed_everywhere(of_others, SEEDS);
}

static void counts(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL);
    int i;

    for (i = 0; i < 50; i++)
        bed_order(bed, pid, "nothing");
    bed_order(bed, pid, "{do, _, {trap, false}}", rt_self(bed->self));
    bed_expect(bed, "{done,ok}");
    assert_int_equal(look(bed, pid)->messages_in, 51);
    assert_int_equal(look(bed, pid)->reductions, 51);
    assert_true(look(bed, pid)->mailbox_peak >= 1);
    assert_true(look(bed, pid)->mailbox_peak <= 51);
    /* One that lets them lie sees them all at once. */
    for (i = 0; i < 7; i++)
        (void)rt_send_pid(bed->self, rt_self(bed->self), ETF_A(ok));
    assert_int_equal(look(bed, rt_self(bed->self))->mailbox_peak, 7);
    assert_int_equal(look(bed, rt_self(bed->self))->mailbox_count, 7);
}

static void messages_are_counted(void **state)
{
    (void)state;
    bed_everywhere(counts, SEEDS);
}

/* ---- Time on a worker -----------------------------------------------------*/

static atomic_bool enough;

static void spins(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
    while (!atomic_load(&enough))
        if (rt_check(self) != AGNER_OK)
            return;
}

/* The time of one that computes grows; that of one that waits does not. */
static void time_goes_to_who_runs(void **state)
{
    struct rt_process_info busy, idle;
    struct rt_options options = { .workers = 2 };
    uint64_t deadline;
    etf_pid pid, waits;
    struct bed bed;

    (void)state;
    atomic_store(&enough, false);
    bed_open_with(&bed, 0, options, NULL);
    waits = bed_puppet(&bed, NULL);
    assert_int_equal(rt_spawn(bed.self, spins, NULL, NULL, &pid), AGNER_OK);
    deadline = rt_now_ms(bed.rt) + WAIT_MS;
    do {
        (void)rt_sleep(bed.self, 5);
        assert_int_equal(rt_process_glance(bed.rt, pid, &busy), AGNER_OK);
        /* Its first slice may have been long: the machine stood still. */
        assert_int_equal(rt_process_glance(bed.rt, waits, &idle), AGNER_OK);
    } while (busy.run_ms < idle.run_ms + 30 && rt_now_ms(bed.rt) < deadline);
    assert_true(busy.run_ms >= idle.run_ms + 30);
    atomic_store(&enough, true);
    assert_int_equal(rt_wait(bed.self, pid, WAIT_MS), AGNER_OK);
    bed_close(&bed);
}

/* ---- Pages ----------------------------------------------------------------*/

static void pages(struct bed *bed)
{
    etf_pid page[4], last = { 0 };
    struct rt_stats stats;
    size_t count, seen = 0;
    int i;

    for (i = 0; i < 10; i++)
        (void)bed_puppet(bed, NULL);
    do {
        count = rt_process_list(bed->rt, last, page, 4);
        for (size_t k = 0; k < count; k++) {
            assert_true(etf_compare(etf_from_pid(NULL, page[k]),
                                    etf_from_pid(NULL, last)) > 0 ||
                        etf_pid_is_none(last));
            assert_true(rt_is_alive(bed->rt, page[k]));
            last = page[k];
        }
        seen += count;
    } while (count == 4);
    rt_stats(bed->rt, &stats);
    assert_int_equal(seen, stats.processes);
    assert_int_equal(rt_process_list(bed->rt, last, page, 4), 0);
}

static void processes_come_in_pages_in_order(void **state)
{
    (void)state;
    bed_everywhere(pages, SEEDS);
}

/* ---- Names ----------------------------------------------------------------*/

static void own_names(struct bed *bed)
{
    etf_term mine = etf_atom("mine"), theirs = etf_atom("theirs");
    struct rt_spawn_options options = { .name = theirs };
    etf_pid pid = bed_puppet(bed, &options), owner = { 0 };
    char name[16], text[2000], *at = text;
    int i;

    assert_int_equal(rt_register_self(bed->self, mine), AGNER_OK);
    assert_int_equal(rt_register_self(bed->self, theirs), AGNER_ETAKEN);
    assert_int_equal(rt_register_self(bed->self, ETF_A(undefined)),
                     AGNER_EINVAL);
    assert_int_equal(rt_unregister_self(bed->self, theirs), AGNER_EOWNER);
    assert_int_equal(rt_unregister_self(bed->self, etf_atom("nobodys")),
                     AGNER_ENONAME);
    assert_int_equal(rt_unregister_self(bed->self, mine), AGNER_OK);
    assert_int_equal(rt_unregister_self(bed->self, mine), AGNER_ENONAME);
    assert_int_equal(rt_unregister_any(bed->rt, theirs, &owner), AGNER_OK);
    assert_true(etf_pid_equal(owner, pid));
    assert_int_equal(rt_unregister_any(bed->rt, theirs, &owner), AGNER_ENONAME);
    /* As many as one likes, and all are told. */
    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(rt_register_self(bed->self, etf_atom(name)), AGNER_OK);
        at += snprintf(at, (size_t)(text + sizeof text - at), "%sn%d",
                       i == 0 ? "[" : ",", i);
    }
    snprintf(at, (size_t)(text + sizeof text - at), "]");
    {
        char seen[2000];

        etf_format(seen, sizeof seen, look(bed, rt_self(bed->self))->names);
        assert_string_equal(seen, text);
    }
}

static void a_process_names_itself(void **state)
{
    (void)state;
    bed_everywhere(own_names, 2);
}

static void messages_are_seen_where_they_wait(void **state)
{
    (void)state;
    bed_everywhere(messages_that_wait, SEEDS);
}

/* It is a glance, a label and the memory, and leaves nothing with who asks. */
static void brief_looks(struct bed *bed)
{
    const struct rt_spawn_options options = { .label = "a puppet" };
    etf_pid pid = bed_puppet(bed, &options), me = rt_self(bed->self);
    size_t used = etf_region_used(rt_region(bed->self));
    struct rt_process_info info;
    struct rt_stats before, after;

    assert_int_equal(rt_process_brief(bed->self, pid, &info), AGNER_OK);
    rt_stats(bed->rt, &before);
    for (unsigned i = 0; i < 20000; i++)
        assert_int_equal(rt_process_brief(bed->self, pid, &info), AGNER_OK);
    rt_stats(bed->rt, &after);
    assert_true(after.memory_bytes - before.memory_bytes < 1000000);
    assert_int_equal(etf_region_used(rt_region(bed->self)), used);
    assert_true(etf_pid_equal(info.pid, pid));
    assert_true(etf_pid_equal(info.parent, me));
    assert_string_equal(info.label, "a puppet");
    assert_true(info.memory_bytes > 0);
    assert_int_equal(rt_process_brief(bed->self, me, &info), AGNER_OK);
    assert_true(info.memory_bytes > 0);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_process_brief(bed->self, pid, &info), AGNER_ENOPROC);
}

static void a_brief_look_leaves_nothing(void **state)
{
    (void)state;
    bed_everywhere(brief_looks, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_real),
        cmocka_unit_test(a_status_is_what_it_was_before_one_asked),
        cmocka_unit_test(relations_are_seen_from_both_ends),
        cmocka_unit_test(a_reference_is_known_to_whose_it_is),
        cmocka_unit_test(messages_are_counted),
        cmocka_unit_test(time_goes_to_who_runs),
        cmocka_unit_test(processes_come_in_pages_in_order),
        cmocka_unit_test(a_process_names_itself),
        cmocka_unit_test(messages_are_seen_where_they_wait),
        cmocka_unit_test(a_brief_look_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
