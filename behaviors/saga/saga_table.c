/*
 * saga_table.c -- what a saga finds by a reference: transactions, monitors,
 * jobs.
 *
 * A key is part of what it leads to, so that putting one in needs no memory
 * once there are slots. When they cannot grow, chains become longer.
 */
#include <stdlib.h>
#include <string.h>

#include "saga/saga_internal.h"

#define FIRST_SIZE 16u

static size_t hash(etf_ref ref)
{
    uint64_t x = ref.node.word ^ (uint64_t)ref.creation << 32 ^ ref.count;

    for (unsigned i = 0; i < 5; i++)
        x = (x ^ ref.words[i]) * 0x9e3779b97f4a7c15u;
    return (size_t)(x ^ x >> 29);
}

static struct saga_key **slot(const struct saga_keys *keys, etf_ref ref)
{
    return &keys->slots[hash(ref) & (keys->size - 1)];
}

static void push(struct saga_keys *keys, struct saga_key *key)
{
    struct saga_key **at = slot(keys, key->ref);

    key->next = *at;
    *at = key;
}

static enum agner_err grow(struct saga_keys *keys)
{
    struct saga_keys old = *keys;
    size_t size = old.size == 0 ? FIRST_SIZE : old.size * 2;
    struct saga_key **slots = calloc(size, sizeof *slots);

    if (slots == NULL)
        return AGNER_ENOMEM;
    keys->slots = slots;
    keys->size = size;
    for (size_t i = 0; i < old.size; i++) {
        while (old.slots[i] != NULL) {
            struct saga_key *key = old.slots[i];

            old.slots[i] = key->next;
            push(keys, key);
        }
    }
    free(old.slots);
    return AGNER_OK;
}

enum agner_err saga__keys_put(struct saga_keys *keys, struct saga_key *key,
                              enum saga_kind kind, etf_ref ref, void *owner)
{
    if (keys->count == keys->size && grow(keys) != AGNER_OK && keys->size == 0)
        return AGNER_ENOMEM;
    key->kind = kind;
    key->ref = ref;
    key->owner = owner;
    key->listed = true;
    push(keys, key);
    keys->count++;
    return AGNER_OK;
}

void saga__keys_drop(struct saga_keys *keys, struct saga_key *key)
{
    struct saga_key **at;

    if (!key->listed)
        return;
    for (at = slot(keys, key->ref); *at != key; at = &(*at)->next)
        ;
    *at = key->next;
    key->listed = false;
    keys->count--;
}

void *saga__keys_find(const struct saga_keys *keys, enum saga_kind kind,
                      etf_ref ref)
{
    struct saga_key *key;

    if (keys->size == 0)
        return NULL;
    for (key = *slot(keys, ref); key != NULL; key = key->next)
        if (key->kind == kind && memcmp(&key->ref, &ref, sizeof ref) == 0)
            return key->owner;
    return NULL;
}

void saga__keys_fini(struct saga_keys *keys)
{
    free(keys->slots);
    *keys = (struct saga_keys){ 0 };
}

etf_ref saga__pid_key(etf_pid pid)
{
    etf_ref ref = { .node = pid.node,
                    .creation = pid.creation,
                    .words = { pid.id, pid.serial } };

    return ref; /* no reference has a count of 0 */
}
