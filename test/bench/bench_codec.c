/*
 * bench_codec.c -- row codec: encode, decode and copy, four payloads, terms a
 * second.
 *
 * Encoding goes into one reused buffer, decoding into one region that is reset
 * each time, as a process's is. N is milliseconds for each figure. The peers
 * encode the same terms to the same bytes.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct codec {
    struct etf_region *region; /* what is decoded */
    struct etf_buffer buffer;
    etf_term term;        /* what is encoded */
    const uint8_t *bytes; /* what is decoded */
    size_t size;
};

static etf_term small(struct etf_region *r)
{
    etf_term node = etf_atom("node@host.example.org");
    etf_pid pid = { .node = node, .id = 90, .creation = 1700000000 };
    etf_ref ref = { .node = node,
                    .creation = 1700000000,
                    .count = 3,
                    .words = { 112233, 445566, 778899 } };
    etf_bytes key = { (const uint8_t *)"key", 3 };

    return etf_make(r, "{'$gen_call', {_, [alias | _]}, {get, _, 42}}", pid,
                    ref, key);
}

static etf_term ints(struct etf_region *r)
{
    etf_term items[1000];

    for (int i = 0; i < 1000; i++)
        items[i] = etf_int(r, (i + 1) * 1000);
    return etf_list(r, items, 1000, etf_nil());
}

static etf_term map_key(struct etf_region *r, int k)
{
    char text[32];

    switch (k % 5) {
    case 0:
        return etf_int(r, k * 100000);
    case 1:
        snprintf(text, sizeof text, "key_%d", k);
        return etf_atom(text);
    case 2:
        snprintf(text, sizeof text, "binary_key_%d", k);
        return etf_text(r, text);
    case 3:
        snprintf(text, sizeof text, "string_%d", k);
        return etf_string(r, text);
    }
    return etf_make(r, "{pair, _}", k);
}

static etf_term map_value(struct etf_region *r, int k)
{
    switch (k % 4) {
    case 0:
        return etf_float(r, k * 1.5);
    case 1:
        return etf_int(r, k);
    case 2:
        return etf_text(r, "a value of some length");
    }
    return ETF_A(undefined);
}

static etf_term map(struct etf_region *r)
{
    etf_term pairs[100];

    for (int k = 0; k < 50; k++) {
        pairs[2 * k] = map_key(r, k);
        pairs[2 * k + 1] = map_value(r, k);
    }
    return etf_map(r, pairs, 50);
}

static etf_term megabyte(struct etf_region *r)
{
    char *bytes = bench_memory(1 << 20, 1);
    etf_term t;

    memset(bytes, 'x', 1 << 20);
    t = etf_binary(r, bytes, 1 << 20);
    free(bytes);
    return t;
}

static void encode(struct codec *c)
{
    c->buffer.size = 0;
    bench_must(etf_to_binary(&c->buffer, c->term, NULL, 0), "encode");
}

static void decode(struct codec *c)
{
    etf_term t;

    etf_region_reset(c->region);
    bench_must(
        etf_from_binary(c->region, c->bytes, c->size, NULL, &t, NULL, NULL),
        "decode");
}

/* The way of the network: one allocation, freed again. */
static void decode_box(struct codec *c)
{
    struct etf_box *box;

    /* c->bytes begins with 131, which packets do not have. */
    bench_must(
        etf_decode_box(c->bytes + 1, c->size - 1, NULL, &box, NULL, NULL),
        "decode");
    etf_box_free(box);
}

/* The way of a local message. */
static void copy(struct codec *c)
{
    struct etf_box *box = etf_box_new(c->term);

    bench_must(box == NULL ? AGNER_ENOMEM : AGNER_OK, "copy");
    etf_box_free(box);
}

static uint64_t repeat(struct codec *c, void (*step)(struct codec *c),
                       int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < count; i++)
        step(c);
    return bench_now() - begin;
}

/* Doubles the count until a run takes a tenth of the time, then makes a whole
 * one. */
static void measure(const struct bench *b, struct codec *c, const char *what,
                    const char *name, void (*step)(struct codec *c))
{
    uint64_t wanted = (uint64_t)b->n * 1000000;
    int64_t count = 1;
    uint64_t took = 0;
    char metric[40];

    while (took < wanted / 10) {
        count *= 2;
        took = repeat(c, step, count);
    }
    count = (int64_t)((double)count * (double)wanted / (double)took) + 1;
    snprintf(metric, sizeof metric, "%s_%s", what, name);
    bench_out_rate(b, metric, "terms/s", repeat(c, step, count), count);
}

/* What was decoded must be what was encoded, or the figures mean nothing. */
static void check(struct codec *c)
{
    etf_term t;

    bench_must(
        etf_from_binary(c->region, c->bytes, c->size, NULL, &t, NULL, NULL),
        "decode");
    if (!etf_equal(t, c->term))
        bench_must(AGNER_EUNKNOWN, "the decoded term differs");
}

void bench_codec(struct bench *b)
{
    static const struct {
        const char *name;
        etf_term (*build)(struct etf_region *r);
    } payloads[] = {
        { "small", small },
        { "ints", ints },
        { "map", map },
        { "1MB", megabyte },
    };

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct etf_region *source = etf_region_new(0);
        struct codec c = { .region = etf_region_new(0) };
        uint8_t *bytes;

        if (source == NULL || c.region == NULL)
            bench_must(AGNER_ENOMEM, "region");
        c.term = payloads[i].build(source);
        encode(&c);
        c.size = c.buffer.size;
        bytes = bench_memory(c.size, 1);
        memcpy(bytes, c.buffer.data, c.size);
        c.bytes = bytes;
        check(&c);
        measure(b, &c, "encode", payloads[i].name, encode);
        measure(b, &c, "decode", payloads[i].name, decode);
        measure(b, &c, "decode_box", payloads[i].name, decode_box);
        measure(b, &c, "copy", payloads[i].name, copy);
        etf_buffer_fini(&c.buffer);
        free(bytes);
        etf_region_free(c.region);
        etf_region_free(source);
    }
}
