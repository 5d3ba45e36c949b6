/*
 * The machine of `global`, message by message: nodes meet, are lost, tell of
 * losses; names and locks come and go. spec/distribution.md 10.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "global_bed.h"

static struct global_peer *peer(struct bed *b, const char *node)
{
    return global__peer_get(&b->g.peers, etf_atom(node));
}

static etf_term method(struct bed *b)
{
    return etf_export(b->region, etf_atom("global"),
                      etf_atom("random_exit_name"), 3);
}

/* Sets the lock of names for `pid`, as a registrar does. */
static void lock_names(struct bed *b, etf_pid pid)
{
    assert_true(
        global__set_lock(&b->g, etf_make(b->region, "{global, _}", pid), pid));
}

static enum agner_err put(struct bed *b, const char *name, etf_pid pid,
                          etf_pid from)
{
    return global__register(&b->g, etf_atom(name), pid, method(b), from,
                            ETF_NONE);
}

static bool has(struct bed *b, const char *name, etf_pid pid)
{
    const struct global_name *entry =
        gen__names_get(b->g.names, etf_atom(name));

    return entry != NULL && etf_pid_equal(entry->pid, pid);
}

/* ---- Nodes meet --------------------------------------------------------- */

static void meets_step_by_step(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    global__nodeup(&b.g, etf_atom("a@h"), 1);
    bed_expect(&b, "send a@h {'$gen_cast',{init_connect,{8,1},m@h,"
                   "{locker,no_longer_a_pid,#{},<0.5.1>}}}\n");
    bed_cast(&b, "{init_connect, {8, 77}, a@h, {locker, x, #{}, _}}",
             bed_far("a@h", 4));
    assert_true(peer(&b, "a@h")->pending);
    bed_forget(&b);
    bed_info(&b, "{init_connect_ack, a@h, 1, 77}");
    bed_expect(&b, "");
    bed_cast(&b, "{lock_is_set, a@h, 1, {global, l}}");
    bed_expect(&b, "send a@h {'$gen_cast',{exchange,m@h,[],[],77}}\n");
    bed_cast(&b, "{exchange, a@h, [{n, _, _}], [], 1}", bed_far("a@h", 6),
             method(&b));
    bed_expect(&b, "send a@h {'$gen_cast',"
                   "{resolved,m@h,[],[],unused,[],77}}\n");
    bed_cast(&b, "{resolved, a@h, [], [{c@h, 8}], unused, [], 1}");
    bed_expect(&b, "join c@h\nlocker {cancel,a@h,1,[]}\nsynced a@h\n");
    assert_true(peer(&b, "a@h")->known && peer(&b, "a@h")->synced);
    assert_true(peer(&b, "c@h")->known && !peer(&b, "c@h")->synced);
    assert_true(has(&b, "n", bed_far("a@h", 6)));
    bed_end(&b);
}

/* His names may come before our lock, his operations before ours. */
static void meets_in_another_order(void **state)
{
    struct bed b;
    int64_t tag;

    (void)state;
    bed_begin(&b, "m@h");
    tag = bed_meet(&b, "a@h", 8);
    bed_cast(&b, "{exchange, a@h, [{n, _, _}], [], _}", bed_far("a@h", 6),
             method(&b), tag);
    bed_cast(&b, "{resolved, a@h, [], [], unused, [], _}", tag);
    assert_false(peer(&b, "a@h")->known);
    bed_cast(&b, "{lock_is_set, a@h, _, {global, l}}", tag);
    assert_true(peer(&b, "a@h")->known);
    assert_true(has(&b, "n", bed_far("a@h", 6)));
    bed_end(&b);
}

/* The known ones hear of the new one from the locker, before the lock goes. */
static void tells_its_partition(void **state)
{
    struct bed b;
    int64_t tag;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "old@h", 6, etf_nil());
    tag = bed_meet(&b, "z@h", 8);
    bed_cast(&b, "{lock_is_set, z@h, _, {global, l}}", tag);
    bed_cast(&b, "{exchange, z@h, [], [], _}", tag);
    bed_forget(&b);
    bed_cast(&b, "{resolved, z@h, [{delete, x}], [], unused, [], _}", tag);
    bed_expect(&b, "locker {cancel,z@h,3,["
                   "{old@h,{'$gen_cast',{new_nodes,m@h,[{delete,x}],[],[z@h],"
                   "[{vsn,8},{lock,{global,l}}]}}},"
                   "{a@h,{'$gen_cast',{new_nodes,m@h,[{delete,x}],[],[{z@h,8}],"
                   "[{vsn,8},{lock,{global,l}}]}}}]}\n"
                   "synced z@h\n");
    bed_end(&b);
}

