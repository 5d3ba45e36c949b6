/*
 * map_table.c -- the rows of a service map: by id, by pid, and in the order of
 * creation.
 *
 * Two hash tables of as many buckets, which grow together: both or neither, and
 * when there is no memory the chains are longer. Ids come from outside, so
 * their hash has a seed.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16u

/* ---- Hashes ------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static uint64_t hash_id(const struct map_table *t, const char *id)
{
    uint64_t h = t->seed;

    for (; *id != 0; id++)
        h = mix(h ^ (uint8_t)*id) + (uint8_t)*id;
    return h;
}

static uint64_t hash_pid(const struct map_table *t, etf_pid pid)
{
    return mix(t->seed ^ pid.node.word ^ pid.creation ^
               ((uint64_t)pid.id << 32 | pid.serial));
}

static struct map_row **id_bucket(const struct map_table *t, uint64_t hash)
{
    return &t->by_id[hash & (t->buckets - 1)];
}

static struct map_row **pid_bucket(const struct map_table *t, etf_pid pid)
{
    return &t->by_pid[hash_pid(t, pid) & (t->buckets - 1)];
}

/* ---- Growing ------------------------------------------------------------ */

static void move_ids(const struct map_table *from, struct map_table *to)
{
    for (size_t i = 0; i < from->buckets; i++) {
        struct map_row *row, *next;

        for (row = from->by_id[i]; row != NULL; row = next) {
            struct map_row **bucket = id_bucket(to, row->id_hash);

            next = row->same_id;
            row->same_id = *bucket;
            *bucket = row;
        }
    }
}

static void move_pids(const struct map_table *from, struct map_table *to)
{
    for (size_t i = 0; i < from->buckets; i++) {
        struct map_row *row, *next;

        for (row = from->by_pid[i]; row != NULL; row = next) {
            struct map_row **bucket = pid_bucket(to, row->pid);

            next = row->same_pid;
            row->same_pid = *bucket;
            *bucket = row;
        }
    }
}

static enum agner_err grow(struct map_table *t)
{
    struct map_table larger = *t;

    larger.buckets = t->buckets == 0 ? FIRST_BUCKETS : 2 * t->buckets;
    larger.by_id = calloc(larger.buckets, sizeof(struct map_row *));
    larger.by_pid = calloc(larger.buckets, sizeof(struct map_row *));
    if (larger.by_id == NULL || larger.by_pid == NULL) {
        free(larger.by_id);
        free(larger.by_pid);
        return AGNER_ENOMEM;
    }
    move_ids(t, &larger);
    move_pids(t, &larger);
    free(t->by_id);
    free(t->by_pid);
    *t = larger;
    return AGNER_OK;
}

/* ---- Rows --------------------------------------------------------------- */

enum agner_err gen__table_add(struct map_table *t, struct map_row *row)
{
    struct map_row **bucket;

    if (t->count >= t->buckets && grow(t) != AGNER_OK && t->buckets == 0)
        return AGNER_ENOMEM;
    row->id_hash = hash_id(t, row->record->record.id);
    bucket = id_bucket(t, row->id_hash);
    row->same_id = *bucket;
    *bucket = row;
    row->next = NULL;
    row->before = t->last;
    if (t->last != NULL)
        t->last->next = row;
    else
        t->first = row;
    t->last = row;
    t->count++;
    return AGNER_OK;
}

void gen__table_hide(struct map_table *t, struct map_row *row)
{
    struct map_row **at = id_bucket(t, row->id_hash);

    while (*at != row)
        at = &(*at)->same_id;
    *at = row->same_id;
}

void gen__table_remove(struct map_table *t, struct map_row *row)
{
    if (row->before != NULL)
        row->before->next = row->next;
    else
        t->first = row->next;
    if (row->next != NULL)
        row->next->before = row->before;
    else
        t->last = row->before;
    row->next = row->before = NULL;
    t->count--;
}

struct map_row *gen__table_find(const struct map_table *t, const char *id)
{
    struct map_row *row;
    uint64_t hash;

    if (t->buckets == 0)
        return NULL;
    hash = hash_id(t, id);
    row = *id_bucket(t, hash);
    while (row != NULL &&
           (row->id_hash != hash || strcmp(row->record->record.id, id) != 0))
        row = row->same_id;
    return row;
}

void gen__table_set_pid(struct map_table *t, struct map_row *row, etf_pid pid)
{
    struct map_row **at;

    if (!etf_pid_is_none(row->pid)) {
        at = pid_bucket(t, row->pid);
        while (*at != row)
            at = &(*at)->same_pid;
        *at = row->same_pid;
    }
    row->pid = pid;
    if (etf_pid_is_none(pid))
        return;
    at = pid_bucket(t, pid);
    row->same_pid = *at;
    *at = row;
}

struct map_row *gen__table_by_pid(const struct map_table *t, etf_pid pid)
{
    struct map_row *row;

    if (t->buckets == 0 || etf_pid_is_none(pid))
        return NULL;
    row = *pid_bucket(t, pid);
    while (row != NULL && !etf_pid_equal(row->pid, pid))
        row = row->same_pid;
    return row;
}

void gen__table_fini(struct map_table *t)
{
    free(t->by_id);
    free(t->by_pid);
}
