/*
 * roll.c -- the members of a group as an array, and back. See roll.h.
 */
#include "roll.h"

#include <stdlib.h>
#include <string.h>

/* ---- Bags --------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    return etf_compare_exact(*(const etf_term *)a, *(const etf_term *)b);
}

/* Also when its node is none that was heard of: such a pid is nobody's. */
static bool is_of(etf_term pid, etf_term node)
{
    etf_pid value;

    return etf_get_pid(pid, &value) && etf_same(value.node, node);
}

/* Empty, with room for `count`. */
static enum agner_err make_room(struct bag *bag, int64_t count)
{
    size_t room = count < 1 ? 1 : (size_t)count;

    *bag = (struct bag){ .pids = calloc(room, sizeof(etf_term)),
                         .used = calloc(room, sizeof(bool)) };
    if (bag->pids != NULL && bag->used != NULL)
        return AGNER_OK;
    gen__bag_fini(bag);
    return AGNER_ENOMEM;
}

static void sort(struct bag *bag)
{
    qsort(bag->pids, bag->count, sizeof(etf_term), by_order);
}

enum agner_err gen__bag_init(struct bag *bag, etf_term pids, etf_term node,
                             bool *other)
{
    int64_t count = etf_list_size(pids);
    enum agner_err err = make_room(bag, count);
    etf_term pid;

    *other = count < 0 && !is_of(pids, node);
    if (err != AGNER_OK || *other)
        return err;
    if (count < 0)
        bag->pids[bag->count++] = pids;
    while (count > 0 && etf_list_next(&pids, &pid)) {
        if (is_of(pid, node))
            bag->pids[bag->count++] = pid;
        else
            *other = true;
    }
    sort(bag);
    return AGNER_OK;
}

enum agner_err gen__bag_keys(struct bag *bag, etf_term pairs)
{
    enum agner_err err = make_room(bag, etf_list_size(pairs));
    etf_term pair;

    if (err != AGNER_OK || etf_list_size(pairs) < 0)
        return err;
    while (etf_list_next(&pairs, &pair))
        if (etf_tuple_size(pair) == 2)
            bag->pids[bag->count++] = etf_tuple_items(pair)[0];
    sort(bag);
    return AGNER_OK;
}

void gen__bag_fini(struct bag *bag)
{
    free(bag->pids);
    free(bag->used);
    *bag = (struct bag){ 0 };
}

/* Marks one that equals `pid` and is not marked: was there one? */
static bool mark(struct bag *bag, etf_term pid)
{
    size_t low = 0, high = bag->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = etf_compare_exact(bag->pids[middle], pid);

        /* Of equal ones the first are marked first. */
        if (order < 0 || (order == 0 && bag->used[middle]))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == bag->count || etf_compare_exact(bag->pids[low], pid) != 0)
        return false;
    bag->used[low] = true;
    return true;
}

bool gen__bag_has(const struct bag *bag, etf_term term)
{
    return bag->count > 0 && bsearch(&term, bag->pids, bag->count,
                                     sizeof(etf_term), by_order) != NULL;
}

etf_term gen__bag_list(const struct bag *bag, struct etf_region *r, bool used)
{
    etf_term list = etf_nil();

    for (size_t i = bag->count; i-- > 0;)
        if (bag->used[i] == used)
            list = etf_cons(r, bag->pids[i], list);
    return list;
}

/* ---- On the board and off it -------------------------------------------- */

/* As an empty roll without an array when it is not there. */
static enum agner_err look(struct rt_board *board, struct etf_region *r,
                           etf_term group, struct roll *roll)
{
    enum agner_err err = rt_board_get(board, r, group, &roll->rest);
    etf_term n, count;
    uint64_t remote = 0, total = 0;

    *roll = (struct roll){ .rest = err == AGNER_OK ? roll->rest : etf_nil() };
    if (err == AGNER_OK && etf_list_next(&roll->rest, &n) &&
        etf_list_next(&roll->rest, &count)) {
        (void)etf_get_uint(n, &remote);
        (void)etf_get_uint(count, &total);
    }
    roll->remote = (size_t)remote;
    roll->total = (size_t)total;
    return err == AGNER_EUNKNOWN ? AGNER_OK : err;
}

