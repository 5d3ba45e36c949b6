/*
 * app_bed.c -- the world of the tests of applications.
 */
#include "app_bed.h"

#define POLL_MS 1u

struct app_bed *app_bed;

static void log_line(void *ctx, enum rt_log_level level, const char *text)
{
    struct app_bed *bed = ctx;

    (void)level;
    witness_add(&bed->log, text, ETF_NONE);
}

static int begin(void **state, bool simulated)
{
    struct rt_options options = { .log_level = RT_LOG_INFO, .log = log_line };
    struct app_bed *bed = calloc(1, sizeof *bed);

    if (bed == NULL)
        return -1;
    witness_init(&bed->seen);
    witness_init(&bed->log);
    options.log_ctx = bed;
    if (simulated) {
        bed->sim = sim_new(17, NULL);
        options.world = sim_world(bed->sim);
    } else {
        options.workers = 4;
    }
    if (rt_new(&options, &bed->rt, NULL) != AGNER_OK)
        return -1;
    bed->self = rt_attach(bed->rt);
    app_bed = bed;
    *state = bed;
    return bed->self == NULL ? -1 : 0;
}

int app_bed_start(void **state)
{
    return begin(state, true);
}

int app_bed_start_real(void **state)
{
    return begin(state, false);
}

void app_bed_free_rt(struct app_bed *bed, uint64_t grace_ms)
{
    if (bed->rt == NULL)
        return;
    rt_detach(bed->self);
    rt_free(bed->rt, grace_ms);
    bed->rt = NULL;
}

int app_bed_stop(void **state)
{
    struct app_bed *bed = *state;

    app_bed_free_rt(bed, 1000);
    if (bed->sim != NULL)
        sim_free(bed->sim);
    witness_fini(&bed->seen);
    witness_fini(&bed->log);
    app_bed = NULL;
    free(bed);
    return 0;
}

static void node_stop(void *ctx, const char *application, etf_term reason)
{
    struct app_bed *bed = ctx;
    char what[80];

    (void)snprintf(what, sizeof what, "node_stop %s", application);
    witness_add(&bed->seen, what, reason);
}

void app_bed_control(struct app_bed *bed,
                     const struct gen_applications_options *options)
{
    struct gen_applications_options o = { .ctx = NULL };

    if (options != NULL)
        o = *options;
    o.node_stop = node_stop;
    o.ctx = bed;
    assert_int_equal(gen_applications_start(bed->self, &o, &bed->error),
                     AGNER_OK);
}

void app_bed_load(struct app_bed *bed, const struct gen_application *app)
{
    if (gen_application_load(bed->self, app, &bed->error) != AGNER_OK)
        fail_msg("%s", bed->error.text);
}

void app_bed_up(struct app_bed *bed, const char *name, enum gen_start_type type)
{
    if (gen_application_start(bed->self, name, type, NULL, &bed->error) !=
        AGNER_OK)
        fail_msg("%s", bed->error.text);
}

void app_bed_say(const char *what, etf_term term)
{
    witness_add(&app_bed->seen, what, term);
}

/* ---- The actor ---------------------------------------------------------- */

struct actor {
    char name[32];
    bool stubborn;
};

static void say(const char *what, const char *name, etf_term term)
{
    char text[80];

    (void)snprintf(text, sizeof text, "%s %s", what, name);
    witness_add(&app_bed->seen, text, term);
}

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static void idle(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

static etf_term spawn_one(struct gen *self)
{
    etf_pid pid;

    if (rt_spawn(self, idle, NULL, NULL, &pid) != AGNER_OK)
        return etf_make(self, "none");
    return etf_make(self, "_", pid);
}

static bool is_io_reply(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_match(m, "{io_reply, __, __}");
}

static etf_term ask_leader(struct gen *self, etf_term request)
{
    etf_term message = ETF_NONE;

    (void)rt_send_pid(
        self, rt_group_leader(self),
        etf_make(self, "{io_request, _, here, _}", rt_self(self), request));
    (void)rt_receive_match(self, is_io_reply, NULL, PROBE_LONG_MS, &message);
    return message;
}

static enum gen_next obey(struct gen *self, const struct gen_from *from,
                          etf_term command)
{
    struct actor *a = gen_state(self);
    etf_term answer = ETF_A(ok), term;

    if (etf_match(command, "{stop, _}", &term))
        return from != NULL ? gen_stop_reply(self, *from, term, answer)
                            : gen_stop(self, term);
    if (etf_match(command, "{hang}"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &term);
    else if (etf_match(command, "{stubborn}"))
        a->stubborn = true;
    else if (etf_match(command, "{spawn}"))
        answer = spawn_one(self);
    else if (etf_match(command, "{application}"))
        answer = rt_application(self);
    else if (etf_match(command, "{io, _}", &term))
        answer = ask_leader(self, term);
    else if (etf_match(command, "{env, _}", &term) &&
             rt_env_get(self, term, &answer) != AGNER_OK)
        answer = etf_make(self, "none");
    if (from != NULL)
        (void)gen_reply(self, *from,
                        etf_is_none(answer) ? etf_make(self, "none") : answer);
    return GEN_NEXT;
}

static enum gen_next actor_init(struct gen *self, etf_term args)
{
    struct actor *a = gen_state(self);
    etf_term name = args, command = ETF_A(ok);

    (void)etf_match(args, "{_, _}", &name, &command);
    (void)rt_trap_exit(self, true);
    if (!etf_get_text(name, a->name, sizeof a->name))
        return gen_stop(self, ETF_A(badarg));
    say("init", a->name, ETF_NONE);
    return obey(self, NULL, command);
}

static enum gen_next actor_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    return obey(self, &from, request);
}

static enum gen_next actor_cast(struct gen *self, etf_term request)
{
    return obey(self, NULL, request);
}

static void actor_terminate(struct gen *self, etf_term reason)
{
    const struct actor *a = gen_state(self);
    etf_term message;

    if (a->stubborn)
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &message);
    say("end", a->name, reason);
}

