/*
 * test_node_secure_records.c -- records of a link that is up: whole ones, cut
 * ones, and each mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/etf.h>
#include <output_seal.h>
#include <secure_records.h>

#define RECORDS 5

static struct noise_record direction(uint64_t rekey_frames)
{
    return (
        struct noise_record){ .cipher = { .key = { 1, 2, 3 }, .has_key = true },
                              .rekey_frames = rekey_frames };
}

/* Texts of 1, 2, 3 ... bytes that begin with their number. */
static void seal(struct noise_record *sends, size_t number, uint8_t *record,
                 size_t *size)
{
    memset(record, (int)number, 2 + number + 1);
    assert_int_equal(node__record_seal(sends, record, number + 1, size),
                     AGNER_OK);
}

struct reader {
    struct secure_records records;
    struct noise_record receives;
    size_t count; /* opened */
    enum agner_err err;
};

static void read_all(struct reader *r, const uint8_t *bytes, size_t size)
{
    const uint8_t *record;
    static uint8_t text[NOISE_MESSAGE_MAX]; /* zeroed when it fails */
    size_t text_size;

    do {
        r->err = node__records_next(&r->records, &bytes, &size, &record);
        if (r->err == AGNER_OK && record != NULL)
            r->err =
                node__record_open_to(&r->receives, record, text, &text_size);
        if (r->err == AGNER_OK && record != NULL) {
            assert_int_equal(text_size, r->count + 1);
            assert_int_equal(text[0], r->count);
            r->count++;
        }
    } while (record != NULL && r->err == AGNER_OK);
}

/* All records in one piece; where each begins. */
static size_t all(uint64_t rekey_frames, uint8_t *bytes, size_t at[RECORDS + 1])
{
    struct noise_record sends = direction(rekey_frames);
    size_t size;

    at[0] = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        seal(&sends, i, bytes + at[i], &size);
        at[i + 1] = at[i] + size;
    }
    return at[RECORDS];
}

/* Cut in two or three at every place, with keys that change on the way. */
static void records_may_be_cut_anywhere(void **state)
{
    uint8_t bytes[500];
    size_t at[RECORDS + 1], size = all(2, bytes, at);

    (void)state;
    for (size_t one = 0; one <= size; one++)
        for (size_t two = one; two <= size; two++) {
            struct reader r = { .receives = direction(2) };

            read_all(&r, bytes, one);
            assert_int_equal(r.err, AGNER_OK);
            read_all(&r, bytes + one, two - one);
            assert_int_equal(r.err, AGNER_OK);
            read_all(&r, bytes + two, size - two);
            assert_int_equal(r.err, AGNER_OK);
            assert_int_equal(r.count, RECORDS);
            node__records_fini(&r.records);
        }
}

static void B_SEC_4_every_flipped_bit_is_refused(void **state)
{
    uint8_t bytes[500];
    size_t at[RECORDS + 1], size = all(0, bytes, at);

    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct reader r = { .receives = direction(0) };
        size_t good = 0;

        while (at[good + 1] <= bit / 8)
            good++;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_all(&r, bytes, size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        /* A longer length waits for bytes that do not come. */
        assert_int_equal(r.count, good);
        if (bit / 8 != at[good] && bit / 8 != at[good] + 1)
            assert_int_equal(r.err, AGNER_EPROTO);
        node__records_fini(&r.records);
    }
}

static void B_SEC_4_every_other_order_is_refused(void **state)
{
    uint8_t bytes[500];
    size_t at[RECORDS + 1];

    (void)state;
    (void)all(0, bytes, at);
    /* `one` is left out, repeated, or comes after the next. */
    for (size_t one = 0; one + 1 < RECORDS; one++)
        for (int how = 0; how < 3; how++) {
            struct reader r = { .receives = direction(0) };
            size_t good = how == 1 ? one + 1 : one;

            read_all(&r, bytes, at[good]);
            assert_int_equal(r.err, AGNER_OK);
            if (how == 1)
                read_all(&r, bytes + at[one], at[one + 1] - at[one]);
            else
                read_all(&r, bytes + at[one + 1], at[one + 2] - at[one + 1]);
            assert_int_equal(r.err, AGNER_EPROTO);
            assert_int_equal(r.count, good);
            node__records_fini(&r.records);
        }
}

/* 0 and 15 have no tag; 16 is an empty text, which only the peer can make; the
 * longest is waited for, and then refused as it is not sealed. */
static void B_SEC_4_lengths_at_the_edges(void **state)
{
    static const struct {
        size_t length;
        bool at_once;
    } cases[] = {
        { 0, true }, { 1, true }, { 15, true }, { 16, false }, { 65535, false }
    };
    uint8_t *bytes = calloc(1, 2 + 65535);
    uint8_t tick[2 + NOISE_TAG_SIZE];
    struct noise_record sends = direction(0), receives = direction(0);
    size_t size;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader r = { .receives = direction(0) };

        bytes[0] = (uint8_t)(cases[i].length >> 8);
        bytes[1] = (uint8_t)cases[i].length;
        read_all(&r, bytes, 2);
        assert_int_equal(r.err, cases[i].at_once ? AGNER_EPROTO : AGNER_OK);
        if (!cases[i].at_once) {
            read_all(&r, bytes + 2, cases[i].length);
            assert_int_equal(r.err, AGNER_EPROTO);
        }
        assert_int_equal(r.count, 0);
        node__records_fini(&r.records);
    }
    free(bytes);
    assert_int_equal(node__record_seal(&sends, tick, 0, &size), AGNER_OK);
    assert_int_equal(size, sizeof tick);
    assert_int_equal(node__record_open(&receives, tick, &size), AGNER_OK);
    assert_int_equal(size, 0);
}

/* What an output makes of a large piece is whole records, and no more bytes
 * than it says. */
static void a_large_piece_is_several_records(void **state)
{
    static const size_t sizes[] = { 1,      65517,  65518, 65519,
                                    131036, 131037, 200000 };
    uint8_t *bytes = malloc(200000), *text = malloc(NOISE_MESSAGE_MAX);

    (void)state;
    assert_non_null(bytes);
    assert_non_null(text);
    for (size_t i = 0; i < 200000; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct noise_record sends = direction(0), receives = direction(0);
        struct output_seal seal_to = { .direction = &sends };
        struct out_sealed *sealed;
        size_t left = node__sealed_size(sizes[i]), at = 0, text_size;
        const uint8_t *record;

        assert_int_equal(node__seal_copy(&seal_to, bytes, sizes[i], &sealed),
                         AGNER_OK);
        for (record = sealed->bytes; left > 0;
             record += node__record_size(record)) {
            assert_true(node__record_size(record) <= left);
            assert_int_equal(
                node__record_open_to(&receives, record, text, &text_size),
                AGNER_OK);
            assert_int_equal(text[0], RECORD_PACKETS);
            assert_memory_equal(text + 1, bytes + at, text_size - 1);
            at += text_size - 1;
            left -= node__record_size(record);
        }
        assert_int_equal(at, sizes[i]);
        node__sealed_free(&seal_to, sealed);
        node__output_seal_fini(&seal_to);
    }
    free(bytes);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_may_be_cut_anywhere),
        cmocka_unit_test(B_SEC_4_every_flipped_bit_is_refused),
        cmocka_unit_test(B_SEC_4_every_other_order_is_refused),
        cmocka_unit_test(B_SEC_4_lengths_at_the_edges),
        cmocka_unit_test(a_large_piece_is_several_records),
    };

    if (node__noise_ready() != AGNER_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
