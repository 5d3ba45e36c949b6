/*
 * test_runtime_memory.c -- failed allocations: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. For each
 * operation the first allocation fails, then the second, until it succeeds:
 * each time it says AGNER_ENOMEM, or it has done what it should without that
 * memory, and what can be seen of the process is as before.
 */
#include "bed.h"

#include "failing.h"
#include "rt_carrier.h"

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failing_now() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- Operations -------------------------------------------------------------
 */

/* What they use; `text` is a term of some size. */
struct desk {
    struct gen *self;
    etf_pid puppet;
    etf_term text;
};

/* Takes what has come. */
static void drain(struct desk *d)
{
    etf_term message;

    while (rt_receive(d->self, 0, &message) == AGNER_OK)
        continue;
}

static enum agner_err op_send(struct desk *d)
{
    return rt_send_pid(d->self, d->puppet, d->text);
}

static enum agner_err op_box(struct desk *d)
{
    struct etf_box *box = etf_box_new(d->text);

    if (box == NULL)
        return AGNER_ENOMEM;
    return rt_send_box(d->self, etf_from_pid(NULL, d->puppet), box);
}

static enum agner_err op_post(struct desk *d)
{
    return rt_post(rt_of(d->self), etf_from_pid(NULL, d->puppet), d->text);
}

static enum agner_err op_link(struct desk *d)
{
    enum agner_err err = rt_link(d->self, d->puppet);

    if (err != AGNER_OK)
        return err;
    err = rt_unlink(d->self, d->puppet);
    if (err == AGNER_OK)
        return AGNER_OK;
    failing_in = 0; /* then they are linked as before */
    assert_int_equal(rt_unlink(d->self, d->puppet), AGNER_OK);
    return err;
}

static enum agner_err op_monitor(struct desk *d)
{
    etf_ref ref;
    enum agner_err err = rt_monitor(d->self, etf_from_pid(NULL, d->puppet),
                                    RT_MONITOR_ALIAS, &ref);

    if (err != AGNER_OK)
        return err;
    (void)rt_unalias(d->self, ref);
    return rt_demonitor(d->self, ref, true);
}

static enum agner_err op_alias(struct desk *d)
{
    etf_ref ref;
    enum agner_err err = rt_alias(d->self, RT_ALIAS_EXPLICIT, &ref);

    return err == AGNER_OK ? rt_unalias(d->self, ref) : err;
}

static enum agner_err op_timer(struct desk *d)
{
    struct rt_timer timer;
    enum agner_err err =
        rt_send_after(d->self, rt_self_term(d->self), d->text, 100000, &timer);

    return err == AGNER_OK ? rt_cancel_timer(d->self, &timer, NULL) : err;
}

static enum agner_err op_request(struct desk *d)
{
    struct rt_request id;
    enum agner_err err =
        rt_request_send(d->self, etf_from_pid(NULL, d->puppet), d->text, &id);

    if (err == AGNER_OK)
        rt_request_abandon(d->self, &id);
    return err;
}

static enum agner_err op_name(struct desk *d)
{
    struct rt *rt = rt_of(d->self);
    enum agner_err err = rt_register(rt, etf_atom("a_name"), rt_self(d->self));

    return err == AGNER_OK ? rt_unregister(rt, etf_atom("a_name")) : err;
}

static void ends_at_once(struct gen *self, void *arg)
{
    (void)self;
    (void)arg;
}

static enum agner_err op_spawn(struct desk *d)
{
    struct rt_spawn_options options = { .mailbox_max = 5,
                                        .label = "child",
                                        .env = etf_make(d->self, "#{a => b}"),
                                        .lifetime_ms = 100000,
                                        .name = etf_atom("child"),
                                        .link = true,
                                        .monitor = true };
    etf_ref ref;
    etf_pid pid;
    enum agner_err err;

