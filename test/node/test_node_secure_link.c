/*
 * test_node_secure_link.c -- what goes over secure links between living nodes.
 */
#include "linked.h"

#include <sys/resource.h>
#include <unistd.h>

#include <node_room.h>

#include "raw_peer.h"

/* ---- What it carries --------------------------------------------------------
 */

static void a_link_between_two_of_ours_is_secure(void **state)
{
    struct linked l;

    (void)state;
    linked_begin(&l, false);
    linked_connect(&l);
    linked_send(&l, "hello");
    duo_expect(l.duo.at_b, "hello");
    assert_true(linked_peer(l.duo.a).secure);
    assert_true(linked_peer(l.duo.b).secure);
    assert_true(linked_peer(l.duo.b).incoming);
    linked_end(&l);
}

static void calls_links_and_monitors_go_over_it(void **state)
{
    struct linked l;
    etf_pid teller, far;
    etf_term reply;

    (void)state;
    linked_begin(&l, false);
    teller = duo_teller(l.duo.at_b, NULL, rt_self(l.duo.at_b), false);
    far = duo_pid_from_a(&l.duo, teller);
    for (int64_t i = 0; i < 200; i++) {
        assert_int_equal(gen_call(l.duo.at_a, etf_make(l.duo.at_a, "_", far),
                                  etf_make(l.duo.at_a, "_", i), WAIT_MS,
                                  &reply),
                         AGNER_OK);
        assert_true(etf_match(reply, "_", &i));
        rt_reset(l.duo.at_a);
    }
    (void)rt_trap_exit(l.duo.at_a, true);
    assert_int_equal(rt_link(l.duo.at_a, far), AGNER_OK);
    assert_int_equal(
        rt_send_pid(l.duo.at_a, far, etf_make(l.duo.at_a, "{stop, bye}")),
        AGNER_OK);
    {
        etf_term message;

        assert_int_equal(rt_receive(l.duo.at_a, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{'EXIT', __, bye}"));
    }
    linked_end(&l);
}

/* 64 MiB there and back, with small messages of another sender between. */
static void large_terms_and_small_ones_go_over_it(void **state)
{
    const size_t size = (size_t)64 << 20;
    uint8_t *bytes = malloc(size);
    struct linked l;
    etf_term message;
    etf_bytes got;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    linked_begin(&l, false);
    linked_connect(&l);
    assert_int_equal(
        rt_send_pid(l.duo.at_a, linked_b(&l),
                    etf_binary(rt_region(l.duo.at_a), bytes, size)),
        AGNER_OK);
    linked_send(&l, "behind");
    assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_get_bytes(message, &got));
    assert_int_equal(got.size, size);
    assert_memory_equal(got.data, bytes, size);
    duo_expect(l.duo.at_b, "behind");
    free(bytes);
    linked_end(&l);
}

/* Sizes about the ends of a record, of a chunk, of a fragment. */
static void terms_of_every_size_go_over_it(void **state)
{
    static const size_t ends[] = { 0,     1,     255,   4096,   16384,
                                   32768, 65518, 65536, 131036, 200000 };
    static uint8_t bytes[200100];
    struct linked l;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i ^ i >> 8);
    linked_begin(&l, false);
    linked_connect(&l);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        for (size_t more = 0; more < 80; more++) {
            size_t size = ends[i] + more > 40 ? ends[i] + more - 40 : 0;
            etf_term message;
            etf_bytes got;

            assert_int_equal(
                rt_send_pid(l.duo.at_a, linked_b(&l),
                            etf_binary(rt_region(l.duo.at_a), bytes, size)),
                AGNER_OK);
            assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message),
                             AGNER_OK);
            assert_true(etf_get_bytes(message, &got));
            assert_int_equal(got.size, size);
            assert_memory_equal(got.data, bytes, size);
            rt_reset(l.duo.at_a);
            rt_reset(l.duo.at_b);
        }
    linked_end(&l);
}

static void it_comes_again_after_a_disconnect(void **state)
{
    struct linked l;

    (void)state;
    linked_begin(&l, false);
    for (int i = 0; i < 20; i++) {
        linked_connect(&l);
        linked_send(&l, "again");
        duo_expect(l.duo.at_b, "again");
        assert_int_equal(
            node_disconnect(i % 2 == 0 ? l.duo.a : l.duo.b, i % 2 == 0 ? B : A),
            AGNER_OK);
        while (node_peers(l.duo.a, NULL, 0) + node_peers(l.duo.b, NULL, 0) > 0)
            (void)usleep(1000);
    }
    linked_end(&l);
}

/* Both dial, again and again: one connection each time. */
static void two_dials_at_once_are_one_link(void **state)
{
    const struct rt_world *world = rt_world_real();
    struct linked l;

    (void)state;
    linked_begin(&l, false);
    for (int i = 0; i < 30; i++) {
        struct linked_dialler a = { l.duo.a, B, AGNER_EINVAL };
        struct linked_dialler b = { l.duo.b, A, AGNER_EINVAL };
        struct rt_thread *threads[2];

        assert_int_equal(
            world->thread_start(world->ctx, "a", linked_dial, &a, &threads[0]),
            AGNER_OK);
        assert_int_equal(
            world->thread_start(world->ctx, "b", linked_dial, &b, &threads[1]),
            AGNER_OK);
        world->thread_join(world->ctx, threads[0]);
        world->thread_join(world->ctx, threads[1]);
        assert_int_equal(a.err, AGNER_OK);
        assert_int_equal(b.err, AGNER_OK);
        linked_send(&l, "one");
        duo_expect(l.duo.at_b, "one");
        assert_int_equal(node_peers(l.duo.a, NULL, 0), 1);
        (void)node_disconnect(l.duo.a, B);
        while (node_peers(l.duo.a, NULL, 0) + node_peers(l.duo.b, NULL, 0) > 0)
            (void)usleep(1000);
    }
    linked_end(&l);
}

