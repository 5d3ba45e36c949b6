/*
 * saga_store.c -- what is kept of a vote.
 *
 *   key                            value
 *   -----------------------------  -------------------------------------------
 *   saga/NAME 0 v TX               {1, Origin, Coordinator, Final}: it may have
 *                                  voted yes, and waits for the decision
 *   saga/NAME 0 d TX               {1, Final, [{Id, Address}]}: the creator has
 *                                  decided to commit; who was to acknowledge
 *
 * TX and the values are in the external format. A creator's decision takes the
 * place of its vote in one batch. What is erased is over.
 */
#include <stdlib.h>
#include <string.h>

#include "saga/saga_internal.h"

#define NAME_MAX_BYTES 200u
#define VERSION        1
#define PAGE           64u /* rows of a scan */

enum { VOTE = 'v', DECISION = 'd' };

/* ---- Bytes -----------------------------------------------------------------
 */

static etf_bytes bytes_of(const struct etf_buffer *b)
{
    return (etf_bytes){ b->data, b->size };
}

static enum agner_err add_term(struct gen *self, struct etf_buffer *b,
                               etf_term term)
{
    struct etf_self node = rt_node(rt_of(self));
    struct etf_encode_options options = { .self = &node };

    return etf_is_none(term) ? AGNER_ENOMEM : etf_encode(b, term, &options);
}

static enum agner_err add_prefix(struct etf_buffer *b, const char *name)
{
    enum agner_err err = etf_buffer_add(b, "saga/", 5);

    /* with its zero, so that no name begins another's keys */
    return err != AGNER_OK ? err : etf_buffer_add(b, name, strlen(name) + 1);
}

static enum agner_err make_key(struct gen *self, const struct saga *s,
                               const struct saga_tx *tx, char kind,
                               struct etf_buffer *b)
{
    enum agner_err err = add_prefix(b, s->store_name);

    if (err == AGNER_OK)
        err = etf_buffer_add(b, &kind, 1);
    if (err == AGNER_OK)
        err = add_term(self, b, saga__ref(self, tx->key.ref));
    return err;
}

/* ---- Writing ---------------------------------------------------------------
 */

/* Writes `value` under `kind` (ETF_NONE: erases it), and erases `other`. */
static enum agner_err put(struct gen *self, const struct saga *s,
                          const struct saga_tx *tx, char kind, etf_term value,
                          char other)
{
    struct etf_buffer key = { 0 }, other_key = { 0 }, bytes = { 0 };
    struct gen_store_write writes[2];
    bool erase = etf_is_none(value);
    enum agner_err err = make_key(self, s, tx, kind, &key);

    if (err == AGNER_OK)
        err = make_key(self, s, tx, other, &other_key);
    if (err == AGNER_OK && !erase)
        err = add_term(self, &bytes, value);
    if (err == AGNER_OK) {
        writes[0] =
            (struct gen_store_write){ bytes_of(&key), bytes_of(&bytes), erase };
        writes[1] = (struct gen_store_write){ .key = bytes_of(&other_key),
                                              .erase = true };
        err = gen_store_put(self, s->store, writes, 2, NULL);
    }
    etf_buffer_fini(&key);
    etf_buffer_fini(&other_key);
    etf_buffer_fini(&bytes);
    return err;
}

static void complain(struct gen *self, const char *what, enum agner_err err)
{
    if (err == AGNER_EEXITING || err == AGNER_EKILLED)
        return; /* who reads what is kept will see */
    rt_log_self(self, RT_LOG_ERROR, "%s: %s", what, agner_strerror(err));
}

enum agner_err saga__store_vote(struct gen *self, struct saga *s,
                                struct saga_tx *tx)
{
    etf_term value;
    enum agner_err err;

    /* A creator that was not asked has nothing to take back. */
    if (s->store == NULL ||
        (saga__is_creator(tx) && s->table->handle_tx_prepare == NULL))
        return AGNER_OK;
    value = etf_make(self, "{_, _, _, _}", VERSION, tx->origin,
                     etf_box_term(tx->coordinator), etf_box_term(tx->final));
    err = etf_is_none(value) ? AGNER_ENOMEM
                             : put(self, s, tx, VOTE, value, DECISION);
    tx->recorded = err == AGNER_OK;
    if (err != AGNER_OK)
        complain(self, "a vote cannot be kept", err);
    return err;
}

enum agner_err saga__store_decision(struct gen *self, struct saga *s,
                                    struct saga_tx *tx)
{
    etf_term list = etf_nil(), value;
    enum agner_err err;

    if (s->store == NULL || (tx->parts == NULL && !tx->recorded))
        return AGNER_OK; /* nobody will ever ask */
    for (const struct saga_part *p = tx->parts; p != NULL; p = p->link)
        list = etf_cons(
            rt_region(self),
            etf_make(self, "{_, _}", p->key.ref, etf_box_term(p->to)), list);
    value = etf_make(self, "{_, _, _}", VERSION, etf_box_term(tx->final), list);
    err = etf_is_none(value) ? AGNER_ENOMEM
                             : put(self, s, tx, DECISION, value, VOTE);
    if (err == AGNER_OK)
        tx->recorded = true;
    else
        complain(self, "a decision cannot be kept", err);
    return err;
}

bool saga__store_erase(struct gen *self, struct saga *s, struct saga_tx *tx)
{
    enum agner_err err;

    if (!tx->recorded)
        return true;
    err = put(self, s, tx, VOTE, ETF_NONE, DECISION);
    if (err != AGNER_OK)
        complain(self, "what is kept of a vote cannot be erased", err);
    tx->recorded = err != AGNER_OK;
    return err == AGNER_OK;
}