    options.monitor_ref = &ref;
    err = rt_spawn(d->self, ends_at_once, NULL, &options, &pid);
    if (err != AGNER_OK)
        return err;
    failing_in = 0;
    assert_int_equal(rt_unlink(d->self, pid), AGNER_OK);
    assert_int_equal(rt_demonitor(d->self, ref, true), AGNER_OK);
    assert_int_equal(rt_wait(d->self, pid, WAIT_MS), AGNER_OK);
    return AGNER_OK;
}

static enum rt_next init_ok(struct gen *self, etf_term args)
{
    (void)self;
    (void)args;
    return RT_NEXT;
}

static enum rt_next no_message(struct gen *self, const struct rt_message *m)
{
    (void)self;
    (void)m;
    return RT_NEXT;
}

static const struct rt_behavior behavior = {
    .name = "any", .state_size = 100, .init = init_ok, .message = no_message
};

static enum agner_err op_start(struct desk *d)
{
    struct rt_spawn_options options = { .link = true, .monitor = true };
    etf_ref ref;
    etf_pid pid;
    enum agner_err err;

    options.monitor_ref = &ref;
    err = rt_start_nowait(d->self, &behavior, d->text, &options, &pid);
    if (err != AGNER_OK)
        return err;
    failing_in = 0;
    assert_int_equal(rt_unlink(d->self, pid), AGNER_OK);
    assert_int_equal(rt_demonitor(d->self, ref, true), AGNER_OK);
    assert_int_equal(rt_exit_signal(d->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(d->self, pid, WAIT_MS), AGNER_OK);
    return AGNER_OK;
}

static enum agner_err op_signal(struct desk *d)
{
    return rt_exit_signal(d->self, d->puppet, ETF_A(normal));
}

static enum agner_err op_nodes(struct desk *d)
{
    enum agner_err err = rt_monitor_nodes(d->self, true);

    return err == AGNER_OK ? rt_monitor_nodes(d->self, false) : err;
}

static enum agner_err op_env(struct desk *d)
{
    etf_term key = etf_atom("key");
    enum agner_err err = rt_env_set(d->self, key, d->text);

    return err == AGNER_OK ? rt_env_set(d->self, key, ETF_NONE) : err;
}

static enum agner_err op_layer(struct desk *d)
{
    etf_term key = etf_atom("key");
    enum agner_err err = rt_env_put(rt_of(d->self), key, key, d->text);

    return err == AGNER_OK ? rt_env_put(rt_of(d->self), key, key, ETF_NONE)
                           : err;
}

static enum agner_err op_leader(struct desk *d)
{
    enum agner_err err =
        rt_set_group_leader(d->self, d->puppet, rt_self(d->self));

    if (err == AGNER_OK)
        err = rt_set_group_leader(d->self, rt_self(d->self), d->puppet);
    return err == AGNER_OK ? rt_application_leader(rt_of(d->self), d->puppet,
                                                   etf_atom("app"))
                           : err;
}

static enum agner_err op_behavior(struct desk *d)
{
    return rt_behavior_register(rt_of(d->self), "group", etf_atom("name"), d,
                                NULL, NULL);
}

static enum agner_err op_event(struct desk *d)
{
    struct rt_event_options options = { .notify = true, .buffer = 2 };
    etf_term name = etf_atom("event"), last;
    etf_ref token, ref;
    enum agner_err err = rt_event_register(d->self, name, &options, &token);

    if (err != AGNER_OK)
        return err;
    err = rt_event_send(d->self, name, token, d->text);
    if (err == AGNER_OK)
        err = rt_event_monitor(d->self, name, &ref, &last);
    if (err == AGNER_OK)
        err = rt_event_send(d->self, name, token, d->text);
    if (err == AGNER_OK)
        (void)rt_demonitor(d->self, ref, true);
    failing_in = 0;
    (void)rt_event_unregister(d->self, name);
    drain(d);
    return err;
}

static enum agner_err op_after(struct desk *d)
{
    struct rt_timer timer;
    enum agner_err err =
        rt_apply_after(d->self, ends_at_once, NULL, 100000, &timer);