/* OTP 23 speaks version 5: no acknowledgement, nodes without versions. */
static void speaks_version_5(void **state)
{
    struct bed b;
    int64_t tag;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    tag = bed_meet(&b, "old@h", 5);
    assert_null(strstr(bed_text(&b), "init_connect_ack"));
    bed_cast(&b, "{lock_is_set, old@h, _, {global, l}}", tag);
    bed_forget(&b);
    bed_cast(&b, "{exchange, old@h, [], [], _}", tag);
    bed_expect(&b, "send old@h {'$gen_cast',"
                   "{resolved,m@h,[],[a@h],unused,[],77}}\n");
    bed_cast(&b, "{resolved, old@h, [], [b@h], unused, [], _}", tag);
    assert_true(peer(&b, "old@h")->known && peer(&b, "b@h")->known);
    /* One that begins anew in the middle cannot be told to. */
    (void)bed_meet(&b, "older@h", 5);
    bed_forget(&b);
    bed_cast(&b, "{init_connect, {5, 78}, older@h, {locker, x, [], _}}",
             bed_far("older@h", 4));
    bed_expect(&b, "log older@h\ndisconnect older@h\n");
    bed_end(&b);
}

/* What belongs to another attempt has no effect. */
static void knows_an_old_attempt_by_its_tag(void **state)
{
    struct bed b;
    int64_t tag;

    (void)state;
    bed_begin(&b, "m@h");
    tag = bed_meet(&b, "a@h", 8);
    bed_cast(&b, "{lock_is_set, a@h, _, {global, l}}", tag);
    bed_forget(&b);
    bed_cast(&b, "{exchange, a@h, [], [], 99}");
    bed_cast(&b, "{exchange_ops, a@h, 99, [], []}");
    bed_cast(&b, "{resolved, a@h, [], [], unused, [], 99}");
    bed_cast(&b, "{lock_set, _, true, [], 99}", bed_far("a@h", 4));
    bed_info(&b, "{cancel_connect, a@h, 99}");
    bed_expect(&b, "");
    /* A lock that was taken for it goes back. */
    bed_cast(&b, "{lock_is_set, a@h, 99, {global, l}}");
    bed_expect(&b, "locker {cancel,a@h,99,[]}\n");
    bed_end(&b);
}

static void begins_anew_when_out_of_step(void **state)
{
    struct bed b;
    int64_t tag;

    (void)state;
    bed_begin(&b, "m@h");
    tag = bed_meet(&b, "a@h", 8);
    bed_forget(&b);
    bed_info(&b, "{cancel_connect, a@h, _}", tag);
    bed_expect(&b, "locker {cancel,a@h,1,[]}\n"
                   "send a@h {'$gen_cast',{init_connect,{8,2},m@h,"
                   "{locker,no_longer_a_pid,#{},<0.5.1>}}}\n");
    /* An acknowledgement of something else. */
    bed_info(&b, "{init_connect_ack, a@h, 1, 77}");
    bed_expect(&b, "send a@h {cancel_connect,m@h,77}\n"
                   "locker {cancel,a@h,2,[]}\n"
                   "send a@h {'$gen_cast',{init_connect,{8,3},m@h,"
                   "{locker,no_longer_a_pid,#{},<0.5.1>}}}\n");
    bed_end(&b);
}

/* Of two nodes that others have made known to each other: both must have heard.
 */
