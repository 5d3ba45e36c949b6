/*
 * saga_wire.c -- messages between sagas, in and out.
 *
 * Written so that the reference reads them: keys of maps as atoms, an empty
 * reference or pid where it has one, times in seconds. Read whatever it writes:
 * keys as atoms, binaries or lists of characters. What agner adds are further
 * keys, which it passes over, and the messages of a vote, which it never gets.
 *
 * Source: spec/gen.md 2.5.
 */
#include <string.h>

#include "saga/saga_internal.h"

#define LIFESPAN_MAX_MS ((uint64_t)1 << 40) /* 34 years */

static const char *const tags[SAGA_TAG_COUNT] = {
    [SAGA_TAG_NEXT] = "$saga_next",       [SAGA_TAG_RESULT] = "$saga_result",
    [SAGA_TAG_INTERIM] = "$saga_interim", [SAGA_TAG_CANCEL] = "$saga_cancel",
    [SAGA_TAG_COMMIT] = "$saga_commit",   [SAGA_TAG_PREPARE] = "$saga_prepare",
    [SAGA_TAG_VOTE] = "$saga_vote",       [SAGA_TAG_ACK] = "$saga_ack",
    [SAGA_TAG_OUTCOME] = "$saga_outcome", [SAGA_TAG_DECIDED] = "$saga_decided",
    [SAGA_TAG_TIMER] = "$saga_timer",     [SAGA_TAG_JOB] = "$saga_job",
};

_Static_assert(SAGA_TAG_COUNT <=
                   sizeof((struct saga){ 0 }.atoms) / sizeof(etf_term),
               "an atom for each tag");

void saga__atoms(struct saga *s)
{
    for (int i = 0; i < SAGA_TAG_COUNT; i++)
        s->atoms[i] = etf_atom(tags[i]);
    s->saga_atom = etf_atom("$saga");
}

/* ---- Empty references and pids ------------------------------------------- */

etf_ref saga__empty_ref(void)
{
    etf_ref ref = { .node = ETF_A(empty), .count = 3 };

    return ref;
}

bool saga__ref_is_empty(etf_ref ref)
{
    return etf_same(ref.node, ETF_A(empty));
}

static bool read_ref(etf_term t, etf_ref *ref)
{
    if (!etf_get_ref(t, ref))
        return false;
    if (saga__ref_is_empty(*ref))
        *ref = saga__empty_ref(); /* however many words it has */
    return true;
}

static bool read_pid(etf_term t, etf_pid *pid)
{
    if (!etf_get_pid(t, pid))
        return false;
    if (etf_same(pid->node, ETF_A(empty)))
        *pid = (etf_pid){ .id = 0 };
    return true;
}

etf_term saga__ref(struct gen *self, etf_ref ref)
{
    return etf_from_ref(rt_region(self), ref);
}

/* ---- In -------------------------------------------------------------------
 */

/* Of the tuple that is the third element: {TX, Origin, Value, ...}. */
static bool read_body(etf_term body, size_t least, size_t most,
                      struct saga_wire *w)
{
    const etf_term *items = etf_tuple_items(body);
    size_t size = etf_tuple_size(body);

    if (size < least || size > most || !read_ref(items[0], &w->tx) ||
        !read_ref(items[1], &w->origin))
        return false;
    if (size > 2)
        w->value = items[2];
    if (w->tag == SAGA_TAG_NEXT) {
        w->trail = items[3];
        w->extra = items[4];
    } else if (size > 3) {
        w->extra = items[3];
    }
    return true;
}

static bool read_decided(etf_term body, struct saga_wire *w)
{
    const etf_term *items = etf_tuple_items(body);

    if (etf_tuple_size(body) != 2 || !read_ref(items[0], &w->tx))
        return false;
    w->value = items[1];
    return true;
}

