/*
 * service_call.c -- the verbs, for whoever has a handle.
 *
 * To a service of this node the state comes back as it is, counted; to another
 * (gen_service_at()) the calls go out as the terms that any node understands.
 */
#include "service/map.h"

/* ---- To a service of this node ------------------------------------------- */

/* {Code, State} or {Code, State, Text}; *state gets a count of its own. */
static enum agner_err read_native(etf_term reply,
                                  const struct gen_service_state **state,
                                  struct agner_error *error)
{
    const etf_term *items = etf_tuple_items(reply);
    size_t size = etf_tuple_size(reply);
    char text[sizeof error->text];
    void *block;
    int64_t code;

    if (etf_get_int(reply, &code))
        return (enum agner_err)code; /* SERVICE_QUIET */
    if (size < 2 || !etf_get_int(items[0], &code) ||
        !etf_get_resource(items[1], &block))
        return AGNER_ENOMEM; /* it could not answer */
    if (state != NULL)
        *state = &gen__block_hold(block)->state;
    if (code != AGNER_OK && size == 3 &&
        etf_get_text(items[2], text, sizeof text))
        (void)agner_fail(error, (enum agner_err)code, "%s", text);
    return (enum agner_err)code;
}

static enum agner_err call_native(struct gen *self, struct gen_service *service,
                                  etf_term request,
                                  const struct gen_service_state **state,
                                  struct agner_error *error)
{
    etf_pid pid;
    enum agner_err err = gen__service_awake(self, service, &pid);
    etf_term reply;

    if (err != AGNER_OK)
        return err;
    if (etf_pid_is_none(pid))
        return AGNER_ENOPROC;
    err = rt_call(self, etf_from_pid(NULL, pid), request, GEN_CALL_TIMEOUT_MS,
                  &reply);
    return err == AGNER_OK ? read_native(reply, state, error) : err;
}

enum agner_err gen__service_awake(struct gen *self, struct gen_service *service,
                                  etf_pid *pid)
{
    enum agner_err err = AGNER_OK;

    if (load_relaxed(&service->asleep))
        err = gen__asleep_wake(self, service);
    *pid = gen_service_pid(service);
    return err;
}

enum agner_err gen_service_process(struct gen *self,
                                   struct gen_service *service, etf_pid *pid)
{
    etf_pid found;
    enum agner_err err = gen__service_awake(self, service, &found);

    if (err != AGNER_OK)
        return err;
    if (etf_pid_is_none(found))
        return AGNER_ENOPROC;
    *pid = found;
    return AGNER_OK;
}

/* ---- To another ---------------------------------------------------------- */

static enum agner_err code_of(etf_term why, struct agner_error *error)
{
    char text[sizeof error->text];
    etf_term said;

    if (etf_atom_is(why, "already_started"))
        return AGNER_ESTARTED;
    if (etf_atom_is(why, "already_stopped"))
        return AGNER_ESTOPPED;
    if (etf_atom_is(why, "loading"))
        return AGNER_ELOADING;
    if (etf_atom_is(why, "memory"))
        return AGNER_ENOMEM;
    if (etf_match(why, "{parse, _}", &said) &&
        etf_get_text(said, text, sizeof text))
        return agner_fail(error, AGNER_EINVAL, "%s", text);
    return agner_fail(error, AGNER_EINVAL, "not accepted");
}

/* What it told is the handle's state from now on, unless that is newer. */
static enum agner_err learn(struct gen_service *service, etf_term map,
                            const struct gen_service_state **state)
{
    struct service_block *block = gen__block_read(map);

    if (block == NULL)
        return AGNER_EBADTERM;
    if (state != NULL)
        *state = &gen__block_hold(block)->state;
    gen__service_learn(service, block);
    return AGNER_OK;
}

/* A copy of `to` in self's region: the handle may be given another meanwhile.
 */
etf_term gen__service_whom(struct gen *self, struct gen_service *service)
{
    struct etf_box *box = gen__service_to(service);
    etf_term to = etf_copy(rt_region(self), etf_box_term(box));

    etf_box_free(box);
    return to;
}

static enum agner_err call_terms(struct gen *self, struct gen_service *service,
                                 etf_term request,
                                 const struct gen_service_state **state,
                                 struct agner_error *error)
{
    etf_term reply, map, why;
    etf_term to = gen__service_whom(self, service);
    enum agner_err err, told;

