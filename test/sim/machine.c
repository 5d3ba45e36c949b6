/*
 * machine.c -- machines: a clock of their own, pauses, slowness, descriptors.
 *
 * A machine is made once and lives as long as the simulation. After a crash
 * another one may have its name: that is the machine which came back.
 */
#include "sim_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MILLION  1000000
#define RATE_MAX 100000 /* ppm, either way */

/* ---- Clock ------------------------------------------------------------------
 */

__extension__ typedef unsigned __int128 product;

uint64_t sim__local_ns(const struct sim_machine *machine)
{
    uint64_t now_ns = machine->sim->now_ns;
    uint64_t rate = (uint64_t)(MILLION + machine->rate_ppm);
    product passed;

    if (machine->rate_ppm == 0)
        return now_ns - machine->base_ns + machine->local_ns;
    passed = (product)(now_ns - machine->base_ns) * rate / MILLION;
    return machine->local_ns + (uint64_t)passed;
}

/* Rounded up, so that the clock is there when it is time. */
uint64_t sim__when_ns(const struct sim_machine *machine, uint64_t local_ns)
{
    uint64_t rate = (uint64_t)(MILLION + machine->rate_ppm);
    product after;

    if (local_ns == RT_NEVER)
        return RT_NEVER;
    if (local_ns <= machine->local_ns)
        return machine->base_ns; /* past */
    after = (product)(local_ns - machine->local_ns) * MILLION;
    after = (after + rate - 1) / rate;
    if (after >= RT_NEVER - machine->base_ns)
        return RT_NEVER;
    return machine->base_ns + (uint64_t)after;
}

void sim_clock(struct sim_machine *machine, int32_t rate_ppm)
{
    machine->local_ns = sim__local_ns(machine);
    machine->base_ns = machine->sim->now_ns;
    if (rate_ppm > RATE_MAX)
        rate_ppm = RATE_MAX;
    if (rate_ppm < -RATE_MAX)
        rate_ppm = -RATE_MAX;
    machine->rate_ppm = rate_ppm;
    sim_trace(machine->sim, "clock rate");
}

uint64_t sim_machine_now_ns(const struct sim_machine *machine)
{
    return sim__local_ns(machine);
}

uint64_t sim_machine_wall_ns(const struct sim_machine *machine)
{
    return machine->world.wall_ns(machine->world.ctx);
}

void sim_machine_wall_jump(struct sim_machine *machine, int64_t ms)
{
    machine->wall_offset_ns += ms * MILLION;
    sim_trace(machine->sim, "wall jump");
}

/* ---- Running ------------------------------------------------------------ */

/* Of the time that it is held for already, what is to come. */
static uint64_t still_held_ns(const struct sim_machine *machine)
{
    uint64_t now_ns = machine->sim->now_ns, until_ns = sim__held_ns(machine);

    return machine->crashed || until_ns <= now_ns ? 0 : until_ns - now_ns;
}

uint64_t sim_machine_held_ns(const struct sim_machine *machine)
{
    return machine->held_total_ns - still_held_ns(machine);
}

void sim_pause(struct sim_machine *machine, uint64_t ms)
{
    if (machine->crashed)
        return;
    machine->held_total_ns -= still_held_ns(machine);
    machine->paused_ns =
        ms == 0 ? 0 : loop_timer_after(machine->sim->now_ns, ms);
    machine->busy_ns = 0;
    machine->held_total_ns += still_held_ns(machine);
    sim_trace(machine->sim, ms == 0 ? "go on" : "pause");
}

void sim_slow(struct sim_machine *machine, uint32_t times)
{
    if (machine->paused_ns <= machine->sim->now_ns)
        machine->held_total_ns -= still_held_ns(machine);
    machine->slow = times;
    machine->busy_ns = 0;
    sim_trace(machine->sim, "slow");
}

bool sim__no_descriptor(struct sim_machine *machine)
{
    struct sim *sim = machine->sim;

    return machine->descriptors_out ||
           sim__fault(sim, sim->options.descriptor_ppm);
}

