/*
 * weather.c -- faults of machines and of the network that the world draws by
 * itself, one after the other, each for a while.
 */
#include "sim_net.h"

#define SLOW_MAX   1000u
#define RATE_MAX   10000   /* ppm: a clock may be 1 % wrong */
#define JUMP_MS    3600000 /* an hour, either way */
#define ALLOCATION 1000u   /* one of so many that come next fails */

static struct sim *of_source(struct source *source)
{
    return source->machine->sim;
}

static uint64_t when(struct source *source)
{
    const struct sim *sim = of_source(source);
    const struct sim_machine *machine;
    uint64_t next_ns = RT_NEVER;

    if (sim->faults)
        next_ns = sim->weather.next_ns;
    if (sim->weather.split && sim->weather.heal_ns < next_ns)
        next_ns = sim->weather.heal_ns;
    for (machine = sim->first.next; machine != NULL; machine = machine->next)
        if (machine->ailment != 0 && machine->ailing_ns < next_ns)
            next_ns = machine->ailing_ns;
    return next_ns;
}

static size_t is_due(struct source *source)
{
    return when(source) <= of_source(source)->now_ns;
}

/* ---- Getting better ---------------------------------------------------------
 */

static void cure(struct sim_machine *machine)
{
    switch (machine->ailment) {
    case SIM_WEATHER_PAUSE:
        sim_pause(machine, 0);
        break;
    case SIM_WEATHER_SLOW:
        sim_slow(machine, 1);
        break;
    case SIM_WEATHER_CLOCK:
        sim_clock(machine, 0);
        break;
    case SIM_WEATHER_DESCRIPTORS:
        sim_descriptors(machine, false);
        break;
    case SIM_WEATHER_MEMORY:
        sim_memory(machine, 0);
        break;
    }
    machine->ailment = 0;
}

static void clear_up(struct sim *sim, uint64_t until_ns)
{
    struct sim_machine *machine;

    for (machine = sim->first.next; machine != NULL; machine = machine->next)
        if (machine->ailment != 0 && machine->ailing_ns <= until_ns)
            cure(machine);
    if (sim->weather.split && sim->weather.heal_ns <= until_ns) {
        sim->weather.split = false;
        sim_unsplit(sim);
    }
}

void sim__weather_clear(struct sim *sim)
{
    clear_up(sim, RT_NEVER);
}

/* ---- Getting worse ------------------------------------------------------ */

/* A living machine, or NULL; the first one for 0. */
static struct sim_machine *draw_machine(struct sim *sim)
{
    struct sim_machine *machine;
    uint64_t count = 0, index;

    for (machine = sim->first.next; machine != NULL; machine = machine->next)
        count += !machine->crashed;
    if (count == 0)
        return NULL;
    index = sim_draw(sim, count);
    for (machine = sim->first.next; machine->crashed || index-- > 0;)
        machine = machine->next;
    return machine;
}

/* A number from -max to max; 0 for 0, and the smaller the nearer to it. */
static int64_t either_way(struct sim *sim, int64_t max)
{
    int64_t drawn = (int64_t)sim_draw(sim, (uint64_t)(2 * max + 1));

    return drawn % 2 == 0 ? -(drawn / 2) : (drawn + 1) / 2;
}

/* One ailment at a time: false if there is one. */
static bool fall_ill(struct sim_machine *machine, enum sim_weather kind,
                     uint64_t ms)
{
    if (machine->ailment != 0)
        return false;
    machine->ailment = kind;
    machine->ailing_ns = loop_timer_after(machine->sim->now_ns, ms);
    return true;
}

/* Without memory for it there is no fault this time. */
static void split(struct sim *sim, uint64_t ms)
{
    if (sim->weather.split || sim_split(sim) != AGNER_OK)
        return;
    sim->weather.split = true;
    sim->weather.heal_ns = loop_timer_after(sim->now_ns, ms);
}

static void do_kind(struct sim *sim, enum sim_weather kind, uint64_t ms)
{
    struct sim_machine *a = draw_machine(sim), *b = draw_machine(sim);

    if (a == NULL || b == NULL)
        return;
    switch (kind) {
    case SIM_WEATHER_PAUSE:
        if (fall_ill(a, kind, ms))
            sim_pause(a, ms);
        break;
    case SIM_WEATHER_SLOW:
        if (fall_ill(a, kind, ms))
            sim_slow(a, (uint32_t)(2 + sim_draw(sim, SLOW_MAX)));
        break;
    case SIM_WEATHER_CLOCK:
        if (fall_ill(a, kind, ms))
            sim_clock(a, (int32_t)either_way(sim, RATE_MAX));
        break;
    case SIM_WEATHER_WALL:
        sim_machine_wall_jump(a, either_way(sim, JUMP_MS));
        break;
    case SIM_WEATHER_DESCRIPTORS:
        if (fall_ill(a, kind, ms))
            sim_descriptors(a, true);
        break;
    case SIM_WEATHER_MEMORY:
        if (fall_ill(a, kind, ms))
            sim_memory(a, (unsigned)(1 + sim_draw(sim, ALLOCATION)));
        break;
    case SIM_WEATHER_CLOG:
        (void)sim_clog(sim, a->name, b->name, ms);
        break;
    case SIM_WEATHER_RESET:
        (void)sim_reset(sim, a->name, b->name);
        break;
    case SIM_WEATHER_HALF_OPEN:
        (void)sim_reset_half(sim, a->name, b->name);
        break;
    case SIM_WEATHER_HALF_CLOSE:
        (void)sim_half_close(sim, a->name, b->name);
        break;
    case SIM_WEATHER_SWIZZLE:
        (void)sim_swizzle(sim, ms); /* without memory: not all of it */
        break;
    case SIM_WEATHER_SPLIT:
        split(sim, ms);
        break;
    }
}

/* The index-th of the kinds that are on. */
static enum sim_weather kind_of(uint32_t kinds, uint64_t index)
{
    while (index-- > 0)
        kinds &= kinds - 1;
    return (enum sim_weather)(kinds & (0u - kinds));
}

static void change(struct source *source, size_t index)
{
    struct sim *sim = of_source(source);
    const struct sim_options *o = &sim->options;
    uint64_t count = (uint64_t)__builtin_popcount(o->weather);
    uint64_t drawn;

    (void)index;
    clear_up(sim, sim->now_ns);
    if (!sim->faults || sim->weather.next_ns > sim->now_ns)
        return;
    drawn = sim_draw(sim, count + 1);
    if (drawn > 0)
        do_kind(sim, kind_of(o->weather, drawn - 1),
                1 + sim_draw(sim, o->weather_for_ms));
    sim->weather.next_ns = loop_timer_after(
        sim->now_ns,
        1 + o->weather_ms / 2 + sim__exponential(sim, o->weather_ms / 2));
}

void sim__weather_init(struct sim *sim)
{
    sim->options.weather &= SIM_WEATHER_ALL;
    sim->weather.next_ns = RT_NEVER;
    if (sim->options.weather == 0)
        return;
    sim->weather.next_ns =
        loop_timer_after(sim->now_ns, sim->options.weather_ms);
    sim->weather.source = (struct source){
        .kind = "weather", .ready = is_due, .when = when, .run = change
    };
    sim__source_add(&sim->first, &sim->weather.source);
}