    if (err != AGNER_OK)
        return err;
    (void)rt_cancel_timer(d->self, &timer, NULL);
    err =
        rt_exit_after(d->self, rt_self_term(d->self), d->text, 100000, &timer);
    return err == AGNER_OK ? rt_cancel_timer(d->self, &timer, NULL) : err;
}

static enum agner_err op_tag(struct desk *d)
{
    etf_ref ref;
    enum agner_err err =
        rt_monitor_tagged(d->self, etf_from_pid(NULL, d->puppet),
                          RT_MONITOR_ALIAS, d->text, &ref);

    if (err != AGNER_OK)
        return err;
    (void)rt_unalias(d->self, ref);
    return rt_demonitor(d->self, ref, true);
}

static void nothing_more(struct gen *self, etf_term module, etf_term function,
                         etf_term args, void *data)
{
    (void)self;
    (void)module;
    (void)function;
    (void)args;
    (void)data;
}

static const struct rt_remote nothing_remote = { .run = nothing_more,
                                                 .max = 9 };

static enum agner_err offer(struct desk *d)
{
    return rt_behavior_register(rt_of(d->self), RT_GROUP_REMOTE,
                                etf_atom("nothing"), &nothing_remote, NULL,
                                NULL);
}

static void never_runs(struct rt_hook *hook, struct rt *rt)
{
    (void)hook;
    (void)rt;
}

static enum agner_err op_hook(struct desk *d)
{
    struct rt_hook hook = { .run = never_runs };
    enum agner_err err = rt_hook_add(d->self, &hook);

    assert_int_equal(rt_hook_remove(rt_of(d->self), &hook), err == AGNER_OK);
    return err;
}

/* Without memory nothing was begun; with it, nothing can fail any more. */
static enum agner_err op_wait(struct desk *d)
{
    struct rt_waiter w[3];
    enum agner_err err = rt_wait_begin(d->self, w, 3);

    if (err != AGNER_OK)
        return err;
    failing_in = 1;
    rt_wake(rt_of(d->self), d->self, &w[1]);
    assert_int_equal(rt_wait_block(d->self, RT_INFINITY), AGNER_OK);
    rt_wait_end(d->self, w, 3);
    assert_int_equal(failing_in, 1);
    return AGNER_OK;
}

static etf_term shows_text(const struct rt_figures *figures,
                           struct etf_region *r)
{
    (void)figures;
    return etf_make(r, "{_, _, _, _}", (int64_t)1, INT64_MAX, INT64_MAX,
                    INT64_MAX);
}

static enum agner_err op_figures(struct desk *d)
{
    struct rt_figures figures = { .kind = "text", .show = shows_text };
    struct etf_region *r = etf_region_new(0);
    etf_term list;

    if (r == NULL)
        return AGNER_ENOMEM;
    figures.pid = d->puppet;
    rt_figures_add(rt_of(d->self), &figures);
    list = rt_figures_list(rt_of(d->self), r, "text");
    rt_figures_remove(rt_of(d->self), &figures);
    etf_region_free(r);
    return etf_is_none(list) ? AGNER_ENOMEM : AGNER_OK;
}

/* On this node, where the request and its service are one. */
static enum agner_err op_spawn_node(struct desk *d)
{
    struct rt_remote_spawn_options options = { .link = true, .monitor = true };
    etf_term nothing = etf_atom("nothing");
    enum agner_err err = offer(d);
    etf_ref ref;
    etf_pid pid;

    options.monitor_ref = &ref;
    if (err == AGNER_OK)
        err = rt_spawn_node(d->self, rt_node(rt_of(d->self)).name, nothing,
                            nothing, etf_make(d->self, "[_]", d->text),
                            &options, &pid, NULL);
    if (err != AGNER_OK)
        return err == AGNER_ELIMIT ? AGNER_ENOMEM : err; /* refused there */
    failing_in = 0;
    assert_int_equal(rt_unlink(d->self, pid), AGNER_OK);
    (void)rt_demonitor(d->self, ref, true);
    assert_int_equal(rt_wait(d->self, pid, WAIT_MS), AGNER_OK);
    return AGNER_OK;
}

/* Each request that is taken has one outcome. */
static enum agner_err op_spawn_request(struct desk *d)
{
    struct rt_remote_spawn_options options = { .monitor = true };
    etf_term nothing = etf_atom("nothing"), message;
    enum agner_err err = offer(d);
    etf_ref id, seen;
    etf_pid pid;