void sim_descriptors(struct sim_machine *machine, bool out)
{
    machine->descriptors_out = out;
    sim_trace(machine->sim, out ? "no descriptors" : "descriptors");
}

void sim_memory(struct sim_machine *machine, unsigned fail_in)
{
    machine->fail_in = fail_in;
    machine->has_failed = false;
    sim_trace(machine->sim, "memory");
}

void sim_memory_use(struct sim_machine *machine, uint64_t used, uint64_t room)
{
    machine->memory_used = used;
    machine->memory_room = room;
    sim_trace(machine->sim, "memory used");
}

bool sim_memory_failed(const struct sim_machine *machine)
{
    return machine->has_failed;
}

/* ---- Crash, burial ------------------------------------------------------ */

/* What was on its way to the other end still comes; then it hears of a reset,
 * or of nothing any more. */
static void cut_off(struct rt_conn *conn, enum sim_crash_kind how)
{
    struct rt_conn *peer = conn->peer;

    conn->in.silent = true;
    conn->event_ns = RT_NEVER; /* a dial stays without an answer */
    conn->peer = NULL;
    if (peer == NULL)
        return;
    peer->peer = NULL;
    if (how == SIM_SILENT)
        peer->in.silent = true;
    else
        peer->in.reset_ns = conn->sim->now_ns + sim__delay_ns(conn);
}

void sim_crash(struct sim_machine *machine, enum sim_crash_kind how)
{
    struct rt_loop *loop;
    struct rt_conn *conn;

    if (machine->crashed)
        return;
    for (loop = machine->sim->loops; loop != NULL; loop = loop->next)
        for (conn = loop->machine == machine ? loop->conns : NULL; conn != NULL;
             conn = conn->next)
            cut_off(conn, how);
    machine->crashed = true;
    machine->paused_ns = RT_NEVER;
    sim_trace(machine->sim,
              how == SIM_SILENT ? "crash without a word" : "crash");
}

bool sim_is_crashed(const struct sim_machine *machine)
{
    return machine->crashed;
}

/*
 * What ends there may wait, for processes and for time. So its sources take
 * steps, and nobody else's; then time and order are put back to where they
 * were. Draws are zeros and the trace stands still meanwhile.
 */
void sim_bury(struct sim_machine *machine, void (*end)(void *ctx), void *ctx)
{
    struct sim *sim = machine->sim;
    struct chooser chooser = sim->chooser;
    uint64_t now_ns = sim->now_ns, steps = sim->steps;

    if (!machine->crashed || sim->stepping || sim->apart != NULL)
        return;
    sim->apart = machine;
    end(ctx);
    sim->apart = NULL;
    machine->buried = true;
    sim->now_ns = now_ns;
    sim->steps = steps;
    sim->chooser = chooser;
}

bool sim_is_burying(const struct sim *sim)
{
    return sim->apart != NULL;
}

/* ---- Making, finding ---------------------------------------------------- */

void sim__machine_init(struct sim *sim, struct sim_machine *machine,
                       const char *name)
{
    machine->sim = sim;
    (void)snprintf(machine->name, sizeof machine->name, "%s", name);
    sim__world_init(machine);
}

struct sim_machine *sim_machine(struct sim *sim, const char *name)
{
    struct sim_machine *machine = calloc(1, sizeof *machine);
    struct sim_machine *last = &sim->first;

    if (machine == NULL)
        return NULL;
    sim__machine_init(sim, machine, name);
    while (last->next != NULL)
        last = last->next;
    last->next = machine;
    sim_trace(sim, "machine");
    return machine;
}

struct sim_machine *sim_machine_find(struct sim *sim, const char *name)
{
    struct sim_machine *machine = sim->first.next;

    while (machine != NULL &&
           (machine->crashed || strcmp(machine->name, name) != 0))
        machine = machine->next;
    return machine;
}

const struct rt_world *sim_machine_world(struct sim_machine *machine)
{
    return &machine->world;
}

void sim__machines_free(struct sim *sim)
{
    while (sim->first.next != NULL) {
        struct sim_machine *machine = sim->first.next;

        sim->first.next = machine->next;
        free(machine);
    }
}
