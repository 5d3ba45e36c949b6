/*
 * Failed allocations in `global`: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. The first
 * allocation of a scene fails, then the second, until none does: each time what
 * could not be done is said, or the connection is given up, nothing leaks, and
 * afterwards nodes meet as ever.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "global_bed.h"

/* A scene with its n-th allocation failing; false when there was none. The
 * terms that come in are made before. */
static bool play(void (*scene)(struct bed *b), unsigned n)
{
    struct bed b;

    bed_begin(&b, "m@h");
    assert_int_equal(etf_buffer_reserve(&b.log, 1 << 16), AGNER_OK);
    bed_know(&b, "k@h", 8, etf_nil());
    failing_seen = false;
    failing_in = n;
    scene(&b);
    failing_in = 0;
    global__nodedown(&b.g, etf_atom("a@h"));
    bed_know(&b, "a@h", 8, etf_nil());
    assert_true(global__peer_get(&b.g.peers, etf_atom("a@h"))->known);
    bed_end(&b);
    return failing_seen;
}

static void play_all(void (*scene)(struct bed *b))
{
    unsigned n = 1;

    while (play(scene, n))
        n++;
    assert_true(n > 1);
}

/* More than a region's chunk holds, so that regions grow in the scene. */
static void fill(struct bed *b)
{
    uint8_t bytes[200] = { 0 };
    unsigned held = failing_in;

    failing_in = 0;
    for (int i = 0; i < 64; i++)
        (void)etf_binary(b->region, bytes, sizeof bytes);
    failing_in = held;
}

/* ---- Scenes ------------------------------------------------------------- */

/* It is met, or the connection is given up. */
static void meet(struct bed *b)
{
    const struct global_peer *peer;
    unsigned held = failing_in;
    etf_term method, names;
    int64_t tag;

    failing_in = 0;
    method = etf_export(b->region, etf_atom("global"),
                        etf_atom("random_exit_name"), 3);
    names = etf_make(b->region, "[{n, _, _}, {n2, _, _}]", bed_far("a@h", 6),
                     method, bed_far("a@h", 7), method);
    fill(b);
    failing_in = held;
    tag = bed_meet(b, "a@h", 8);
    bed_cast(b, "{exchange, 'a@h', _, [], _}", names, tag);
    bed_cast(b, "{lock_is_set, 'a@h', _, {global, l}}", tag);
    bed_cast(b, "{resolved, 'a@h', [], [{'c@h', 8}], unused, [], _}", tag);
    failing_in = 0;
    peer = global__peer_get(&b->g.peers, etf_atom("a@h"));
    if (failing_seen && (peer == NULL || !peer->known))
        return; /* given up, or a message of the scene was not made */
    assert_non_null(peer);
    assert_true(peer->known);
    assert_true(failing_seen || gen__names_count(b->g.names) == 2);
}

static void names(struct bed *b)
{
    etf_pid own = { .id = 8, .serial = 1 };
    enum agner_err err = global__register(
        &b->g, etf_atom("n"), own, etf_atom("fun"), b->g.locker, ETF_NONE);
    size_t count = gen__names_count(b->g.names);

    assert_true(err == AGNER_OK ? count == 1
                                : err == AGNER_ENOMEM && count == 0);
    assert_int_equal(b->watched, count);
    err = global__register(&b->g, etf_atom("n"), bed_far("k@h", 1),
                           etf_atom("fun"), b->g.locker, ETF_NONE);
    assert_true(err == AGNER_OK || failing_seen);
    assert_int_equal(b->watched, gen__names_count(b->g.names));
}

static void locks(struct bed *b)
{
    etf_pid one = bed_far("k@h", 1), two = bed_far("k@h", 2);
    etf_term id = etf_make(b->region, "{{r, 1}, me}");
    bool first = global__set_lock(&b->g, id, one);
    bool second = global__set_lock(&b->g, id, two);

    assert_true((first && second) || failing_seen);
    assert_int_equal(b->watched, (size_t)first + second);
    global__del_lock(&b->g, id, one);
    global__del_lock(&b->g, id, two);
    assert_int_equal(b->watched, 0);
}

static void losses(struct bed *b)
{
    fill(b);
    bed_info(b, "{lost_connection, 'x@h', 5, 1, 'k@h'}");
    assert_true(failing_seen ||
                !global__peer_get(&b->g.peers, etf_atom("k@h"))->known);
    global__nodedown(&b->g, etf_atom("k@h"));
    global__inform_loss(&b->g, etf_atom("y@h"));
}

static void others(struct bed *b)
{
    etf_term reply;

    fill(b);
    bed_cast(b, "{new_nodes, 'k@h', [{insert, {n, p, f}}], [],"
                " [{'c@h', 8}, {'d@h', 8}], [{lock, {global, l}}]}");
    bed_info(b, "{joined, 'c@h'}");
    for (int i = 0; i < 4; i++) {
        static const char *const requests[] = { "get_known", "get_synced",
                                                "get_names", "info" };

        (void)global__call(&b->g, b->g.locker, etf_atom(requests[i]), &reply);
        assert_true(!etf_is_none(reply) || failing_seen);
    }
}

static void syncs(struct bed *b)
{
    struct global_syncer *list = NULL, *done;
    etf_term nodes = etf_make(b->region, "['q@h', 'r@h']");
    const struct gen_from from = { .form = 0 };

    if (global__sync_add(&list, &b->g, from, nodes) == AGNER_OK) {
        assert_null(global__sync_done(&list, etf_atom("q@h")));
        done = global__sync_done(&list, etf_atom("r@h"));
        assert_non_null(done);
        global__sync_free(done);
    } else {
        assert_true(failing_seen);
    }
    assert_null(list);
}

static void meets_without_memory(void **state)
{
    (void)state;
    play_all(meet);
}

static void registers_without_memory(void **state)
{
    (void)state;
    play_all(names);
}

static void locks_without_memory(void **state)
{
    (void)state;
    play_all(locks);
}

static void tells_of_losses_without_memory(void **state)
{
    (void)state;
    play_all(losses);
}

static void hears_and_answers_without_memory(void **state)
{
    (void)state;
    play_all(others);
}

static void syncs_without_memory(void **state)
{
    (void)state;
    play_all(syncs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_without_memory),
        cmocka_unit_test(registers_without_memory),
        cmocka_unit_test(locks_without_memory),
        cmocka_unit_test(tells_of_losses_without_memory),
        cmocka_unit_test(hears_and_answers_without_memory),
        cmocka_unit_test(syncs_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
