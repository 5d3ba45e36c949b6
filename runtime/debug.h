/*
 * debug.h -- the runtimes of a program, for a debugger.
 *
 * Private to runtime/; tools/gdb/agner-gdb.py knows the form by heart. It is
 * the one thing besides the atoms that belongs to the whole program: nobody
 * else can tell a debugger where the runtimes are.
 */
#ifndef RT_DEBUG_H
#define RT_DEBUG_H

#include <agner/rt.h>

#include "etf_door.h"
#include "spin.h"

struct envelope;

#define RT_DEBUG_RUNTIMES 64u

struct agner_debug {
    char magic[8];
    uint64_t version;
    struct {
        char name[24];
        uint64_t value;      /* an offset, or what the name says */
    } fields[48];            /* up to the first without a name */
    const void *idle, *dead; /* marks of an inbox */
    struct etf__atom_layout atoms;
    rt_spin lock; /* guards the runtimes */
    struct rt *runtimes[RT_DEBUG_RUNTIMES];
};

AGNER_API extern struct agner_debug agner_debug;

void rt__debug_add(struct rt *rt);
void rt__debug_remove(struct rt *rt);

#endif
