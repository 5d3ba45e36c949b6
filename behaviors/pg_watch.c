/*
 * pg_watch.c -- who hears of joins and leaves in a scope.
 *
 * The number of a watch is that of the scope's own monitor of who watches, as
 * in OTP: so its end takes the watch away.
 */
#include "pg.h"

#include <stdlib.h>

#define WATCHES_MAX (1u << 20)

static bool reserve(struct pg *s)
{
    uint32_t room = s->watch_room == 0 ? 4 : 2 * s->watch_room;
    struct pg_watch *watches;

    if (s->watch_count < s->watch_room)
        return true;
    watches = realloc(s->watches, room * sizeof *watches);
    if (watches == NULL)
        return false;
    s->watches = watches;
    s->watch_room = room;
    return true;
}

enum agner_err gen__pg_watch(struct gen *self, struct pg *s, etf_pid who,
                             etf_term group, etf_ref *ref)
{
    struct pg_watch w = { .pid = who };
    enum agner_err err;

    if (s->watch_count == WATCHES_MAX)
        return AGNER_ELIMIT;
    if (!reserve(s))
        return AGNER_ENOMEM;
    if (!etf_is_none(group)) {
        w.hash = etf_phash2(group, 0);
        w.group = etf_box_new(group);
        if (w.group == NULL)
            return AGNER_ENOMEM;
    }
    err = rt_monitor(self, etf_from_pid(rt_region(self), who), 0, &w.ref);
    if (err != AGNER_OK) {
        etf_box_free(w.group);
        return err;
    }
    s->watches[s->watch_count++] = w;
    *ref = w.ref;
    return AGNER_OK;
}

bool gen__pg_unwatch(struct gen *self, struct pg *s, etf_ref ref, bool fired)
{
    for (uint32_t i = 0; i < s->watch_count; i++) {
        if (!etf_ref_equal(s->watches[i].ref, ref))
            continue;
        if (!fired)
            (void)rt_demonitor(self, ref, true); /* it stands, or just fired */
        etf_box_free(s->watches[i].group);
        s->watches[i] = s->watches[--s->watch_count];
        return true;
    }
    return false;
}

static bool wants(const struct pg_watch *w, uint32_t hash, etf_term group)
{
    return w->group == NULL ||
           (w->hash == hash && etf_equal(etf_box_term(w->group), group));
}

void gen__pg_notify(struct gen *self, struct pg *s, struct etf_region *r,
                    const char *what, etf_term group, etf_term pids)
{
    uint32_t hash = s->watch_count == 0 ? 0 : etf_phash2(group, 0);

    for (uint32_t i = 0; i < s->watch_count; i++) {
        const struct pg_watch *w = &s->watches[i];
        enum agner_err err;

        if (!wants(w, hash, group))
            continue;
        err = rt_send_pid(
            self, w->pid,
            etf_make(r, "{_, _, _, _}", w->ref, etf_atom(what), group, pids));
        /* The dead are not told, and their watches end by themselves. */
        if (err == AGNER_ENOMEM || err == AGNER_EMAILBOXFULL)
            rt_log_self(self, RT_LOG_WARNING,
                        "pg: who watches a group was not told of a %s: %s",
                        what, agner_strerror(err));
    }
}
