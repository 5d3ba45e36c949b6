/*
 * actors_apps.c -- applications under test: each needs the one before it, and
 * has one process, which notes when it is there. G29, I17.
 *
 * What a start and a stop answer is checked when nobody else asked for the same
 * application meanwhile.
 */
#include "actors_op.h"

static const char *const names[APPS_MAX] = { "sim_app0", "sim_app1",
                                             "sim_app2" };

static struct play *play_of(struct gen *self)
{
    void *play = NULL;

    (void)rt_behavior_find(rt_of(self), ACTORS_GROUP, etf_atom("sim_play"),
                           NULL, &play);
    return play;
}

static struct place *place_of(struct gen *self)
{
    struct play *play = play_of(self);
    unsigned i;

    for (i = 0; i < play->node_count; i++)
        if (play->places[i].rt == rt_of(self))
            return &play->places[i];
    return NULL; /* it has crashed */
}

/* ---- The process of an application -------------------------------------- */

struct resident {
    struct play *play;
    struct place *place;
    unsigned index;
};

/* args: Index. */
static enum gen_next resident_init(struct gen *self, etf_term args)
{
    struct resident *resident = gen_state(self);
    struct place *place = place_of(self);
    int64_t index;

    if (place == NULL || !etf_get_int(args, &index))
        return gen_stop(self, ETF_A(badarg));
    *resident = (struct resident){ play_of(self), place, (unsigned)index };
    if (index > 0 && !place->apps[index - 1].alive &&
        place->apps[index - 1].busy == 0)
        oracle_fail(resident->play, "I17",
                    "application %u starts without what it needs",
                    resident->index);
    if (place->apps[index].alive)
        oracle_fail(resident->play, "I17", "application %u is there twice",
                    resident->index);
    place->apps[index].alive = true;
    place->apps[index].started = ++place->app_starts;
    return GEN_NEXT;
}

/* When all are stopped: the last that was started is the first to go. */
static void resident_destroy(void *state)
{
    const struct resident *resident = state;
    unsigned i;

    if (resident->place == NULL)
        return;
    resident->place->apps[resident->index].alive = false;
    for (i = 0; i < APPS_MAX && resident->place->apps_stopping &&
                !resident->place->stopping;
         i++)
        if (resident->place->apps[i].alive &&
            resident->place->apps[i].started >
                resident->place->apps[resident->index].started)
            oracle_fail(resident->play, "I17",
                        "application %u is stopped before %u", resident->index,
                        i);
}

static const struct gen_server resident_server = {
    .name = "sim_resident",
    .state_size = sizeof(struct resident),
    .init = resident_init,
    .destroy = resident_destroy,
};

/* ---- The applications ---------------------------------------------------- */

#define RESIDENT(n) \
    { \
        .id = "sim_resident", .server = &resident_server, .args = #n \
    }
static const struct gen_child_spec residents[APPS_MAX] = {
    RESIDENT(0),
    RESIDENT(1),
    RESIDENT(2),
};

static const char *const needs[APPS_MAX][2] = {
    { NULL },
    { "sim_app0", NULL },
    { "sim_app1", NULL },
};

#define APP(n) \
    { \
        .abi = GEN_APPLICATION_ABI, .name = "sim_app" #n, \
        .description = "under test", .version = "1", .applications = needs[n], \
        .children = &residents[n], .child_count = 1 \
    }
static const struct gen_application applications[APPS_MAX] = {
    APP(0),
    APP(1),
    APP(2),
};

void actors_apps_start(struct play *play, struct place *place)
{
    enum agner_err err;
    unsigned i;

    for (i = 0; i < APPS_MAX; i++)
        place->apps[i] = (struct app){ .alive = false };
    place->app_starts = 0;
    place->apps_stopping = false;
    if (!play->has_apps)
        return;
    err = gen_applications_start(place->at, NULL, NULL);
    if (err != AGNER_OK && err != AGNER_ETAKEN) /* the kernel's */
        oracle_fail(play, "I17", "the application controller does not start");
    for (i = 0; i < APPS_MAX; i++)
        if (gen_application_load(place->at, &applications[i], NULL) != AGNER_OK)
            oracle_fail(play, "I17", "application %u cannot be loaded", i);
    rt_reset(place->at);
}

void actors_apps_stop(struct play *play, struct place *place)
{
    enum agner_err err;

    if ((!play->has_apps && !play->has_kernel) || place->at == NULL)
        return;
    place->apps_stopping = true;
    err = gen_applications_stop(place->at, GRACE_MS);
    /* It may have a machine that stands still. */
    if (err != AGNER_OK && err != AGNER_ETIMEOUT && err != AGNER_ENONAME)
        oracle_fail(play, "I17", "applications do not stop: %s",
                    agner_strerror(err));
    rt_reset(place->at);
}

/* ---- Operations --------------------------------------------------------- */

/* `before` is when the question was asked: is the answer still true? */
static bool is_alone(const struct app *app, uint64_t before)
{
    return app->busy == 1 && app->asked == before;
}

static struct app *begin(struct life *life, int64_t n, uint64_t *asked)
{
    struct place *place = &life->play->places[life->node];
    struct app *app = &place->apps[(uint64_t)n % APPS_MAX];

    if (!life->play->has_apps || life->actor->limit > 0)
        return NULL;
    *asked = ++app->asked;
    app->busy++;
    return app;
}

static void end(struct life *life, struct app *app, uint64_t asked,
                enum agner_err err, bool alive)
{
    const struct place *place = &life->play->places[life->node];

    if (!actors_lives(life) || place->apps_stopping)
        return; /* they are others by now, or about to be */
    if (err == AGNER_OK && is_alone(app, asked) && app->alive != alive)
        oracle_fail(life->play, "I17", "life %u: an application is %s",
                    life->number, alive ? "not up" : "not down");
    app->busy--;
}

void op_start_app(struct life *life, struct gen *self, const int64_t *n)
{
    uint64_t asked;
    struct app *app = begin(life, n[0], &asked);
    enum agner_err err;

    if (app == NULL)
        return;
    err = gen_application_start(self, names[(uint64_t)n[0] % APPS_MAX],
                                GEN_APP_TEMPORARY, NULL, NULL);
    oracle_i18_error(life, "start an application", err,
                     ERR(ERUNNING) | ERR(ENOTRUNNING) | ERR(EEXIT) |
                         ERR(ENONAME));
    end(life, app, asked, err, true);
}

void op_stop_app(struct life *life, struct gen *self, const int64_t *n)
{
    uint64_t asked;
    struct app *app = begin(life, n[0], &asked);
    enum agner_err err;

    if (app == NULL)
        return;
    err = gen_application_stop(self, names[(uint64_t)n[0] % APPS_MAX],
                               RT_INFINITY, NULL);
    oracle_i18_error(life, "stop an application", err,
                     ERR(ENOTRUNNING) | ERR(ENONAME));
    end(life, app, asked, err, false);
}