    options.further = etf_make(d->self, "[{reply_tag, _}]", d->text);
    if (err == AGNER_OK)
        err = rt_spawn_request(d->self, rt_node(rt_of(d->self)).name, nothing,
                               nothing, etf_nil(), &options, &id);
    if (err != AGNER_OK)
        return err;
    assert_int_equal(rt_receive(d->self, WAIT_MS, &message), AGNER_OK);
    failing_in = 0;
    if (etf_match(message, "{__, _, ok, _}", &seen, &pid)) {
        (void)rt_demonitor(d->self, id, true);
        assert_int_equal(rt_wait(d->self, pid, WAIT_MS), AGNER_OK);
    } else {
        assert_true(etf_match(message, "{__, _, error, __}", &seen));
    }
    assert_true(etf_ref_equal(seen, id));
    return AGNER_OK;
}

/* ---- Failing each -----------------------------------------------------------
 */

struct sight {
    int64_t links, monitors, aliases, names;
    uint64_t mailbox, processes;
};

static void look(struct bed *bed, struct sight *sight)
{
    struct rt_process_info info;
    struct rt_stats stats;

    assert_int_equal(rt_process_info(bed->self, rt_self(bed->self), &info),
                     AGNER_OK);
    rt_stats(bed->rt, &stats);
    *sight = (struct sight){ .links = etf_list_size(info.links),
                             .monitors = etf_list_size(info.monitors),
                             .aliases = etf_list_size(info.aliases),
                             .names = etf_list_size(info.names),
                             .mailbox = info.mailbox_count,
                             .processes = stats.processes };
}

static void fail_each(enum agner_err (*run)(struct desk *d))
{
    struct sight before, after;
    struct bed bed;
    unsigned n;
    bool ok = false;

    for (n = 1; !ok; n++) {
        struct desk d;
        enum agner_err err;

        /* A fresh runtime: nothing is there already. */
        bed_open(&bed, 7);
        d = (struct desk){ .self = bed.self,
                           .puppet = bed_puppet(&bed, NULL),
                           .text = etf_make(bed.self, "{some, [1, 2, 3]}") };
        (void)sim_run(bed.sim, 10);
        look(&bed, &before);
        failing_seen = false;
        failing_in = n;
        err = run(&d);
        failing_in = 0;
        ok = !failing_seen;
        if (err != AGNER_OK && (err != AGNER_ENOMEM || ok))
            fail_msg("allocation %u: %s", n, agner_strerror(err));
        (void)sim_run(bed.sim, 10);
        look(&bed, &after);
        assert_memory_equal(&before, &after, sizeof before);
        assert_true(rt_is_alive(bed.rt, d.puppet));
        bed_close(&bed);
        assert_true(n < 100);
    }
}

#define CASE(name) \
    static void name##_fails_whole(void **state) \
    { \
        (void)state; \
        fail_each(op_##name); \
    }
CASE(send)
CASE(box)
CASE(post)
CASE(link)
CASE(monitor)
CASE(alias)
CASE(timer)
CASE(request)
CASE(name)
CASE(spawn)
CASE(start)
CASE(signal)
CASE(nodes)
CASE(env)
CASE(layer)
CASE(leader)
CASE(behavior)
CASE(event)
CASE(after)
CASE(tag)
CASE(hook)
CASE(wait)
CASE(figures)
CASE(spawn_node)
CASE(spawn_request)

/* What a carrier heard. */
struct replies {
    int count;
    bool made;
};

static enum agner_err note_reply(void *ctx, struct gen *self,
                                 const struct rt_signal *signal)
{
    struct replies *replies = ctx;
    etf_pid pid;

    (void)self;
    if (signal->kind != RT_SIGNAL_SPAWN_REPLY)
        return AGNER_OK;
    replies->count++;
    replies->made = etf_get_pid(signal->payload, &pid);
    assert_true(replies->made || etf_atom_is(signal->payload, "system_limit"));
    return AGNER_OK;
}

/* Another node's request is answered once, with a process or without. */
static void a_far_spawn_request_fails_whole(void **state)
{
    unsigned n;
    bool ok = false;

    (void)state;
    for (n = 1; !ok; n++) {
        struct replies replies = { 0 };
        struct rt_carrier carrier = { .ctx = &replies, .carry = note_reply };
        struct rt_signal s = { .kind = RT_SIGNAL_SPAWN_REQUEST,
                               .node = etf_atom("far@host") };
        struct sight before, after;
        struct bed bed;

        bed_open(&bed, 7);
        rt__carrier_set(bed.rt, &carrier);
        s.from = (etf_pid){ .node = s.node, .id = 3, .creation = 4 };
        s.ref = (etf_ref){ .node = s.node, .creation = 4, .count = 1 };
        s.call =
            etf_make(bed.self, "{{nothing, f, 1}, _, [link, monitor]}", s.from);
        s.payload = etf_make(bed.self, "[argument]");
        assert_int_equal(rt_behavior_register(bed.rt, RT_GROUP_REMOTE,
                                              etf_atom("nothing"),
                                              &nothing_remote, NULL, NULL),
                         AGNER_OK);
        look(&bed, &before);
        failing_seen = false;
        failing_in = n;
        assert_int_equal(rt__arrive(bed.rt, &s), AGNER_OK);
        failing_in = 0;
        ok = !failing_seen;
        assert_int_equal(replies.count, 1);
        assert_true(replies.made || !ok);
        (void)sim_run(bed.sim, 10);
        look(&bed, &after);
        assert_memory_equal(&before, &after, sizeof before);
        bed_close(&bed);
        assert_true(n < 100);
    }
}

static void a_runtime_that_cannot_be_made_leaves_nothing(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim) };
    struct rt *rt = NULL;
    unsigned n;

