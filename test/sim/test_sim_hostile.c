/*
 * test_sim_hostile.c -- the catalogue of bad input against a node that lives,
 * from a peer that has shown its cookie: the rows B-DST-7 to B-DST-12.
 */
#include <malloc.h>

#include "hostile.h"

/* ---- From a peer that has shown its cookie
 * ---------------------------------------------------------------------------
 */

/* Each row by a peer that is up, in a world of its own. */
static void tell_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct scene *scene = hostile_begin(NULL);

        hostile_shake(scene);
        (void)sim_run(scene->sim, 100);
        hostile_mark(scene);
        stranger_say(scene->stranger, rows[i].bytes, rows[i].size);
        hostile_check_refused(scene, rows[i].what, HOSTILE_STRANGER,
                              rows[i].why);
        hostile_shake(scene);
        hostile_end(scene);
    }
}

static void B_DST_7_lengths_that_cannot_be_are_closed(void **state)
{
    static const struct row rows[] = {
        { "1 byte", BYTES("\0\0\0\1\x83"), "one byte" },
        { "over the limit", BYTES("\x10\0\0\0"), "too large" },
        { "2^31", BYTES("\x80\0\0\0"), "too large" },
        { "2^32 - 1", BYTES("\xff\xff\xff\xff"), "too large" },
    };

    (void)state;
    tell_rows(rows, sizeof rows / sizeof rows[0]);
}

/* A tick is none of it, and what is only promised costs nothing. */
static void B_DST_7_a_promise_is_no_memory(void **state)
{
    struct scene *scene = hostile_begin(NULL);

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    hostile_mark(scene);
    stranger_say(scene->stranger, "\0\0\0\0\0\0\0\0", 8);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 5);
    stranger_say(scene->stranger, "\3\xff\xff\xff", 4); /* 64 MiB - 1 */
    (void)sim_run(scene->sim, 1000);
    /* 128 KiB of room, however much is promised. */
    assert_true(mallinfo2().uordblks - scene->memory_before < 200000);
    stranger_close(scene->stranger);
    (void)sim_run(scene->sim, 100);
    hostile_check_unharmed(scene, "a promise");
    hostile_end(scene);
}

static void B_DST_8_control_messages_that_are_none_are_closed(void **state)
{
    static const struct row rows[] = {
        { "wrong version", BYTES("\0\0\0\3\x82\x44\0"), "expected 131" },
        { "unknown header", BYTES("\0\0\0\3\x83\x63\0"), "unknown header" },
        { "pass-through", BYTES("\0\0\0\4\x70\x83\x61\1"), "bad packet" },
        { "no tuple", BYTES("\0\0\0\5\x83\x44\0\x61\1"), "bad packet" },
        { "empty", BYTES("\0\0\0\5\x83\x44\0\x68\0"), "bad packet" },
        { "unknown operation", BYTES("\0\0\0\7\x83\x44\0\x68\1\x61\x63"),
          "bad packet" },
        { "NODE_LINK", BYTES("\0\0\0\7\x83\x44\0\x68\1\x61\5"), "bad packet" },
        { "truncated", BYTES("\0\0\0\5\x83\x44\0\x68\3"), "bad packet" },
        { "pids that are none",
          BYTES("\0\0\0\x0b\x83\x44\0\x68\3\x61\1\x61\1\x61\1"), "bad packet" },
    };

    (void)state;
    tell_rows(rows, sizeof rows / sizeof rows[0]);
}

/* Each operation with nothing but its number. */
static void B_DST_8_operations_without_their_parts_are_closed(void **state)
{
    (void)state;
    for (uint8_t operation = 1; operation <= 36; operation++) {
        struct scene *scene = hostile_begin(NULL);
        uint8_t packet[] = { 0, 0, 0, 7, 0x83, 0x44, 0, 0x68, 1, 0x61, 0 };
        char what[32];

        (void)snprintf(what, sizeof what, "operation %u", operation);
        packet[10] = operation;
        hostile_shake(scene);
        (void)sim_run(scene->sim, 100);
        hostile_mark(scene);
        stranger_say(scene->stranger, packet, sizeof packet);
        hostile_check_refused(scene, what, HOSTILE_STRANGER, "bad packet");
        hostile_end(scene);
    }
}