static void is_made_known_by_others(void **state)
{
    struct bed b;

    (void)state;
    for (int order = 0; order < 2; order++) {
        bed_begin(&b, "m@h");
        bed_know(&b, "a@h", 8, etf_nil());
        (void)bed_meet(&b, "z@h", 8);
        if (order == 0)
            bed_cast(&b, "{in_sync, z@h, true}");
        else
            bed_cast(&b, "{new_nodes, a@h, [], [], [{z@h, 8}], []}");
        assert_true(peer(&b, "z@h")->trying);
        if (order == 1)
            bed_cast(&b, "{in_sync, z@h, true}");
        else
            bed_cast(&b, "{new_nodes, a@h, [], [], [{z@h, 8}], []}");
        assert_false(peer(&b, "z@h")->trying);
        assert_true(peer(&b, "z@h")->known && peer(&b, "z@h")->synced);
        /* Connected: it hears that we know it. */
        bed_forget(&b);
        bed_info(&b, "{joined, z@h}");
        bed_expect(&b, "send z@h {'$gen_cast',{in_sync,m@h,true}}\n");
        bed_end(&b);
    }
}

/* Who was forgotten while it was being connected does not hear so. */
static void does_not_claim_to_know_what_it_forgot(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_cast(&b, "{new_nodes, a@h, [], [], [{z@h, 8}], []}");
    bed_info(&b, "{lost_connection, a@h, 5, 1, z@h}");
    bed_forget(&b);
    bed_info(&b, "{joined, z@h}");
    bed_expect(&b, "");
    bed_end(&b);
}

/* ---- Conflicts ---------------------------------------------------------- */

static void leaves_conflicts_to_the_smaller_name(void **state)
{
    struct bed b;

    (void)state;
    for (int smaller = 0; smaller < 2; smaller++) {
        int64_t tag;
        etf_pid own = { .id = 8, .serial = 1 };
        const char *other = smaller ? "z@h" : "a@h";

        bed_begin(&b, "m@h");
        lock_names(&b, b.g.locker);
        assert_int_equal(put(&b, "n", own, b.g.locker), AGNER_OK);
        global__del_lock(&b.g, etf_make(b.region, "{global, _}", b.g.locker),
                         b.g.locker);
        tag = bed_meet(&b, other, 8);
        bed_cast(&b, "{lock_is_set, _, _, {global, l}}", etf_atom(other), tag);
        bed_forget(&b);
        bed_cast(&b, "{exchange, _, [{n, _, _}], [], _}", etf_atom(other),
                 bed_far(other, 6), method(&b), tag);
        assert_int_equal(strncmp(bed_text(&b), "resolve", 7) == 0, smaller);
        bed_end(&b);
    }
}

/* ---- Losses ------------------------------------------------------------- */

static void passes_a_loss_on_once(void **state)
{
    static const char once[] =
        "send c@h {lost_connection,a@h,5,1,b@h}\n"
        "send b@h {remove_connection,m@h}\nlog b@h\nlost b@h\n";
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "b@h", 8, etf_nil());
    bed_know(&b, "c@h", 8, etf_nil());
    bed_know(&b, "old@h", 6, etf_nil());
    bed_info(&b, "{lost_connection, a@h, 5, 1, b@h}");
    assert_non_null(strstr(bed_text(&b), "b@h {lost_connection"));
    assert_non_null(strstr(bed_text(&b), strstr(once, "send b@h")));
    assert_null(strstr(bed_text(&b), "a@h {lost_connection"));
    assert_null(strstr(bed_text(&b), "old@h"));
    bed_forget(&b);
    bed_info(&b, "{lost_connection, a@h, 5, 1, b@h}"); /* from another */
    bed_info(&b, "{lost_connection, a@h, 5, 0, b@h}"); /* late */
    bed_expect(&b, "");
    bed_info(&b, "{lost_connection, a@h, 6, 1, b@h}"); /* another life */
    bed_expect(&b, "send c@h {lost_connection,a@h,6,1,b@h}\n");
    /* Its end is no news. */
    global__nodedown(&b.g, etf_atom("b@h"));
    bed_expect(&b, "lost b@h\n");
    /* The end of another is. */
    global__nodedown(&b.g, etf_atom("c@h"));
    bed_expect(&b, "lost c@h\n"
                   "send a@h {lost_connection,m@h,100,1,c@h}\n");
    bed_end(&b);
}

/* It was to go, but others have made it known to us again before it went. */
static void tells_of_a_loss_that_is_news_again(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "b@h", 8, etf_nil());
    bed_info(&b, "{lost_connection, a@h, 5, 1, b@h}");
    bed_cast(&b, "{new_nodes, a@h, [], [], [{b@h, 8}], []}");
    bed_forget(&b);
    global__nodedown(&b.g, etf_atom("b@h"));
    bed_expect(&b, "lost b@h\nsend a@h {lost_connection,m@h,100,1,b@h}\n");
    bed_end(&b);
}

