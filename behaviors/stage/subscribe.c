/*
 * subscribe.c -- making subscriptions.
 *
 * A subscription is known by the monitor of its producer, which is made first:
 * so whatever becomes of the producer is heard, also when it never was. One
 * that is to outlive its connection has a struct stage_again: again.c.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

#define MAX_DEMAND   1000u
#define RETRY_MS     100u
#define RETRY_MAX_MS 5000u

/* ---- Options ------------------------------------------------------------ */

static const char *const modes[] = { "permanent", "transient", "temporary" };

static etf_term with(struct gen *self, etf_term list, const char *key,
                     etf_term value)
{
    return etf_make(self, "[{_, _} | _]", etf_atom(key), value, list);
}

static uint64_t max_of(const struct gen_stage_subscribe *o)
{
    return o->max_demand != 0 ? o->max_demand : MAX_DEMAND;
}

static uint64_t min_of(const struct gen_stage_subscribe *o)
{
    return o->min_demand == 0 && !o->min_zero ? max_of(o) / 2 : o->min_demand;
}

etf_term gen__wish_list(struct gen *self, const struct gen_stage_subscribe *o,
                        bool local)
{
    struct etf_region *r = rt_region(self);
    etf_term list = etf_nil();

    if (!etf_is_none(o->extra)) {
        if (etf_list_size(o->extra) < 0)
            return ETF_NONE;
        list = o->extra;
    }
    if (!etf_is_none(o->partition))
        list = with(self, list, "partition", o->partition);
    if (local && o->manual)
        list = with(self, list, "manual", ETF_A(true));
    if (local && o->reconnect)
        list = with(self, list, "reconnect",
                    etf_make(self, "{_, _}", o->retry_ms, o->retry_max_ms));
    if ((unsigned)o->cancel <= GEN_STAGE_TEMPORARY)
        list = with(self, list, "cancel", etf_atom(modes[o->cancel]));
    list = with(self, list, "min_demand", etf_uint(r, min_of(o)));
    return with(self, list, "max_demand", etf_uint(r, max_of(o)));
}

static bool read_mode(etf_term value, enum gen_stage_cancel *mode)
{
    uint64_t number;

    for (unsigned i = 0; i < 3; i++) {
        /* REF sends numbers. */
        if (etf_atom_is(value, modes[i]) ||
            (etf_get_uint(value, &number) && number == i)) {
            *mode = (enum gen_stage_cancel)i;
            return true;
        }
    }
    return false;
}

/* One that the consumer reads. *keep: it goes on to the producer. */
static const char *read_option(struct stage_wish *wish, etf_term key,
                               etf_term value, bool *min_given, bool *keep)
{
    *keep = true;
    if (etf_atom_is(key, "max_demand"))
        return etf_get_uint(value, &wish->max) ? NULL
                                               : "max_demand is no integer";
    if (etf_atom_is(key, "min_demand")) {
        *min_given = true;
        return etf_get_uint(value, &wish->min) ? NULL
                                               : "min_demand is no integer";
    }
    if (etf_atom_is(key, "cancel"))
        return read_mode(value, &wish->mode)
                   ? NULL
                   : "cancel is none of permanent, transient, temporary";
    if (etf_atom_is(key, "manual")) {
        *keep = false;
        return etf_get_bool(value, &wish->manual) ? NULL
                                                  : "manual is no boolean";
    }
    if (etf_atom_is(key, "reconnect")) {
        *keep = false;
        wish->reconnect = true;
        return etf_match(value, "{_, _}", &wish->retry_ms, &wish->retry_max_ms)
                   ? NULL
                   : "reconnect is not {Ms, MaxMs}";
    }
    return NULL;
}

/* The list without those that are not for the producer. */
static etf_term without_local(struct gen *self, etf_term list)
{
    etf_term option, key, value, kept = etf_nil(), made = etf_nil();

    while (etf_list_next(&list, &option))
        if (!etf_match(option, "{_, _}", &key, &value) ||
            (!etf_atom_is(key, "manual") && !etf_atom_is(key, "reconnect")))
            kept = etf_cons(rt_region(self), option, kept);
    while (etf_list_next(&kept, &option) && !etf_is_none(made))
        made = etf_cons(rt_region(self), option, made);
    return etf_is_none(kept) ? ETF_NONE : made;
}

enum agner_err gen__wish_read(struct gen *self, etf_term list,
                              struct stage_wish *wish, const char **why)
{
    etf_term rest = list, option, key, value;
    bool min_given = false, keep, all = true;