static void B_DST_9_a_sender_that_is_not_the_peer_is_closed(void **state)
{
    static const char *const nodes[] = { HOSTILE_FRIEND, HOSTILE_NODE };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct scene *scene = hostile_begin(NULL);

        hostile_shake(scene);
        (void)sim_run(scene->sim, 100);
        hostile_mark(scene);
        hostile_tell(scene->stranger,
                     etf_make(scene->self, "{1, _, _}",
                              hostile_pid_of(scene->self, nodes[i], 77),
                              hostile_far_target(scene)),
                     ETF_NONE);
        hostile_check_refused(scene, nodes[i], HOSTILE_STRANGER, "bad packet");
        hostile_end(scene);
    }
}

/* To an earlier life of this node, and to a third one: nothing happens, and a
 * message that is lost so is counted. */
static void B_DST_9_what_is_not_for_us_is_ignored(void **state)
{
    struct scene *scene = hostile_begin(NULL);
    struct rt_stats before, after;
    etf_term me, earlier;

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    me = hostile_pid_of(scene->self, HOSTILE_STRANGER, 77);
    earlier = hostile_pid_of(scene->self, HOSTILE_NODE,
                             node_creation(scene->node) + 1);
    hostile_mark(scene);
    rt_stats(node_rt(scene->node), &before);
    hostile_tell(scene->stranger, etf_make(scene->self, "{2, '', _}", earlier),
                 etf_int(NULL, 1));
    hostile_tell(scene->stranger,
                 etf_make(scene->self, "{8, _, _, kill}", me, earlier),
                 ETF_NONE);
    hostile_tell(scene->stranger,
                 etf_make(scene->self, "{8, _, _, kill}", me,
                          hostile_pid_of(scene->self, HOSTILE_FRIEND, 77)),
                 ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 7);
    rt_stats(node_rt(scene->node), &after);
    assert_int_equal(
        after.dropped[RT_DROP_NOPROC] - before.dropped[RT_DROP_NOPROC], 1);
    assert_int_equal(after.processes, before.processes);
    assert_int_equal(scene->line_count, scene->lines_before);
    hostile_check_unharmed(scene, "not for us");
    hostile_end(scene);
}

/* Valid, and about what does not exist: it is ignored, the connection stays. */
static void B_DST_10_what_is_valid_but_senseless_is_ignored(void **state)
{
    struct scene *scene = hostile_begin(NULL);
    struct gen *self = scene->self;
    struct rt_stats before, after;
    etf_term me, us, ref;

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    me = hostile_pid_of(self, HOSTILE_STRANGER, 77);
    us = hostile_far_target(scene);
    ref = hostile_far_ref(scene, 1);
    rt_stats(node_rt(scene->node), &before);
    hostile_mark(scene);
    /* A down for no monitor, an exit for no link, a demonitor of none, an
     * unlink, an acknowledgement of none, a reply that nobody asked for. */
    hostile_tell(scene->stranger, etf_make(self, "{28, _, _, _}", me, us, ref),
                 ETF_A(normal));
    hostile_tell(scene->stranger, etf_make(self, "{24, _, _}", me, us),
                 ETF_A(kill));
    hostile_tell(scene->stranger, etf_make(self, "{20, _, _, _}", me, us, ref),
                 ETF_NONE);
    hostile_tell(scene->stranger, etf_make(self, "{35, 99, _, _}", me, us),
                 ETF_NONE);
    hostile_tell(scene->stranger, etf_make(self, "{36, 99, _, _}", me, us),
                 ETF_NONE);
    hostile_tell(scene->stranger,
                 etf_make(self, "{31, _, _, 0, _}", ref, us, me), ETF_NONE);
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 8);
    rt_stats(node_rt(scene->node), &after);
    assert_int_equal(after.processes, before.processes);
    assert_int_equal(scene->line_count, scene->lines_before);
    hostile_check_unharmed(scene, "senseless");
    hostile_end(scene);
}

