/*
 * application_look.c -- what the controller tells about applications.
 */
#include <string.h>

#include "application_table.h"

static const char *const state_names[] = { "loaded", "starting", "running",
                                           "stopping" };
static const char *const type_names[] = { "temporary", "transient",
                                          "permanent" };

const char *gen_start_type_name(enum gen_start_type type)
{
    return type_names[type];
}

bool gen_start_type_parse(const char *name, enum gen_start_type *type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(name, type_names[i]) == 0) {
            *type = (enum gen_start_type)i;
            return true;
        }
    }
    return false;
}

etf_term gen__start_type_atom(enum gen_start_type type)
{
    return etf_atom(type_names[type]);
}

static etf_term pid_or_undefined(struct gen *self, etf_pid pid)
{
    return etf_pid_is_none(pid) ? ETF_A(undefined)
                                : etf_from_pid(rt_region(self), pid);
}

/* ---- One ---------------------------------------------------------------- */

static etf_term names(struct gen *self, const char *const *name)
{
    etf_term items[GEN_APPLICATIONS_MAX];
    size_t count = 0;

    for (; name != NULL && *name != NULL && count < GEN_APPLICATIONS_MAX;
         name++)
        items[count++] = etf_atom(*name);
    return etf_list(rt_region(self), items, count, etf_nil());
}

/* What the top is called, if it is a supervisor of the application's own. */
static etf_term top_name(const struct gen_application *a)
{
    if (a->supervisor == NULL || a->supervisor->name == NULL)
        return ETF_A(undefined);
    return etf_atom(a->supervisor->name);
}

etf_term gen__app_info(struct gen *self, const struct app *app)
{
    const struct gen_application *a = app->application;
    struct etf_region *r = rt_region(self);
    etf_term map, uptime = ETF_A(undefined);

    map = etf_make(self,
                   "#{name => _, description => _, version => _, state => _, "
                   "applications => _, optional_applications => _}",
                   etf_atom(a->name), etf_string(r, a->description),
                   etf_string(r, a->version), etf_atom(state_names[app->state]),
                   names(self, a->applications),
                   names(self, a->optional_applications));
    if (app->state == APP_LOADED)
        return map;
    if (app->state == APP_RUNNING)
        uptime = etf_uint(r, rt_now_ms(rt_of(self)) - app->started_ms);
    map =
        etf_map_put(r, map, etf_atom("type"), gen__start_type_atom(app->type));
    map = etf_map_put(r, map, etf_atom("pid"),
                      pid_or_undefined(self, app->master));
    map =
        etf_map_put(r, map, etf_atom("top"), pid_or_undefined(self, app->top));
    map = etf_map_put(r, map, etf_atom("supervisor"), top_name(a));
    return etf_map_put(r, map, etf_atom("uptime_ms"), uptime);
}

/* ---- Lists -------------------------------------------------------------- */

typedef etf_term (*row_fn)(struct gen *self, const struct app *app);

static etf_term row_name(struct gen *self, const struct app *app)
{
    const struct gen_application *a = app->application;
    struct etf_region *r = rt_region(self);

    return etf_make(self, "{_, _, _}", etf_atom(a->name),
                    etf_string(r, a->description), etf_string(r, a->version));
}

static etf_term row_type(struct gen *self, const struct app *app)
{
    return etf_make(self, "{_, _}", etf_atom(app->application->name),
                    gen__start_type_atom(app->type));
}

static etf_term row_pid(struct gen *self, const struct app *app)
{
    return etf_make(self, "{_, _}", etf_atom(app->application->name),
                    pid_or_undefined(self, app->master));
}

/* Of those in a state, or of all: in the order of the table. */
static etf_term rows(struct gen *self, const struct controller *c, bool all,
                     enum app_state state, row_fn row)
{
    etf_term items[GEN_APPLICATIONS_MAX];
    size_t count = 0;

    for (const struct app *app = c->apps; app != NULL; app = app->next) {
        if (all || app->state == state)
            items[count++] = row(self, app);
    }
    return etf_list(rt_region(self), items, count, etf_nil());
}

etf_term gen__app_which(struct gen *self, const struct controller *c)
{
    return rows(self, c, false, APP_RUNNING, row_name);
}

etf_term gen__app_loaded(struct gen *self, const struct controller *c)
{
    return rows(self, c, true, APP_LOADED, row_name);
}

etf_term gen__app_infos(struct gen *self, const struct controller *c)
{
    return rows(self, c, true, APP_LOADED, gen__app_info);
}

etf_term gen__app_info_all(struct gen *self, const struct controller *c)
{
    return etf_make(self,
                    "[{loaded, _}, {loading, []}, {started, _}, "
                    "{start_p_false, []}, {running, _}, {starting, _}]",
                    gen__app_loaded(self, c),
                    rows(self, c, false, APP_RUNNING, row_type),
                    rows(self, c, false, APP_RUNNING, row_pid),
                    rows(self, c, false, APP_STARTING, row_type));
}
