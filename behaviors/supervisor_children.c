/*
 * supervisor_children.c -- the table of children: in order, and found at once.
 *
 * A list in order of start, and two hash tables with the children themselves as
 * links, so that only a table's growth takes memory, and a growth that fails
 * only makes it slower. A child is under its pid from its start until its end
 * has been dealt with; one that is about to be restarted stays under its old
 * pid when it has no id of its own.
 */
#include <stdlib.h>

#include "supervisor.h"

#define BUCKETS_MIN 8u

/* ---- Keys --------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

/* A pid of this node is its word; other terms hash by what they say. */
static uint64_t hash_of(etf_term key, bool is_word)
{
    return mix(is_word ? key.word : etf_phash2(key, 0));
}

static bool is_local(etf_term pid)
{
    etf_pid value;

    return etf_get_pid(pid, &value) && etf_pid_is_local(value);
}

static etf_term key_of(const struct child *child, int by)
{
    return by == BY_PID ? child->pid : child->spec->id;
}

static uint64_t hash_child(const struct child *child, int by)
{
    return hash_of(key_of(child, by), by == BY_PID && child->pid_box == NULL);
}

/* ---- Hash tables -------------------------------------------------------- */

static struct child **bucket(const struct child_hash *hash, uint64_t value)
{
    return &hash->buckets[value & (hash->size - 1)];
}

static void move(struct child_hash *hash, struct child *child, int by)
{
    while (child != NULL) {
        struct child *next = child->next[by];
        struct child **slot = bucket(hash, hash_child(child, by));

        child->next[by] = *slot;
        *slot = child;
        child = next;
    }
}

/* Makes room for `count`. false: there is none at all. */
static bool reserve(struct child_hash *hash, uint64_t count, int by)
{
    struct child_hash larger = { .size = hash->size * 2 };

    if (count <= hash->size)
        return true;
    if (larger.size == 0)
        larger.size = BUCKETS_MIN;
    larger.buckets = calloc(larger.size, sizeof *larger.buckets);
    if (larger.buckets == NULL)
        return hash->size != 0; /* longer chains do too */
    for (size_t i = 0; i < hash->size; i++)
        move(&larger, hash->buckets[i], by);
    free(hash->buckets);
    *hash = larger;
    return true;
}

static void put(struct child_hash *hash, struct child *child, int by)
{
    struct child **slot = bucket(hash, hash_child(child, by));

    child->next[by] = *slot;
    *slot = child;
}

static void take(struct child_hash *hash, const struct child *child, int by)
{
    struct child **slot = bucket(hash, hash_child(child, by));

    while (*slot != child)
        slot = &(*slot)->next[by];
    *slot = child->next[by];
}

struct child *gen__child_by_pid(const struct children *children, etf_term pid)
{
    const struct child_hash *hash = &children->hash[BY_PID];
    bool word = is_local(pid);
    struct child *child;

    if (hash->size == 0)
        return NULL;
    child = *bucket(hash, hash_of(pid, word));
    while (child != NULL &&
           !(word ? etf_same(child->pid, pid) : etf_equal(child->pid, pid)))
        child = child->next[BY_PID];
    return child;
}

struct child *gen__child_by_id(const struct children *children, etf_term id)
{
    const struct child_hash *hash = &children->hash[BY_ID];
    struct child *child;

    if (hash->size == 0)
        return NULL;
    child = *bucket(hash, hash_of(id, false));
    while (child != NULL && !etf_equal(child->spec->id, id))
        child = child->next[BY_ID];
    return child;
}

/* ---- Children ----------------------------------------------------------- */

static void append(struct children *children, struct child *child)
{
    child->before = children->last;
    if (children->last == NULL)
        children->first = child;
    else
        children->last->after = child;
    children->last = child;
    children->count++;
}

static void unchain(struct children *children, const struct child *child)
{
    if (child->before == NULL)
        children->first = child->after;
    else
        child->before->after = child->after;
    if (child->after == NULL)
        children->last = child->before;
    else
        child->after->before = child->before;
    children->count--;
}

struct child *gen__child_add(struct children *children, struct child_spec *spec,
                             bool named)
{
    struct child *child;

    if (!reserve(&children->hash[BY_PID], children->count + 1, BY_PID) ||
        (named && !reserve(&children->hash[BY_ID], children->count + 1, BY_ID)))
        return NULL;
    child = calloc(1, sizeof *child);
    if (child == NULL)
        return NULL;
    child->spec = spec;
    append(children, child);
    if (named)
        put(&children->hash[BY_ID], child, BY_ID);
    return child;
}

/* What a child alone owns. */
static void free_child(struct child *child)
{
    gen__spec_release(child->spec);
    etf_box_free(child->pid_box);
    etf_box_free(child->extra);
    free(child);
}

void gen__child_remove(struct children *children, struct child *child,
                       bool named)
{
    gen__child_state(children, child, CHILD_STOPPED);
    gen__child_unmap(children, child);
    if (named)
        take(&children->hash[BY_ID], child, BY_ID);
    unchain(children, child);
    free_child(child);
}

void gen__children_free(struct children *children)
{
    while (children->first != NULL) {
        struct child *child = children->first;

        children->first = child->after;
        free_child(child);
    }
    free(children->hash[BY_PID].buckets);
    free(children->hash[BY_ID].buckets);
}

bool gen__child_runs(struct children *children, struct child *child,
                     etf_term pid)
{
    struct etf_box *box = NULL;

    if (!is_local(pid)) {
        box = etf_is_none(pid) ? NULL : etf_box_new(pid);
        if (box == NULL)
            return false;
        pid = etf_box_term(box);
    }
    gen__child_unmap(children, child);
    child->pid = pid;
    child->pid_box = box;
    child->starts++;
    put(&children->hash[BY_PID], child, BY_PID);
    gen__child_state(children, child, CHILD_RUNNING);
    return true;
}

void gen__child_unmap(struct children *children, struct child *child)
{
    if (etf_is_none(child->pid))
        return;
    take(&children->hash[BY_PID], child, BY_PID);
    etf_box_free(child->pid_box);
    child->pid_box = NULL;
    child->pid = ETF_NONE;
}

etf_pid gen__child_pid(const struct child *child)
{
    etf_pid pid = { .id = 0 };

    (void)etf_get_pid(child->pid, &pid); /* none: all zero */
    return pid;
}

void gen__child_state(struct children *children, struct child *child,
                      enum child_state state)
{
    children->restarting += state == CHILD_RESTARTING;
    children->restarting -= child->state == CHILD_RESTARTING;
    child->state = (uint8_t)state;
}
