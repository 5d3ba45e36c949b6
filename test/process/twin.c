/*
 * twin.c -- two runtimes and the connection between them: see twin.h.
 */
#include "twin.h"

#include <stdlib.h>

struct parcel {
    struct parcel *next;
    struct rt_signal signal; /* its payload and its call are in the buffers */
    struct etf_buffer bytes, call;
};

static void parcel_free(struct parcel *parcel)
{
    etf_buffer_fini(&parcel->bytes);
    etf_buffer_fini(&parcel->call);
    free(parcel);
}

static struct side *other(const struct side *side)
{
    return &side->twin->sides[1 - side->index];
}

etf_pid twin_far(const struct side *side, etf_pid pid)
{
    pid.node = side->name.name;
    pid.creation = side->name.creation;
    return pid;
}

static bool is_of(const struct side *side, etf_term node, uint32_t creation)
{
    return etf_same(node, side->name.name) && creation == side->name.creation;
}

/* An identifier as it is at home. */
static void localise(const struct side *side, etf_term *node,
                     uint32_t *creation)
{
    if (!is_of(side, *node, *creation))
        return;
    *node = ETF_NONE;
    *creation = 0;
}

static void lose_all(struct side *side)
{
    while (side->first != NULL) {
        struct parcel *parcel = side->first;

        side->first = parcel->next;
        parcel_free(parcel);
    }
    side->last = NULL;
}

static void restore(void *ctx)
{
    struct twin *twin = ctx;
    unsigned first = (unsigned)sim_draw(twin->sim, 2), i;

    if (twin->closing)
        return;
    twin->up = true;
    sim_trace(twin->sim, "up");
    for (i = 0; i < 2; i++)
        rt__node_up(twin->sides[(first + i) % 2].rt,
                    &twin->sides[(first + i) % 2].far);
}

static void lose(struct twin *twin)
{
    unsigned first = (unsigned)sim_draw(twin->sim, 2), i;

    twin->up = false;
    twin->losses++;
    sim_trace(twin->sim, "lost");
    for (i = 0; i < 2; i++)
        lose_all(&twin->sides[i]);
    for (i = 0; i < 2; i++)
        rt__node_down(twin->sides[(first + i) % 2].rt,
                      twin->sides[(first + i + 1) % 2].name.name,
                      etf_atom("connection_closed"));
    (void)sim_after(twin->sim, sim_draw(twin->sim, 20), restore, twin);
}

/* A term of the carrier's own bytes, or none. */
static etf_term unpack(const struct side *side, struct etf_region *r,
                       const struct etf_buffer *bytes)
{
    struct etf_decode_options options = { .self = &side->name };
    etf_term t = ETF_NONE;
    size_t used;

    if (bytes->size > 0 && etf_decode(r, bytes->data, bytes->size, &options, &t,
                                      &used, NULL) != AGNER_OK)
        abort();
    return t;
}

static void arrive(struct side *side, struct parcel *parcel)
{
    struct rt_signal *s = &parcel->signal;
    struct etf_region *r = etf_region_new(0);

    s->payload = unpack(side, r, &parcel->bytes);
    s->call = unpack(side, r, &parcel->call);
    s->node = other(side)->name.name;
    localise(side, &s->to.node, &s->to.creation);
    localise(side, &s->ref.node, &s->ref.creation);
    (void)rt__arrive(side->rt, s);
    etf_region_free(r);
    parcel_free(parcel);
}

/* The next parcel is there. */
static void deliver(void *ctx)
{
    struct side *side = ctx;
    struct parcel *parcel = side->first;

    if (parcel == NULL)
        return; /* lost */
    side->first = parcel->next;
    if (side->first == NULL)
        side->last = NULL;
    arrive(side, parcel);
    if (side->twin->up &&
        sim_draw(side->twin->sim, 1000000) < side->twin->loss_ppm)
        lose(side->twin);
}

static enum agner_err carry(void *ctx, struct gen *self,
                            const struct rt_signal *signal)
{
    struct side *from = ctx, *to = other(from);
    struct etf_encode_options options = { .self = &from->name };
    struct parcel *parcel;

    (void)self;
    if (!from->twin->up)
        return AGNER_ENOCONN;
    parcel = calloc(1, sizeof *parcel);
    if (parcel == NULL)
        return AGNER_ENOMEM;
    parcel->signal = *signal;
    parcel->signal.payload = parcel->signal.call = ETF_NONE;
    parcel->signal.from = twin_far(from, signal->from);
    if (signal->ref.count != 0 && etf_is_none(signal->ref.node)) {
        parcel->signal.ref.node = from->name.name;
        parcel->signal.ref.creation = from->name.creation;
    }
    if ((!etf_is_none(signal->payload) &&
         etf_encode(&parcel->bytes, signal->payload, &options) != AGNER_OK) ||
        (!etf_is_none(signal->call) &&
         etf_encode(&parcel->call, signal->call, &options) != AGNER_OK)) {
        parcel_free(parcel);
        return AGNER_EBADTERM;
    }
    if (to->last == NULL)
        to->first = parcel;
    else
        to->last->next = parcel;
    to->last = parcel;
    return sim_after(from->twin->sim, sim_draw(from->twin->sim, 4), deliver,
                     to);
}

static void want(void *ctx, etf_term node)
{
    struct side *side = ctx;

    if (!side->twin->up)
        rt__node_down(side->rt, node, etf_atom("connection_setup_failed"));
}

void twin_open(struct twin *twin, struct sim *sim, uint32_t loss_ppm)
{
    static const char *const names[] = { "left@twin", "right@twin" };
    struct rt_options options = { .world = sim_world(sim),
                                  .log_level = RT_LOG_ERROR };
    unsigned i;

    *twin = (struct twin){ .sim = sim, .up = true, .loss_ppm = loss_ppm };
    for (i = 0; i < 2; i++) {
        struct side *side = &twin->sides[i];
        struct rt_carrier carrier = { .ctx = side,
                                      .carry = carry,
                                      .want = want };

        side->twin = twin;
        side->index = i;
        side->name =
            (struct etf_self){ .name = etf_atom(names[i]), .creation = 77 + i };
        if (rt_new(&options, &side->rt, NULL) != AGNER_OK)
            abort(); /* no test without it */
        rt__node_set(side->rt, side->name.name, side->name.creation);
        rt__carrier_set(side->rt, &carrier);
    }
    for (i = 0; i < 2; i++) {
        struct side *side = &twin->sides[i];

        side->far.name = other(side)->name.name;
        side->far.info.creation = other(side)->name.creation;
        rt__node_up(side->rt, &side->far);
    }
}

void twin_close(struct twin *twin)
{
    unsigned i;

    twin->closing = true;
    twin->up = false;
    for (i = 0; i < 2; i++)
        lose_all(&twin->sides[i]);
    for (i = 0; i < 2; i++)
        rt_free(twin->sides[i].rt, 10);
}
