/*
 * The locker of `global`, event by event: the table on top of global_locking.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <global_internal.h>

/* What the locker does is written down; `refuses` is a node that is locked by
 * somebody else. */
struct bed {
    struct global_locking l;
    struct global_locking_acts acts;
    struct etf_region *region;
    etf_term known, refuses;
    bool is_locked; /* this node, by others */
    char log[4096];
};

static void note(struct bed *b, const char *word, etf_term t)
{
    char text[512];
    size_t used = strlen(b->log);

    (void)snprintf(b->log + used, sizeof b->log - used, "%s %s\n", word,
                   etf_format(text, sizeof text, t));
}

static bool set_act(void *ctx, etf_term id, etf_term nodes)
{
    struct bed *b = ctx;

    (void)id;
    if (etf_same(nodes, etf_nil()))
        return true;
    note(b, "lock", nodes);
    return etf_is_none(b->refuses) || !global__is_among(nodes, b->refuses);
}

static void del_act(void *ctx, etf_term id, etf_term nodes)
{
    (void)id;
    if (!etf_same(nodes, etf_nil()))
        note(ctx, "free", nodes);
}

static etf_term known_act(void *ctx)
{
    return ((struct bed *)ctx)->known;
}

static bool can_act(void *ctx, etf_term id)
{
    (void)id;
    return !((struct bed *)ctx)->is_locked;
}

static void lock_set_act(void *ctx, const struct global_him *him, bool set,
                         etf_term known)
{
    (void)known;
    note(ctx, set ? "say true to" : "say false to", him->node);
}

static void lock_is_set_act(void *ctx, etf_term node, int64_t my_tag,
                            etf_term id)
{
    (void)my_tag;
    (void)id;
    note(ctx, "both for", node);
}

static void send_all_act(void *ctx, etf_term messages)
{
    if (!etf_same(messages, etf_nil()))
        note(ctx, "send", messages);
}

static uint64_t draw_act(void *ctx, uint64_t bound)
{
    (void)ctx;
    (void)bound;
    return 0;
}

static void begin(struct bed *b)
{
    *b = (struct bed){ .region = etf_region_new(0), .known = etf_nil() };
    assert_non_null(b->region);
    b->acts = (struct global_locking_acts){
        .ctx = b,
        .set = set_act,
        .del = del_act,
        .known = known_act,
        .can = can_act,
        .lock_set = lock_set_act,
        .lock_is_set = lock_is_set_act,
        .send_all = send_all_act,
        .draw = draw_act,
    };
    b->l.acts = &b->acts;
    b->l.region = b->region;
    b->l.self = (struct etf_self){ .name = etf_atom("m@h"), .creation = 3 };
    b->l.pid = (etf_pid){ .id = 5, .serial = 1 };
}

static void end(struct bed *b)
{
    global__locking_fini(&b->l);
    etf_region_free(b->region);
}

static void expect(struct bed *b, const char *log)
{
    assert_string_equal(b->log, log);
    b->log[0] = '\0';
}

static etf_pid locker_of(const char *node)
{
    return (etf_pid){ .node = etf_atom(node), .id = 5, .serial = 1 };
}

static void add(struct bed *b, const char *node, int64_t tag)
{
    assert_int_equal(
        global__locking_him(&b->l, etf_atom(node), locker_of(node), 8, 70, tag),
        AGNER_OK);
}

static void says(struct bed *b, const char *node, bool set, int64_t tag)
{
    global__locking_set(&b->l, locker_of(node), set, true, tag);
}

static void cancel(struct bed *b, const char *node, int64_t tag)
{
    global__locking_cancel(&b->l, etf_atom(node), tag,
                           etf_make(b->region, "[{x, new_nodes}]"));
}

/* It takes the initiative, and the other agrees. */
static void asks_and_holds(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    assert_true(global__locking_pause_ms(&b.l) == RT_INFINITY);
    add(&b, "a@h", 1);
    assert_int_equal(global__locking_pause_ms(&b.l), 200);
    global__locking_timeout(&b.l);
    expect(&b, "lock [m@h]\nlock [a@h]\nsay true to a@h\n");
    says(&b, "a@h", true, 9); /* of another attempt */
    expect(&b, "");
    says(&b, "a@h", true, 1);
    expect(&b, "both for a@h\n");
    assert_true(global__locking_pause_ms(&b.l) == RT_INFINITY);
    cancel(&b, "a@h", 1);
    expect(&b, "send [{x,new_nodes}]\nfree [a@h]\nfree [m@h]\n");
    assert_int_equal(b.l.state, GLOBAL_IDLE);
    assert_null(b.l.hims);
    end(&b);
}

