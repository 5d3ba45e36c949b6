/*
 * test_behaviors_pubsub.c -- topics on one node, and what an adapter of another
 * may say. With nodes of Elixir: test/interop/test_interop_elixir.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>

#include "../process/bed.h"

#define PUBSUB  etf_atom("Elixir.My.PubSub")
#define ADAPTER etf_atom("Elixir.My.PubSub.Adapter")
#define SCOPE   etf_atom("Elixir.Phoenix.PubSub")

static void start(struct bed *bed, unsigned pool_size)
{
    const struct gen_pubsub_options options = { .pool_size = pool_size };
    etf_pid pid, again;

    assert_int_equal(gen_pubsub_start(bed->self, PUBSUB, &options, &pid),
                     AGNER_OK);
    assert_int_equal(gen_pubsub_start(bed->self, PUBSUB, &options, &again),
                     AGNER_ETAKEN);
    assert_true(etf_pid_equal(pid, again));
}

static etf_term topic(struct bed *bed, const char *name)
{
    return etf_text(rt_region(bed->self), name);
}

static void subscribe(struct bed *bed, const char *name)
{
    assert_int_equal(gen_pubsub_subscribe(bed->self, PUBSUB, topic(bed, name)),
                     AGNER_OK);
}

static void broadcast(struct bed *bed, const char *name, const char *what)
{
    assert_int_equal(
        gen_pubsub_broadcast(bed->self, PUBSUB, topic(bed, name),
                             etf_make(bed->self, "{news, _}", etf_atom(what))),
        AGNER_OK);
}

static void subscribers(struct bed *bed)
{
    etf_term t;

    start(bed, 1);
    t = topic(bed, "a");
    broadcast(bed, "a", "too_early");
    subscribe(bed, "a");
    broadcast(bed, "a", "one");
    broadcast(bed, "b", "not_ours");
    bed_expect(bed, "{news,one}");
    subscribe(bed, "a"); /* twice: everything comes twice */
    broadcast(bed, "a", "two");
    bed_expect(bed, "{news,two}");
    bed_expect(bed, "{news,two}");
    assert_int_equal(gen_pubsub_broadcast_from(
                         bed->self, PUBSUB, rt_self(bed->self), t, ETF_A(ok)),
                     AGNER_OK);
    assert_int_equal(gen_pubsub_local_broadcast_from(
                         bed->self, PUBSUB, rt_self(bed->self), t, ETF_A(ok)),
                     AGNER_OK);
    bed_expect_nothing(bed);
    assert_int_equal(gen_pubsub_unsubscribe(bed->self, PUBSUB, t), AGNER_OK);
    assert_int_equal(gen_pubsub_unsubscribe(bed->self, PUBSUB, t), AGNER_OK);
    broadcast(bed, "a", "three");
    bed_expect_nothing(bed);
}

static void subscribers_hear_their_topics(void **state)
{
    (void)state;
    bed_everywhere(subscribers, 5);
}

