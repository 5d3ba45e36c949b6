/*
 * test_sim_hostile_flood.c -- a peer that is too much: too many messages, too
 * many atoms, too slow a reader. The rows B-DST-13, B-DST-14 and B-ETF-7.
 */
#include "hostile.h"

/* ---- Floods
 * ---------------------------------------------------------------------------
 */

#define FLOOD 300
#define KEPT  20

/* Ticks, links, monitors, spawn requests, names that nobody has: what is past a
 * limit is refused as the protocol refuses it, and the friend is heard
 * meanwhile. */
static void B_DST_13_a_flood_meets_its_limits(void **state)
{
    const struct node_limits few = { .relations = KEPT, .atoms_peer = KEPT };
    struct scene *scene = hostile_begin(&few);
    struct gen *self = scene->self;
    etf_term us = hostile_far_target(scene),
             me = hostile_pid_of(self, HOSTILE_STRANGER, 77);
    struct rt_stats before, after;
    uint32_t atoms;

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    rt_stats(node_rt(scene->node), &before);
    atoms = etf_atom_count();
    for (uint32_t i = 0; i < FLOOD; i++) {
        uint8_t unknown[] = { 131, 68,  0,   104, 4,   97,  6,   88,  119, 17,
                              's', 't', 'r', 'a', 'n', 'g', 'e', 'r', '@', '1',
                              '0', '.', '0', '.', '0', '.', '9', 0,   0,   0,
                              1,   0,   0,   0,   0,   0,   0,   0,   77,  119,
                              0,   119, 4,   'n', 'o', 0,   0,   97,  1 };

        unknown[sizeof unknown - 4] = (uint8_t)('A' + i / 26 % 26);
        unknown[sizeof unknown - 3] = (uint8_t)('A' + i % 26);
        stranger_say(scene->stranger, "\0\0\0\0", 4);
        hostile_tell(
            scene->stranger,
            etf_make(self, "{19, _, _, _}", me, us, hostile_far_ref(scene, i)),
            ETF_NONE);
        stranger_packet(scene->stranger, unknown, sizeof unknown);
    }
    hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, 10);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 11);
    rt_stats(node_rt(scene->node), &after);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_RELATIONS),
                     FLOOD - KEPT);
    assert_int_equal(
        after.dropped[RT_DROP_NONAME] - before.dropped[RT_DROP_NONAME], FLOOD);
    assert_true(etf_atom_count() - atoms <= KEPT);
    assert_true(node_limit_met(scene->node, NODE_LIMIT_ATOMS_PEER) > 0);
    /* Those that were refused heard of it: there is room again. */
    stranger_close(scene->stranger);
    (void)sim_run(scene->sim, 100);
    hostile_shake(scene);
    hostile_tell(
        scene->stranger,
        etf_make(self, "{19, _, _, _}", me, us, hostile_far_ref(scene, 1)),
        ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 12);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_RELATIONS),
                     FLOOD - KEPT);
    hostile_end(scene);
}

#define MANY 40000
#define AT_ONCE \
    65536u /* bytes between writer and reader, of each connection \
            */
#define ROUNDS 10

static uint64_t bytes_of_stranger(const struct scene *scene)
{
    struct node_peer_info peers[4];
    size_t count = node_peers(scene->node, peers, 4);

    for (size_t i = 0; i < count && i < 4; i++)
        if (strcmp(peers[i].name, HOSTILE_STRANGER) == 0)
            return peers[i].bytes_in;
    return 0;
}

/* A peer that sends as fast as it can is read as often as the others, and no
 * more at a time: between what the friend says and what is heard of it no more
 * of the flood is handled than two reads of it. Work is counted, not time. */