static void leaves_who_has_lost_us(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_info(&b, "{lost_connection, a@h, 5, 1, m@h}");
    bed_expect(&b, "send a@h {remove_connection,m@h}\nlog a@h\n"
                   "lost a@h\n");
    bed_know(&b, "b@h", 8, etf_nil());
    bed_info(&b, "{remove_connection, b@h}");
    bed_expect(&b, "disconnect b@h\nlost b@h\nlog b@h\n");
    bed_info(&b, "{remove_connection, nobody@h}");
    bed_expect(&b, "");
    bed_end(&b);
}

static void may_let_partitions_overlap(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    b.g.prevent_overlapping = false;
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "b@h", 8, etf_nil());
    bed_info(&b, "{lost_connection, a@h, 5, 1, b@h}");
    global__nodedown(&b.g, etf_atom("a@h"));
    bed_expect(&b, "lost a@h\n");
    bed_end(&b);
}

/* What was heard is remembered for an hour, and so many of it. */
static void remembers_a_limited_number_of_losses(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    for (int64_t i = 0; i < GLOBAL_LOST_MAX + 100; i++) {
        char name[32];

        b.now_ms++;
        (void)snprintf(name, sizeof name, "x%d@h", (int)i);
        bed_info(&b, "{lost_connection, _, 5, 1, b@h}", etf_atom(name));
        etf_region_reset(b.region);
    }
    assert_int_equal(b.g.lost_count, GLOBAL_LOST_MAX);
    b.now_ms += GLOBAL_LOST_MS + GLOBAL_LOST_MAX;
    bed_info(&b, "{lost_connection, a@h, 5, 1, b@h}");
    assert_int_equal(b.g.lost_count, 1);
    bed_end(&b);
}

static void takes_only_so_many_nodes(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    for (int64_t i = 0; i < GLOBAL_NODES_MAX + 100; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "x%d@h", (int)i);
        bed_cast(&b, "{new_nodes, a@h, [], [], [{_, 8}], []}", etf_atom(name));
        etf_region_reset(b.region);
        bed_forget(&b);
    }
    assert_int_equal(b.g.peers.count, GLOBAL_NODES_MAX);
    bed_end(&b);
}

static void disconnects_without_news(void **state)
{
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "b@h", 8, etf_nil());
    assert_true(
        etf_equal(global__disconnect(&b.g), etf_make(b.region, "[a@h, b@h]")));
    bed_expect(&b, "disconnect b@h\nlost b@h\ndisconnect a@h\n"
                   "lost a@h\n");
    global__nodedown(&b.g, etf_atom("a@h"));
    global__nodedown(&b.g, etf_atom("b@h"));
    bed_expect(&b, "lost a@h\nlost b@h\n");
    assert_int_equal(b.g.peers.count, 0);
    bed_end(&b);
}

/* ---- Names and locks ---------------------------------------------------- */

static void takes_a_name_with_its_lock_only(void **state)
{
    etf_pid boss = bed_far("a@h", 7), other = bed_far("b@h", 7);
    etf_pid own = { .id = 8, .serial = 1 };
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    bed_know(&b, "b@h", 8, etf_nil());
    lock_names(&b, boss);
    assert_int_equal(put(&b, "n", own, boss), AGNER_OK);
    assert_true(has(&b, "n", own));
    assert_int_equal(put(&b, "n2", own, other), AGNER_OK);
    assert_false(has(&b, "n2", own)); /* another has the lock */
    assert_int_equal(put(&b, "n3", own, bed_far("stranger@h", 7)),
                     AGNER_ENOTALLOWED);
    /* Who had the lock has died: its message came late. */
    global__down(&b.g, boss, (etf_ref){ .count = 1, .words = { 1 } });
    assert_null(global__lock_get(&b.g.locks, etf_atom("global")));
    assert_int_equal(put(&b, "n4", own, boss), AGNER_OK);
    assert_false(has(&b, "n4", own));
    global__unregister(&b.g, etf_atom("n"));
    assert_int_equal(b.watched, 1); /* the dead one's, which has fired */
    bed_end(&b);
}

