/*
 * errors.c -- what went wrong in the background: gen_errors.h.
 *
 * A ring under a lock. What needs memory or frees it is done outside the lock.
 */
#include <agner/gen_errors.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "spin.h"

#define ROOM_MAX 1000000u

struct entry {
    enum agner_err err;
    struct etf_box *reason; /* owned, or NULL */
    void *item;             /* owned, or NULL */
    void (*free_item)(void *item);
};

struct gen_errors {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    rt_spin lock;             /* guards the rest */
    size_t first;             /* the oldest */
    _Atomic size_t count;     /* written under the lock */
    _Atomic uint64_t dropped; /* the same */
    etf_pid forward;          /* all zero: nobody */
    size_t max;
    struct entry ring[];
};

struct gen_errors *gen_errors_new(struct rt *rt, size_t max)
{
    struct gen_errors *errors;

    if (max == 0 || max > ROOM_MAX)
        return NULL;
    errors = calloc(1, sizeof *errors + max * sizeof *errors->ring);
    if (errors == NULL)
        return NULL;
    errors->rt = rt;
    errors->max = max;
    store_relaxed(&errors->refs, 1u);
    return errors;
}

struct gen_errors *gen_errors_hold(struct gen_errors *errors)
{
    (void)add_relaxed(&errors->refs, 1u);
    return errors;
}

static void clear(struct entry *entry)
{
    etf_box_free(entry->reason);
    if (entry->item != NULL && entry->free_item != NULL)
        entry->free_item(entry->item);
}

static bool take(struct gen_errors *errors, struct entry *out)
{
    size_t count;

    rt__lock(&errors->lock);
    count = load_relaxed(&errors->count);
    if (count > 0) {
        *out = errors->ring[errors->first];
        errors->first = (errors->first + 1) % errors->max;
        store_relaxed(&errors->count, count - 1);
    }
    rt__unlock(&errors->lock);
    return count > 0;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_errors_free(struct gen_errors *errors)
{
    struct entry entry;

    if (errors == NULL || sub_acq_rel(&errors->refs, 1u) != 1)
        return;
    while (take(errors, &entry))
        clear(&entry);
    free(errors);
}

void gen_errors_forward(struct gen_errors *errors, etf_pid pid)
{
    rt__lock(&errors->lock);
    errors->forward = pid;
    rt__unlock(&errors->lock);
}

static void forward(struct gen_errors *errors, etf_pid to, enum agner_err err,
                    etf_term reason)
{
    struct etf_region *r = etf_region_new(0);

    if (r == NULL)
        return;
    if (etf_is_none(reason))
        reason = ETF_A(undefined);
    (void)rt_post(errors->rt, etf_from_pid(r, to),
                  etf_make(r, "{gen_error, _, _}", (int64_t)err, reason));
    etf_region_free(r);
}

enum agner_err gen_errors_put_item(struct gen_errors *errors,
                                   enum agner_err err, etf_term reason,
                                   void *item, void (*free_item)(void *item))
{
    /* Without memory the error is kept, without its reason. */
    struct entry entry = { .err = err, .item = item, .free_item = free_item };
    etf_pid to;
    size_t count;
    bool room;

    if (err == AGNER_OK || errors == NULL) {
        clear(&entry);
        return AGNER_OK;
    }
    if (!etf_is_none(reason))
        entry.reason = etf_box_new(reason);
    rt__lock(&errors->lock);
    to = errors->forward;
    count = load_relaxed(&errors->count);
    room = count < errors->max;
    if (room) {
        errors->ring[(errors->first + count) % errors->max] = entry;
        store_relaxed(&errors->count, count + 1);
    } else {
        store_relaxed(&errors->dropped, load_relaxed(&errors->dropped) + 1);
    }
    rt__unlock(&errors->lock);
    if (!etf_pid_is_none(to))
        forward(errors, to, err, reason);
    if (!room)
        clear(&entry);
    return room ? AGNER_OK : AGNER_EFULL;
}

enum agner_err gen_errors_put(struct gen_errors *errors, enum agner_err err,
                              etf_term reason)
{
    return gen_errors_put_item(errors, err, reason, NULL, NULL);
}

bool gen_errors_first(struct gen_errors *errors, struct etf_region *r,
                      struct gen_error *out)
{
    struct entry entry;

    if (!take(errors, &entry))
        return false;
    *out = (struct gen_error){ .err = entry.err,
                               .item = entry.item,
                               .free_item = entry.free_item };
    if (entry.reason != NULL)
        out->reason = etf_copy(r, etf_box_term(entry.reason));
    etf_box_free(entry.reason);
    return true;
}

/* "text: reason", behind what is there already. */
static void append(struct agner_error *error, const struct entry *entry)
{
    size_t used = strlen(error->text), room = sizeof error->text - used;
    int n = snprintf(error->text + used, room, "%s%s", used == 0 ? "" : "; ",
                     agner_strerror(entry->err));

    if (entry->reason == NULL || n < 0 || (size_t)n + 3 > room)
        return;
    used += (size_t)n;
    memcpy(error->text + used, ": ", 3);
    etf_format(error->text + used + 2, sizeof error->text - used - 2,
               etf_box_term(entry->reason));
}

enum agner_err gen_errors_all(struct gen_errors *errors,
                              struct agner_error *error)
{
    enum agner_err first = AGNER_OK;
    struct entry entry;

    while (take(errors, &entry)) {
        if (first == AGNER_OK) {
            first = entry.err;
            if (error != NULL)
                *error = (struct agner_error){ .code = first };
        }
        if (error != NULL)
            append(error, &entry);
        clear(&entry);
    }
    return first;
}

size_t gen_errors_count(const struct gen_errors *errors)
{
    return load_relaxed(&errors->count);
}

uint64_t gen_errors_dropped(const struct gen_errors *errors)
{
    return load_relaxed(&errors->dropped);
}
