/*
 * service_request.c -- the calls that a service answers: from this node with
 * states as they are, from anywhere with states as terms.
 *
 * Source: spec/service.md 2.2, 2.7, 3.4.
 */
#include "service/service.h"

/* ---- Answers as terms --------------------------------------------------- */

static etf_term state_term(struct gen *self, const struct service *s)
{
    return gen_service_state_term(rt_region(self), &s->object->now->state);
}

static const struct {
    enum agner_err err;
    const char *why;
} whys[] = {
    { AGNER_ESTARTED, "already_started" },
    { AGNER_ESTOPPED, "already_stopped" },
    { AGNER_ELOADING, "loading" },
    { AGNER_ENOMEM, "memory" },
};

static etf_term why_term(struct gen *self, enum agner_err err,
                         const struct agner_error *error)
{
    for (size_t i = 0; i < sizeof whys / sizeof *whys; i++)
        if (whys[i].err == err)
            return etf_atom(whys[i].why);
    return etf_make(self, "{parse, _}", (const char *)error->text);
}

static etf_term answer(struct gen *self, const struct service *s,
                       enum agner_err err, enum agner_err allowed,
                       const struct agner_error *error)
{
    etf_term state = state_term(self, s);

    if (err == AGNER_OK || err == allowed)
        return etf_make(self, "{ok, _}", state);
    return etf_make(self, "{error, {_, _}}", why_term(self, err, error), state);
}

/* ---- The verbs ---------------------------------------------------------- */

static enum agner_err do_event(struct gen *self, struct service *s,
                               enum service_event_kind kind)
{
    struct service_event event = { .kind = kind,
                                   .now_ns = gen__service_clock(s->object) };

    return gen__service_do(self, s, &event, NULL);
}

/* `config` is borrowed. */
static enum agner_err do_configure(struct gen *self, struct service *s,
                                   struct service_config *config, bool replace)
{
    struct service_event event = {
        .kind = SERVICE_CONFIGURE,
        .now_ns = gen__service_clock(s->object),
        .config = gen__config_bytes(config),
        .replace = replace || s->object->options.replace,
    };

    return gen__service_do(self, s, &event, config);
}

/* Bytes that were not parsed where they came from. */
static enum agner_err parse_and_configure(struct gen *self, struct service *s,
                                          etf_bytes bytes, bool replace,
                                          struct agner_error *error)
{
    struct service_config *config;
    enum agner_err err = gen__service_parse(
        s->object->spec, s->object->options.arg, false, bytes, &config, error);

    if (err == AGNER_ESTARTED || err == AGNER_ESTOPPED || err == AGNER_ELOADING)
        err = AGNER_EINVAL; /* the words of the verbs */
    if (err != AGNER_OK)
        return err;
    err = do_configure(self, s, config, replace);
    gen__config_free(config);
    return err;
}

/* ---- From anywhere ------------------------------------------------------ */

/* Is `options` a list of these two atoms at most, or of the one? */
static bool read_options(etf_term options, const char *name, bool *on)
{
    etf_term option;

    *on = false;
    while (etf_list_next(&options, &option)) {
        if (!etf_atom_is(option, name))
            return false;
        *on = true;
    }
    return etf_same(options, etf_nil());
}

static etf_term verb(struct gen *self, struct service *s,
                     enum service_event_kind kind, enum agner_err allowed)
{
    return answer(self, s, do_event(self, s, kind), allowed, NULL);
}

static etf_term configure(struct gen *self, struct service *s, etf_bytes bytes,
                          bool replace)
{
    struct agner_error error = { 0 };
    enum agner_err err = parse_and_configure(self, s, bytes, replace, &error);

    if (err != AGNER_OK && error.text[0] == 0)
        (void)agner_fail(&error, err, "%s", agner_strerror(err));
    return answer(self, s, err, AGNER_OK, &error);
}

/* ETF_NONE: it is none of the calls. */
static etf_term with_options(struct gen *self, struct service *s,
                             etf_term request)
{
    etf_term options;
    etf_bytes bytes;
    etf_ref ref;
    bool on;

    if (etf_match(request, "{start, _}", &options) &&
        read_options(options, "allow_active", &on))
        return verb(self, s, SERVICE_START, on ? AGNER_ESTARTED : AGNER_OK);
    if (etf_match(request, "{stop, _}", &options) &&
        read_options(options, "allow_inactive", &on))
        return verb(self, s, SERVICE_STOP, on ? AGNER_ESTOPPED : AGNER_OK);
    if (etf_match(request, "{configure, _}", &bytes))
        return configure(self, s, bytes, false);
    if (etf_match(request, "{configure, _, _}", &bytes, &options) &&
        read_options(options, "replace", &on))
        return configure(self, s, bytes, on);
    if (etf_match(request, "{unfollow, _}", &ref)) {
        (void)gen__follower_remove(self, s, ref); /* or it is gone already */
        return ETF_A(ok);
    }
    return ETF_NONE;
}