static void B_DST_13_a_flood_delays_others_by_two_reads(void **state)
{
    const struct sim_options fair = { .pick = SIM_PICK_ROUND_ROBIN,
                                      .window = AT_ONCE };
    struct scene *scene = hostile_begin_in(NULL, &fair);
    struct etf_buffer flood = { 0 };
    uint64_t before, after;

    (void)state;
    hostile_shake(scene);
    for (int i = 0; i < MANY; i++) {
        struct etf_buffer one = { 0 };
        uint8_t length[4] = { 0 };

        assert_int_equal(etf_buffer_add(&one, "\x83\x44", 3), AGNER_OK);
        assert_int_equal(
            etf_encode(
                &one,
                etf_make(scene->self, "{6, _, '', nobody}",
                         hostile_pid_of(scene->self, HOSTILE_STRANGER, 77)),
                NULL),
            AGNER_OK);
        assert_int_equal(etf_encode(&one, etf_int(NULL, i), NULL), AGNER_OK);
        length[3] = (uint8_t)one.size; /* it is short */
        assert_int_equal(etf_buffer_add(&flood, length, 4), AGNER_OK);
        assert_int_equal(etf_buffer_add(&flood, one.data, one.size), AGNER_OK);
        etf_buffer_fini(&one);
        rt_reset(scene->self);
    }
    stranger_say(scene->stranger, flood.data, flood.size);
    for (int i = 0; i < ROUNDS; i++) {
        before = bytes_of_stranger(scene);
        hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, 100 + i);
        after = bytes_of_stranger(scene);
        assert_true(after - before <= 2 * AT_ONCE);
    }
    assert_true(after < flood.size); /* it went on all the time */
    etf_buffer_fini(&flood);
    hostile_end(scene);
}

/* ---- A reader that is slow
 * ---------------------------------------------------------------------------
 */

#define SECONDS  100
#define LOT      4096 /* messages of about 1 KiB */
#define PER_MARK (UINT64_C(1) << 20)

static void send_a_lot(struct gen *self, void *arg)
{
    static const char bytes[1000];
    _Atomic int *sent = arg;

    for (int i = 0; i < LOT; i++) {
        if (rt_send(self, etf_make(self, "{nobody, '" HOSTILE_STRANGER "'}"),
                    etf_binary(rt_region(self), bytes, sizeof bytes)) !=
            AGNER_OK)
            return;
        (*sent)++;
        rt_reset(self);
    }
}

/* It is up for as long as it ticks. Who sends to it waits when the mark is
 * reached, and can be ended; others are heard; and the node stops in time. */
static void B_DST_14_a_reader_of_a_byte_a_second_holds_up_nobody(void **state)
{
    struct scene *scene = hostile_begin(NULL);
    struct node_peer_info peers[4];
    _Atomic int sent = 0;
    uint64_t stopped_ns;
    size_t heard, count;
    struct sim *sim;
    int waits = 0;
    etf_pid pid;

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    hostile_mark(scene);
    stranger_read(scene->stranger, 1);
    heard = stranger_heard(scene->stranger)->size;
    assert_int_equal(rt_spawn(scene->self, send_a_lot, &sent, NULL, &pid),
                     AGNER_OK);
    for (int i = 0; i < SECONDS; i++) {
        (void)sim_run(scene->sim, 1000);
        stranger_read(scene->stranger, 1);
        if (i % 10 == 0) {
            stranger_say(scene->stranger, "\0\0\0\0", 4);
            stranger_say(scene->friend, "\0\0\0\0", 4);
            hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, i);
        }
        if (i == SECONDS / 2)
            waits = sent;
    }
    heard = stranger_heard(scene->stranger)->size - heard;
    assert_in_range(heard, SECONDS - 2, SECONDS + 2);
    assert_int_equal(sent, waits);
    assert_true(waits > 0 && waits < LOT);
    assert_true(node_limit_met(scene->node, NODE_LIMIT_HIGH_MARK) > 0);
    count = node_peers(scene->node, peers, 4);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        assert_true(peers[i].queued <= PER_MARK + 2048);
    assert_int_equal(rt_kill(node_rt(scene->node), pid, ETF_A(kill)), AGNER_OK);
    (void)sim_run(scene->sim, 10);
    assert_false(rt_is_alive(node_rt(scene->node), pid));
    assert_int_equal(scene->line_count, scene->lines_before);
    hostile_check_heard(scene, scene->friend, HOSTILE_FRIEND, 77);
    /* G45: what it does not take is given up in time. */
    sim = scene->sim;
    stopped_ns = sim_now_ns(sim);
    rt_detach(scene->self);
    node_stop(scene->node, 1000);
    assert_true(sim_now_ns(sim) - stopped_ns < UINT64_C(12000000000));
    stranger_free(scene->friend);
    stranger_free(scene->stranger);
    sim_free(sim);
    free(scene);
}

