/*
 * map_remote.c -- a service map for who speaks in terms: calls, and followers
 * that get messages. Relays of other nodes are served in map_far.c.
 *
 * What is for a service goes on to it, with its caller as the one to be
 * answered.
 *
 * Source: spec/service.md 2.7, 3.4.
 */
#include "service/map.h"

#include <stdlib.h>

/* ---- Words
 * --------------------------------------------------------------------- */

/* A list of that one option, or of nothing. */
static bool read_option(etf_term options, const char *name, bool *on)
{
    etf_term option;

    *on = false;
    while (etf_list_next(&options, &option)) {
        if (!etf_atom_is(option, name))
            return false;
        *on = true;
    }
    return etf_same(options, etf_nil());
}

/* ---- Other calls
 * ---------------------------------------------------------------- */

static etf_term not_found(struct gen *self)
{
    return gen__map_failed(self, AGNER_EUNKNOWN, "");
}

static struct map_row *find(struct map *m, const char *id)
{
    struct map_row *row = gen__table_find(&m->table, id);

    return row != NULL && row->state != NULL ? row : NULL;
}

static etf_term get(struct gen *self, struct map *m, const char *id)
{
    struct map_row *row = find(m, id);

    if (row == NULL)
        return not_found(self);
    return etf_make(self, "{ok, _}",
                    gen__record_term(rt_region(self), ETF_A(local),
                                     &row->record->record, &row->state->state));
}

static etf_term delete_it(struct gen *self, struct map *m,
                          const struct gen_from *from, const char *id,
                          bool allow_missing)
{
    enum agner_err err = gen__map_delete(self, m, from, id);

    if (err == AGNER_OK)
        return ETF_NONE;
    if (err == AGNER_EUNKNOWN && allow_missing)
        return ETF_A(ok);
    return gen__map_failed(self, err, "");
}

static etf_term all(struct gen *self, struct map *m)
{
    struct map_snapshot *snapshot = gen__map_snapshot(m);

    return snapshot == NULL
               ? ETF_NONE
               : gen__snapshot_term(rt_region(self), ETF_A(local), snapshot);
}

static etf_term metadata(struct gen *self, struct map *m)
{
    struct map_snapshot *snapshot = gen__map_snapshot(m);
    struct gen_service_metadata md;

    if (snapshot == NULL ||
        gen__metadata(rt_region(self), &snapshot->snapshot, &md) != AGNER_OK)
        return ETF_NONE;
    return etf_make(self,
                    "#{total => _, active => _, in_error => _, kinds => _}",
                    md.total, md.active, md.in_error, md.kinds);
}

/* To the service, whose answer goes to who asked us. */
static etf_term pass_on(struct gen *self, struct map *m,
                        const struct gen_from *from, const char *id,
                        etf_term request)
{
    struct map_row *row = find(m, id);
    etf_term from_term = rt_from_term(self, from);
    enum agner_err err;

    if (row == NULL)
        return not_found(self);
    if (etf_pid_is_none(row->pid))
        return etf_make(self, "{error, noproc}");
    if (etf_is_none(from_term))
        return gen__map_failed(self, AGNER_ENOMEM, "");
    err = rt_send(self, etf_from_pid(rt_region(self), row->pid),
                  etf_make(self, "{'$gen_call', _, _}", from_term, request));
    if (err == AGNER_OK)
        return ETF_NONE;
    return err == AGNER_ENOMEM ? gen__map_failed(self, err, "")
                               : etf_make(self, "{error, noproc}");
}

/* {Verb, Id} is `Verb`, {Verb, Id, ...} is {Verb, ...}. */
static etf_term for_service(struct gen *self, struct map *m,
                            const struct gen_from *from, etf_term request,
                            bool *known)
{
    const etf_term *items = etf_tuple_items(request);
    size_t size = etf_tuple_size(request);
    char id[GEN_SERVICE_ID_MAX + 1];
    etf_term rest[3];

    *known =
        size >= 2 && size <= 4 && gen__map_read_id(items[1], id) &&
        (etf_atom_is(items[0], "start") || etf_atom_is(items[0], "stop") ||
         etf_atom_is(items[0], "configure") || etf_atom_is(items[0], "state"));
    if (!*known)
        return ETF_NONE;
    if (size == 2)
        return pass_on(self, m, from, id, items[0]);
    rest[0] = items[0];
    for (size_t i = 2; i < size; i++)
        rest[i - 1] = items[i];
    return pass_on(self, m, from, id,
                   etf_tuple(rt_region(self), rest, size - 1));
}

/* ---- Followers
 * ------------------------------------------------------------------- */

/* Until one whose connection was busy is told what it missed. */
#define BEHIND_MS 100u

static void send(struct gen *self, struct map_follower *f, etf_term message)
{
    enum agner_err err =
        rt_send_with(self, etf_from_pid(rt_region(self), f->pid), message,
                     RT_SEND_NOSUSPEND);

    f->lost = err == AGNER_EAGAIN || err == AGNER_ENOMEM;
    if (f->lost)
        (void)rt_send_after(self, rt_self_term(self), etf_atom("$map_behind"),
                            BEHIND_MS, NULL); /* else with the next change */
}

static void tell_metadata(struct gen *self, struct map *m,
                          struct map_follower *f)
{
    etf_term now = metadata(self, m);

    if (etf_is_none(now) ||
        (f->last != NULL && etf_equal(etf_box_term(f->last), now)))
        return;
    etf_box_free(f->last);
    f->last = etf_box_new(now); /* NULL: it hears of it once more */
    send(self, f, etf_make(self, "{service_metadata, _, _}", f->ref, now));
}