static etf_term from_anywhere(struct gen *self, struct service *s,
                              const struct gen_from *from, etf_term request)
{
    etf_term options, reply;
    bool on;

    if (etf_atom_is(request, "start"))
        return verb(self, s, SERVICE_START, AGNER_OK);
    if (etf_atom_is(request, "stop"))
        return verb(self, s, SERVICE_STOP, AGNER_OK);
    if (etf_atom_is(request, "state"))
        return answer(self, s, AGNER_OK, AGNER_OK, NULL);
    if (etf_atom_is(request, "follow"))
        return gen__follower_add(self, s, from, false);
    if (etf_match(request, "{follow, _}", &options) &&
        read_options(options, "updates_only", &on))
        return gen__follower_add(self, s, from, on);
    reply = with_options(self, s, request);
    return etf_is_none(reply) ? etf_make(self, "{error, badarg}") : reply;
}

/* ---- From this node ----------------------------------------------------- */

/* {Code, State}, the state as it is. */
static etf_term native(struct gen *self, const struct service *s,
                       enum agner_err err)
{
    struct etf_region *r = rt_region(self);
    etf_term items[2];

    items[0] = etf_int(r, err);
    items[1] =
        etf_resource(r, gen__block_hold(s->object->now), gen__block_destroy);
    if (etf_is_none(items[1]))
        gen__block_free(s->object->now); /* the count of the resource */
    return etf_tuple(r, items, 2);
}

static etf_term native_configure(struct gen *self, struct service *s,
                                 etf_term config_term, bool replace)
{
    struct agner_error error = { 0 };
    struct service_config *config;
    enum agner_err err;
    void *value;

    if (!etf_get_resource(config_term, &value))
        return ETF_NONE;
    config = value;
    if (!s->object->options.parse_inside || s->object->spec->parse == NULL)
        return native(self, s, do_configure(self, s, config, replace));
    err = parse_and_configure(self, s, gen__config_bytes(config), replace,
                              &error);
    return etf_make(self, "{_, _, _}", (int64_t)err,
                    etf_tuple_items(native(self, s, err))[1],
                    (const char *)error.text);
}

/* ETF_NONE: it is none of the calls. */
static etf_term from_here(struct gen *self, struct service *s, etf_term request)
{
    const etf_term *items = etf_tuple_items(request);
    int64_t what = 0;
    uint64_t serial;
    bool replace;

    if (items == NULL)
        (void)etf_get_int(request, &what);
    else
        (void)etf_get_int(items[0], &what);
    if (what == SERVICE_DO_START && items == NULL)
        return native(self, s, do_event(self, s, SERVICE_START));
    if (what == SERVICE_DO_STOP && items == NULL)
        return native(self, s, do_event(self, s, SERVICE_STOP));
    if (what == (SERVICE_DO_START | SERVICE_QUIET) && items == NULL)
        return etf_int(rt_region(self), do_event(self, s, SERVICE_START));
    if (what == (SERVICE_DO_STOP | SERVICE_QUIET) && items == NULL)
        return etf_int(rt_region(self), do_event(self, s, SERVICE_STOP));
    if (what == SERVICE_DO_CONFIGURE && etf_tuple_size(request) == 3 &&
        etf_get_bool(items[2], &replace))
        return native_configure(self, s, items[1], replace);
    if (what == SERVICE_DO_RUN && etf_tuple_size(request) == 2 &&
        etf_get_uint(items[1], &serial))
        return gen__runs_supervisor(self, s, serial);
    if (what == SERVICE_DO_FOLLOW && items == NULL)
        return gen__service_followed(self, s);
    return ETF_NONE;
}

void gen__service_call(struct gen *self, struct service *s,
                       const struct gen_from *from, etf_term request)
{
    etf_term reply = from_here(self, s, request);

    if (etf_is_none(reply))
        reply = gen__far_call(self, s, request);
    if (etf_is_none(reply))
        reply = from_anywhere(self, s, from, request);
    (void)gen_reply(self, *from, reply);
}