static void forgets_names_of_the_dead(void **state)
{
    etf_pid own = { .id = 8, .serial = 1 }, far = bed_far("a@h", 6);
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    bed_know(&b, "a@h", 8, etf_nil());
    assert_int_equal(put(&b, "n", own, b.g.locker), AGNER_OK);
    assert_int_equal(put(&b, "n", far, b.g.locker), AGNER_OK); /* anew */
    assert_int_equal(b.watched, 1);
    global__down(&b.g, own, (etf_ref){ .count = 1, .words = { 1 } });
    assert_true(has(&b, "n", far));
    global__nodedown(&b.g, etf_atom("a@h"));
    assert_int_equal(gen__names_count(b.g.names), 0);
    assert_int_equal(b.watched, 0);
    bed_end(&b);
}

/* register_ext: a node without global has us watch over its process. */
static void links_to_a_process_of_a_node_without_global(void **state)
{
    etf_pid far = bed_far("c@h", 6);
    etf_term reply;
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    assert_true(global__call(
        &b.g, b.g.locker,
        etf_make(b.region, "{register_ext, n, _, _, m@h}", far, method(&b)),
        &reply));
    assert_true(etf_same(reply, ETF_A(yes)));
    assert_int_equal(strncmp(bed_text(&b), "link <", 6), 0);
    assert_true(etf_equal(global__ext_names(&b.g),
                          etf_make(b.region, "[{n, _, m@h}]", far)));
    bed_forget(&b);
    global__unregister(&b.g, etf_atom("n"));
    assert_int_equal(strncmp(bed_text(&b), "unlink <", 8), 0);
    bed_end(&b);
}

static void keeps_locks_apart(void **state)
{
    etf_pid one = bed_far("a@h", 1), two = bed_far("a@h", 2);
    struct bed b;
    etf_term id, other;

    (void)state;
    bed_begin(&b, "m@h");
    id = etf_make(b.region, "{{r, 1}, me}");
    other = etf_make(b.region, "{{r, 1}, you}");
    assert_true(global__set_lock(&b.g, id, one));
    assert_true(global__set_lock(&b.g, id, one)); /* again: the same */
    assert_int_equal(b.watched, 1);
    assert_true(global__set_lock(&b.g, id, two)); /* the same requester */
    assert_false(global__set_lock(&b.g, other, two));
    global__del_lock(&b.g, other, one);
    global__del_lock(&b.g, id, one);
    assert_false(global__set_lock(&b.g, other, one));
    global__down(&b.g, two, (etf_ref){ .count = 1, .words = { 2 } });
    assert_true(global__set_lock(&b.g, other, one));
    assert_false(global__set_lock(&b.g, ETF_A(ok), one));
    bed_end(&b);
}

static void takes_only_so_many_locks(void **state)
{
    etf_pid one = bed_far("a@h", 1);
    struct bed b;

    (void)state;
    bed_begin(&b, "m@h");
    for (int64_t i = 0; i < GLOBAL_LOCKS_MAX; i++) {
        assert_true(
            global__set_lock(&b.g, etf_make(b.region, "{_, me}", i), one));
        etf_region_reset(b.region);
    }
    assert_false(global__set_lock(&b.g, etf_make(b.region, "{x, me}"), one));
    assert_int_equal(b.watched, GLOBAL_LOCKS_MAX);
    bed_end(&b);
}

/* ---- Bad input ---------------------------------------------------------- */

/* Each message of the protocol, with each element replaced by each of these: it
 * is survived, and nodes meet afterwards as before. */
