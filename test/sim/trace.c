/*
 * trace.c -- what happened: a hash of everything, the last events as text.
 *
 * What goes into the hash is time, the numbers of sources and of bytes, and the
 * bytes themselves; never an address.
 */
#include "sim_world.h"

#include <stdio.h>
#include <string.h>

uint64_t sim__hash_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t hash = size;
    uint64_t word;

    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    for (; size > 0; bytes++, size--)
        hash = (hash ^ *bytes) * 0x100000001b3u;
    return hash;
}

static void add(struct sim *sim, uint64_t value)
{
    sim->hash = sim__mix(sim->hash ^ value) + value;
}

void sim__event(struct sim *sim, const char *text, uint64_t number,
                uint64_t value)
{
    struct event *event;

    if (sim->apart != NULL)
        return; /* what is buried is not a part of the run */
    event = &sim->events[sim->event_count++ % TRACE_EVENTS];
    event->now_ns = sim->now_ns;
    event->step = sim->steps;
    event->number = number;
    event->value = value;
    strncpy(event->text, text, TRACE_TEXT - 1); /* the last byte stays 0 */
    add(sim, sim->now_ns);
    add(sim, number);
    add(sim, value);
}

void sim_trace(struct sim *sim, const char *text)
{
    sim__event(sim, text, 0,
               sim__hash_bytes((const uint8_t *)text, strlen(text)));
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->hash;
}

void sim_trace_tail(const struct sim *sim,
                    void (*line)(void *ctx, const char *text), void *ctx)
{
    uint64_t i =
        sim->event_count < TRACE_EVENTS ? 0 : sim->event_count - TRACE_EVENTS;

    for (; i < sim->event_count; i++) {
        const struct event *event = &sim->events[i % TRACE_EVENTS];
        char text[160];

        (void)snprintf(
            text, sizeof text, "%llu.%09llu s, step %llu: #%llu %s %llx",
            (unsigned long long)(event->now_ns / 1000000000u),
            (unsigned long long)(event->now_ns % 1000000000u),
            (unsigned long long)event->step, (unsigned long long)event->number,
            event->text, (unsigned long long)event->value);
        line(ctx, text);
    }
}
