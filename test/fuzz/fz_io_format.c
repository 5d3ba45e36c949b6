/*
 * io_lib:format: the input as Erlang text, {Format, Args}. It is
 * UTF-8, or an error in words; and what was in the buffer stays.
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

static void format(etf_term format_term, etf_term args)
{
    struct etf_buffer b = { .size_max = 1u << 20 };
    struct agner_error error = { .text = "" };
    enum agner_err err;

    check(etf_buffer_add(&b, "before", 6) == AGNER_OK);
    err = etf_io_format(&b, format_term, args, &error);
    check(memcmp(b.data, "before", 6) == 0);
    if (err != AGNER_OK) {
        check(b.size == 6 && error.code == err && error.text[0] != '\0');
        check(err == AGNER_EINVAL || err == AGNER_ELIMIT ||
              err == AGNER_ENOMEM);
    }
    etf_buffer_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct etf_region *r = etf_region_new(0);
    const etf_term *items;
    etf_term t;

    check(r != NULL);
    if (etf_parse(r, (const char *)data, size, &t, NULL, NULL) == AGNER_OK &&
        etf_tuple_size(t) == 2) {
        items = etf_tuple_items(t);
        format(items[0], items[1]);
    }
    etf_region_free(r);
    return 0;
}