bool saga__read(const struct saga *s, etf_term message, struct saga_wire *w)
{
    const etf_term *items = etf_tuple_items(message);
    int tag = 0;

    if (etf_tuple_size(message) != 3)
        return false;
    while (tag < SAGA_TAG_COUNT && !etf_same(s->atoms[tag], items[0]))
        tag++;
    *w = (struct saga_wire){ .tag = (enum saga_tag)tag,
                             .from_pid = items[1],
                             .origin = saga__empty_ref() };
    if (tag == SAGA_TAG_COUNT || !read_pid(items[1], &w->from))
        return false;
    switch (w->tag) {
    case SAGA_TAG_NEXT:
        return read_body(items[2], 5, 5, w);
    case SAGA_TAG_RESULT:
    case SAGA_TAG_INTERIM:
    case SAGA_TAG_CANCEL:
    case SAGA_TAG_VOTE:
        return read_body(items[2], 3, 3, w);
    case SAGA_TAG_COMMIT:
        return read_body(items[2], 3, 4, w);
    case SAGA_TAG_PREPARE:
        return read_body(items[2], 4, 4, w);
    case SAGA_TAG_ACK:
        return read_body(items[2], 2, 2, w);
    case SAGA_TAG_OUTCOME:
        return read_ref(items[2], &w->tx);
    case SAGA_TAG_DECIDED:
        return read_decided(items[2], w);
    case SAGA_TAG_TIMER:
    case SAGA_TAG_JOB:
        w->value = items[2];
        return true;
    case SAGA_TAG_COUNT:
        break;
    }
    return false;
}

/* ---- Options ---------------------------------------------------------------
 */

static void read_option(const char *key, etf_term value,
                        struct gen_saga_options *o, uint64_t *seconds)
{
    uint64_t n;
    bool yes;

    if (strcmp(key, "HopLimit") == 0 && etf_get_uint(value, &n))
        o->hop_limit = n;
    else if (strcmp(key, "Lifespan") == 0 && etf_get_uint(value, &n))
        *seconds = n;
    else if (strcmp(key, "LifespanMs") == 0 && etf_get_uint(value, &n))
        o->lifespan_ms = n;
    else if (strcmp(key, "TwoPhaseCommit") == 0 && etf_get_bool(value, &yes) &&
             yes && o->commit == GEN_SAGA_NO_COMMIT)
        o->commit = GEN_SAGA_NOTIFY;
    else if (strcmp(key, "Vote") == 0 && etf_get_bool(value, &yes) && yes)
        o->commit = GEN_SAGA_VOTE;
    else if (strcmp(key, "Ack") == 0 && etf_get_bool(value, &yes))
        o->ack = yes;
}

struct gen_saga_options saga__options_read(etf_term map)
{
    struct gen_saga_options o = { 0 };
    uint64_t seconds = 0;
    char text[32];

    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_term key, value;

        etf_map_pair(map, i, &key, &value);
        if (etf_get_text(key, text, sizeof text))
            read_option(text, value, &o, &seconds);
    }
    if (o.lifespan_ms == 0 && seconds < LIFESPAN_MAX_MS / 1000)
        o.lifespan_ms = seconds * 1000;
    if (o.lifespan_ms == 0)
        o.lifespan_ms = GEN_SAGA_LIFESPAN_MS;
    if (o.lifespan_ms > LIFESPAN_MAX_MS)
        o.lifespan_ms = LIFESPAN_MAX_MS;
    if (o.hop_limit == 0)
        o.hop_limit = GEN_SAGA_HOPS_MAX;
    return o;
}

etf_term saga__options_make(struct gen *self, const struct gen_saga_options *o)
{
    etf_term map =
        etf_make(self,
                 "#{'HopLimit' => _, 'Lifespan' => _, 'LifespanMs' => _, "
                 "'TwoPhaseCommit' => _}",
                 o->hop_limit, (o->lifespan_ms + 999) / 1000, o->lifespan_ms,
                 (bool)(o->commit != GEN_SAGA_NO_COMMIT));

    if (o->commit == GEN_SAGA_VOTE)
        map = etf_map_put(rt_region(self), map, etf_atom("Vote"), ETF_A(true));
    if (o->ack)
        map = etf_map_put(rt_region(self), map, etf_atom("Ack"), ETF_A(true));
    return map;
}

/* ---- Out ------------------------------------------------------------------
 */

enum agner_err saga__send(struct gen *self, struct saga *s, etf_term to,
                          enum saga_tag tag, etf_term body)
{
    etf_term items[3] = { s->atoms[tag], rt_self_term(self), body };
    etf_term message = etf_tuple(rt_region(self), items, 3);

    return etf_is_none(message) ? AGNER_ENOMEM : rt_send(self, to, message);
}
