/*
 * The decoder: the input as a term and as a stored term, into a
 * region and into a box. Both ways agree; what is a term survives encoding,
 * copying, hashing and comparing with itself.
 *
 * Atoms have a budget, so that a long run meets boxed ones too. Most inputs are
 * errors, and to write an error's text costs more than to find it: it is asked
 * for by one input in eight, and is the same whether or not it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <agner/etf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Encoded and read back, it is the same term, and the same bytes again. */
static void check_codec(struct etf_region *r, etf_term t,
                        const struct etf_decode_options *options)
{
    struct etf_buffer b = { 0 }, again = { 0 };
    etf_term back = ETF_NONE;
    size_t used = 0;

    check(etf_encode(&b, t, NULL) == AGNER_OK);
    check(etf_decode(r, b.data, b.size, options, &back, &used, NULL) ==
          AGNER_OK);
    check(used == b.size && etf_equal(back, t));
    check(etf_encode(&again, back, NULL) == AGNER_OK);
    check(again.size == b.size && memcmp(again.data, b.data, b.size) == 0);
    etf_buffer_fini(&b);
    etf_buffer_fini(&again);
}

static void check_copies(etf_term t)
{
    struct etf_box *box = etf_box_new(t);

    check(box != NULL);
    check(etf_equal(etf_box_term(box), t));
    check(etf_compare(etf_box_term(box), t) == 0);
    check(etf_phash2(etf_box_term(box), 0) == etf_phash2(t, 0));
    etf_box_free(box);
}

static void check_term(struct etf_region *r, etf_term t, size_t used,
                       size_t size, const struct etf_decode_options *options)
{
    check(etf_kind(t) != ETF_KIND_NONE);
    check(used > 0 && used <= size);
    check_codec(r, t, options);
    check_copies(t);
}

static void check_error(const struct agner_error *error, enum agner_err err)
{
    check(err == AGNER_ETRUNCATED || err == AGNER_EMALFORMED ||
          err == AGNER_ELIMIT || err == AGNER_ENOMEM);
    if (error == NULL)
        return;
    check(error->code == err);
    check(memchr(error->text, 0, sizeof error->text) != NULL);
    check(error->text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct etf_atom_budget budget = { .left = 1000 };
    const struct etf_decode_options options = { .budget = &budget };
    struct etf_region *r = etf_region_new(0);
    struct agner_error text, *error = size % 8 == 0 ? &text : NULL;
    struct etf_box *box;
    enum agner_err err;
    size_t used, box_used;
    etf_term t;

    check(r != NULL);
    err = etf_decode(r, data, size, &options, &t, &used, error);
    check(etf_decode_box(data, size, &options, &box, &box_used, NULL) == err);
    if (err == AGNER_OK) {
        check(box_used == used && etf_equal(etf_box_term(box), t));
        check_term(r, t, used, size, &options);
        etf_box_free(box);
    } else {
        check_error(error, err);
    }
    etf_region_reset(r);
    err = etf_from_binary(r, data, size, &options, &t, &used, error);
    if (err == AGNER_OK)
        check_term(r, t, used, size, &options);
    else
        check_error(error, err);
    etf_region_free(r);
    return 0;
}
