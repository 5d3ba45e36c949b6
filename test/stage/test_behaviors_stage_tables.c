/*
 * test_behaviors_stage_tables.c -- what stages decide, as tables: demand, the
 * buffer, and who gets what. Heaps are compared with the lists that GenStage
 * has, by drawn operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>

#include "stage/buffer.h"
#include "stage/demand.h"
#include "stage/dispatch_broadcast.h"
#include "stage/dispatch_demand.h"
#include "stage/dispatch_partition.h"

/* ---- Demand of a consumer: spec/gen.md 1.10, demand arithmetic ----------- */

static void checks_minimum_and_maximum(void **state)
{
    static const struct {
        uint64_t min, max;
        bool good;
    } rows[] = { { 500, 1000, true },       { 0, 1, true },
                 { 0, 0, false },           { 1, 1, false },
                 { 5, 4, false },           { 999, 1000, true },
                 { 0, UINT64_MAX, false },  { UINT64_MAX, UINT64_MAX, false },
                 { 0, STAGE_ASK_MAX, true } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(gen__demand_check(rows[i].min, rows[i].max) == NULL,
                         rows[i].good);
}

/* Pieces of a list, and what is asked for after each: 0 for nothing. */
struct cut_row {
    uint64_t min, max, pending, count;
    uint64_t pieces[8], asks[8], excess, left;
};

static void cuts_lists_into_pieces(void **state)
{
    static const struct cut_row rows[] = {
        /* The first thousand comes in two, and asks twice. */
        { 500, 1000, 1000, 1000, { 500, 500 }, { 500, 500 }, 0, 1000 },
        { 500, 1000, 1000, 500, { 500 }, { 500 }, 0, 1000 },
        { 500, 1000, 1000, 499, { 499 }, { 0 }, 0, 501 },
        { 0, 10, 10, 10, { 10 }, { 10 }, 0, 10 },
        { 0, 10, 10, 9, { 9 }, { 0 }, 0, 1 },
        { 0, 1, 1, 1, { 1 }, { 1 }, 0, 1 },
        { 2, 4, 4, 5, { 2, 2, 1 }, { 2, 2, 0 }, 1, 4 },
        { 9, 10, 10, 3, { 1, 1, 1 }, { 1, 1, 1 }, 0, 10 },
        /* Nothing was asked for: it is handled, and counts for nothing. */
        { 2, 4, 0, 3, { 2, 1 }, { 4, 0 }, 3, 4 },
        { 2, 4, 3, 4, { 2, 2 }, { 3, 0 }, 1, 3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cut_row *row = &rows[i];
        struct stage_demand d = { row->min, row->max, row->pending };
        struct stage_cut cut = gen__demand_begin(&d, row->count);
        uint64_t excess, all = 0;

        for (unsigned n = 0; cut.left > 0; n++) {
            uint64_t size = gen__demand_piece(&d, &cut, &excess);
            uint64_t ask = gen__demand_refill(&d);

            all += excess;
            if (size != row->pieces[n] || ask != row->asks[n])
                fail_msg("row %zu, piece %u: %d asks %d", i, n, (int)size,
                         (int)ask);
        }
        assert_int_equal(all, row->excess);
        assert_int_equal(d.pending, row->left);
    }
}

static void by_hand_all_comes_at_once(void **state)
{
    struct stage_demand d = { 2, 4, 3 };
    struct stage_cut cut = gen__demand_begin(&d, 7);

    (void)state;
    assert_int_equal(gen__demand_whole(&d, &cut), 7);
    assert_int_equal(cut.left, 0);
    assert_int_equal(d.pending, 0);
    assert_int_equal(gen__demand_fill(&d), 4); /* automatic from now on */
    assert_int_equal(gen__demand_fill(&d), 0);
}

/* ---- The buffer ---------------------------------------------------------- */

static void decides_what_a_buffer_keeps(void **state)
{
    static const struct {
        uint64_t have, max;
        bool first;
        uint64_t count;
        struct stage_keeps keeps;
    } rows[] = {
        { 0, 5, false, 3, { 0, 0, 3 } },
        { 4, 5, false, 3, { 2, 0, 3 } },
        { 5, 5, false, 1, { 1, 0, 1 } },
        { 5, 5, false, 5, { 5, 0, 5 } },
        { 5, 5, false, 9, { 5, 4, 5 } },
        { 0, 5, false, 9, { 0, 4, 5 } },
        { 0, 5, true, 9, { 0, 0, 5 } },
        { 4, 5, true, 3, { 0, 0, 1 } },
        { 5, 5, true, 3, { 0, 0, 0 } },
        { 7, 5, true, 3, { 0, 0, 0 } },
        { 9, UINT64_MAX, false, 9, { 0, 0, 9 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stage_keeps keeps = gen__buffer_decide(
            rows[i].have, rows[i].max, rows[i].first, rows[i].count);

        if (memcmp(&keeps, &rows[i].keeps, sizeof keeps) != 0)
            fail_msg("row %zu: drop %d, skip %d, keep %d", i, (int)keeps.drop,
                     (int)keeps.skip, (int)keeps.keep);
    }
}

static etf_term numbers(struct etf_region *r, int64_t from, int64_t count)
{
    etf_term list = etf_nil();

    for (int64_t i = count; i-- > 0;)
        list = etf_cons(r, etf_int(r, from + i), list);
    return list;
}

/* What comes out, in which pieces; `m` stands for a message. */
static void take(struct stage_buffer *b, struct etf_region *r, uint64_t count,
                 const char *text)
{
    struct etf_buffer seen = { 0 };
    const struct etf_print_options options = { .style = ETF_STYLE_W };
    struct stage_piece *piece;
    uint64_t got;
    etf_term list = gen__buffer_peek(b, r, count, &got, NULL);

    assert_int_equal(etf_print(&seen, list, &options), AGNER_OK);
    assert_int_equal(etf_list_size(list), got);
    gen__buffer_drop(b, got);
    while ((piece = gen__buffer_message(b)) != NULL) {
        assert_int_equal(etf_buffer_add(&seen, "m", 1), AGNER_OK);
        gen__piece_free(piece);
    }
    assert_int_equal(etf_buffer_add(&seen, "", 1), AGNER_OK);
    assert_string_equal((const char *)seen.data, text);
    etf_buffer_fini(&seen);
}

static void put(struct stage_buffer *b, struct etf_region *r, int64_t from,
                int64_t count, uint64_t discarded)
{
    uint64_t gone;

    assert_true(
        gen__buffer_put(b, r, numbers(r, from, count), (uint64_t)count, &gone));
    assert_int_equal(gone, discarded);
}

static void a_buffer_keeps_order_and_messages(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct stage_buffer b = { .max = 10 };
    etf_term long_list;

    (void)state;
    put(&b, r, 0, 4, 0);
    assert_true(gen__buffer_put_message(&b, ETF_A(ok)));
    put(&b, r, 4, 3, 0);
    take(&b, r, 2, "[0,1]");
    take(&b, r, 9, "[2,3]m"); /* no events past a message */
    take(&b, r, 2, "[4,5]");
    put(&b, r, 10, 2, 0);
    take(&b, r, 9, "[6,10,11]"); /* of two pieces */
    take(&b, r, 9, "[]");
    /* The oldest go, and a message whose events have gone comes at once. */
    put(&b, r, 0, 3, 0);
    assert_true(gen__buffer_put_message(&b, ETF_A(ok)));
    put(&b, r, 3, 7, 0);
    put(&b, r, 20, 4, 4);
    take(&b, r, 2, "[]m");
    take(&b, r, 20, "[4,5,6,7,8,9,20,21,22,23]");
    put(&b, r, 0, 25, 15);
    take(&b, r, 3, "[15,16,17]");
    b.keep_first = true;
    put(&b, r, 30, 5, 2);
    take(&b, r, 20, "[18,19,20,21,22,23,24,30,31,32]");
    assert_int_equal(b.count, 0);
    /* Longer than what is laid out at once. */
    b.max = UINT64_MAX;
    put(&b, r, 0, 200, 0);
    long_list = gen__slice(r, b.first->rest, 150, NULL);
    assert_true(etf_equal(long_list, numbers(r, 0, 150)));
    gen__buffer_fini(&b);
    etf_region_free(r);
}

/* ---- Drawn operations ---------------------------------------------------- */

static uint64_t draws;

static unsigned draw(unsigned bound)
{
    uint64_t x = ++draws * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((x ^ x >> 31) % bound);
}

#define SEATS  9u
#define ROUNDS 20000u

/* GenStage's list: sorted by what was asked for, new ones behind their equals.
 */
struct line {
    struct {
        uint32_t who;
        uint64_t asked;
    } rows[SEATS];
    unsigned count;
    uint64_t pending;
};

static uint64_t line_take(struct line *l, uint32_t who)
{
    unsigned i = 0;
    uint64_t asked;

    while (l->rows[i].who != who)
        i++;
    asked = l->rows[i].asked;
    memmove(&l->rows[i], &l->rows[i + 1],
            (l->count - i - 1) * sizeof l->rows[0]);
    l->count--;
    return asked;
}

static void line_put(struct line *l, uint32_t who, uint64_t asked)
{
    unsigned i = 0;

    while (i < l->count && l->rows[i].asked >= asked)
        i++;
    memmove(&l->rows[i + 1], &l->rows[i], (l->count - i) * sizeof l->rows[0]);
    l->rows[i].who = who;
    l->rows[i].asked = asked;
    l->count++;
}

static void the_line_gives(struct line *l, struct demand_queue *q,
                           uint64_t count)
{
    uint32_t who;
    uint64_t given, want;

    while (count > 0) {
        given = gen__demand_queue_give(q, count, &who);
        if (l->count == 0 || l->rows[0].asked == 0)
            break;
        want = l->rows[0].asked < count ? l->rows[0].asked : count;
        assert_int_equal(given, want);
        assert_int_equal(who, l->rows[0].who);
        want = line_take(l, who) - given;
        line_put(l, who, want);
        count -= given;
    }
    if (count > 0)
        assert_int_equal(gen__demand_queue_give(q, count, &who), 0);
    gen__demand_queue_left(q, count);
    l->pending -= count < l->pending ? count : l->pending;
}

/* spec/gen.md 1.10, the demand dispatcher. */
static void gives_to_who_asked_for_most(void **state)
{
    struct demand_queue q = { 0 };
    struct line l = { .count = 0 };
    bool there[SEATS] = { false };

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t who = draw(SEATS);
        uint64_t count = 1 + draw(9), sent;

        if (!there[who]) {
            assert_true(gen__demand_queue_add(&q, who));
            line_put(&l, who, 0);
            there[who] = true;
        } else if (draw(12) == 0) {
            gen__demand_queue_remove(&q, who);
            l.pending += line_take(&l, who);
            there[who] = false;
        } else if (draw(2) == 0) {
            sent = l.pending < count ? l.pending : count;
            line_put(&l, who, line_take(&l, who) + count);
            l.pending -= sent;
            assert_int_equal(gen__demand_queue_ask(&q, who, count),
                             count - sent);
        } else {
            the_line_gives(&l, &q, count * 2);
        }
        assert_int_equal(q.pending, l.pending);
    }
    gen__demand_queue_fini(&q);
}

/* spec/gen.md 1.10, the broadcast dispatcher: a counter for each. */
struct counters {
    uint64_t asked[SEATS];
    bool there[SEATS];
    uint64_t waiting, requested;
};

static uint64_t counters_gather(struct counters *c)
{
    uint64_t least = UINT64_MAX, more;

    for (unsigned i = 0; i < SEATS; i++)
        if (c->there[i] && c->asked[i] < least)
            least = c->asked[i];
    if (least == UINT64_MAX)
        least = 0;
    for (unsigned i = 0; i < SEATS; i++)
        if (c->there[i])
            c->asked[i] -= least;
    c->waiting += least;
    more = c->waiting > c->requested ? c->waiting - c->requested : 0;
    c->requested += more;
    return more;
}

static void gives_everybody_what_the_slowest_asked_for(void **state)
{
    struct broadcast b = { 0 };
    struct counters c = { .waiting = 0 };
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t who = draw(SEATS);
        uint64_t n = 1 + draw(9), given;

        if (!c.there[who] && draw(4) == 0) {
            assert_true(gen__broadcast_add(&b, who));
            for (unsigned k = 0; k < SEATS; k++)
                c.asked[k] += c.there[k] ? c.waiting : 0;
            c.waiting = c.asked[who] = 0;
            c.there[who] = true;
            count++;
        } else if (c.there[who] && draw(30) == 0) {
            c.there[who] = false;
            count--;
            given = 0;
            if (count == 0)
                c.waiting = 0;
            else
                given = counters_gather(&c);
            assert_int_equal(gen__broadcast_remove(&b, who), given);
        } else if (c.there[who] && draw(3) != 0) {
            c.asked[who] += n;
            given = counters_gather(&c);
            assert_int_equal(gen__broadcast_ask(&b, who, n), given);
        } else {
            given = c.waiting < n ? c.waiting : n;
            c.waiting -= given;
            c.requested -= given;
            assert_int_equal(gen__broadcast_give(&b, n), given);
            gen__broadcast_left(&b, n - given);
            c.requested -= n - given < c.requested - c.waiting
                               ? n - given
                               : c.requested - c.waiting;
        }
        assert_int_equal(b.waiting, c.waiting);
        assert_int_equal(b.requested, c.requested);
    }
    gen__broadcast_fini(&b);
}

/* spec/gen.md 1.10, the partition dispatcher. */
static void a_partition_serves_its_queue_first(void **state)
{
    struct partition_row rows[2] = { { 0, 0 }, { 0, 0 } };
    struct partition p = { .rows = rows };
    uint64_t now;

    (void)state;
    assert_int_equal(gen__partition_ask(&p, 0, 5, &now), 5);
    assert_int_equal(now, 0);
    assert_int_equal(p.waiting, 5);
    for (int i = 0; i < 5; i++) /* they are all the other one's */
        gen__partition_take(&p);
    assert_int_equal(gen__partition_give(&p, 1, 5), 0);
    assert_int_equal(p.queued, 5);
    assert_int_equal(gen__partition_ask(&p, 1, 3, &now), 3);
    assert_int_equal(now, 3);
    assert_int_equal(rows[1].demand, 0);
    assert_int_equal(gen__partition_ask(&p, 1, 3, &now), 3);
    assert_int_equal(now, 2);
    assert_int_equal(rows[1].demand, 1);
    assert_int_equal(p.waiting, 6);
    /* What it had asked for comes to others; what was queued is asked again. */
    assert_int_equal(gen__partition_cancel(&p, 1), 0);
    assert_int_equal(p.pending, 1);
    assert_int_equal(gen__partition_ask(&p, 0, 1, &now), 0);
    assert_int_equal(p.pending, 0);
    assert_int_equal(rows[0].demand, 6);
    for (int i = 0; i < 2; i++)
        gen__partition_take(&p);
    assert_int_equal(gen__partition_give(&p, 1, 2), 0);
    assert_int_equal(gen__partition_cancel(&p, 1), 2);
    assert_int_equal(p.waiting, 6);
    assert_int_equal(p.queued, 0);
    assert_int_equal(gen__partition_give(&p, 0, 9), 6);
    assert_int_equal(rows[0].queued, 3);
}

/* Numbers of a hostile peer add up to no wrap. */
static void sums_have_an_end(void **state)
{
    struct partition_row row = { 0, 0 };
    struct partition p = { .rows = &row };
    struct demand_queue q = { 0 };
    struct broadcast b = { 0 };
    uint64_t now;

    (void)state;
    assert_true(gen__demand_queue_add(&q, 0));
    assert_true(gen__broadcast_add(&b, 0));
    for (int i = 0; i < 10000; i++) {
        (void)gen__demand_queue_ask(&q, 0, STAGE_ASK_MAX);
        (void)gen__broadcast_ask(&b, 0, STAGE_ASK_MAX);
        (void)gen__partition_ask(&p, 0, STAGE_ASK_MAX, &now);
        assert_true(q.total <= STAGE_SUM_MAX);
        assert_true(p.waiting <= STAGE_SUM_MAX);
        assert_true(b.waiting <= STAGE_SUM_MAX);
    }
    gen__demand_queue_remove(&q, 0);
    assert_true(q.pending <= STAGE_SUM_MAX);
    gen__demand_queue_fini(&q);
    gen__broadcast_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_minimum_and_maximum),
        cmocka_unit_test(cuts_lists_into_pieces),
        cmocka_unit_test(by_hand_all_comes_at_once),
        cmocka_unit_test(decides_what_a_buffer_keeps),
        cmocka_unit_test(a_buffer_keeps_order_and_messages),
        cmocka_unit_test(gives_to_who_asked_for_most),
        cmocka_unit_test(gives_everybody_what_the_slowest_asked_for),
        cmocka_unit_test(a_partition_serves_its_queue_first),
        cmocka_unit_test(sums_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
