/*
 * admission.c -- counts, token buckets and growing waits of admission.h.
 */
#include "admission.h"

#include <string.h>

#define THOUSAND  1000u
#define MINUTE_MS 60000u

/* Tokens after `passed_ms` at `per_s` a second, at most `burst`. A thousandth
 * of a start comes each millisecond for each start a second. */
static uint64_t refill(uint64_t tokens, uint64_t passed_ms, uint64_t per_s,
                       uint64_t burst)
{
    uint64_t full = burst * THOUSAND;

    if (passed_ms > full || tokens + passed_ms * per_s > full)
        return full;
    return tokens + passed_ms * per_s;
}

/* Starts that one address may have at once. */
static uint64_t burst(const struct node_admission *a)
{
    return 2 * (uint64_t)a->limits->starts_source;
}

void node__admission_init(struct node_admission *a,
                          const struct node_limits *limits, uint64_t now_ms)
{
    memset(a, 0, sizeof *a);
    a->limits = limits;
    a->seen_ms = now_ms;
    a->tokens = (uint64_t)limits->starts * THOUSAND;
}

/* The row of `address`, a new one if need be; NULL when every row has
 * handshakes under way, which the default limit makes impossible with this many
 * rows. */
static struct node_source *row_of(struct node_admission *a, const char *address,
                                  uint64_t now_ms)
{
    struct node_source *oldest = NULL;

    for (unsigned i = 0; i < NODE_SOURCES_MAX; i++) {
        struct node_source *row = &a->sources[i];

        if (strcmp(row->address, address) == 0)
            return row;
        if (row->waiting == 0 &&
            (oldest == NULL || row->seen_ms < oldest->seen_ms))
            oldest = row;
    }
    if (oldest == NULL)
        return NULL;
    memset(oldest, 0, sizeof *oldest);
    strncpy(oldest->address, address, sizeof oldest->address - 1);
    oldest->seen_ms = now_ms;
    oldest->tokens = burst(a) * THOUSAND;
    return oldest;
}

struct node_source *node__admission_begin(struct node_admission *a,
                                          const char *address, uint64_t now_ms,
                                          enum node_limit *why)
{
    struct node_source *row = row_of(a, address, now_ms);

    a->tokens = refill(a->tokens, now_ms - a->seen_ms, a->limits->starts,
                       a->limits->starts);
    a->seen_ms = now_ms;
    *why = NODE_LIMIT_HANDSHAKES;
    if (row == NULL || a->waiting == a->limits->handshakes)
        return NULL;
    row->tokens = refill(row->tokens, now_ms - row->seen_ms,
                         a->limits->starts_source, burst(a));
    row->seen_ms = now_ms;
    *why = NODE_LIMIT_HANDSHAKES_SOURCE;
    if (row->waiting == a->limits->handshakes_source)
        return NULL;
    *why = NODE_LIMIT_FAILURES_SOURCE;
    if (now_ms < row->closed_until_ms)
        return NULL;
    *why =
        row->tokens < THOUSAND ? NODE_LIMIT_STARTS_SOURCE : NODE_LIMIT_STARTS;
    if (row->tokens < THOUSAND || a->tokens < THOUSAND)
        return NULL;
    row->tokens -= THOUSAND;
    a->tokens -= THOUSAND;
    row->waiting++;
    a->waiting++;
    return row;
}

/* The first failure too many costs 1 s, the next 2 s, then 4 ... 60. */
static uint64_t wait_after(unsigned too_many)
{
    unsigned doubled = too_many - 1;

    return doubled < 6 ? (uint64_t)THOUSAND << doubled
                       : NODE_FAILURE_WAIT_MS_MAX;
}

void node__admission_end(struct node_admission *a, struct node_source *source,
                         enum node_outcome outcome, uint64_t now_ms)
{
    a->waiting--;
    source->waiting--;
    if (outcome == NODE_OUTCOME_UP) {
        a->tokens += THOUSAND; /* the next refill() caps it */
        source->tokens += THOUSAND;
    }
    if (outcome != NODE_OUTCOME_FAILED)
        return;
    if (now_ms >= source->forgiven_ms)
        source->failures = 0;
    source->failures++;
    source->closed_until_ms = now_ms;
    if (source->failures > a->limits->failures_source)
        source->closed_until_ms +=
            wait_after(source->failures - a->limits->failures_source);
    source->forgiven_ms = source->closed_until_ms + MINUTE_MS;
}

bool node__admission_log(struct node_admission *a, const char *address,
                         uint64_t now_ms, unsigned *hidden)
{
    struct node_source *row = row_of(a, address, now_ms);

    if (row == NULL)
        return false;
    if (now_ms - row->log_ms >= THOUSAND) {
        row->log_ms = now_ms;
        row->log_lines = 0;
    }
    if (row->log_lines == a->limits->log_lines) {
        row->log_hidden++;
        return false;
    }
    row->log_lines++;
    *hidden = row->log_hidden;
    row->log_hidden = 0;
    return true;
}
