/*
 * bench_match.c -- what etf_match(), etf_make(), printing and parsing cost, in
 * nanoseconds for one call on one thread.
 *
 *     bench-match [CALLS]
 *
 * Each figure is the best of some rounds: what the code costs, without what
 * else the machine does. The terms are made beforehand, and the region is reset
 * once in a while, as a process does between callbacks.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <agner/etf.h>

enum { ROUNDS = 9, RESET_EVERY = 64 };

struct bench {
    struct etf_region *region; /* what is made goes here */
    etf_term term;             /* what is matched or printed */
    const char *text;          /* what is parsed */
    uint64_t sum;              /* so that the work is not left out */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void match_tagged(struct bench *b)
{
    int64_t n = 0;
    etf_pid who = { .id = 0 };

    b->sum += etf_match(b->term, "{add, _, _}", &n, &who);
    b->sum += (uint64_t)n;
}

static void match_no(struct bench *b)
{
    int64_t n = 0;

    b->sum += etf_match(b->term, "{subtract, _, _}", &n, &n);
}

static void match_atom(struct bench *b)
{
    b->sum += etf_match(b->term, "ping");
}

static void match_call(struct bench *b)
{
    etf_term to, tag, request;

    b->sum += etf_match(b->term, "{'$gen_call', {_, [alias | _]}, _}", &to,
                        &tag, &request);
    b->sum += request.word;
}

static void match_map(struct bench *b)
{
    int64_t n = 0;
    etf_bytes name = { NULL, 0 };

    b->sum += etf_match(b->term, "#{name => _, count => _}", &name, &n);
    b->sum += (uint64_t)n + name.size;
}

static void make_pair(struct bench *b)
{
    b->sum += etf_make(b->region, "{ok, _}", b->sum & 0xff).word;
}

static void make_closed(struct bench *b)
{
    b->sum += etf_make(b->region, "{error, {badarg, [x]}}").word;
}

static void make_call(struct bench *b)
{
    b->sum += etf_make(b->region, "{'$gen_call', {_, [alias | _]}, _}", b->term,
                       b->term, b->term)
                  .word;
}

static void make_map(struct bench *b)
{
    b->sum += etf_make(b->region, "#{name => _, count => _}", b->term, 5).word;
}

static void print_line(struct bench *b)
{
    char line[256];

    b->sum += (unsigned char)etf_format(line, sizeof line, b->term)[0];
}

static void parse_line(struct bench *b)
{
    etf_term t = ETF_NONE;

    (void)etf_parse(b->region, b->text, strlen(b->text), &t, NULL, NULL);
    b->sum += t.word;
}

static const struct row {
    const char *name;
    void (*call)(struct bench *b);
    const char *term; /* or the text to parse */
} rows[] = {
    { "match {add, _, _}", match_tagged, "{add,5,<0.1.2>}" },
    { "match {subtract, _, _}: no", match_no, "{add,5,<0.1.2>}" },
    { "match ping", match_atom, "ping" },
    { "match {'$gen_call', {_, [alias | _]}, _}", match_call,
      "{'$gen_call',{<0.1.2>,[alias|#Ref<0.1.2.3>]},{add,5}}" },
    { "match #{name => _, count => _}", match_map,
      "#{count => 5,name => <<\"x\">>,other => 1}" },
    { "make {ok, _}", make_pair, "ok" },
    { "make {error, {badarg, [x]}}", make_closed, "ok" },
    { "make {'$gen_call', {_, [alias | _]}, _}", make_call, "x" },
    { "make #{name => _, count => _}", make_map, "x" },
    { "print {add,5,<0.1.2>}", print_line, "{add,5,<0.1.2>}" },
    { "print 0.1", print_line, "0.1" },
    { "print 5.0e-324", print_line, "5.0e-324" },
    { "parse {add,5,<0.1.2>}", parse_line, "{add,5,<0.1.2>}" },
    { "parse #{a => [1.5,\"text\"]}", parse_line, "#{a => [1.5,\"text\"]}" },
};

static double run(struct bench *b, const struct row *row, unsigned calls)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns(), took;

        for (unsigned i = 0; i < calls; i++) {
            if (i % RESET_EVERY == 0)
                etf_region_reset(b->region);
            row->call(b);
        }
        took = now_ns() - start;
        if (took < best)
            best = took;
    }
    return (double)best / calls;
}

int main(int argc, char **argv)
{
    unsigned calls = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    struct bench b = { .region = etf_region_new(0) };
    struct etf_region *keep = etf_region_new(0);

    if (b.region == NULL || keep == NULL || calls == 0)
        return 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        b.text = rows[i].term;
        if (etf_parse(keep, b.text, strlen(b.text), &b.term, NULL, NULL) !=
            AGNER_OK)
            return 1;
        (void)printf("%-42s %8.1f ns\n", rows[i].name,
                     run(&b, &rows[i], calls));
    }
    etf_region_free(keep);
    etf_region_free(b.region);
    return b.sum == 0; /* never: but the compiler does not know */
}
