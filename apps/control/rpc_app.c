/*
 * rpc_app.c -- applications by the control socket: which there are, what one
 * is, and to start and stop it.
 *
 * The maps are those of gen_application_info(), with texts as binaries and
 * children as maps. Names from a client go out as texts: none becomes an atom.
 */
#include "rpc_app.h"

/* The parameter `name`: of an application, or the path of a shared object. */
static enum agner_err name_param(struct rpc_call *c, char *name, size_t size)
{
    if (etf_get_text(rpc__param(c, "name"), name, size) && name[0] != '\0')
        return AGNER_OK;
    return rpc__fail(&c->failure, AGNER_EINVAL, ETF_NONE,
                     "name: expected the name of an application");
}

static enum agner_err type_param(struct rpc_call *c, enum gen_start_type *type)
{
    etf_term given = rpc__param(c, "type");
    char word[16];

    *type = GEN_APP_TEMPORARY;
    if (etf_is_none(given) || (etf_get_text(given, word, sizeof word) &&
                               gen_start_type_parse(word, type)))
        return AGNER_OK;
    return rpc__fail(&c->failure, AGNER_EINVAL, given,
                     "type: expected permanent, transient or temporary");
}

static enum agner_err answered(struct rpc_call *c, etf_term result)
{
    if (etf_is_none(result))
        return rpc__fail(&c->failure, AGNER_ELIMIT, ETF_NONE,
                         "the answer is too large");
    c->result = result;
    return AGNER_OK;
}

/* ---- Looking ------------------------------------------------------------ */

/* A list of characters is a list of numbers on the wire. */
static etf_term with_text(struct gen *self, etf_term map, const char *key)
{
    etf_term name = etf_atom(key);
    char text[512];

    if (!etf_get_text(etf_map_get(map, name), text, sizeof text))
        return map; /* longer than any of ours should be */
    return etf_map_put(rt_region(self), map, name,
                       etf_text(rt_region(self), text));
}

static etf_term with_texts(struct gen *self, etf_term map)
{
    map = with_text(self, map, "description");
    return with_text(self, map, "version");
}

enum agner_err rpc__apps(struct rpc_call *c)
{
    etf_term list, one, rows = etf_nil(), reversed = etf_nil();
    enum agner_err err = gen_applications_info(c->self, &list);

    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE,
                         "application_controller: %s", agner_strerror(err));
    while (etf_list_next(&list, &one))
        reversed =
            etf_cons(rt_region(c->self), with_texts(c->self, one), reversed);
    while (etf_list_next(&reversed, &one))
        rows = etf_cons(rt_region(c->self), one, rows);
    return answered(c, rows);
}

static etf_term with_children(struct gen *self, etf_term map)
{
    etf_term list = etf_map_get(map, etf_atom("children")), rows = etf_nil();
    etf_term one, id, pid, type, modules;

    if (etf_is_none(list))
        return map;
    while (etf_list_next(&list, &one)) { /* the last started first */
        if (etf_match(one, "{_, _, _, _}", &id, &pid, &type, &modules))
            rows = etf_make(self, "[#{id => _, pid => _, type => _} | _]", id,
                            pid, type, rows);
    }
    return etf_map_put(rt_region(self), map, etf_atom("children"), rows);
}

enum agner_err rpc__app_info(struct rpc_call *c)
{
    struct agner_error error = { AGNER_OK, "" };
    char name[APPS_PATH_MAX];
    etf_term map;
    enum agner_err err = name_param(c, name, sizeof name);

    if (err != AGNER_OK)
        return err;
    err = gen_application_info(c->self, name, &map, &error);
    if (err == AGNER_ENOTLOADED)
        err = AGNER_ENONAME; /* nothing here has that name */
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", error.text);
    return answered(c, with_children(c->self, with_texts(c->self, map)));
}

/* ---- Starting and stopping ---------------------------------------------- */

enum agner_err rpc__app_start(struct rpc_call *c)
{
    struct agner_error error = { AGNER_OK, "" };
    char name[APPS_PATH_MAX];
    etf_term started, reason = ETF_NONE;
    enum gen_start_type type;
    enum agner_err err = name_param(c, name, sizeof name);

    if (err == AGNER_OK)
        err = type_param(c, &type);
    if (err != AGNER_OK)
        return err;
    err = gen_application_ensure_all_started(
        c->self, name, type, GEN_APP_TEMPORARY, &started, &reason, &error);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, reason, "%s", error.text);
    return answered(c, etf_make(c->self, "#{started => _}", started));
}

enum agner_err rpc__app_stop(struct rpc_call *c)
{
    struct agner_error error = { AGNER_OK, "" };
    char name[APPS_PATH_MAX];
    enum agner_err err = name_param(c, name, sizeof name);

    if (err != AGNER_OK)
        return err;
    err = gen_application_stop(c->self, name, RT_INFINITY, &error);
    if (err != AGNER_OK)
        return rpc__fail(&c->failure, err, ETF_NONE, "%s", error.text);
    return AGNER_OK;
}
