/*
 * service_object.c -- the object that handles of a service point at.
 *
 * Its lock is held for a few instructions: to read the present state is to take
 * a count of it there.
 */
#include <agner/gen_service_map.h>

#include "service/service.h"

#include <stdlib.h>

/* ---- Configurations ----------------------------------------------------- */

enum agner_err gen__service_parse(const struct gen_service_spec *spec,
                                  void *arg, bool inside, etf_bytes bytes,
                                  struct service_config **out,
                                  struct agner_error *error)
{
    struct service_config *config = gen__config_new(bytes);
    enum agner_err err = AGNER_OK;

    if (config == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for it");
    *out = config; /* parse may leave by rt_exit() */
    if (!inside && spec != NULL && spec->parse != NULL) {
        err =
            spec->parse(arg, gen__config_bytes(config), &config->parsed, error);
        if (err == AGNER_OK)
            config->parsed_free = spec->parsed_free;
    }
    if (err != AGNER_OK) {
        gen__config_free(config);
        *out = NULL;
    }
    return err;
}

/* ---- The object --------------------------------------------------------- */

static etf_term show(const struct rt_figures *figures, struct etf_region *r)
{
    struct gen_service *service =
        (struct gen_service *)(void *)((uintptr_t)figures -
                                       offsetof(struct gen_service, figures));
    struct service_block *block = gen__service_now(service);
    etf_term name, map;

    if (service->tag != NULL)
        name = etf_text(r, service->tag);
    else if (!etf_is_none(service->name))
        name = service->name;
    else
        name = etf_text(r, service->spec->name != NULL ? service->spec->name
                                                       : "service");
    map = etf_make(r, "#{name => _, state => _}", name,
                   gen_service_state_term(r, &block->state));
    if (load_relaxed(&service->asleep)) /* who starts and configures it */
        map = etf_map_put(r, map, etf_atom("map"),
                          etf_from_pid(r, service->watcher));
    gen__block_free(block);
    return map;
}

uint64_t gen__service_clock(const struct gen_service *service)
{
    if (service->options.clock != NULL)
        return service->options.clock(service->options.clock_ctx);
    return rt_wall_ns(service->rt);
}

/* As if the verbs had been called: the new state. */
static struct gen_service_state
first_state(const struct gen_service *service,
            const struct gen_service_options *options,
            const struct service_config *config)
{
    uint64_t now_ns = gen__service_clock(service);
    struct gen_service_state state = gen__service_first(now_ns);
    struct service_event event = { .now_ns = now_ns };

    if (config != NULL) {
        event.kind = SERVICE_CONFIGURE;
        event.config = gen__config_bytes(config);
        state = gen__service_step(&state, &event).state;
    }
    if (options->active) {
        event.kind = SERVICE_START;
        state = gen__service_step(&state, &event).state;
    }
    return state;
}

static enum agner_err take_options(struct gen_service *service,
                                   const struct gen_service_options *options)
{
    service->options = *options;
    service->name = options->name;
    service->options.config = (etf_bytes){ 0 };
    service->options.retry = NULL;
    if (service->options.grace_ms == 0)
        service->options.grace_ms = GEN_SERVICE_GRACE_MS;
    if (options->retry == NULL)
        return AGNER_OK;
    service->has_retry = true;
    service->retry = *options->retry;
    return gen_retry_init(&service->retry);
}

enum agner_err gen__service_new(struct rt *rt,
                                const struct gen_service_spec *spec,
                                const struct gen_service_options *options,
                                struct service_config *config,
                                struct gen_service **out)
{
    struct gen_service *service = malloc(sizeof *service);
    struct gen_service_state state;
    enum agner_err err = AGNER_ENOMEM;

    if (service == NULL)
        goto free_config;
    *service = (struct gen_service){ .rt = rt };
    service->spec = spec;
    store_relaxed(&service->refs, 1u);
    service->figures = (struct rt_figures){ .kind = "service", .show = show };
    err = take_options(service, options);
    if (err != AGNER_OK)
        goto free_service;
    state = first_state(service, options, config);
    service->wanted = state.active;
    service->now = gen__block_new(&state, config, NULL);
    if (service->now == NULL) {
        err = AGNER_ENOMEM;
        goto free_service;
    }
    gen__config_free(config);
    *out = service;
    return AGNER_OK;

free_service:
    free(service); /* arg stays the caller's */
free_config:
    gen__config_free(config);
    return err;
}

struct gen_service *gen_service_at(struct rt *rt, etf_term to)
{
    struct gen_service *service = calloc(1, sizeof *service);

    if (service == NULL)
        return NULL;
    service->rt = rt;
    store_relaxed(&service->refs, 1u);
    service->to = etf_box_new(to);
    if (service->to == NULL) {
        free(service);
        return NULL;
    }
    (void)etf_get_pid(to, &service->pid); /* a name has none */
    return service;
}

struct gen_service *gen_service_hold(struct gen_service *service)
{
    if (service != NULL)
        add_relaxed(&service->refs, 1u);
    return service;
}

/* Order: as gen__config_free(). */
void gen_service_free(struct gen_service *service)
{
    if (service == NULL || sub_acq_rel(&service->refs, 1u) != 1)
        return;
    gen__block_free(service->now);
    if (service->options.arg_free != NULL)
        service->options.arg_free(service->options.arg);
    etf_box_free(service->to);
    free(service->tag);
    gen_service_map_free(service->map);
    free(service);
}

void gen__service_destroy(void *service)
{
    gen_service_free(service);
}

struct service_block *gen__service_now(struct gen_service *service)
{
    struct service_block *block;

    rt__lock(&service->lock);
    block = gen__block_hold(service->now);
    rt__unlock(&service->lock);
    return block;
}

void gen__service_publish(struct gen_service *service,
                          struct service_block *block)
{
    struct service_block *before;

    rt__lock(&service->lock);
    before = service->now;
    service->now = block;
    rt__unlock(&service->lock);
    gen__block_free(before);
}

void gen__service_learn(struct gen_service *service,
                        struct service_block *block)
{
    rt__lock(&service->lock);
    if (service->now == NULL ||
        service->now->state.version < block->state.version) {
        struct service_block *older = service->now;

        service->now = block;
        block = older;
    }
    rt__unlock(&service->lock);
    gen__block_free(block);
}

struct etf_box *gen__service_to(struct gen_service *service)
{
    struct etf_box *to = NULL;

    rt__lock(&service->lock);
    if (service->to != NULL)
        to = etf_box_hold(service->to);
    rt__unlock(&service->lock);
    return to;
}

void gen__service_moved(struct gen_service *service, struct etf_box *to,
                        etf_pid pid)
{
    struct etf_box *before;

    rt__lock(&service->lock);
    before = service->to;
    service->to = to;
    service->pid = pid;
    rt__unlock(&service->lock);
    etf_box_free(before);
}

const struct gen_service_state *gen_service_state(struct gen_service *service)
{
    struct service_block *block = gen__service_now(service);

    return block != NULL ? &block->state : NULL;
}

etf_pid gen_service_pid(struct gen_service *service)
{
    etf_pid pid;

    rt__lock(&service->lock);
    pid = service->pid;
    rt__unlock(&service->lock);
    return pid;
}
