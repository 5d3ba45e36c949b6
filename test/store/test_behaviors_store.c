/*
 * test_behaviors_store.c -- what holds for every kind of store: gen_store.h.
 *
 * Each case runs on each kind, with threads and simulated. A model, a sorted
 * array of all that was put, says what a drawn sequence of operations must
 * find. AGNER_SEED=n runs the drawn case with that seed alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>

#include "../process/bed.h"
#include "failing.h"
#include "kinds.h"

static const struct kind *kind; /* that the case runs on */

static etf_bytes bytes(const char *text)
{
    return (etf_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct gen_store *open_store(struct bed *bed)
{
    struct gen_store *store = NULL;
    struct agner_error error;
    enum agner_err err = kind->open(bed->self, &store, &error);

    if (err != AGNER_OK)
        fail_msg("%s: %s", kind->name, error.text);
    return store;
}

static void close_store(struct bed *bed, struct gen_store *store)
{
    assert_int_equal(gen_store_close(bed->self, store), AGNER_OK);
    gen_store_free(store);
    kind->clean();
}

static enum agner_err put(struct bed *bed, struct gen_store *store,
                          const char *key, const char *value)
{
    struct gen_store_write write = { .key = bytes(key) };

    write.erase = value == NULL;
    if (value != NULL)
        write.value = bytes(value);
    return gen_store_put(bed->self, store, &write, 1, NULL);
}

/* NULL: it is not there. */
static void expect(struct bed *bed, struct gen_store *store, const char *key,
                   const char *value)
{
    etf_bytes found;
    enum agner_err err = gen_store_get(bed->self, store, bytes(key),
                                       rt_region(bed->self), &found, NULL);

    if (value == NULL) {
        assert_int_equal(err, AGNER_EUNKNOWN);
        return;
    }
    assert_int_equal(err, AGNER_OK);
    assert_int_equal(found.size, strlen(value));
    assert_memory_equal(found.data, value, found.size);
}

/* ---- Single operations --------------------------------------------------- */

static void what_was_put_is_there(struct bed *bed)
{
    struct gen_store *store = open_store(bed);
    struct gen_store_write batch[] = {
        { .key = bytes("a"), .value = bytes("1") },
        { .key = bytes("b"), .value = bytes("2") },
        { .key = bytes("a"), .value = bytes("3") }, /* the last one counts */
        { .key = bytes("c"), .value = bytes("4") },
        { .key = bytes("c"), .erase = true },
        { .key = bytes("never"), .erase = true },
        { .key = bytes("d"), .erase = true },
        { .key = bytes("d"), .value = bytes("") },
    };

    expect(bed, store, "a", NULL);
    assert_int_equal(gen_store_put(bed->self, store, batch, 8, NULL), AGNER_OK);
    expect(bed, store, "a", "3");
    expect(bed, store, "b", "2");
    expect(bed, store, "c", NULL);
    expect(bed, store, "d", "");
    assert_int_equal(put(bed, store, "b", "other"), AGNER_OK);
    expect(bed, store, "b", "other");
    assert_int_equal(put(bed, store, "b", NULL), AGNER_OK);
    expect(bed, store, "b", NULL);
    assert_int_equal(gen_store_put(bed->self, store, NULL, 0, NULL), AGNER_OK);
    close_store(bed, store);
}

/* Each limit is named, and nothing of the batch is there. */
static void limits_are_told(struct bed *bed)
{
    static uint8_t large[GEN_STORE_VALUE_MAX + 1];
    static struct gen_store_write many[GEN_STORE_WRITES_MAX + 1];
    struct gen_store *store = open_store(bed);
    struct gen_store_write two[2] = { { .key = bytes("a") } };
    struct gen_store_row rows[2];
    struct agner_error error;
    etf_bytes value;
    size_t count = 7;

    two[1].key = (etf_bytes){ large, GEN_STORE_KEY_MAX + 1 };
    assert_int_equal(gen_store_put(bed->self, store, two, 2, &error),
                     AGNER_ELIMIT);
    assert_string_equal(error.text, "a key of 1025 bytes, over 1024");
    two[1].key.size = 0;
    assert_int_equal(gen_store_put(bed->self, store, two, 2, NULL),
                     AGNER_EINVAL);
    two[1].key.size = GEN_STORE_KEY_MAX;
    two[1].value = (etf_bytes){ large, GEN_STORE_VALUE_MAX + 1 };
    assert_int_equal(gen_store_put(bed->self, store, two, 2, &error),
                     AGNER_ELIMIT);
    assert_string_equal(error.text, "a value of 16777217 bytes, over 16777216");
    for (unsigned i = 0; i <= GEN_STORE_WRITES_MAX; i++)
        many[i] = two[1];
    assert_int_equal(
        gen_store_put(bed->self, store, many, GEN_STORE_WRITES_MAX + 1, NULL),
        AGNER_ELIMIT);
    for (unsigned i = 0; i < 5; i++)
        many[i].value.size = GEN_STORE_VALUE_MAX;
    assert_int_equal(gen_store_put(bed->self, store, many, 5, NULL),
                     AGNER_ELIMIT);
    expect(bed, store, "a", NULL);
    two[1].value.size = 3000;
    assert_int_equal(gen_store_put(bed->self, store, two, 2, NULL), AGNER_OK);
    assert_int_equal(gen_store_get(bed->self, store, two[1].key,
                                   rt_region(bed->self), &value, NULL),
                     AGNER_OK);
    assert_int_equal(value.size, 3000);
    assert_int_equal(gen_store_scan(bed->self, store, (etf_bytes){ 0 },
                                    (etf_bytes){ 0 }, 0, rt_region(bed->self),
                                    rows, &count, NULL),
                     AGNER_EINVAL);
    assert_int_equal(count, 7);
    close_store(bed, store);
}

/* A page ends after the row that makes it too large; the next one goes on. */
static void large_rows_make_short_pages(struct bed *bed)
{
    static uint8_t large[700000];
    struct gen_store *store = open_store(bed);
    struct gen_store_row rows[10];
    etf_bytes after = { 0 };
    size_t count, seen = 0, pages = 0;
    char key[] = "0";

    for (; key[0] < '5'; key[0]++) {
        struct gen_store_write write = { .key = bytes(key) };

        write.value = (etf_bytes){ large, sizeof large };
        assert_int_equal(gen_store_put(bed->self, store, &write, 1, NULL),
                         AGNER_OK);
    }
    for (;; pages++) {
        assert_int_equal(gen_store_scan(bed->self, store, (etf_bytes){ 0 },
                                        after, 10, rt_region(bed->self), rows,
                                        &count, NULL),
                         AGNER_OK);
        if (count == 0)
            break;
        assert_true(count <= 2);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(rows[i].key.data[0], '0' + (int)seen++);
        after = rows[count - 1].key;
    }
    assert_int_equal(seen, 5);
    assert_int_equal(pages, 3);
    close_store(bed, store);
}

static void a_closed_store_serves_nobody(struct bed *bed)
{
    struct gen_store *store = open_store(bed);
    struct gen_store *other = gen_store_hold(store);
    struct gen_store_row row;
    struct agner_error error;
    size_t count;

    assert_int_equal(put(bed, store, "a", "1"), AGNER_OK);
    assert_int_equal(gen_store_close(bed->self, store), AGNER_OK);
    assert_int_equal(gen_store_close(bed->self, other), AGNER_OK);
    assert_int_equal(put(bed, store, "b", "1"), AGNER_ECLOSED);
    assert_int_equal(gen_store_get(bed->self, store, bytes("a"),
                                   rt_region(bed->self), &row.value, NULL),
                     AGNER_ECLOSED);
    assert_int_equal(gen_store_scan(bed->self, store, (etf_bytes){ 0 },
                                    (etf_bytes){ 0 }, 1, rt_region(bed->self),
                                    &row, &count, &error),
                     AGNER_ECLOSED);
    assert_non_null(strstr(error.text, "is closed"));
    gen_store_free(store);
    gen_store_free(other);
    gen_store_free(NULL);
    kind->clean();
}

/* ---- Drawn sequences against a model ------------------------------------- */

#define MODEL_MAX 400u

struct model_row {
    uint8_t key[8];
    size_t key_size;
    uint32_t value;
    bool used;
};

struct model {
    uint64_t seed;
    struct model_row rows[MODEL_MAX]; /* sorted; the first `count` */
    size_t count;
};

static uint64_t draw(struct model *m, uint64_t bound)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed % bound;
}

static int order(const struct model_row *a, const struct model_row *b)
{
    size_t both = a->key_size < b->key_size ? a->key_size : b->key_size;
    int by = memcmp(a->key, b->key, both);

    return by != 0 ? by : (int)a->key_size - (int)b->key_size;
}

/* Few different bytes, so that keys repeat and begin each other. */
static struct model_row draw_key(struct model *m)
{
    static const uint8_t few[] = { 0, 1, 'a', 0xff };
    struct model_row row = { .used = true };

    row.key_size = 1 + draw(m, 5);
    for (size_t i = 0; i < row.key_size; i++)
        row.key[i] = few[draw(m, 4)];
    row.value = (uint32_t)draw(m, UINT32_MAX);
    return row;
}

static void model_put(struct model *m, const struct model_row *row, bool erase)
{
    size_t at = 0;

    while (at < m->count && order(&m->rows[at], row) < 0)
        at++;
    if (at < m->count && order(&m->rows[at], row) == 0) {
        m->rows[at] = *row;
        if (erase)
            memmove(&m->rows[at], &m->rows[at + 1],
                    (--m->count - at) * sizeof *row);
    } else if (!erase) {
        memmove(&m->rows[at + 1], &m->rows[at],
                (m->count++ - at) * sizeof *row);
        m->rows[at] = *row;
    }
}

static void step_put(struct bed *bed, struct gen_store *store, struct model *m)
{
    struct gen_store_write writes[6];
    struct model_row rows[6];
    size_t count = 1 + draw(m, 6);

    if (m->count + count > MODEL_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        bool erase = draw(m, 4) == 0;

        rows[i] = draw_key(m);
        writes[i] =
            (struct gen_store_write){ .key = { rows[i].key, rows[i].key_size },
                                      .erase = erase };
        if (!erase)
            writes[i].value = (etf_bytes){ (const uint8_t *)&rows[i].value, 4 };
        model_put(m, &rows[i], erase);
    }
    assert_int_equal(gen_store_put(bed->self, store, writes, count, NULL),
                     AGNER_OK);
}

static void step_get(struct bed *bed, struct gen_store *store, struct model *m)
{
    struct model_row row = draw_key(m);
    const struct model_row *there = NULL;
    etf_bytes value;
    enum agner_err err;

    for (size_t i = 0; i < m->count; i++) {
        if (order(&m->rows[i], &row) == 0)
            there = &m->rows[i];
    }
    err = gen_store_get(bed->self, store, (etf_bytes){ row.key, row.key_size },
                        rt_region(bed->self), &value, NULL);
    assert_int_equal(err, there == NULL ? AGNER_EUNKNOWN : AGNER_OK);
    if (there != NULL)
        assert_memory_equal(value.data, &there->value, 4);
}

static bool begins(const struct model_row *row, const struct model_row *prefix)
{
    return row->key_size >= prefix->key_size &&
           memcmp(row->key, prefix->key, prefix->key_size) == 0;
}

/* All pages, from somewhere on. */
static void step_scan(struct bed *bed, struct gen_store *store, struct model *m)
{
    struct model_row prefix = draw_key(m), first = draw_key(m);
    struct gen_store_row rows[70];
    size_t limit = draw(m, 3) == 0 ? 70 : 1 + draw(m, 9), count, at = 0;
    etf_bytes after;

    prefix.key_size = draw(m, 3) == 0 ? 0 : draw(m, 3);
    first.key_size = draw(m, 3) == 0 ? first.key_size : 0;
    after = (etf_bytes){ first.key, first.key_size };
    for (;;) {
        assert_int_equal(
            gen_store_scan(bed->self, store,
                           (etf_bytes){ prefix.key, prefix.key_size }, after,
                           limit, rt_region(bed->self), rows, &count, NULL),
            AGNER_OK);
        for (size_t i = 0; i < count; i++, at++) {
            while (at < m->count &&
                   (!begins(&m->rows[at], &prefix) ||
                    (first.key_size > 0 && order(&m->rows[at], &first) <= 0)))
                at++;
            assert_true(at < m->count);
            assert_int_equal(rows[i].key.size, m->rows[at].key_size);
            assert_memory_equal(rows[i].key.data, m->rows[at].key,
                                rows[i].key.size);
            assert_int_equal(rows[i].value.size, 4);
            assert_memory_equal(rows[i].value.data, &m->rows[at].value, 4);
        }
        if (count == 0)
            break;
        after = rows[count - 1].key;
    }
    for (; at < m->count; at++)
        assert_false(begins(&m->rows[at], &prefix) &&
                     (first.key_size == 0 || order(&m->rows[at], &first) > 0));
}

static void play(struct bed *bed, uint64_t seed)
{
    static struct model m;
    struct gen_store *store = open_store(bed);

    memset(&m, 0, sizeof m);
    m.seed = seed;
    for (unsigned i = 0; i < kind->steps; i++) {
        switch (draw(&m, 5)) {
        case 0:
            step_get(bed, store, &m);
            break;
        case 1:
            step_scan(bed, store, &m);
            break;
        default:
            step_put(bed, store, &m);
        }
        if (draw(&m, 60) == 0 && kind->keeps) {
            assert_int_equal(gen_store_close(bed->self, store), AGNER_OK);
            gen_store_free(store);
            store = open_store(bed);
        }
    }
    close_store(bed, store);
}

static void it_is_what_the_model_is(struct bed *bed)
{
    const char *text = getenv("AGNER_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 0;

    for (uint64_t i = 1; i <= 4; i++) {
        print_message("%s, seed %llu\n", kind->name,
                      (unsigned long long)(seed != 0 ? seed : i + bed->seed));
        play(bed, seed != 0 ? seed : i + bed->seed);
        if (seed != 0)
            return;
    }
}

/* ---- Many processes at once ---------------------------------------------- */

#define WRITERS 8u
#define ROUNDS  12u

struct crowd {
    struct gen_store *store;
    etf_pid test;
    unsigned number;
    bool dies;
};

/* Two keys with one value, in one batch: whoever looks finds them equal. */
static void write_pairs(struct gen *self, void *arg)
{
    struct crowd *c = arg;
    etf_term what = ETF_A(ok);

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t value = c->number * ROUNDS + i;
        etf_bytes v = { (const uint8_t *)&value, 4 };
        struct gen_store_write writes[] = {
            { .key = bytes("x"), .value = v },
            { .key = bytes("y"), .value = v },
        };
        struct gen_store_row rows[2];
        size_t count = 0;
        enum agner_err err = gen_store_put(self, c->store, writes, 2, NULL);

        if (err == AGNER_OK)
            err = gen_store_scan(self, c->store, (etf_bytes){ 0 },
                                 (etf_bytes){ 0 }, 2, rt_region(self), rows,
                                 &count, NULL);
        if (err != AGNER_OK)
            what = etf_make(self, "{error, _}", (int64_t)err);
        else if (count != 2 ||
                 memcmp(rows[0].value.data, rows[1].value.data, 4) != 0)
            what = etf_make(self, "torn");
    }
    (void)rt_send_pid(self, c->test, what);
}

static void batches_are_whole(struct bed *bed)
{
    struct crowd crowd[WRITERS];
    struct gen_store *store = open_store(bed);
    etf_pid pid;

    for (unsigned i = 0; i < WRITERS; i++) {
        crowd[i] = (struct crowd){ store, rt_self(bed->self), i, false };
        assert_int_equal(
            rt_spawn(bed->self, write_pairs, &crowd[i], NULL, &pid), AGNER_OK);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        bed_expect(bed, "ok");
    close_store(bed, store);
}

/* Processes that are killed while they wait leave the store as it should be:
 * others go on, and it closes. */
static void who_is_killed_holds_up_nobody(struct bed *bed)
{
    struct crowd crowd[2 * WRITERS];
    struct gen_store *store = open_store(bed);
    etf_pid pids[2 * WRITERS];

    for (unsigned i = 0; i < 2 * WRITERS; i++) {
        crowd[i] = (struct crowd){ store, rt_self(bed->self), i, false };
        assert_int_equal(
            rt_spawn(bed->self, write_pairs, &crowd[i], NULL, &pids[i]),
            AGNER_OK);
    }
    for (unsigned i = 0; i < 2 * WRITERS; i += 2) {
        rt_yield(bed->self);
        (void)rt_kill(bed->rt, pids[i], ETF_A(kill));
    }
    for (unsigned i = 0; i < 2 * WRITERS; i++)
        assert_int_equal(rt_wait(bed->self, pids[i], WAIT_MS), AGNER_OK);
    assert_int_equal(put(bed, store, "z", "1"), AGNER_OK);
    expect(bed, store, "z", "1");
    close_store(bed, store);
    rt_reset(bed->self);
    while (rt_receive(bed->self, 0, &(etf_term){ 0 }) == AGNER_OK)
        continue;
}

/* It closes while they write: each put is done, or says that it is closed. */
static void closing_waits_for_who_writes(struct bed *bed)
{
    struct crowd crowd[WRITERS];
    struct gen_store *store = open_store(bed);
    etf_pid pids[WRITERS];

    for (unsigned i = 0; i < WRITERS; i++) {
        crowd[i] = (struct crowd){ store, rt_self(bed->self), i, false };
        assert_int_equal(
            rt_spawn(bed->self, write_pairs, &crowd[i], NULL, &pids[i]),
            AGNER_OK);
    }
    rt_yield(bed->self);
    assert_int_equal(gen_store_close(bed->self, store), AGNER_OK);
    assert_int_equal(put(bed, store, "z", "1"), AGNER_ECLOSED);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(rt_wait(bed->self, pids[i], WAIT_MS), AGNER_OK);
    if (kind->keeps) {
        struct gen_store *again = open_store(bed);

        gen_store_free(store);
        close_store(bed, again);
    } else {
        gen_store_free(store);
        kind->clean();
    }
    while (rt_receive(bed->self, 0, &(etf_term){ 0 }) == AGNER_OK)
        continue;
}

/* ---- Failed allocations -------------------------------------------------- */

static enum agner_err use(struct bed *bed, struct gen_store *store)
{
    static uint8_t large[2000];
    struct gen_store_write writes[] = {
        { .key = bytes("a"), .value = { large, sizeof large } },
        { .key = bytes("b"), .value = { large, sizeof large } },
    };
    struct gen_store_row rows[4];
    etf_bytes value;
    size_t count;
    enum agner_err err = gen_store_put(bed->self, store, writes, 2, NULL);

    if (err == AGNER_OK)
        err = gen_store_get(bed->self, store, bytes("b"), rt_region(bed->self),
                            &value, NULL);
    if (err == AGNER_OK)
        err =
            gen_store_scan(bed->self, store, (etf_bytes){ 0 }, (etf_bytes){ 0 },
                           4, rt_region(bed->self), rows, &count, NULL);
    return err;
}

/* G34: the n-th allocation fails, of opening, writing, reading, closing. */
static bool run_failing(unsigned n)
{
    struct bed bed;
    struct gen_store *store = NULL;
    enum agner_err err;

    bed_open(&bed, 1 + n);
    failing_seen = false;
    failing_in = n;
    err = kind->open(bed.self, &store, NULL);
    if (err == AGNER_OK)
        err = use(&bed, store);
    if (err == AGNER_OK)
        err = gen_store_close(bed.self, store);
    failing_in = 0;
    assert_int_equal(err == AGNER_OK ? AGNER_OK : AGNER_ENOMEM, err);
    if (!failing_seen)
        assert_int_equal(err, AGNER_OK);
    if (store != NULL) {
        (void)gen_store_close(bed.self, store);
        gen_store_free(store);
    }
    kind->clean();
    bed_close(&bed);
    return failing_seen;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (kind = kinds; kind->name != NULL; kind++) {
        unsigned n = 1;

        while (run_failing(n))
            n++;
        assert_true(n > 1);
    }
}

/* ---- A store that is not right ------------------------------------------- */

static etf_bytes given[2]; /* keys of its rows */

static enum agner_err broken_scan(void *ctx, struct gen *self, etf_bytes prefix,
                                  etf_bytes after, size_t limit,
                                  struct etf_region *r,
                                  struct gen_store_row *rows, size_t *count,
                                  struct agner_error *error)
{
    (void)ctx, (void)self, (void)prefix, (void)after, (void)limit, (void)r;
    (void)error;
    for (unsigned i = 0; i < 2; i++)
        rows[i] = (struct gen_store_row){ .key = given[i] };
    *count = 2;
    return AGNER_OK;
}

static const struct gen_store_ops broken_ops = { .name = "broken",
                                                 .scan = broken_scan };

/* Else whoever goes on behind the last row reads for ever. */
static void rows_in_order(struct bed *bed)
{
    static const struct {
        const char *keys[2], *prefix, *after;
        enum agner_err err;
    } cases[] = {
        { { "ab", "ac" }, "", "", AGNER_OK },
        { { "ab", "ac" }, "a", "aa", AGNER_OK },
        { { "ab", "ac" }, "a", "ab", AGNER_ECORRUPT },  /* once more */
        { { "ab", "ac" }, "a", "abc", AGNER_ECORRUPT }, /* one before */
        { { "ab", "ab" }, "", "", AGNER_ECORRUPT },
        { { "ac", "ab" }, "", "", AGNER_ECORRUPT },
        { { "ab", "b" }, "a", "", AGNER_ECORRUPT }, /* not asked for */
    };
    struct gen_store *store;

    assert_int_equal(
        gen_store_custom(rt_of(bed->self), &broken_ops, NULL, &store),
        AGNER_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gen_store_row rows[2];
        size_t count;

        given[0] = bytes(cases[i].keys[0]);
        given[1] = bytes(cases[i].keys[1]);
        assert_int_equal(
            gen_store_scan(bed->self, store, bytes(cases[i].prefix),
                           bytes(cases[i].after), 2, rt_region(bed->self), rows,
                           &count, NULL),
            cases[i].err);
    }
    gen_store_free(store);
}

static void rows_out_of_order_are_damage(void **state)
{
    (void)state;
    bed_everywhere(rows_in_order, 2);
}

/* ---- Kinds --------------------------------------------------------------- */

static void each(void (*fn)(struct bed *bed))
{
    for (kind = kinds; kind->name != NULL; kind++)
        bed_everywhere(fn, 2);
}

/* clang-format off */
#define CASE(name) \
    static void all_##name(void **state) { (void)state; each(name); }
/* clang-format on */
CASE(what_was_put_is_there)
CASE(limits_are_told)
CASE(large_rows_make_short_pages)
CASE(a_closed_store_serves_nobody)
CASE(it_is_what_the_model_is)
CASE(batches_are_whole)
CASE(who_is_killed_holds_up_nobody)
CASE(closing_waits_for_who_writes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_what_was_put_is_there),
        cmocka_unit_test(all_limits_are_told),
        cmocka_unit_test(all_large_rows_make_short_pages),
        cmocka_unit_test(all_a_closed_store_serves_nobody),
        cmocka_unit_test(all_it_is_what_the_model_is),
        cmocka_unit_test(all_batches_are_whole),
        cmocka_unit_test(all_who_is_killed_holds_up_nobody),
        cmocka_unit_test(all_closing_waits_for_who_writes),
        cmocka_unit_test(rows_out_of_order_are_damage),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