static void frees_when_the_other_has_no_lock(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    add(&b, "a@h", 1);
    global__locking_timeout(&b.l);
    b.log[0] = '\0';
    says(&b, "a@h", false, 1);
    expect(&b, "free [a@h]\nfree [m@h]\n");
    assert_non_null(b.l.hims); /* to be tried again */
    /* One that never answers. */
    global__locking_timeout(&b.l);
    b.log[0] = '\0';
    assert_true(global__locking_pause_ms(&b.l) != RT_INFINITY);
    global__locking_timeout(&b.l);
    expect(&b, "free [a@h]\nfree [m@h]\n");
    end(&b);
}

/* The greatest of the partition first; what was locked is freed again. */
static void locks_its_partition_in_order(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    b.known = etf_make(b.region, "['c@h', 'z@h']");
    add(&b, "a@h", 1);
    assert_int_equal(global__locking_pause_ms(&b.l), 1200);
    global__locking_timeout(&b.l);
    expect(&b, "lock [z@h]\nlock [a@h,m@h]\nlock [c@h]\nsay true to a@h\n");
    says(&b, "a@h", false, 1);
    expect(&b, "free [a@h,m@h,c@h]\nfree [z@h]\n");
    b.refuses = etf_atom("c@h");
    global__locking_timeout(&b.l);
    expect(&b, "lock [z@h]\nlock [a@h,m@h]\nlock [c@h]\n"
               "free [z@h,a@h,m@h]\n");
    b.refuses = etf_atom("a@h");
    global__locking_timeout(&b.l);
    expect(&b, "lock [z@h]\nlock [a@h,m@h]\nfree [z@h]\n");
    b.refuses = etf_atom("z@h");
    global__locking_timeout(&b.l);
    expect(&b, "lock [z@h]\n");
    b.is_locked = true; /* names are being changed: not now */
    global__locking_timeout(&b.l);
    expect(&b, "");
    end(&b);
}

/* He has his lock and waits for ours. */
static void answers(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    add(&b, "a@h", 1);
    says(&b, "a@h", false, 1);
    expect(&b, "");
    b.refuses = etf_atom("m@h");
    says(&b, "a@h", true, 1);
    expect(&b, "lock [m@h]\nsay false to a@h\n");
    b.refuses = ETF_NONE;
    says(&b, "a@h", true, 1);
    expect(&b, "lock [m@h]\nsay true to a@h\nboth for a@h\n");
    says(&b, "stranger@h", true, 1);
    expect(&b, "say false to stranger@h\n");
    end(&b);
}

/* One after another; who is known by then is answered, and not asked. */
static void notes_who_asks_meanwhile(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    add(&b, "a@h", 1);
    add(&b, "b@h", 2);
    says(&b, "a@h", true, 1);
    b.log[0] = '\0';
    says(&b, "b@h", true, 2);
    expect(&b, "");
    b.known = etf_make(b.region, "['a@h', 'b@h']");
    cancel(&b, "a@h", 1);
    expect(&b, "send [{x,new_nodes}]\nfree [m@h]\n"
               "lock [m@h]\nlock [b@h,a@h]\nsay true to b@h\nboth for b@h\n");
    cancel(&b, "b@h", 2);
    b.log[0] = '\0';
    add(&b, "b@h", 3);
    global__locking_timeout(&b.l);
    expect(&b, "");
    end(&b);
}

static void forgets_a_cancelled_one(void **state)
{
    struct bed b;

    (void)state;
    begin(&b);
    add(&b, "a@h", 1);
    cancel(&b, "a@h", 9); /* another attempt */
    assert_non_null(b.l.hims);
    add(&b, "a@h", 2); /* anew */
    cancel(&b, "a@h", 2);
    assert_null(b.l.hims);
    assert_true(global__locking_pause_ms(&b.l) == RT_INFINITY);
    end(&b);
}

/* Both sides must make the same of it, whatever is local to them. */
static void sorts_the_lock_as_the_other_does(void **state)
{
    const struct etf_self here = { .name = etf_atom("b@h"), .creation = 3 };
    const struct etf_self there = { .name = etf_atom("a@h"), .creation = 2 };
    struct etf_region *r = etf_region_new(0);
    etf_pid own = { .id = 5, .serial = 1 };
    etf_pid theirs = {
        .node = there.name, .id = 5, .serial = 1, .creation = 2
    };
    etf_pid ours = { .node = here.name, .id = 5, .serial = 1, .creation = 3 };

    (void)state;
    /* a@h is the smaller: first on both. */
    assert_true(etf_equal(global__lock_id(r, own, theirs, &here),
                          etf_make(r, "{global, [_, _]}", theirs, own)));
    assert_true(etf_equal(global__lock_id(r, own, ours, &there),
                          etf_make(r, "{global, [_, _]}", own, ours)));
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_and_holds),
        cmocka_unit_test(frees_when_the_other_has_no_lock),
        cmocka_unit_test(locks_its_partition_in_order),
        cmocka_unit_test(answers),
        cmocka_unit_test(notes_who_asks_meanwhile),
        cmocka_unit_test(forgets_a_cancelled_one),
        cmocka_unit_test(sorts_the_lock_as_the_other_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