/* ---- Reading ---------------------------------------------------------------
 */

/* What a scan goes through. */
struct reading {
    struct gen *self;
    struct saga *s;
    struct etf_region *r; /* of a row */
    struct etf_self node;
};

static enum agner_err decode(struct reading *rd, etf_bytes bytes,
                             etf_term *term)
{
    struct etf_decode_options options = { .self = &rd->node, .exact = true };
    enum agner_err err =
        etf_decode(rd->r, bytes.data, bytes.size, &options, term, NULL, NULL);

    return err == AGNER_OK || err == AGNER_ENOMEM ? err : AGNER_ECORRUPT;
}

static enum agner_err take_vote(struct saga_tx *tx, etf_term value)
{
    etf_term coordinator, final;
    int version;

    if (!etf_match(value, "{_, _, _, _}", &version, &tx->origin, &coordinator,
                   &final) ||
        version != VERSION)
        return AGNER_ECORRUPT;
    tx->shown.state = SAGA_PREPARED;
    tx->coordinator = etf_box_new(coordinator);
    tx->final = etf_box_new(final);
    if (saga__ref_is_empty(tx->origin))
        tx->origin = saga__empty_ref();
    return tx->coordinator != NULL && tx->final != NULL ? AGNER_OK
                                                        : AGNER_ENOMEM;
}

static enum agner_err take_decision(struct saga *s, struct saga_tx *tx,
                                    etf_term value)
{
    etf_term final, list;
    int version;

    if (!etf_match(value, "{_, _, _}", &version, &final, &list) ||
        version != VERSION)
        return AGNER_ECORRUPT;
    tx->shown.state = SAGA_DECIDED;
    tx->final = etf_box_new(final);
    return tx->final == NULL ? AGNER_ENOMEM : saga__parts_add(s, tx, list);
}

/* `key` without what all have: the kind, and TX. */
static enum agner_err take_row(struct reading *rd, etf_bytes key,
                               etf_bytes value)
{
    struct saga_tx *tx;
    etf_term id, term;
    etf_ref ref;
    enum agner_err err = AGNER_ECORRUPT;

    if (key.size > 1)
        err = decode(rd, (etf_bytes){ key.data + 1, key.size - 1 }, &id);
    if (err == AGNER_OK)
        err = decode(rd, value, &term);
    if (err != AGNER_OK)
        return err;
    if (!etf_get_ref(id, &ref))
        return AGNER_ECORRUPT;
    tx = saga__tx_new(rd->self, rd->s, ref);
    if (tx == NULL)
        return AGNER_ENOMEM;
    tx->options.commit = GEN_SAGA_VOTE;
    tx->recorded = tx->restored = true;
    err = key.data[0] == VOTE ? take_vote(tx, term)
                              : take_decision(rd->s, tx, term);
    if (err != AGNER_OK)
        saga__tx_free(rd->self, rd->s, tx);
    else
        saga__show(rd->s, tx, tx->shown.state);
    return err;
}

static enum agner_err take_page(struct reading *rd, etf_bytes prefix,
                                struct etf_buffer *after, size_t *count)
{
    struct gen_store_row rows[PAGE];
    struct etf_region *page = etf_region_new(0);
    enum agner_err err =
        page == NULL
            ? AGNER_ENOMEM
            : gen_store_scan(rd->self, rd->s->store, prefix, bytes_of(after),
                             PAGE, page, rows, count, NULL);

    for (size_t i = 0; err == AGNER_OK && i < *count; i++) {
        etf_region_reset(rd->r);
        err = take_row(rd,
                       (etf_bytes){ rows[i].key.data + prefix.size,
                                    rows[i].key.size - prefix.size },
                       rows[i].value);
    }
    if (err == AGNER_OK && *count != 0) {
        after->size = 0;
        err = etf_buffer_add(after, rows[*count - 1].key.data,
                             rows[*count - 1].key.size);
    }
    etf_region_free(page);
    return err;
}

static enum agner_err take_all(struct gen *self, struct saga *s)
{
    struct reading rd = { .self = self,
                          .s = s,
                          .r = etf_region_new(0),
                          .node = rt_node(rt_of(self)) };
    struct etf_buffer prefix = { 0 }, after = { 0 };
    enum agner_err err = add_prefix(&prefix, s->store_name);
    size_t count = 1;

    if (rd.r == NULL)
        err = AGNER_ENOMEM;
    while (err == AGNER_OK && count != 0)
        err = take_page(&rd, bytes_of(&prefix), &after, &count);
    etf_buffer_fini(&prefix);
    etf_buffer_fini(&after);
    etf_region_free(rd.r);
    return err;
}

enum agner_err gen_saga_store(struct gen *self, struct gen_store *store,
                              const char *name)
{
    struct saga *s = saga__of(self);
    size_t size = strlen(name);

    if (s == NULL || (s->head.flags & GEN_FLAG_STARTING) == 0 ||
        s->store != NULL || size == 0 || size > NAME_MAX_BYTES)
        return AGNER_EINVAL;
    s->store_name = strdup(name);
    if (s->store_name == NULL)
        return AGNER_ENOMEM;
    s->store = gen_store_hold(store);
    if (etf_kind(saga__address(self, s)) == ETF_KIND_PID)
        return AGNER_EINVAL; /* nobody could ask it after a crash */
    return take_all(self, s);
}

void saga__store_fini(struct saga *s)
{
    gen_store_free(s->store);
    free(s->store_name);
    s->store = NULL;
    s->store_name = NULL;
}