const struct gen_server app_actor = {
    .name = "actor",
    .state_size = sizeof(struct actor),
    .init = actor_init,
    .handle_call = actor_call,
    .handle_cast = actor_cast,
    .terminate = actor_terminate,
};

/* ---- Asking ------------------------------------------------------------- */

bool app_bed_is_there(struct app_bed *bed, const char *name)
{
    etf_pid pid;

    return rt_whereis(bed->rt, etf_atom(name), &pid) == AGNER_OK;
}

etf_term app_bed_whereis(struct app_bed *bed, const char *name)
{
    etf_pid pid = { .id = 0 };

    if (rt_whereis(bed->rt, etf_atom(name), &pid) != AGNER_OK)
        fail_msg("%s is not registered", name);
    return etf_from_pid(NULL, pid);
}

static etf_term parse(struct app_bed *bed, const char *text)
{
    etf_term term;

    assert_int_equal(etf_parse(rt_region(bed->self), text, strlen(text), &term,
                               NULL, &bed->error),
                     AGNER_OK);
    return term;
}

void app_bed_end(struct app_bed *bed, const char *name, const char *reason)
{
    etf_term actor = app_bed_whereis(bed, name);
    etf_pid pid;

    assert_true(etf_get_pid(actor, &pid));
    assert_int_equal(
        gen_cast(bed->self, actor,
                 etf_make(bed->self, "{stop, _}", parse(bed, reason))),
        AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, PROBE_LONG_MS), AGNER_OK);
}

const char *app_bed_text(etf_term t)
{
    static char text[2000];

    return etf_format(text, sizeof text, t);
}

const char *app_bed_ask(struct app_bed *bed, const char *name,
                        const char *request)
{
    etf_term reply = ETF_NONE;
    enum agner_err err = gen_call(bed->self, etf_atom(name),
                                  parse(bed, request), PROBE_LONG_MS, &reply);

    return err == AGNER_OK ? app_bed_text(reply) : agner_strerror(err);
}

const char *app_bed_running(struct app_bed *bed)
{
    static char text[400];
    etf_term list, one, name, description, version;
    size_t used = 0;

    assert_int_equal(gen_which_applications(bed->self, &list), AGNER_OK);
    text[0] = '\0';
    while (etf_list_next(&list, &one)) {
        assert_true(etf_match(one, "{_, _, _}", &name, &description, &version));
        used += (size_t)snprintf(text + used, sizeof text - used, "%s ",
                                 app_bed_text(name));
    }
    return text;
}

const char *app_bed_info(struct app_bed *bed, const char *name,
                         const char *field)
{
    etf_term map;

    if (gen_application_info(bed->self, name, &map, NULL) != AGNER_OK)
        return "none";
    return app_bed_text(etf_map_get(map, etf_atom(field)));
}

const char *app_bed_state(struct app_bed *bed, const char *name)
{
    return app_bed_info(bed, name, "state");
}

void app_bed_await(struct app_bed *bed, const char *name, const char *state)
{
    uint64_t end_ms = rt_now_ms(bed->rt) + PROBE_LONG_MS;

    while (strcmp(app_bed_state(bed, name), state) != 0) {
        if (rt_now_ms(bed->rt) > end_ms)
            fail_msg("%s is %s, not %s", name, app_bed_state(bed, name), state);
        (void)rt_sleep(bed->self, POLL_MS);
        rt_reset(bed->self);
    }
}

void app_bed_saw(struct app_bed *bed, const char *lines)
{
    char text[4000];

    if (witness_count(&bed->seen, lines) == 0)
        fail_msg("not seen:\n%sbut:\n%s", lines,
                 witness_text(&bed->seen, text, sizeof text));
}

void app_bed_sees(struct app_bed *bed, const char *lines)
{
    uint64_t end_ms = rt_now_ms(bed->rt) + PROBE_LONG_MS;

    while (witness_count(&bed->seen, lines) == 0 && rt_now_ms(bed->rt) < end_ms)
        (void)rt_sleep(bed->self, POLL_MS);
    app_bed_saw(bed, lines);
}

etf_pid app_bed_master(struct app_bed *bed, const char *name)
{
    etf_pid pid = { .id = 0 };
    etf_term map;

    assert_int_equal(gen_application_info(bed->self, name, &map, &bed->error),
                     AGNER_OK);
    assert_true(etf_get_pid(etf_map_get(map, etf_atom("pid")), &pid));
    return pid;
}
