/*
 * buffer.c -- events that wait: see buffer.h.
 */
#include "stage/buffer.h"

#include <stdlib.h>

#include "stage/demand.h"

struct stage_keeps gen__buffer_decide(uint64_t have, uint64_t max,
                                      bool keep_first, uint64_t count)
{
    uint64_t room = have < max ? max - have : 0;
    struct stage_keeps keeps = { .keep = gen__stage_less(count, room) };
    uint64_t over = count - keeps.keep;

    if (keep_first || over == 0)
        return keeps;
    keeps.drop = gen__stage_less(over, have);
    keeps.skip = over - keeps.drop;
    keeps.keep = count - keeps.skip;
    return keeps;
}

/* ---- Lists -------------------------------------------------------------- */

etf_term gen__slice(struct etf_region *r, etf_term list, uint64_t count,
                    etf_term *rest)
{
    enum { AT_ONCE = 64 };
    etf_term items[AT_ONCE], made = etf_nil(), all = etf_nil();
    uint64_t done = 0;
    size_t n;

    if (count <= AT_ONCE) {
        for (n = 0; n < count; n++)
            (void)etf_list_next(&list, &items[n]);
        if (rest != NULL)
            *rest = list;
        return etf_list(r, items, n, etf_nil());
    }
    /* Back to front, without a second look at the list: reversed twice. */
    for (; done < count && !etf_is_none(made); done++) {
        (void)etf_list_next(&list, &items[0]);
        made = etf_cons(r, items[0], made);
    }
    if (rest != NULL)
        *rest = list;
    if (etf_is_none(made))
        return ETF_NONE;
    while (etf_list_next(&made, &items[0]) && !etf_is_none(all))
        all = etf_cons(r, items[0], all);
    return all;
}

static etf_term skip(etf_term list, uint64_t count)
{
    etf_term head;

    while (count-- > 0)
        (void)etf_list_next(&list, &head);
    return list;
}

/* ---- Pieces ------------------------------------------------------------- */

void gen__piece_free(struct stage_piece *piece)
{
    if (piece == NULL)
        return;
    etf_box_free(piece->box);
    free(piece);
}

static struct stage_piece *piece_new(etf_term term, uint64_t count)
{
    struct stage_piece *piece = calloc(1, sizeof *piece);

    if (piece == NULL)
        return NULL;
    piece->count = count;
    piece->rest = term;
    if (etf_is_word(term))
        return piece;
    piece->box = etf_box_new(term);
    if (piece->box == NULL) {
        free(piece);
        return NULL;
    }
    piece->rest = etf_box_term(piece->box);
    return piece;
}

static void put(struct stage_buffer *b, struct stage_piece *piece)
{
    if (b->first == NULL)
        b->first = piece;
    else
        b->last->next = piece;
    b->last = piece;
    b->count += piece->count;
}

static struct stage_piece *take_first(struct stage_buffer *b)
{
    struct stage_piece *piece = b->first;

    b->first = piece->next;
    if (b->first == NULL)
        b->last = NULL;
    piece->next = NULL;
    b->count -= piece->count;
    return piece;
}

void gen__buffer_fini(struct stage_buffer *b)
{
    while (b->first != NULL)
        gen__piece_free(take_first(b));
}

/* ---- In ----------------------------------------------------------------- */

bool gen__buffer_put(struct stage_buffer *b, struct etf_region *r,
                     etf_term events, uint64_t count, uint64_t *discarded)
{
    struct stage_keeps keeps =
        gen__buffer_decide(b->count, b->max, b->keep_first, count);
    struct stage_piece *piece = NULL;

    if (keeps.keep > 0) {
        events = skip(events, keeps.skip);
        if (keeps.skip + keeps.keep < count)
            events = gen__slice(r, events, keeps.keep, NULL);
        if (etf_is_none(events))
            return false;
        piece = piece_new(events, keeps.keep);
        if (piece == NULL)
            return false;
    }
    gen__buffer_drop(b, keeps.drop);
    if (piece != NULL)
        put(b, piece);
    *discarded = keeps.drop + count - keeps.keep;
    return true;
}

bool gen__buffer_put_message(struct stage_buffer *b, etf_term message)
{
    struct stage_piece *piece = piece_new(message, 0);

    if (piece == NULL)
        return false;
    put(b, piece);
    return true;
}

/* ---- Out ---------------------------------------------------------------- */

/* The next `count` events, which are there, of several pieces. */
static etf_term gather(const struct stage_piece *piece, struct etf_region *r,
                       uint64_t count)
{
    etf_term made = etf_nil(), all = etf_nil(), event;

    for (; count > 0; piece = piece->next) {
        uint64_t here = gen__stage_less(piece->count, count);
        etf_term list = piece->rest;

        for (count -= here; here > 0; here--) {
            (void)etf_list_next(&list, &event);
            made = etf_cons(r, event, made);
            if (etf_is_none(made))
                return ETF_NONE;
        }
    }
    while (etf_list_next(&made, &event) && !etf_is_none(all))
        all = etf_cons(r, event, all);
    return all;
}

etf_term gen__buffer_peek(const struct stage_buffer *b, struct etf_region *r,
                          uint64_t count, uint64_t *got, struct etf_box **whole)
{
    const struct stage_piece *piece = b->first;
    uint64_t there = 0;

    if (whole != NULL)
        *whole = NULL;
    for (; piece != NULL && piece->count > 0 && there < count;
         piece = piece->next)
        there += piece->count;
    *got = gen__stage_less(there, count);
    if (*got == 0)
        return etf_nil();
    piece = b->first;
    if (*got == piece->count) {
        if (whole != NULL && piece->box != NULL &&
            etf_same(piece->rest, etf_box_term(piece->box)))
            *whole = piece->box;
        return piece->rest;
    }
    if (*got < piece->count)
        return gen__slice(r, piece->rest, *got, NULL);
    return gather(piece, r, *got);
}

void gen__buffer_drop(struct stage_buffer *b, uint64_t count)
{
    struct stage_piece **at = &b->first, *piece;

    while (count > 0) {
        piece = *at;
        if (piece->count == 0) { /* a message: it stays, for whoever asks */
            at = &piece->next;
            continue;
        }
        if (piece->count > count) {
            piece->rest = skip(piece->rest, count);
            piece->count -= count;
            b->count -= count;
            return;
        }
        count -= piece->count;
        b->count -= piece->count;
        *at = piece->next;
        gen__piece_free(piece);
    }
    if (b->first == NULL)
        b->last = NULL;
    else if (*at == NULL)
        for (b->last = b->first; b->last->next != NULL;)
            b->last = b->last->next;
}

struct stage_piece *gen__buffer_message(struct stage_buffer *b)
{
    if (b->first == NULL || b->first->count > 0)
        return NULL;
    return take_first(b);
}