    if (etf_is_none(request) || etf_is_none(to))
        return AGNER_ENOMEM;
    err = gen_call(self, to, request, GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        return err;
    if (etf_match(reply, "{ok, _}", &map))
        return learn(service, map, state);
    if (!etf_match(reply, "{error, {_, _}}", &why, &map))
        return AGNER_EBADTERM;
    err = code_of(why, error);
    told = learn(service, map, state);
    return told == AGNER_OK ? err : told;
}

/* ---- The verbs ----------------------------------------------------------- */

/* Without a message, if that can be: true, and *err says what came of it. The
 * clock is the user's, and may wait. */
static bool here(struct gen *self, struct gen_service *service,
                 struct service_event *event, struct service_config *config,
                 const struct gen_service_state **state, enum agner_err *err)
{
    bool asleep = load_relaxed(&service->asleep);

    if (!asleep && load_relaxed(&service->loan) != LOAN_OPEN)
        return false;
    event->now_ns = gen__service_clock(service);
    *err = rt_check(self); /* who only does this lets others run */
    if (*err != AGNER_OK)
        return true;
    return asleep
               ? gen__asleep_do(self, service, event, config, state, err)
               : gen__service_do_here(self, service, event, config, state, err);
}

static enum agner_err plain(struct gen *self, struct gen_service *service,
                            enum service_event_kind kind,
                            const struct gen_service_state **state)
{
    struct service_event event = { .kind = kind };
    bool start = kind == SERVICE_START;
    int64_t request = start ? SERVICE_DO_START : SERVICE_DO_STOP;
    enum agner_err err;

    if (service->spec == NULL)
        return call_terms(self, service, etf_atom(start ? "start" : "stop"),
                          state, NULL);
    if (here(self, service, &event, NULL, state, &err))
        return err;
    if (state == NULL)
        request |= SERVICE_QUIET;
    return call_native(self, service, etf_int(rt_region(self), request), state,
                       NULL);
}

enum agner_err gen_service_activate(struct gen *self,
                                    struct gen_service *service,
                                    const struct gen_service_state **state)
{
    return plain(self, service, SERVICE_START, state);
}

enum agner_err gen_service_deactivate(struct gen *self,
                                      struct gen_service *service,
                                      const struct gen_service_state **state)
{
    return plain(self, service, SERVICE_STOP, state);
}

static enum agner_err give_up(struct gen_service *service, enum agner_err err,
                              const struct gen_service_state **state)
{
    if (state != NULL)
        *state = gen_service_state(service);
    return err;
}

enum agner_err gen_service_configure(struct gen *self,
                                     struct gen_service *service,
                                     const void *bytes, size_t size,
                                     const struct gen_service_state **state,
                                     struct agner_error *error)
{
    struct service_event event = { .kind = SERVICE_CONFIGURE };
    etf_bytes whole = { bytes, size };
    struct service_config *config;
    enum agner_err err;
    etf_term term;

    if (service->spec == NULL)
        return call_terms(self, service,
                          etf_make(self, "{configure, _}", whole), state,
                          error);
    err = gen__service_parse(service->spec, service->options.arg,
                             service->options.parse_inside, whole, &config,
                             error);
    if (err == AGNER_ENOMEM)
        return err;
    if (err != AGNER_OK)
        return give_up(service, err, state);
    event.config = gen__config_bytes(config);
    event.replace = service->options.replace;
    if ((!service->options.parse_inside || service->spec->parse == NULL) &&
        here(self, service, &event, config, state, &err)) {
        gen__config_free(config);
        return err;
    }
    term = etf_resource(rt_region(self), config, gen__config_destroy);
    if (etf_is_none(term)) {
        gen__config_free(config); /* the count of the resource */
        return AGNER_ENOMEM;
    }
    return call_native(
        self, service,
        etf_make(self, "{_, _, false}", (int64_t)SERVICE_DO_CONFIGURE, term),
        state, error);
}

enum agner_err gen_service_terminate(struct gen *self,
                                     struct gen_service *service,
                                     uint64_t timeout_ms)
{
    etf_pid pid;
    enum agner_err err = gen__service_awake(self, service, &pid);
    etf_term to;

    if (err != AGNER_OK)
        return err;
    if (service->spec == NULL)
        to = gen__service_whom(self, service);
    else if (!etf_pid_is_none(pid))
        to = etf_from_pid(NULL, pid);
    else
        return AGNER_ENOPROC;
    err = gen_server_stop(self, to, ETF_A(shutdown), timeout_ms);
    return err == AGNER_EEXIT ? AGNER_OK : err; /* it has ended anyway */
}