    *wish = (struct stage_wish){ .max = MAX_DEMAND, .options = list };
    *why = "the options are no list";
    if (etf_list_size(list) < 0)
        return AGNER_EINVAL;
    while (etf_list_next(&rest, &option)) {
        if (!etf_match(option, "{_, _}", &key, &value))
            continue;
        *why = read_option(wish, key, value, &min_given, &keep);
        if (*why != NULL)
            return AGNER_EINVAL;
        all = all && keep;
    }
    if (!min_given)
        wish->min = wish->max / 2;
    *why = gen__demand_check(wish->min, wish->max);
    if (*why != NULL)
        return AGNER_EINVAL;
    if (!all)
        wish->options = without_local(self, list);
    return etf_is_none(wish->options) ? AGNER_ENOMEM : AGNER_OK;
}

/* ---- Subscribing -------------------------------------------------------- */

/* The process behind a name of this node; another target is itself.
 * AGNER_ENONAME. */
static enum agner_err resolve(struct gen *self, etf_term to, etf_term *target)
{
    struct rt *rt = rt_of(self);
    const etf_term *items;
    etf_pid pid;
    enum agner_err err = gen__resolve(self, to, target);

    if (err != AGNER_OK)
        return err;
    to = *target;
    items = etf_tuple_items(to);
    if (etf_tuple_size(to) == 2 && etf_same(items[1], rt_node(rt).name))
        to = items[0];
    if (!etf_is_atom(to))
        return AGNER_OK;
    err = rt_whereis(rt, to, &pid);
    if (err == AGNER_OK)
        *target = etf_from_pid(rt_region(self), pid);
    return err;
}

static struct stage_again *again_new(const struct stage_wish *wish)
{
    struct stage_again *again = calloc(1, sizeof *again);

    if (again == NULL)
        return NULL;
    again->retry_ms = wish->retry_ms != 0 ? wish->retry_ms : RETRY_MS;
    again->retry_max_ms =
        wish->retry_max_ms != 0 ? wish->retry_max_ms : RETRY_MAX_MS;
    return again;
}

enum agner_err gen__subscribe_make(struct gen *self, struct stage *s,
                                   etf_term target,
                                   const struct stage_wish *wish,
                                   struct stage_sub **out)
{
    struct stage_sub *sub = NULL;
    etf_ref ref;
    enum agner_err err = rt_monitor(self, target, 0, &ref);

    if (err != AGNER_OK)
        return err;
    sub =
        gen__sub_new(self, STAGE_TO_PRODUCER,
                     etf_from_ref(rt_region(self), ref), target, wish->options);
    if (sub != NULL) {
        sub->monitor = ref;
        sub->demand =
            (struct stage_demand){ .min = wish->min, .max = wish->max };
        gen__sub_set(sub, wish->mode, wish->manual);
        if (gen__subs_add(&s->subs, sub)) {
            *out = sub;
            return AGNER_OK;
        }
    }
    gen__sub_free(sub);
    (void)rt_demonitor(self, ref, true);
    return AGNER_ENOMEM;
}

enum agner_err gen__subscribe_announce(struct gen *self, struct stage *s,
                                       struct stage_sub *sub, etf_term current)
{
    etf_term message = etf_make(self, "{'$gen_producer', _, {subscribe, _, _}}",
                                sub->from, current, sub->options);
    enum agner_err err = rt_send_with(self, sub->to, message, 0);

    sub->fresh = true;
    gen__stage_todo(s, sub);
    if (err == AGNER_EMAILBOXFULL)
        err = gen__stage_end_later(s, sub, ETF_A(mailbox_full));
    if (err == AGNER_EBADTERM) /* a resource in the options */
        err = gen__stage_end_later(s, sub, ETF_A(badarg));
    if (err != AGNER_ENOMEM && err != AGNER_EEXITING && err != AGNER_EKILLED)
        return AGNER_OK; /* the monitor tells */
    (void)rt_demonitor(self, sub->monitor, true);
    gen__subs_remove(&s->subs, sub);
    gen__stage_forget(s, sub);
    return err;
}

enum agner_err gen__subscribe(struct gen *self, struct stage *s,
                              etf_term current, etf_term to,
                              const struct stage_wish *wish,
                              struct gen_subscription *out)
{
    struct stage_again *again = NULL;
    struct stage_sub *sub;
    etf_term target;
    enum agner_err err = resolve(self, to, &target);

    *out = (struct gen_subscription){ 0 };
    if (err == AGNER_ENONAME)
        out->ref = rt_make_ref(self);
    if (err != AGNER_OK)
        return err;
    if (wish->reconnect && (again = again_new(wish)) == NULL)
        return AGNER_ENOMEM;
    err = gen__subscribe_make(self, s, target, wish, &sub);
    if (err != AGNER_OK) {
        free(again);
        return err;
    }
    sub->again = again;
    *out = sub->sub;
    return gen__subscribe_announce(self, s, sub, current);
}