static void B_DST_11_atom_caches_that_lie_are_closed(void **state)
{
    static const struct row rows[] = {
        { "an empty entry", BYTES("\0\0\0\5\x83\x44\1\0\7"), "bad packet" },
        { "255 references and no data", BYTES("\0\0\0\4\x83\x44\xff\0"),
          "bad packet" },
        { "flags that are short", BYTES("\0\0\0\3\x83\x44\4"), "bad packet" },
        { "a reference past the header",
          BYTES("\0\0\0\7\x83\x44\0\x68\1\x52\0"), "bad packet" },
        { "a text that ends early", BYTES("\0\0\0\6\x83\x44\1\x08\1\x20"),
          "bad packet" },
    };

    (void)state;
    tell_rows(rows, sizeof rows / sizeof rows[0]);
}

static void B_DST_12_fragments_that_do_not_follow_are_closed(void **state)
{
    static const struct row rows[] = {
        { "a continuation without a start",
          BYTES("\0\0\0\x12\x83\x46\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"),
          "bad packet" },
        { "number 0",
          BYTES("\0\0\0\x13\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0"),
          "bad packet" },
        { "a start twice",
          BYTES("\0\0\0\x15\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\x61\1"
                "\0\0\0\x15\x83\x45\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\x61\1"),
          "bad packet" },
        { "a count that does not fall by one, of sequence 2^64 - 1",
          BYTES("\0\0\0\x15\x83\x45\xff\xff\xff\xff\xff\xff\xff\xff"
                "\0\0\0\0\0\0\0\3\0\x61\1"
                "\0\0\0\x13\x83\x46\xff\xff\xff\xff\xff\xff\xff\xff"
                "\0\0\0\0\0\0\0\1\1"),
          "bad packet" },
    };

    (void)state;
    tell_rows(rows, sizeof rows / sizeof rows[0]);
}

/* Up to the limit they are kept, one more ends the connection; with a loss all
 * go. */
static void B_DST_12_unfinished_sequences_are_bounded(void **state)
{
    const struct node_limits few = { .sequences = 20 };
    struct scene *scene = hostile_begin(&few);
    uint8_t packet[] = { 131, 69, 0, 0, 0, 0, 0, 0, 0,  0, 0,
                         0,   0,  0, 0, 0, 0, 2, 0, 97, 1 };

    (void)state;
    hostile_shake(scene);
    (void)sim_run(scene->sim, 100);
    hostile_mark(scene);
    for (uint8_t i = 0; i < 20; i++) {
        packet[9] = i;
        stranger_packet(scene->stranger, packet, sizeof packet);
    }
    hostile_check_heard(scene, scene->stranger, HOSTILE_STRANGER, 9);
    packet[9] = 20;
    stranger_packet(scene->stranger, packet, sizeof packet);
    hostile_check_refused(scene, "one too many", HOSTILE_STRANGER,
                          "unfinished sequences");
    assert_int_equal(node_limit_met(scene->node, NODE_LIMIT_SEQUENCES), 1);
    hostile_end(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_DST_7_lengths_that_cannot_be_are_closed),
        cmocka_unit_test(B_DST_7_a_promise_is_no_memory),
        cmocka_unit_test(B_DST_8_control_messages_that_are_none_are_closed),
        cmocka_unit_test(B_DST_8_operations_without_their_parts_are_closed),
        cmocka_unit_test(B_DST_9_a_sender_that_is_not_the_peer_is_closed),
        cmocka_unit_test(B_DST_9_what_is_not_for_us_is_ignored),
        cmocka_unit_test(B_DST_10_what_is_valid_but_senseless_is_ignored),
        cmocka_unit_test(B_DST_11_atom_caches_that_lie_are_closed),
        cmocka_unit_test(B_DST_12_fragments_that_do_not_follow_are_closed),
        cmocka_unit_test(B_DST_12_unfinished_sequences_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
