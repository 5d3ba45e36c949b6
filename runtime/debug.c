/*
 * debug.c -- what a debugger needs to find processes: where the runtimes are,
 * and where in their structs what is.
 *
 * Nothing here is read by the program. A debugger finds `agner_debug` by its
 * name, which is exported, so it needs no debug information and the library may
 * be stripped; it works on a core file too. tools/gdb/agner-gdb.py reads it.
 */
#include "debug.h"

#include <string.h>

#include "envelope.h"
#include "worker.h"

/* Name, struct, field. */
/* clang-format off */
#define FIELDS(X)                                \
    X("rt.chunks", rt, chunks)                   \
    X("rt.chunk_count", rt, chunk_count)         \
    X("rt.workers", rt, workers)                 \
    X("rt.worker_total", rt, worker_total)       \
    X("rt.node_name", rt, node_name)             \
    X("worker.running", worker, running)         \
    X("worker.is_parked", worker, is_parked)     \
    X("worker.stuck_ns", worker, stuck_ns)       \
    X("process.inbox", process, inbox)           \
    X("process.generation", process, generation) \
    X("process.slot", process, slot)             \
    X("process.behavior", process, behavior)     \
    X("process.gen", process, gen)               \
    X("process.status", process, status)         \
    X("process.queued", process, queued)         \
    X("process.received", process, received)     \
    X("process.names", process, names)           \
    X("names.count", names, count)               \
    X("names.items", names, items)               \
    X("process.state", process, state)           \
    X("process.flags", process, flags)           \
    X("behavior.name", rt_behavior, name)        \
    X("behavior.label_at", rt_behavior, label_at) \
    X("gen.process", gen, process)               \
    X("gen.context", gen, context)               \
    X("gen.stack", gen, stack)                   \
    X("gen.external", gen, external)             \
    X("gen.shown", gen, wait.shown)              \
    X("gen.callee", gen, wait.callee)            \
    X("gen.far_node", gen, wait.far_node)        \
    X("gen.far_name", gen, wait.far_name)        \
    X("gen.far_pid", gen, wait.far_pid)          \
    X("envelope.next", envelope, next)
/* clang-format on */

#define ROW(text, type, field) { text, offsetof(struct type, field) },

struct agner_debug agner_debug = {
    .magic = "AGNERDBG",
    .version = 1,
    .fields = { FIELDS(ROW){ "process", sizeof(struct process) },
                { "chunk_slots", CHUNK_SLOTS },
                { "started", PROCESS_STARTED },
                { "tag_pid", ETF__PID },
                { "tag_atom", ETF__ATOM } },
};

void rt__debug_add(struct rt *rt)
{
    struct agner_debug *d = &agner_debug;

    rt__lock(&d->lock);
    d->idle = MAILBOX_IDLE;
    d->dead = MAILBOX_DEAD;
    d->atoms = etf__atom_layout();
    for (unsigned i = 0; i < RT_DEBUG_RUNTIMES; i++)
        if (d->runtimes[i] == NULL) {
            d->runtimes[i] = rt; /* or there are more than one looks at */
            break;
        }
    rt__unlock(&d->lock);
}

void rt__debug_remove(struct rt *rt)
{
    struct agner_debug *d = &agner_debug;

    rt__lock(&d->lock);
    for (unsigned i = 0; i < RT_DEBUG_RUNTIMES; i++)
        if (d->runtimes[i] == rt)
            d->runtimes[i] = NULL;
    rt__unlock(&d->lock);
}
