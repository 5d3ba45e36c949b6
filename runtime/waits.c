/*
 * waits.c -- who waits for whom, and where code is stuck: rt_waits.h.
 *
 * A process that blocks writes what it waits for into its stack's struct, and
 * then `shown`, with a kind in it. That word changes before any of the rest
 * does. So who finds it with a kind, reads, and finds it unchanged, has read
 * what belongs together. The stack's memory is never given back while the
 * runtime lives, and if it has gone to another process, the first one's
 * pointer to it has changed.
 */
#include "waits.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_BITS 15u

_Static_assert((int)RT_WAIT_MESSAGE == (int)WAIT_MESSAGE &&
                   (int)RT_WAIT_CALL == (int)WAIT_CALL &&
                   (int)RT_WAIT_REQUEST == (int)WAIT_REQUEST &&
                   (int)RT_WAIT_TIME == (int)WAIT_WAKE &&
                   (int)RT_WAIT_GATE == (int)WAIT_GATE &&
                   (int)RT_WAIT_WORK == (int)WAIT_WORK &&
                   (int)RT_WAIT_YIELD == (int)WAIT_YIELD,
               "kinds of waits have one order");

/* ---- Who waits ---------------------------------------------------------- */

static void read_target(const struct wait *wait, struct rt_waiting *out)
{
    etf_term callee = etf__word(load_acquire(&wait->callee));
    uint64_t node = load_acquire(&wait->far_node);
    uint64_t id;

    if (out->kind == RT_WAIT_REQUEST && node != 0) {
        out->to_node = etf__word(node);
        out->to_name = etf__word(load_acquire(&wait->far_name));
        if (!etf_is_none(out->to_name))
            return;
        id = load_acquire(&wait->far_pid[0]);
        out->to.node = out->to_node;
        out->to.id = (uint32_t)id;
        out->to.serial = (uint32_t)(id >> 32);
        out->to.creation = (uint32_t)load_acquire(&wait->far_pid[1]);
    } else if (etf__tag(callee) == ETF__PID) {
        out->to = rt__pid_of(callee);
    }
}

/* Order: acquire for each, so that `shown` is read again after all of them;
 * what it pairs with is the release of `shown` in run.c. */
static enum agner_err read_wait(const struct rt *rt, const struct wait *wait,
                                struct rt_waiting *out)
{
    uint64_t shown = load_acquire(&wait->shown), since_ns, now_ns;
    uint64_t site;

    out->kind = (enum rt_wait_kind)(shown & KIND_BITS);
    if (out->kind == RT_WAIT_NOTHING)
        return AGNER_OK;
    since_ns = load_acquire(&wait->since_ns);
    site = load_acquire(&wait->site);
    if (out->kind == RT_WAIT_CALL || out->kind == RT_WAIT_REQUEST) {
        read_target(wait, out);
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): a place in the code */
        out->site = (const void *)(uintptr_t)site;
    }
    now_ns = rt_now_ns(rt);
    out->ms = now_ns > since_ns ? (now_ns - since_ns) / 1000000u : 0;
    return load_relaxed(&wait->shown) == shown ? AGNER_OK : AGNER_EAGAIN;
}

enum agner_err rt_waits(struct rt *rt, etf_pid pid, struct rt_waiting *waiting)
{
    struct process *p = etf_pid_is_local(pid) ? rt__slot(rt, pid.id) : NULL;
    struct gen *gen;
    enum agner_err err;

    memset(waiting, 0, sizeof *waiting);
    if (p == NULL || !rt_is_alive(rt, pid))
        return AGNER_ENOPROC;
    gen = load_acquire(&p->gen); /* pairs with rt__set_gen() */
    if (gen == NULL)
        return AGNER_OK;
    err = read_wait(rt, &gen->wait, waiting);
    if (!rt_is_alive(rt, pid))
        return AGNER_ENOPROC;
    return rt__gen(p) == gen ? err : AGNER_EAGAIN;
}

/* ---- Where code is ------------------------------------------------------ */

