/*
 * trouble.c -- faults of more than one machine: random splits and swizzles; and
 * a callback that faults.
 */
#include "sim_net.h"

static struct sim_machine *next_living(struct sim_machine *machine)
{
    do
        machine = machine->next;
    while (machine != NULL && machine->crashed);
    return machine;
}

enum agner_err sim_split(struct sim *sim)
{
    struct sim_machine *a, *b;

    for (a = next_living(&sim->first); a != NULL; a = next_living(a)) {
        a->side = (unsigned)sim_draw(sim, 2);
        for (b = next_living(&sim->first); b != a; b = next_living(b))
            if (a->side != b->side &&
                sim_partition(sim, a->name, b->name) != AGNER_OK) {
                sim_unsplit(sim);
                return AGNER_ENOMEM;
            }
    }
    return AGNER_OK;
}

void sim_unsplit(struct sim *sim)
{
    struct sim_machine *a, *b;

    for (a = sim->first.next; a != NULL; a = a->next)
        for (b = sim->first.next; b != a; b = b->next)
            if (a->side != b->side)
                sim_heal(sim, a->name, b->name);
}

static void stop_up(void *ctx)
{
    struct sim_machine *machine = ctx;

    sim_trace(machine->sim, "swizzle");
    if (!machine->crashed)
        sim__clog_machine(machine, machine->clog_until_ns);
}

/* Clogged at a drawn time of the first half, free at one of the second. */
enum agner_err sim_swizzle(struct sim *sim, uint64_t ms)
{
    uint64_t half_ms = ms / 2;
    struct sim_machine *machine;

    for (machine = next_living(&sim->first); machine != NULL;
         machine = next_living(machine)) {
        enum agner_err err;

        if (sim_draw(sim, 2) == 0)
            continue;
        machine->clog_until_ns =
            loop_timer_after(sim->now_ns, half_ms + sim_draw(sim, half_ms + 1));
        err = sim_after(sim, sim_draw(sim, half_ms + 1), stop_up, machine);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

void sim_callback_fault(struct gen *self, const char *kind)
{
    rt_exit(self, etf_make(self, "{crash, _, 0}", etf_atom(kind)));
}