/* ---- What is kept for a peer
 * ---------------------------------------------------------------------------
 */

/* Links and monitors of one peer, one over: what is asked for hears
 * system_limit; one that is undone makes room. */
static void B_DST_13_relations_of_a_peer_are_bounded(void **state)
{
    const struct node_limits few = { .relations = 2 };
    struct scene *scene = hostile_begin(&few);
    struct gen *self = scene->self;
    etf_term us, me;

    (void)state;
    hostile_shake(scene);
    us = hostile_far_target(scene);
    me = hostile_pid_of(self, HOSTILE_STRANGER, 77);
    hostile_tell(scene->stranger, etf_make(self, "{1, _, _}", me, us),
                 ETF_NONE);
    hostile_tell(
        scene->stranger,
        etf_make(self, "{19, _, _, _}", me, us, hostile_far_ref(scene, 1)),
        ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 13);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_RELATIONS), 0);
    hostile_tell(
        scene->stranger,
        etf_make(self, "{19, _, _, _}", me, us, hostile_far_ref(scene, 2)),
        ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 14);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_RELATIONS), 1);
    (void)sim_run(scene->sim, 100);
    assert_non_null(memmem(stranger_heard(scene->stranger)->data,
                           stranger_heard(scene->stranger)->size,
                           "system_limit", 12));
    hostile_tell(
        scene->stranger,
        etf_make(self, "{20, _, _, _}", me, us, hostile_far_ref(scene, 1)),
        ETF_NONE);
    hostile_tell(scene->stranger, etf_make(self, "{35, 1, _, _}", me, us),
                 ETF_NONE);
    (void)sim_run(scene->sim, 100);
    for (uint32_t i = 3; i < 5; i++)
        hostile_tell(
            scene->stranger,
            etf_make(self, "{19, _, _, _}", me, us, hostile_far_ref(scene, i)),
            ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 15);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_RELATIONS), 1);
    hostile_end(scene);
}

/* A peer's share of atoms is its own for the life of the node: a new connection
 * brings no new one. */
static void B_ETF_7_a_peer_that_comes_again_makes_no_more_atoms(void **state)
{
    const struct node_limits few = { .atoms_peer = 3 };
    struct scene *scene = hostile_begin(&few);
    uint8_t unknown[] = { 131, 68,  0,   104, 4,   97,  6,   88,  119, 17,
                          's', 't', 'r', 'a', 'n', 'g', 'e', 'r', '@', '1',
                          '0', '.', '0', '.', '0', '.', '9', 0,   0,   0,
                          1,   0,   0,   0,   0,   0,   0,   0,   77,  119,
                          0,   119, 4,   'q', 'q', 0,   0,   97,  1 };
    uint32_t atoms = etf_atom_count();

    (void)state;
    for (int i = 0; i < 10; i++) {
        hostile_shake(scene);
        for (int j = 0; j < 2; j++) {
            unknown[sizeof unknown - 4] = (uint8_t)('0' + i);
            unknown[sizeof unknown - 3] = (uint8_t)('0' + j);
            stranger_packet(scene->stranger, unknown, sizeof unknown);
        }
        hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, i);
        stranger_close(scene->stranger);
        (void)sim_run(scene->sim, 100);
    }
    assert_int_equal(etf_atom_count() - atoms, 3);
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_ATOMS_PEER), 17);
    hostile_end(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_13_a_flood_meets_its_limits),
        cmocka_unit_test(B_DST_13_a_flood_delays_others_by_two_reads),
        cmocka_unit_test(B_DST_14_a_reader_of_a_byte_a_second_holds_up_nobody),
        cmocka_unit_test(B_DST_13_relations_of_a_peer_are_bounded),
        cmocka_unit_test(B_ETF_7_a_peer_that_comes_again_makes_no_more_atoms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