/* The name of a function, if the address is really in it. */
static const char *function_at(uintptr_t at, const Dl_info *info,
                               const ElfW(Sym) * symbol)
{
    if (symbol == NULL || info->dli_sname == NULL ||
        at >= (uintptr_t)info->dli_saddr + symbol->st_size)
        return "";
    return info->dli_sname;
}

bool rt_place(const void *address, struct rt_place *place)
{
    void *symbol = NULL;
    const char *path;
    Dl_info info;

    memset(place, 0, sizeof *place);
    /* A return address may be the first behind its function. */
    if (address == NULL ||
        dladdr1((const char *)address - 1, &info, &symbol, RTLD_DL_SYMENT) ==
            0 ||
        info.dli_fname == NULL)
        return false;
    path = info.dli_fname;
    if (strlen(path) >= sizeof place->module)
        path += strlen(path) - (sizeof place->module - 1);
    (void)snprintf(place->module, sizeof place->module, "%s", path);
    place->offset = (uint64_t)((uintptr_t)address - (uintptr_t)info.dli_fbase);
    (void)snprintf(place->function, sizeof place->function, "%s",
                   function_at((uintptr_t)address - 1, &info, symbol));
    return true;
}

char *rt_place_format(char *text, const struct rt_place *place)
{
    const char *module = strrchr(place->module, '/');

    module = module == NULL ? place->module : module + 1;
    if (place->function[0] == '\0')
        (void)snprintf(text, RT_PLACE_SIZE, "%.70s+0x%llx", module,
                       (unsigned long long)place->offset);
    else
        (void)snprintf(text, RT_PLACE_SIZE, "%.40s (%.28s+0x%llx)",
                       place->function, module,
                       (unsigned long long)place->offset);
    return text;
}

static const void *base_of(const void *address)
{
    Dl_info info;

    return dladdr(address, &info) == 0 ? NULL : info.dli_fbase;
}

/* Leaves out the code of this library and of the C library around it, if any
 * other is there. */
static size_t without_ours(void **places, size_t count)
{
    const void *ours = base_of((const void *)(uintptr_t)&rt_new);
    const void *libc = base_of((const void *)(uintptr_t)&malloc);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const void *base = base_of(places[i]);

        if (base != NULL && base != ours && base != libc)
            places[kept++] = places[i];
    }
    return kept == 0 ? count : kept;
}

static size_t where(struct rt *rt, const struct worker *w, void **places,
                    size_t room)
{
    const struct rt_world *world = rt->world;

    if (!rt->options.watch_faults || world->thread_where == NULL ||
        w->thread == NULL)
        return 0;
    return without_ours(places, world->thread_where(world->ctx, w->thread,
                                                    load_relaxed(&w->running),
                                                    places, room));
}

bool rt__stuck_site(struct rt *rt, const struct worker *w, char *text)
{
    struct rt_place place;
    void *places[48];

    if (where(rt, w, places, 48) == 0 || !rt_place(places[0], &place))
        return false;
    (void)rt_place_format(text, &place);
    return true;
}

size_t rt_stuck(struct rt *rt, struct rt_stuck *stuck, size_t room)
{
    size_t count = 0;

    for (unsigned i = 0; i < rt->worker_total && count < room; i++) {
        const struct worker *w = rt->workers[i];
        uint64_t since_ns = load_relaxed(&w->stuck_ns), now_ns;
        struct rt_stuck *s = &stuck[count];
        void *places[48];

        if (since_ns == 0 || load_relaxed(&w->is_parked) != 0)
            continue;
        now_ns = rt_now_ns(rt);
        memset(s, 0, sizeof *s);
        s->pid = rt__pid_of(etf__word(load_relaxed(&w->running_pid)));
        s->ms = now_ns > since_ns ? (now_ns - since_ns) / 1000000u : 0;
        s->place_count = where(rt, w, places, 48);
        if (s->place_count > 16)
            s->place_count = 16;
        memcpy(s->places, places, s->place_count * sizeof *places);
        count++;
    }
    return count;
}