enum agner_err gen__roll_list(struct rt_board *board, struct etf_region *r,
                              etf_term group, bool local, etf_term *pids)
{
    struct roll roll;
    etf_term pid;
    enum agner_err err = look(board, r, group, &roll);

    while (local && roll.remote-- > 0)
        (void)etf_list_next(&roll.rest, &pid);
    if (err == AGNER_OK)
        *pids = roll.rest;
    return err;
}

enum agner_err gen__roll_read(struct rt_board *board, struct etf_region *r,
                              etf_term group, size_t spare, struct roll *roll)
{
    enum agner_err err = look(board, r, group, roll);

    if (err != AGNER_OK)
        return err;
    roll->pids = malloc((roll->total + spare + 1) * sizeof(etf_term));
    return roll->pids == NULL ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen__roll_write(struct rt_board *board, struct etf_region *r,
                               etf_term group, const struct roll *roll)
{
    etf_term list;

    if (roll->total == 0)
        return rt_board_put(board, group, ETF_NONE);
    list = etf_list(r, roll->pids, roll->count, roll->rest);
    list = etf_cons(r, etf_uint(r, roll->total), list);
    list = etf_cons(r, etf_uint(r, roll->remote), list);
    return etf_is_none(list) ? AGNER_ENOMEM : rt_board_put(board, group, list);
}

void gen__roll_fini(struct roll *roll)
{
    free(roll->pids);
    *roll = (struct roll){ 0 };
}

/* ---- Changes ------------------------------------------------------------ */

/* All of other nodes are in the array. */
static void pass_remote(struct roll *roll)
{
    while (roll->count < roll->remote &&
           etf_list_next(&roll->rest, &roll->pids[roll->count]))
        roll->count++;
}

void gen__roll_add(struct roll *roll, etf_term pid, bool remote)
{
    if (remote)
        roll->remote++;
    else
        pass_remote(roll);
    roll->pids[roll->count++] = pid;
    roll->total++;
}

size_t gen__roll_take(struct roll *roll, struct bag *bag, bool remote)
{
    size_t left = remote ? roll->remote : roll->total - roll->remote;
    size_t taken = 0;
    etf_term pid;

    if (!remote)
        pass_remote(roll);
    while (left-- > 0 && taken < bag->count &&
           etf_list_next(&roll->rest, &pid)) {
        if (mark(bag, pid))
            taken++;
        else
            roll->pids[roll->count++] = pid;
    }
    roll->total -= taken;
    roll->remote -= remote ? taken : 0;
    return taken;
}

enum agner_err gen__roll_keep(struct roll *roll, struct etf_region *r,
                              etf_term node, struct bag *bag, etf_term *taken)
{
    size_t left = roll->remote;
    etf_term pid;

    *taken = etf_nil();
    while (left-- > 0 && etf_list_next(&roll->rest, &pid)) {
        if (!is_of(pid, node) || mark(bag, pid)) {
            roll->pids[roll->count++] = pid;
            continue;
        }
        *taken = etf_cons(r, pid, *taken);
        roll->total--;
        roll->remote--;
    }
    return etf_is_none(*taken) ? AGNER_ENOMEM : AGNER_OK;
}

/* ---- Sending to all ----------------------------------------------------- */

/* What concerns the message or the sender, not one receiver. */
static bool ends_it(enum agner_err err)
{
    return err == AGNER_EBADTERM || err == AGNER_ENOMEM ||
           err == AGNER_EEXITING || err == AGNER_EKILLED;
}

enum agner_err gen__roll_send(struct gen *self, etf_term pids, etf_term but,
                              etf_term message, size_t *count)
{
    struct etf_box *box = etf_box_new(message);
    enum agner_err err = AGNER_OK;
    size_t sent = 0;
    etf_term pid;

    if (box == NULL)
        return AGNER_ENOMEM;
    while (!ends_it(err) && etf_list_next(&pids, &pid)) {
        if (etf_equal(pid, but))
            continue;
        err = rt_send_box(self, pid, etf_box_hold(box));
        sent += err == AGNER_OK;
    }
    etf_box_free(box);
    if (ends_it(err))
        return err;
    if (count != NULL)
        *count = sent;
    return AGNER_OK;
}
