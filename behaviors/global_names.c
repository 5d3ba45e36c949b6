/*
 * global_names.c -- the table of global names, and the index it is made of.
 *
 * Two indexes lead to an entry, by name and by pid; readers use the one by name
 * only. The writer holds the lock while it changes that, which is for long only
 * when the number of names has doubled.
 */
#include <stddef.h>
#include <stdlib.h>

#include "spin.h"

#include "global_names.h"

#define FIRST_BUCKETS 64u

struct global_names {
    rt_spin lock;
    struct global_index by_name, by_pid;
};

/* ---- Indexes ------------------------------------------------------------ */

static struct global_link **bucket(const struct global_index *index,
                                   uint32_t hash)
{
    return &index->buckets[hash & (index->bucket_count - 1)];
}

static void spread(struct global_index *to, struct global_link *chain)
{
    while (chain != NULL) {
        struct global_link *next = chain->next;
        struct global_link **at = bucket(to, chain->hash);

        chain->next = *at;
        *at = chain;
        chain = next;
    }
}

/* Twice the buckets; without memory for that chains grow instead. */
static enum agner_err grow(struct global_index *index)
{
    struct global_index to = { .count = index->count };

    to.bucket_count =
        index->bucket_count == 0 ? FIRST_BUCKETS : 2 * index->bucket_count;
    to.buckets = calloc(to.bucket_count, sizeof(struct global_link *));
    if (to.buckets == NULL)
        return index->bucket_count == 0 ? AGNER_ENOMEM : AGNER_OK;
    for (size_t i = 0; i < index->bucket_count; i++)
        spread(&to, index->buckets[i]);
    free((void *)index->buckets);
    *index = to;
    return AGNER_OK;
}

enum agner_err gen__index_add(struct global_index *index,
                              struct global_link *link, uint32_t hash)
{
    struct global_link **at;

    if (index->count >= index->bucket_count) {
        enum agner_err err = grow(index);

        if (err != AGNER_OK)
            return err;
    }
    at = bucket(index, hash);
    link->hash = hash;
    link->next = *at;
    *at = link;
    index->count++;
    return AGNER_OK;
}

void gen__index_remove(struct global_index *index, struct global_link *link)
{
    struct global_link **at = bucket(index, link->hash);

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    index->count--;
}

struct global_link *gen__index_next(const struct global_index *index,
                                    uint32_t hash,
                                    const struct global_link *link)
{
    struct global_link *at;

    if (index->bucket_count == 0)
        return NULL;
    at = link == NULL ? *bucket(index, hash) : link->next;
    while (at != NULL && at->hash != hash)
        at = at->next;
    return at;
}

/* ---- Looking up --------------------------------------------------------- */

static struct global_name *of_name_link(struct global_link *link)
{
    return link == NULL ? NULL : (struct global_name *)(void *)link;
}

static struct global_name *of_pid_link(struct global_link *link)
{
    return link == NULL
               ? NULL
               : (struct global_name *)(void *)((char *)link -
                                                offsetof(struct global_name,
                                                         by_pid));
}

uint32_t gen__global_pid_hash(etf_pid pid)
{
    uint32_t hash = pid.id * 2654435761u ^ pid.serial * 40503u;

    return hash ^ (uint32_t)(pid.node.word >> 3) * 2246822519u;
}

struct global_name *gen__names_get(const struct global_names *names,
                                   etf_term name)
{
    uint32_t hash = etf_phash2(name, 0);
    struct global_link *at = gen__index_next(&names->by_name, hash, NULL);

    while (at != NULL && !etf_equal(etf_box_term(of_name_link(at)->name), name))
        at = gen__index_next(&names->by_name, hash, at);
    return of_name_link(at);
}

struct global_name *gen__names_of(const struct global_names *names, etf_pid pid,
                                  const struct global_name *after)
{
    uint32_t hash = gen__global_pid_hash(pid);
    struct global_link *at = gen__index_next(
        &names->by_pid, hash, after == NULL ? NULL : &after->by_pid);

    while (at != NULL && !etf_pid_equal(of_pid_link(at)->pid, pid))
        at = gen__index_next(&names->by_pid, hash, at);
    return of_pid_link(at);
}

struct global_name *gen__names_next(const struct global_names *names,
                                    const struct global_name *after)
{
    const struct global_index *index = &names->by_name;
    size_t i = 0;

    if (after != NULL && after->by_name.next != NULL)
        return of_name_link(after->by_name.next);
    if (after != NULL)
        i = (after->by_name.hash & (index->bucket_count - 1)) + 1;
    while (i < index->bucket_count && index->buckets[i] == NULL)
        i++;
    return i < index->bucket_count ? of_name_link(index->buckets[i]) : NULL;
}

