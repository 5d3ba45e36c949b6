/*
 * statem_random.c -- random programs for state machines.
 */
#include "statem_random.h"

#include <stdarg.h>
#include <stdio.h>

struct draw {
    uint64_t state;
    bool timed;
    bool entering;
    unsigned names; /* events named so far */
    struct etf_buffer *out;
};

static uint64_t below(struct draw *d, uint64_t bound)
{
    uint64_t z = (d->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % bound;
}

static void put(struct draw *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct draw *d, const char *format, ...)
{
    char text[200];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* Without memory the program is cut short, and will not parse. */
    (void)etf_buffer_add(d->out, text, (size_t)size);
}

static char state(struct draw *d)
{
    return (char)('a' + (char)below(d, 3));
}

static const char *timeout_name(struct draw *d)
{
    static const char *const names[] = { "state_timeout", "timeout",
                                         "{timeout,x}", "{timeout,y}" };

    return names[below(d, 4)];
}

/* ---- Events and what they say ------------------------------------------- */

static void content(struct draw *d, unsigned depth, bool call);

static void timeout_action(struct draw *d, unsigned depth)
{
    const char *name = timeout_name(d);
    uint64_t what = below(d, 10);

    if (what == 0) {
        put(d, "{%s,cancel}", name);
        return;
    }
    put(d, "{%s,", name);
    if (what <= 2)
        put(d, "update,");
    else if (what <= 6)
        put(d, "0,");
    else if (d->timed)
        put(d, "%u,", 20 * (1 + (unsigned)below(d, 400)) + 10);
    else
        put(d, "3600000,");
    content(d, depth, false);
    put(d, "}");
}

static void insert_action(struct draw *d, unsigned depth)
{
    static const char *const types[] = { "cast", "info", "timeout",
                                         "state_timeout", "{timeout,x}" };

    if (below(d, 2) == 0)
        put(d, "{internal,");
    else
        put(d, "{insert,%s,", types[below(d, 5)]);
    content(d, depth, false);
    put(d, "}");
}

static void actions(struct draw *d, unsigned depth, bool keep, bool call)
{
    uint64_t count = below(d, 4);
    const char *between = "";

    put(d, "[");
    if (call && below(d, 2) == 0) {
        put(d, "{reply,r%u}", (unsigned)below(d, 100));
        between = ",";
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t what = below(d, 10);

        put(d, "%s", between);
        between = ",";
        if (what < 3 && keep && !d->entering)
            put(d, "postpone");
        else if (what < 6 && !d->entering)
            insert_action(d, depth);
        else
            timeout_action(d, depth);
    }
    put(d, "]");
}

static void order(struct draw *d, char at, unsigned depth, bool call)
{
    uint64_t what = below(d, 20);
    bool keep = what < 9;

    put(d, "{%c,", at);
    if (keep)
        put(d, "keep,");
    else if (what < 11)
        put(d, "repeat,");
    else if (what < 19 || d->entering)
        put(d, "{next,%c},", d->entering ? at : state(d));
    else
        put(d, "{stop,done},");
    actions(d, depth, keep, call);
    put(d, "}");
}

/* One event; those inside it are simpler. */
static void content(struct draw *d, unsigned depth, bool call)
{
    const char *between = "";
    bool entering = d->entering;

    if (depth == 0) {
        put(d, "e%u", d->names++);
        return;
    }
    d->entering = false; /* it will be an event */
    put(d, "{e%u,[", d->names++);
    for (char at = 'a'; at <= 'c'; at++) {
        if (below(d, 4) == 0)
            continue;
        put(d, "%s", between);
        order(d, at, depth - 1, call);
        between = ",";
    }
    put(d, "]}");
    d->entering = entering;
}

/* ---- The program -------------------------------------------------------- */

static void enters(struct draw *d)
{
    uint64_t count = below(d, 8);

    put(d, "[");
    d->entering = true;
    for (uint64_t i = 0; i < count; i++) {
        put(d, "%s", i == 0 ? "" : ",");
        order(d, state(d), 1, false);
    }
    d->entering = false;
    put(d, "]");
}

static void burst(struct draw *d)
{
    uint64_t count = 1 + below(d, 8);

    put(d, "suspend,");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t what = below(d, 3);

        put(d, what == 0 ? "{cast," : what == 1 ? "{info," : "{call,");
        content(d, 2, what == 2);
        put(d, "},");
    }
    put(d, "resume,sync");
    if (d->timed)
        put(d, ",{sleep,%u},sync", 20 * (unsigned)below(d, 400));
}

void statem_random(uint64_t seed, bool timed, struct etf_buffer *out)
{
    struct draw d = { .state = seed, .timed = timed, .out = out };
    bool enter = below(&d, 2) == 0;
    uint64_t bursts = 1 + below(&d, 4);

    put(&d, "{\"seed %llu\",{%s,%c,", (unsigned long long)seed,
        enter ? "sfe" : "sf", state(&d));
    actions(&d, 1, false, false);
    put(&d, ",");
    enters(&d);
    put(&d, "},[sync");
    for (uint64_t i = 0; i < bursts; i++) {
        put(&d, ",");
        burst(&d);
    }
    put(&d, "]}.\n");
}
