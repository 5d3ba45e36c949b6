/*
 * map_draft.c -- a record that is to be: what whoever creates brings along.
 *
 * What the map's author gave is called here, in whoever creates, and so that it
 * cannot take its caller along: one who is on another node waits for an answer.
 */
#include "service/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gen__draft_destroy(void *arg)
{
    struct map_draft *draft = arg;

    if (draft == NULL)
        return;
    gen_service_free(draft->service);
    gen__config_free(draft->config);
    free(draft);
}

/* An empty one; NULL: no memory. Its texts are not cleared: they are long. */
static struct map_draft *new_draft(void)
{
    struct map_draft *draft = malloc(sizeof *draft);

    if (draft == NULL)
        return NULL;
    draft->id[0] = draft->kind[0] = 0;
    draft->has_id = draft->active = false;
    draft->service = NULL;
    draft->node = ETF_NONE;
    draft->config = NULL;
    return draft;
}

static bool take_text(char *to, const char *text)
{
    size_t size = text != NULL ? strnlen(text, GEN_SERVICE_ID_MAX + 1) : 0;

    if (size == 0 || size > GEN_SERVICE_ID_MAX)
        return false;
    memcpy(to, text, size + 1);
    return true;
}

/* ---- What the author gave --------------------------------------------------
 */

/* A service in the making. */
struct making {
    const struct gen_service_map_spec *map; /* NULL: `service` is given */
    void *arg;                              /* the map's */
    const struct gen_service_create *what;
    const struct map_draft *draft;
    const struct gen_service_spec *service;
    struct gen_service_options options;
    bool given; /* options.arg is ours */
    struct service_config *config;
    struct agner_error *error;
    enum agner_err err;
};

/* Calls what the author gave. */
static void ask_author(struct gen *self, void *arg)
{
    struct making *m = arg;

    (void)self;
    m->err = AGNER_OK;
    if (m->map != NULL)
        m->err =
            m->map->create(m->arg, m->draft->has_id ? m->draft->id : NULL,
                           m->draft->kind, &m->service, &m->options, m->error);
    if (m->err != AGNER_OK)
        return;
    m->given = true;
    if (m->service == NULL || m->service->apply == NULL)
        m->err = agner_fail(m->error, AGNER_EINVAL, "a service without apply");
    else if (m->what->configured)
        m->err = gen__service_parse(m->service, m->options.arg, false,
                                    m->what->config, &m->config, m->error);
}

/* What create gave is the service's, or freed. */
static enum agner_err make_service(struct gen *self, struct making *m,
                                   struct gen_service **out)
{
    etf_term why = ETF_NONE;
    char text[80];

    if (rt_try(self, ask_author, m, &why) != AGNER_OK) {
        m->err = agner_fail(m->error, AGNER_ECRASHED, "create crashed: %s",
                            etf_format(text, sizeof text, why));
        gen__config_free(m->config);
    }
    if (m->err == AGNER_OK) {
        m->options.active = m->what->active;
        m->options.configured = m->what->configured;
        m->err = gen__service_new(rt_of(self), m->service, &m->options,
                                  m->config, out);
        if (m->err != AGNER_OK)
            (void)agner_fail(m->error, m->err, "no service: %s",
                             agner_strerror(m->err));
    }
    if (m->err != AGNER_OK && m->given && m->options.arg_free != NULL)
        m->options.arg_free(m->options.arg);
    return m->err;
}

/* ---- Drafts ----------------------------------------------------------------
 */

static enum agner_err
fill_here(struct gen *self, const struct gen_service_map_spec *spec, void *arg,
          const struct gen_service_create *what, struct map_draft *draft,
          struct agner_error *error)
{
    struct making m = {
        .map = spec, .arg = arg, .what = what, .draft = draft, .error = error
    };

    if (spec->create == NULL)
        return agner_fail(error, AGNER_EIMMUTABLE, "the map is immutable");
    return make_service(self, &m, &draft->service);
}

static enum agner_err fill_there(const struct gen_service_create *what,
                                 struct map_draft *draft)
{
    draft->node = etf_atom(what->node);
    if (etf_is_none(draft->node))
        return AGNER_EINVAL;
    draft->active = what->active;
    if (!what->configured)
        return AGNER_OK;
    draft->config = gen__config_new(what->config);
    return draft->config != NULL ? AGNER_OK : AGNER_ENOMEM;
}

enum agner_err gen__draft_new(struct gen *self,
                              const struct gen_service_map_spec *spec,
                              void *arg, const struct gen_service_create *what,
                              struct map_draft **out, struct agner_error *error)
{
    struct map_draft *draft = new_draft();
    enum agner_err err;

    if (draft == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for it");
    draft->has_id = what->id != NULL;
    if (!take_text(draft->kind, what->kind) ||
        (draft->has_id && !take_text(draft->id, what->id)))
        err = agner_fail(error, AGNER_EINVAL, "ids and kinds are 1 to %u bytes",
                         GEN_SERVICE_ID_MAX);
    else if (what->node != NULL)
        err = fill_there(what, draft);
    else
        err = fill_here(self, spec, arg, what, draft, error);
    if (err != AGNER_OK) {
        gen__draft_destroy(draft);
        return err;
    }
    *out = draft;
    return AGNER_OK;
}

enum agner_err gen__draft_of_member(struct gen *self, size_t index,
                                    const struct gen_service_member *member,
                                    struct map_draft **out,
                                    struct agner_error *error)
{
    static const struct gen_service_options none = { .arg = NULL };
    const struct gen_service_options *options =
        member->options != NULL ? member->options : &none;
    struct gen_service_create what = { .active = options->active,
                                       .configured = options->configured,
                                       .config = options->config };
    struct making m = { .what = &what,
                        .service = member->spec,
                        .options = *options,
                        .error = error };
    struct map_draft *draft = new_draft();
    enum agner_err err;

    if (draft == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for it");
    draft->has_id = true;
    (void)snprintf(draft->id, sizeof draft->id, "%zu", index);
    if (member->spec == NULL || !take_text(draft->kind, member->spec->name))
        (void)take_text(draft->kind, "service");
    err = make_service(self, &m, &draft->service);
    if (err != AGNER_OK) {
        gen__draft_destroy(draft);
        return err;
    }
    *out = draft;
    return AGNER_OK;
}