/* What another node sends goes to the local ones, to whichever of the pool. */
static void forwarded(struct bed *bed)
{
    static const char *const junk[] = {
        "foo",
        "{forward_to_local, a, b, c}",
        "{forward_to_local, <<1:3>>, b}",
        "{'$gen_cast', foo}",
        "{'DOWN', a, process, b, c}",
        "timeout",
    };
    etf_term members, term;

    start(bed, 3);
    subscribe(bed, "a");
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        assert_int_equal(etf_parse(rt_region(bed->self), junk[i],
                                   strlen(junk[i]), &term, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(rt_send(bed->self, ADAPTER, term), AGNER_OK);
    }
    for (int i = 1; i <= 3; i++) {
        char name[60] = "Elixir.My.PubSub.Adapter";

        if (i > 1)
            (void)snprintf(name, sizeof name, "Elixir.My.PubSub.Adapter_%d", i);
        assert_int_equal(
            gen_pg_get_members(bed->self, SCOPE, etf_atom(name), &members),
            AGNER_OK);
        assert_int_equal(etf_list_size(members), 1);
        (void)etf_list_next(&members, &term);
        assert_int_equal(
            rt_send(bed->self, term,
                    etf_make(bed->self,
                             "{forward_to_local, <<\"a\">>, {hi, _}, "
                             "'Elixir.Some.Dispatcher'}",
                             i)),
            AGNER_OK);
        bed_expect(bed, i == 1 ? "{hi,1}" : i == 2 ? "{hi,2}" : "{hi,3}");
    }
    assert_int_equal(gen_call(bed->self, ADAPTER,
                              etf_make(bed->self, "{subscribe, a, b}"), WAIT_MS,
                              &term),
                     AGNER_OK);
    assert_true(etf_match(term, "{error, badarg}"));
}

static void the_pool_takes_in_what_comes(void **state)
{
    (void)state;
    bed_everywhere(forwarded, 5);
}

static void ends(struct bed *bed)
{
    etf_pid adapter, scope, second;
    etf_term members = etf_nil();

    start(bed, 2);
    subscribe(bed, "a");
    assert_int_equal(rt_whereis(bed->rt, SCOPE, &scope), AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, scope, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, scope, WAIT_MS), AGNER_OK);
    /* Started again by whoever of the pool is first, and joined by all. */
    while (gen_pg_get_members(bed->self, SCOPE, ADAPTER, &members) !=
               AGNER_OK ||
           etf_list_size(members) == 0)
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    broadcast(bed, "a", "one");
    bed_expect(bed, "{news,one}");
    /* With the adapter all of it ends. */
    assert_int_equal(rt_whereis(bed->rt, ADAPTER, &adapter), AGNER_OK);
    assert_int_equal(
        rt_whereis(bed->rt, etf_atom("Elixir.My.PubSub.Adapter_2"), &second),
        AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, adapter, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, second, WAIT_MS), AGNER_OK);
    assert_int_equal(
        gen_pubsub_broadcast(bed->self, PUBSUB, topic(bed, "a"), ETF_A(ok)),
        AGNER_ENONAME);
    assert_int_equal(gen_pubsub_subscribe(bed->self, PUBSUB, topic(bed, "a")),
                     AGNER_ENONAME);
    start(bed, 2);
    broadcast(bed, "a", "two"); /* nobody is subscribed to the new one */
    bed_expect_nothing(bed);
}

static void scope_and_adapter_may_end(void **state)
{
    (void)state;
    bed_everywhere(ends, 5);
}

static void refused(struct bed *bed)
{
    const struct gen_pubsub_options many = { .pool_size = 257 };
    const struct gen_pubsub_options more = { .pool_size = 2,
                                             .broadcast_pool_size = 3 };
    char text[256];
    etf_term names;
    etf_pid pid;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(
        gen_pubsub_start(bed->self, etf_make(bed->self, "\"x\""), NULL, &pid),
        AGNER_EINVAL);
    assert_int_equal(gen_pubsub_start(bed->self, etf_atom(text), NULL, &pid),
                     AGNER_EINVAL);
    assert_int_equal(gen_pubsub_start(bed->self, PUBSUB, &many, &pid),
                     AGNER_EINVAL);
    assert_int_equal(gen_pubsub_start(bed->self, PUBSUB, &more, &pid),
                     AGNER_EINVAL);
    assert_int_equal(gen_pubsub_broadcast(bed->self, etf_atom("never"),
                                          topic(bed, "a"), ETF_A(ok)),
                     AGNER_ENONAME);
    start(bed, 1);
    assert_int_equal(
        gen_pubsub_broadcast(bed->self, PUBSUB, etf_atom("a"), ETF_A(ok)),
        AGNER_EINVAL);
    assert_int_equal(gen_pubsub_subscribe(bed->self, PUBSUB, etf_atom("a")),
                     AGNER_EINVAL);
    assert_int_equal(gen_pubsub_subscribe(bed->self, etf_nil(), etf_atom("a")),
                     AGNER_ENONAME);
    names = gen_pubsub_which(bed->rt, rt_region(bed->self));
    assert_true(etf_match(names, "['Elixir.My.PubSub']"));
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    bed_everywhere(refused, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscribers_hear_their_topics),
        cmocka_unit_test(the_pool_takes_in_what_comes),
        cmocka_unit_test(scope_and_adapter_may_end),
        cmocka_unit_test(what_cannot_be_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