static void survives_every_malformed_message(void **state)
{
    static const char *const messages[] = {
        "{init_connect, {8, 77}, a@h, {locker, x, #{}, p}}",
        "{init_connect_ack, a@h, 1, 77}",
        "{cancel_connect, a@h, 1}",
        "{lock_is_set, a@h, 1, {global, l}}",
        "{lock_set, p, true, [], 1}",
        "{lock_set, p, true, []}",
        "{exchange, a@h, [{n, p, f}], [], 1}",
        "{exchange_ops, a@h, 1, [{insert, {n, p, f}}], []}",
        "{resolved, a@h, [{delete, n}], [{c@h, 8}], unused, [], 1}",
        ("{new_nodes, a@h, [{insert, {n, p, f}}], [{n, p, a@h}],"
         " [{c@h, 8}], [{vsn, 8}, {lock, {global, l}}]}"),
        "{in_sync, a@h, true}",
        "{lost_connection, a@h, 5, 1, b@h}",
        "{remove_connection, a@h}",
        "{extra_nodedown, a@h}",
        "{joined, a@h}",
        "{nodeup, a@h, [{connection_id, 1}]}",
        "{nodedown, a@h, []}",
        "{'DOWN', x, process, p, noproc}",
        "{register, n, p, f}",
        "{register_ext, n, p, f, a@h}",
        "{unregister, n}",
        "{set_lock, {r, me}}",
        "{del_lock, {r, me}}",
        "{can_set_lock, {r, me}}",
        "{is_locked, r}",
        "{is_named, p}",
    };
    static const char *const junk[] = {
        "x",
        "-1",
        "123456789012345678901234567890",
        "1.5",
        "[]",
        "[a | b]",
        "[[[]]]",
        "{}",
        "{a}",
        "{a, b, c, d, e, f, g}",
        "#{a => b}",
        "<<1, 2>>",
        "\"text\"",
        "[{insert, x}, {insert, {a}}, {delete}, 7]",
        "[{n, m}, {q@h, x}, q, 7 | 8]",
        "{global, [x | y]}",
    };
    struct bed b;
    size_t taken = 0;

    (void)state;
    bed_begin(&b, "m@h");
    for (size_t m = 0; m < sizeof messages / sizeof *messages; m++) {
        for (size_t j = 0; j < sizeof junk / sizeof *junk; j++) {
            for (size_t at = 0; at < 7; at++) {
                etf_term message, with, reply, items[8];
                etf_pid pid = bed_far("a@h", 6);
                size_t count;

                assert_int_equal(etf_parse(b.region, messages[m],
                                           strlen(messages[m]), &message, NULL,
                                           NULL),
                                 AGNER_OK);
                assert_int_equal(etf_parse(b.region, junk[j], strlen(junk[j]),
                                           &with, NULL, NULL),
                                 AGNER_OK);
                count = etf_tuple_size(message);
                for (size_t i = 0; i < count; i++) {
                    items[i] = etf_tuple_items(message)[i];
                    if (etf_atom_is(items[i], "p"))
                        items[i] = etf_from_pid(b.region, pid);
                }
                items[at < count ? at : 0] = with;
                message = etf_tuple(b.region, items, count);
                (void)bed_meet(&b, "a@h", 8);
                taken += global__cast(&b.g, message);
                taken += global__info(&b.g, message);
                taken += global__call(&b.g, pid, message, &reply);
                global__nodedown(&b.g, etf_atom("a@h"));
                bed_forget(&b);
                etf_region_reset(b.region);
            }
        }
    }
    assert_true(taken > 0);
    bed_know(&b, "a@h", 8, etf_nil());
    assert_true(peer(&b, "a@h")->known);
    bed_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_step_by_step),
        cmocka_unit_test(meets_in_another_order),
        cmocka_unit_test(tells_its_partition),
        cmocka_unit_test(speaks_version_5),
        cmocka_unit_test(knows_an_old_attempt_by_its_tag),
        cmocka_unit_test(begins_anew_when_out_of_step),
        cmocka_unit_test(is_made_known_by_others),
        cmocka_unit_test(does_not_claim_to_know_what_it_forgot),
        cmocka_unit_test(leaves_conflicts_to_the_smaller_name),
        cmocka_unit_test(passes_a_loss_on_once),
        cmocka_unit_test(tells_of_a_loss_that_is_news_again),
        cmocka_unit_test(leaves_who_has_lost_us),
        cmocka_unit_test(may_let_partitions_overlap),
        cmocka_unit_test(remembers_a_limited_number_of_losses),
        cmocka_unit_test(takes_only_so_many_nodes),
        cmocka_unit_test(disconnects_without_news),
        cmocka_unit_test(takes_a_name_with_its_lock_only),
        cmocka_unit_test(forgets_names_of_the_dead),
        cmocka_unit_test(links_to_a_process_of_a_node_without_global),
        cmocka_unit_test(keeps_locks_apart),
        cmocka_unit_test(takes_only_so_many_locks),
        cmocka_unit_test(survives_every_malformed_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