size_t gen__names_count(const struct global_names *names)
{
    return names->by_name.count;
}

/* ---- Writing ------------------------------------------------------------ */

static void free_entry(struct global_name *entry)
{
    etf_box_free(entry->name);
    etf_box_free(entry->method);
    free(entry);
}

static struct global_name *new_entry(etf_term name, etf_pid pid,
                                     etf_term method, etf_ref monitor,
                                     etf_term reg_node)
{
    struct global_name *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return NULL;
    entry->name = etf_box_new(name);
    entry->method = etf_box_new(method);
    entry->pid = pid;
    entry->monitor = monitor;
    entry->reg_node = reg_node;
    if (entry->name != NULL && entry->method != NULL)
        return entry;
    free_entry(entry);
    return NULL;
}

static enum agner_err add(struct global_names *names, struct global_name *entry)
{
    uint32_t hash = etf_phash2(etf_box_term(entry->name), 0);
    enum agner_err err = gen__index_add(&names->by_pid, &entry->by_pid,
                                        gen__global_pid_hash(entry->pid));

    if (err != AGNER_OK)
        return err;
    rt__lock(&names->lock);
    err = gen__index_add(&names->by_name, &entry->by_name, hash);
    rt__unlock(&names->lock);
    if (err != AGNER_OK)
        gen__index_remove(&names->by_pid, &entry->by_pid);
    return err;
}

enum agner_err gen__names_put(struct global_names *names, etf_term name,
                              etf_pid pid, etf_term method, etf_ref monitor,
                              etf_term reg_node, etf_ref *replaced)
{
    struct global_name *old = gen__names_get(names, name), *entry;
    enum agner_err err;

    if (old == NULL && names->by_name.count >= GLOBAL_NAMES_MAX)
        return AGNER_ELIMIT;
    entry = new_entry(name, pid, method, monitor, reg_node);
    if (entry == NULL)
        return AGNER_ENOMEM;
    err = add(names, entry);
    if (err != AGNER_OK) {
        free_entry(entry);
        return err;
    }
    *replaced = old == NULL ? (etf_ref){ .count = 0 } : old->monitor;
    if (old != NULL) /* a look-up finds the new one, which is in front */
        gen__names_remove(names, old);
    return AGNER_OK;
}

void gen__names_remove(struct global_names *names, struct global_name *entry)
{
    gen__index_remove(&names->by_pid, &entry->by_pid);
    rt__lock(&names->lock);
    gen__index_remove(&names->by_name, &entry->by_name);
    rt__unlock(&names->lock);
    free_entry(entry);
}

void gen__names_clear(struct global_names *names)
{
    struct global_name *entry;

    while ((entry = gen__names_next(names, NULL)) != NULL)
        gen__names_remove(names, entry);
}

/* ---- The table of a runtime --------------------------------------------- */

static void free_names(void *data)
{
    struct global_names *names = data;

    gen__names_clear(names);
    free((void *)names->by_name.buckets);
    free((void *)names->by_pid.buckets);
    free(names);
}

enum agner_err gen__global_names(struct rt *rt, struct global_names **names)
{
    etf_term row = etf_atom("names");
    struct global_names *made;
    void *data;
    enum agner_err err;

    if (rt_behavior_find(rt, RT_GROUP_GLOBAL, row, NULL, &data) == AGNER_OK) {
        *names = data;
        return AGNER_OK;
    }
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return AGNER_ENOMEM;
    err =
        rt_behavior_register(rt, RT_GROUP_GLOBAL, row, NULL, made, free_names);
    if (err != AGNER_OK)
        free_names(made);
    if (err == AGNER_ETAKEN) /* by another thread, just now */
        return gen__global_names(rt, names);
    *names = made;
    return err;
}

enum agner_err gen__global_find(struct rt *rt, etf_term name, etf_pid *pid)
{
    struct global_names *names;
    const struct global_name *entry;
    void *data;

    if (rt_behavior_find(rt, RT_GROUP_GLOBAL, etf_atom("names"), NULL, &data) !=
        AGNER_OK)
        return AGNER_ENONAME;
    names = data;
    rt__lock(&names->lock);
    entry = gen__names_get(names, name);
    if (entry != NULL)
        *pid = entry->pid;
    rt__unlock(&names->lock);
    if (entry == NULL || (etf_pid_is_local(*pid) && !rt_is_alive(rt, *pid)))
        return AGNER_ENONAME;
    return AGNER_OK;
}