static void tell_end(struct gen *self, struct map_follower *f, etf_term reason)
{
    send(self, f, etf_make(self, "{service_end, _, _}", f->ref, reason));
}

void gen__map_followers_end(struct gen *self, struct map *m, etf_term reason)
{
    for (struct map_follower *f = m->followers; f != NULL; f = f->next)
        tell_end(self, f, reason); /* else its monitor tells */
}

static bool forget(struct gen *self, struct map *m, etf_ref ref)
{
    struct map_follower **at = &m->followers, *f;

    while ((f = *at) != NULL && !etf_ref_equal(f->ref, ref))
        at = &f->next;
    if (f == NULL)
        return false;
    *at = f->next;
    (void)rt_demonitor(self, ref, true); /* it may have fired */
    etf_box_free(f->last);
    free(f);
    return true;
}

/* One that has missed a change is told so, and asks anew. */
static void catch_up(struct gen *self, struct map *m)
{
    struct map_follower *f, *next;

    for (f = m->followers; f != NULL; f = next) {
        next = f->next;
        if (!f->lost)
            continue;
        if (f->metadata) {
            etf_box_free(f->last);
            f->last = NULL;
            tell_metadata(self, m, f);
            continue;
        }
        tell_end(self, f, etf_atom("lagged"));
        if (!f->lost)
            (void)forget(self, m, f->ref); /* it is there */
    }
}

void gen__map_followers_tell(struct gen *self, struct map *m,
                             const struct gen_service_change *change)
{
    struct map_follower *f = m->followers;
    etf_term term;

    if (f == NULL)
        return;
    term = gen__change_term(rt_region(self), ETF_A(local), change);
    for (; f != NULL; f = f->next) {
        if (f->metadata)
            tell_metadata(self, m, f);
        else if (!f->lost)
            send(self, f,
                 etf_make(self, "{service_change, _, _, _}", f->ref,
                          change->number, term));
    }
}

static etf_term follow(struct gen *self, struct map *m,
                       const struct gen_from *from, bool updates_only,
                       bool of_metadata)
{
    struct map_follower *f = calloc(1, sizeof *f);
    etf_term who = rt_from_term(self, from), list = etf_nil();

    if (f == NULL)
        return gen__map_failed(self, AGNER_ENOMEM, "");
    if (etf_is_none(who) || !etf_get_pid(etf_tuple_items(who)[0], &f->pid) ||
        rt_monitor(self, etf_tuple_items(who)[0], 0, &f->ref) != AGNER_OK) {
        free(f);
        return gen__map_failed(self, AGNER_ENOMEM, "");
    }
    f->metadata = of_metadata;
    f->next = m->followers;
    m->followers = f;
    if (of_metadata)
        tell_metadata(self, m, f);
    else if (!updates_only)
        list = all(self, m);
    return etf_make(self, "{ok, _, _}", f->ref, list);
}

bool gen__map_followers_message(struct gen *self, struct map *m,
                                etf_term message)
{
    etf_ref ref;

    if (etf_atom_is(message, "$map_behind")) {
        catch_up(self, m);
        return true;
    }
    return etf_match(message, "{'DOWN', _, process, __, __}", &ref) &&
           forget(self, m, ref);
}

void gen__map_followers_free(struct map *m)
{
    struct map_follower *f;

    while ((f = m->followers) != NULL) {
        m->followers = f->next;
        etf_box_free(f->last);
        free(f);
    }
}

/* ---- All of them
 * ------------------------------------------------------------------ */

static bool read_follow(etf_term request, bool *updates_only, bool *of_metadata)
{
    etf_term options, option;

    *updates_only = *of_metadata = false;
    if (etf_atom_is(request, "follow"))
        return true;
    if (!etf_match(request, "{follow, _}", &options))
        return false;
    while (etf_list_next(&options, &option)) {
        if (etf_atom_is(option, "updates_only"))
            *updates_only = true;
        else if (etf_atom_is(option, "metadata"))
            *of_metadata = true;
        else
            return false;
    }
    return etf_same(options, etf_nil());
}

static etf_term with_id(struct gen *self, struct map *m,
                        const struct gen_from *from, etf_term request,
                        bool *known)
{
    char id[GEN_SERVICE_ID_MAX + 1];
    etf_term id_term, options = etf_nil();
    bool on;

    *known = true;
    if (etf_match(request, "{get, _}", &id_term) &&
        gen__map_read_id(id_term, id))
        return get(self, m, id);
    if ((etf_match(request, "{delete, _}", &id_term) ||
         etf_match(request, "{delete, _, _}", &id_term, &options)) &&
        gen__map_read_id(id_term, id) &&
        read_option(options, "allow_missing", &on))
        return delete_it(self, m, from, id, on);
    return for_service(self, m, from, request, known);
}

etf_term gen__map_call_term(struct gen *self, struct map *m,
                            const struct gen_from *from, etf_term request)
{
    bool updates_only, of_metadata, known;
    etf_term what, reply;
    etf_ref ref;

    if (etf_match(request, "{create, _}", &what) &&
        etf_kind(what) == ETF_KIND_MAP)
        return gen__map_create_term(self, m, from, what);
    if (etf_atom_is(request, "states"))
        return etf_make(self, "{ok, _}", all(self, m));
    if (etf_atom_is(request, "metadata"))
        return etf_make(self, "{ok, _}", metadata(self, m));
    if (read_follow(request, &updates_only, &of_metadata))
        return follow(self, m, from, updates_only, of_metadata);
    if (etf_match(request, "{unfollow, _}", &ref)) {
        (void)forget(self, m, ref); /* or it is gone already */
        return ETF_A(ok);
    }
    reply = with_id(self, m, from, request, &known);
    return known ? reply : etf_make(self, "{error, badarg}");
}