    (void)state;
    for (n = 1; rt == NULL; n++) {
        enum agner_err err;

        failing_in = n;
        err = rt_new(&options, &rt, NULL);
        failing_in = 0;
        assert_true(err == AGNER_OK || err == AGNER_ENOMEM);
        assert_true(n < 100);
    }
    rt_free(rt, 0);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_fails_whole),
        cmocka_unit_test(box_fails_whole),
        cmocka_unit_test(post_fails_whole),
        cmocka_unit_test(link_fails_whole),
        cmocka_unit_test(monitor_fails_whole),
        cmocka_unit_test(alias_fails_whole),
        cmocka_unit_test(timer_fails_whole),
        cmocka_unit_test(request_fails_whole),
        cmocka_unit_test(name_fails_whole),
        cmocka_unit_test(spawn_fails_whole),
        cmocka_unit_test(start_fails_whole),
        cmocka_unit_test(signal_fails_whole),
        cmocka_unit_test(nodes_fails_whole),
        cmocka_unit_test(env_fails_whole),
        cmocka_unit_test(layer_fails_whole),
        cmocka_unit_test(leader_fails_whole),
        cmocka_unit_test(behavior_fails_whole),
        cmocka_unit_test(event_fails_whole),
        cmocka_unit_test(after_fails_whole),
        cmocka_unit_test(tag_fails_whole),
        cmocka_unit_test(hook_fails_whole),
        cmocka_unit_test(wait_fails_whole),
        cmocka_unit_test(figures_fails_whole),
        cmocka_unit_test(spawn_node_fails_whole),
        cmocka_unit_test(spawn_request_fails_whole),
        cmocka_unit_test(a_far_spawn_request_fails_whole),
        cmocka_unit_test(a_runtime_that_cannot_be_made_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
