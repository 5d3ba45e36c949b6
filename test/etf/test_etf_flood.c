/*
 * test_etf_flood.c -- much of the same: a million atoms (B-ETF-7), and zeros
 * that a few bytes stand for (B-ETF-8).
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include <agner/etf.h>

#define MIB (1u << 20)

/* Where each decoding costs ten times as much there are a tenth as many: what
 * grew with them would have grown by then. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MILLION 100000u
#else
#define MILLION 1000000u
#endif

/* A million texts, and one a million times: no more atoms than there may be,
 * and no more memory than a region's. */
static void B_ETF_7_a_million_texts_are_no_atoms(void **state)
{
    struct etf_region *r = etf_region_new(1024);
    struct etf_atom_budget budget = { .left = 5 };
    const struct etf_decode_options options = { .budget = &budget };
    uint8_t bytes[] = { 119, 9, 't', 'e', 'x', 't', 0, 0, 0, 0, 0 };
    uint32_t before = etf_atom_count();
    unsigned failed = 0;
    size_t memory, used;
    etf_term t;

    (void)state;
    assert_non_null(r);
    memory = mallinfo2().uordblks;
    for (unsigned i = 0; i < 2 * MILLION; i++) {
        for (unsigned digit = 0; i < MILLION && digit < 5; digit++)
            bytes[6 + digit] = (uint8_t)('a' + (i >> 4 * digit & 15));
        if (etf_decode(r, bytes, sizeof bytes, &options, &t, &used, NULL) !=
                AGNER_OK ||
            etf_kind(t) != ETF_KIND_ATOM)
            failed++;
        etf_region_reset(r);
    }
    assert_int_equal(failed, 0);
    assert_int_equal(etf_atom_count(), before + 5);
    assert_int_equal(budget.refused, 2 * MILLION - 5);
    assert_true(mallinfo2().uordblks < memory + 100000);
    etf_region_free(r);
}

/* A megabyte of zeros as a part of a stream, which may be repeated. */
static size_t deflate_part(uint8_t *to, size_t room)
{
    uint8_t *zeros = calloc(1, MIB);
    z_stream z = { .next_in = zeros, .avail_in = MIB };

    assert_non_null(zeros);
    assert_int_equal(
        deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
    assert_int_equal(z.avail_in, 0);
    (void)deflateEnd(&z); /* it is not finished: it says so */
    free(zeros);
    return z.total_out;
}

/* 200 MiB of zeros in 200 KiB, declared as what they are: no term begins with a
 * zero. All that it took is given back. */
static void B_ETF_8_gives_back_what_it_inflated(void **state)
{
    static const uint8_t head[] = { 131,  80, 200 << 20 >> 24, 0x80, 0, 0,
                                    0x78, 1 };
    static const uint8_t last[] = { 3, 0 };
    const uint32_t size = 200 * MIB;
    struct etf_region *r = etf_region_new(0);
    struct etf_buffer b = { 0 };
    struct agner_error error;
    uint8_t part[4096], sum[4] = { (uint8_t)(size % 65521 >> 8),
                                   (uint8_t)(size % 65521), 0, 1 };
    size_t part_size = deflate_part(part, sizeof part), used = 0, memory;
    etf_term t;

    (void)state;
    assert_non_null(r);
    assert_int_equal(etf_buffer_add(&b, head, sizeof head), AGNER_OK);
    for (int i = 0; i < 200; i++)
        assert_int_equal(etf_buffer_add(&b, part, part_size), AGNER_OK);
    assert_int_equal(etf_buffer_add(&b, last, sizeof last), AGNER_OK);
    assert_int_equal(etf_buffer_add(&b, sum, sizeof sum), AGNER_OK);
    assert_true(b.size < 250000);
    memory = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(
        etf_from_binary(r, b.data, b.size, NULL, &t, &used, &error),
        AGNER_EMALFORMED);
    assert_string_equal(error.text, "byte 0: unknown tag");
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < memory + 100000);
    etf_buffer_fini(&b);
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_ETF_7_a_million_texts_are_no_atoms),
        cmocka_unit_test(B_ETF_8_gives_back_what_it_inflated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
