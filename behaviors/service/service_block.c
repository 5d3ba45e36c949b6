/*
 * service_block.c -- states and configurations: immutable, counted, and as
 * terms.
 */
#include "service/service.h"

#include <stdlib.h>
#include <string.h>

/* ---- Configurations ----------------------------------------------------- */

struct service_config *gen__config_new(etf_bytes bytes)
{
    struct service_config *config;

    if (bytes.size > SIZE_MAX - sizeof *config)
        return NULL;
    config = malloc(sizeof *config + bytes.size);
    if (config == NULL)
        return NULL;
    *config = (struct service_config){ .size = bytes.size };
    store_relaxed(&config->refs, 1u);
    if (bytes.size > 0)
        memcpy(config->bytes, bytes.data, bytes.size);
    return config;
}

struct service_config *gen__config_hold(struct service_config *config)
{
    if (config != NULL)
        add_relaxed(&config->refs, 1u);
    return config;
}

/* Order, here and below: each count that is given back releases what its holder
 * read; the last one acquires all of it. */
void gen__config_free(struct service_config *config)
{
    if (config == NULL || sub_acq_rel(&config->refs, 1u) != 1)
        return;
    if (config->parsed_free != NULL)
        config->parsed_free(config->parsed);
    free(config);
}

void gen__config_destroy(void *config)
{
    gen__config_free(config);
}

/* ---- Blocks ------------------------------------------------------------- */

static struct etf_box *box_of(etf_term why, const struct service_block *before)
{
    if (before != NULL && before->why != NULL &&
        etf_same(why, before->state.why))
        return etf_box_hold(before->why);
    return etf_box_new(why);
}

struct service_block *gen__block_new(const struct gen_service_state *state,
                                     struct service_config *config,
                                     const struct service_block *before)
{
    struct service_block *block = malloc(sizeof *block);

    if (block == NULL)
        return NULL;
    *block = (struct service_block){ .state = *state };
    store_relaxed(&block->refs, 1u);
    if (!etf_is_none(state->why)) {
        block->why = box_of(state->why, before);
        if (block->why == NULL) {
            free(block);
            return NULL;
        }
        block->state.why = etf_box_term(block->why);
    }
    block->config = gen__config_hold(config);
    block->state.config =
        config != NULL ? gen__config_bytes(config) : (etf_bytes){ 0 };
    return block;
}

struct service_block *gen__block_hold(struct service_block *block)
{
    if (block != NULL)
        add_relaxed(&block->refs, 1u);
    return block;
}

void gen__block_free(struct service_block *block)
{
    if (block == NULL || sub_acq_rel(&block->refs, 1u) != 1)
        return;
    gen__config_free(block->config);
    etf_box_free(block->why);
    free(block);
}

void gen__block_destroy(void *block)
{
    gen__block_free(block);
}

/* Drops const: users may not write a block, whose counts are ours. */
struct service_block *gen__block_of(const struct gen_service_state *state)
{
    return (struct service_block *)(uintptr_t)state;
}

const struct gen_service_state *
gen_service_state_hold(const struct gen_service_state *state)
{
    (void)gen__block_hold(gen__block_of(state));
    return state;
}

void gen_service_state_free(const struct gen_service_state *state)
{
    gen__block_free(gen__block_of(state));
}

/* ---- As terms ----------------------------------------------------------- */

/* Name in the map, member; in the order of the names. */
#define COUNTERS(X) \
    X("failed_attempts", failed_attempts) \
    X("generation", generation) \
    X("last_active_time", last_active_ns) \
    X("last_config_time", last_config_ns) \
    X("last_err_time", last_err_ns) \
    X("last_inactive_time", last_inactive_ns) \
    X("last_loading_end_time", last_loading_end_ns) \
    X("last_loading_start_time", last_loading_start_ns) \
    X("next_attempt_time", next_attempt_ns) \
    X("version", version)
#define FLAGS(X) \
    X("active", active) \
    X("configured", configured) \
    X("loading", loading)

#define ROW(text, member) { text, offsetof(struct gen_service_state, member) },
static const struct row {
    const char *name;
    size_t offset;
} counters[] = { COUNTERS(ROW) }, flags[] = { FLAGS(ROW) };
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static uint64_t *counter_of(struct gen_service_state *state,
                            const struct row *row)
{
    return (uint64_t *)(void *)((char *)state + row->offset);
}

static bool *flag_of(struct gen_service_state *state, const struct row *row)
{
    return (bool *)((char *)state + row->offset);
}

static etf_term err_term(struct etf_region *r,
                         const struct gen_service_state *state)
{
    if (state->err == AGNER_OK)
        return ETF_A(undefined);
    if (etf_is_none(state->why))
        return etf_text(r, agner_strerror(state->err));
    return etf_copy(r, state->why);
}

etf_term gen_service_state_term(struct etf_region *r,
                                const struct gen_service_state *state)
{
    etf_term pairs[2 * (COUNT(counters) + COUNT(flags) + 3)], *p = pairs;
    struct gen_service_state copy = *state;

    for (size_t i = 0; i < COUNT(counters); i++) {
        *p++ = etf_atom(counters[i].name);
        *p++ = etf_uint(r, *counter_of(&copy, &counters[i]));
    }
    for (size_t i = 0; i < COUNT(flags); i++) {
        *p++ = etf_atom(flags[i].name);
        *p++ = etf_bool(*flag_of(&copy, &flags[i]));
    }
    *p++ = etf_atom("config");
    *p++ = etf_binary(r, copy.config.data, copy.config.size);
    *p++ = etf_atom("err");
    *p++ = err_term(r, state);
    *p++ = etf_atom("err_code");
    *p++ = etf_int(r, copy.err);
    return etf_map(r, pairs, (size_t)(p - pairs) / 2);
}

static bool read_values(etf_term map, struct gen_service_state *state)
{
    int64_t code = 0;

    for (size_t i = 0; i < COUNT(counters); i++)
        if (!etf_get_uint(etf_map_get(map, etf_atom(counters[i].name)),
                          counter_of(state, &counters[i])))
            return false;
    for (size_t i = 0; i < COUNT(flags); i++)
        if (!etf_get_bool(etf_map_get(map, etf_atom(flags[i].name)),
                          flag_of(state, &flags[i])))
            return false;
    state->why = etf_map_get(map, etf_atom("err"));
    if (etf_is_none(state->why) ||
        !etf_get_bytes(etf_map_get(map, etf_atom("config")), &state->config) ||
        !etf_get_int(etf_map_get(map, etf_atom("err_code")), &code) ||
        code > 0 || code < INT32_MIN)
        return false;
    state->err = (enum agner_err)code; /* a later version's may have no name */
    if (state->err == AGNER_OK)
        state->why = ETF_NONE;
    return true;
}

struct service_block *gen__block_read(etf_term map)
{
    struct gen_service_state state = { 0 };
    struct service_config *config;
    struct service_block *block;

    if (etf_kind(map) != ETF_KIND_MAP || !read_values(map, &state))
        return NULL;
    config = gen__config_new(state.config);
    if (config == NULL)
        return NULL;
    block = gen__block_new(&state, config, NULL);
    gen__config_free(config);
    return block;
}