/* Empty records go both ways, and nothing else. */
static void an_idle_link_ticks(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    struct node_peer_info before, now;
    struct linked l;

    (void)state;
    a.tick_time_ms = b.tick_time_ms = 8000;
    linked_begin_with(&l, a, b, false);
    linked_connect(&l);
    linked_send(&l, "hello");
    duo_expect(l.duo.at_b, "hello");
    before = linked_peer(l.duo.a);
    do {
        (void)usleep(10000);
        now = linked_peer(l.duo.a);
    } while (now.bytes_in - before.bytes_in < 2 * 18 ||
             now.bytes_out - before.bytes_out < 2 * 18);
    assert_int_equal((now.bytes_in - before.bytes_in) % 18, 0);
    assert_int_equal(now.packets_in, before.packets_in);
    linked_end(&l);
}

/* ---- Rekeying
 * ----------------------------------------------------------------
 */

static void set_rekey(struct linked *l, uint64_t a, uint64_t b)
{
    l->duo.a->rekey_frames = a;
    l->duo.b->rekey_frames = b;
}

static void keys_change_on_the_way(void **state)
{
    static uint8_t bytes[300000];
    struct linked l;
    etf_term message;

    (void)state;
    linked_begin(&l, false);
    set_rekey(&l, 3, 3);
    linked_connect(&l);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rt_send_pid(l.duo.at_a, linked_b(&l),
                                     etf_binary(rt_region(l.duo.at_a), bytes,
                                                (size_t)i * 3000)),
                         AGNER_OK);
        assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message), AGNER_OK);
        assert_int_equal(rt_send_pid(l.duo.at_b, rt_self(l.duo.at_b), message),
                         AGNER_OK);
        assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message), AGNER_OK);
        rt_reset(l.duo.at_a);
        rt_reset(l.duo.at_b);
    }
    assert_int_equal(linked_noted(&l.at_b, "ended"), 0);
    linked_end(&l);
}

/* Who counts otherwise is not understood: so there is another key. */
static void both_have_to_count_alike(void **state)
{
    struct linked l;

    (void)state;
    linked_begin(&l, false);
    set_rekey(&l, 3, 1000);
    linked_connect(&l);
    for (int i = 0; i < 3000 && linked_noted(&l.at_b, "next one") == 0; i++) {
        linked_send(&l, "some");
        (void)usleep(20000);
    }
    linked_expect(&l.at_b, "a record that is not the peer's next one");
    linked_end(&l);
}

static void it_goes_through_a_wire_of_single_bytes(void **state)
{
    struct node_options a = pair_options(A), b = pair_options(B);
    static uint8_t bytes[20000];
    struct linked l;
    etf_term message;

    (void)state;
    a.setup_time_ms = b.setup_time_ms = WAIT_MS;
    linked_begin_with(&l, a, b, true);
    tap_byte_by_byte(l.tap, true);
    linked_connect(&l);
    assert_int_equal(
        rt_send_pid(l.duo.at_a, linked_b(&l),
                    etf_binary(rt_region(l.duo.at_a), bytes, sizeof bytes)),
        AGNER_OK);
    assert_int_equal(rt_receive(l.duo.at_b, WAIT_MS, &message), AGNER_OK);
    linked_end(&l);
}

/* ---- Crowds
 * ---------------------------------------------------------------------
 */

#define CROWD 10000

/* As many connections as descriptors allow, up to 10,000, that begin and go no
 * further: who is connected is served, and when they have gone others come in.
 */
static void half_open_connections_leave_the_node_serving(void **state)
{
    static int fds[CROWD];
    struct node_options a = pair_options(A), b = pair_options(B);
    struct rlimit limit;
    struct linked l;
    size_t count = CROWD;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + 1000)
        count = (size_t)limit.rlim_cur / 2;
    linked_begin_with(&l, a, b, false);
    linked_connect(&l);
    for (size_t i = 0; i < count; i++) {
        fds[i] = raw_connect(node_port(l.duo.b));
        raw_send(fds[i], "AGNR\1\0\0\0\0\60", 10);
        if (i % 500 == 0) {
            linked_send(&l, "served");
            duo_expect(l.duo.at_b, "served");
        }
    }
    linked_send(&l, "served");
    duo_expect(l.duo.at_b, "served");
    assert_true(node_limit_met(l.duo.b, NODE_LIMIT_HANDSHAKES_SOURCE) +
                    node_limit_met(l.duo.b, NODE_LIMIT_STARTS_SOURCE) +
                    node_limit_met(l.duo.b, NODE_LIMIT_FAILURES_SOURCE) >
                count / 2);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    linked_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_between_two_of_ours_is_secure),
        cmocka_unit_test(calls_links_and_monitors_go_over_it),
        cmocka_unit_test(large_terms_and_small_ones_go_over_it),
        cmocka_unit_test(terms_of_every_size_go_over_it),
        cmocka_unit_test(it_comes_again_after_a_disconnect),
        cmocka_unit_test(two_dials_at_once_are_one_link),
        cmocka_unit_test(an_idle_link_ticks),
        cmocka_unit_test(keys_change_on_the_way),
        cmocka_unit_test(both_have_to_count_alike),
        cmocka_unit_test(it_goes_through_a_wire_of_single_bytes),
        cmocka_unit_test(half_open_connections_leave_the_node_serving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
