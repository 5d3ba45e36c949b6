/*
 * rights.c -- which permission a signal needs, and what processes ask besides.
 */
#include "rights.h"

#include <stdio.h>
#include <string.h>

#include "relation.h"
#include "worker.h"

static const struct permission {
    const char *word;
    unsigned bit;
} permissions[RT_PERMISSION_COUNT] = {
#define RT_PERMISSION_ROW(name, word, bit) { #word, bit },
    RT_PERMISSIONS(RT_PERMISSION_ROW)
#undef RT_PERMISSION_ROW
};

const char *rt_permission_name(unsigned wanted)
{
    for (size_t i = 0; i < RT_PERMISSION_COUNT; i++)
        if ((wanted & permissions[i].bit) != 0)
            return permissions[i].word;
    return "";
}

unsigned rt_permission_parse(const char *word, size_t size)
{
    for (size_t i = 0; i < RT_PERMISSION_COUNT; i++)
        if (strlen(permissions[i].word) == size &&
            memcmp(permissions[i].word, word, size) == 0)
            return permissions[i].bit;
    return 0;
}

char *rt_permissions_format(unsigned wanted, char *text, size_t size)
{
    size_t used = 0;

    (void)snprintf(text, size, "%s",
                   (wanted & RT_MAY_ALL) == RT_MAY_ALL ? "all"
                   : (wanted & RT_MAY_ALL) == 0        ? "none"
                                                       : "");
    for (size_t i = 0; text[0] == '\0' || used > 0; i++) {
        if (i == RT_PERMISSION_COUNT || used >= size)
            break;
        if ((wanted & permissions[i].bit) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s",
                                     used > 0 ? ", " : "", permissions[i].word);
    }
    return text;
}

/* ---- What a signal needs ------------------------------------------------ */

/* Those that answer us, and those that end what was permitted, need nothing.
 * The module of a spawn request decides: spawn_serve.c. */
static unsigned need_of(enum rt_signal_kind kind)
{
    switch (kind) {
    case RT_SIGNAL_SEND:
    case RT_SIGNAL_SEND_NAME:
        return RT_MAY_MESSAGE;
    case RT_SIGNAL_LINK:
    case RT_SIGNAL_MONITOR:
        return RT_MAY_LINK;
    case RT_SIGNAL_EXIT2:
        return RT_MAY_EXIT;
    case RT_SIGNAL_GROUP_LEADER:
        return RT_MAY_ADMIN;
    case RT_SIGNAL_SEND_ALIAS:
    case RT_SIGNAL_UNLINK:
    case RT_SIGNAL_UNLINK_ACK:
    case RT_SIGNAL_EXIT:
    case RT_SIGNAL_DEMONITOR:
    case RT_SIGNAL_DOWN:
    case RT_SIGNAL_SPAWN_REQUEST:
    case RT_SIGNAL_SPAWN_REPLY:
        break;
    }
    return 0;
}

/* The guard's word, or 0. Order: acquire pairs with the release in rt_guard():
 * the word is there, though the process may just replace its guard. */
static unsigned guard_of(const struct rt *rt, const struct process *p)
{
    unsigned number = load_acquire(&p->door) / DOOR_GUARD;

    return number == 0 ? 0 : load_relaxed(&rt->guards.words[number - 1]);
}

struct verdict rt__permit(const struct rt *rt, const struct rt_signal *s,
                          const struct process *target, bool answers)
{
    struct verdict v = { .lacks = 0 };
    unsigned need = answers ? 0 : need_of(s->kind), guard = 0;

    if (target != NULL && need != 0) {
        guard = guard_of(rt, target);
        need |= guard & RT_MAY_ALL;
        v.tell =
            (guard & RT_GUARD_TELL) != 0 && need_of(s->kind) == RT_MAY_MESSAGE;
    }
    v.lacks = need & s->denied;
    return v;
}

etf_term rt__permit_wrap(struct etf_region *r, const struct rt_signal *s)
{
    return etf_make(r, "{'$peer', _, _, _}", s->node, RT_MAY_ALL & ~s->denied,
                    s->payload);
}

/* ---- Refusing ----------------------------------------------------------- */

void rt_refused(struct rt *rt, etf_term node, unsigned lacks, const char *what)
{
    if (rt->carrier.refused != NULL)
        rt->carrier.refused(rt->carrier.ctx, node, lacks, what);
}

static const char *what_of(enum rt_signal_kind kind)
{
    switch (kind) {
    case RT_SIGNAL_LINK:
        return "a link";
    case RT_SIGNAL_MONITOR:
        return "a monitor";
    case RT_SIGNAL_EXIT2:
        return "an exit signal";
    case RT_SIGNAL_GROUP_LEADER:
        return "a group leader";
    case RT_SIGNAL_SPAWN_REQUEST:
        return "a spawn";
    default:
        return "a message";
    }
}

void rt__permit_refuse(struct rt *rt, const struct rt_signal *s, unsigned lacks)
{
    char what[120], name[80];

    if (etf_is_none(s->name))
        (void)snprintf(what, sizeof what, "%s to <0.%u.%u>", what_of(s->kind),
                       s->to.id, s->to.serial);
    else
        (void)snprintf(what, sizeof what, "%s to %s", what_of(s->kind),
                       etf_format(name, sizeof name, s->name));
    rt_refused(rt, s->node, lacks, what);
}

/* ---- Guards ------------------------------------------------------------- */

/* The number of the guard with that word, a new one if need be; 0: none is
 * free. */
static unsigned number_of(struct guards *guards, uint32_t word)
{
    unsigned number = 0, count;

    rt__lock(&guards->lock);
    count = load_relaxed(&guards->count);
    while (number < count && load_relaxed(&guards->words[number]) != word)
        number++;
    if (number == count && count < RT_GUARDS_MAX) {
        store_relaxed(&guards->words[number], word);
        store_relaxed(&guards->count, count + 1);
        count++;
    }
    rt__unlock(&guards->lock);
    return number < count ? number + 1 : 0;
}

enum agner_err rt_guard(struct gen *self, unsigned wanted, bool tell)
{
    uint32_t word = (wanted & RT_MAY_ALL) | (tell ? RT_GUARD_TELL : 0);
    struct process *p = self->process;
    unsigned number = 0;

    if (word != 0) {
        number = number_of(&self->rt->guards, word);
        if (number == 0)
            return AGNER_ELIMIT;
    }
    store_release(&p->door, (uint8_t)(load_relaxed(&p->door) % DOOR_GUARD +
                                      number * DOOR_GUARD));
    return AGNER_OK;
}

unsigned rt_requester(const struct gen *self, etf_term *node)
{
    const struct extras *x = rt__extras_of(self->process);

    *node = ETF_NONE;
    if (x == NULL || etf_pid_is_local(x->parent) || etf_is_none(x->parent.node))
        return RT_MAY_ALL;
    *node = x->parent.node;
    return RT_MAY_ALL & ~x->denied;
}
