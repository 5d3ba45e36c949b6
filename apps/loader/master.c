/*
 * master.c -- an application's master: starts its children in order, each
 * linked to it and after the init of the one before, and stops them in reverse.
 *
 * A child that ends normally is forgotten. One that ends with any other reason
 * ends the application: nothing is restarted here, which is a supervisor's
 * work, and there are none yet (G24, G27).
 */
#include "master.h"

#include <stdlib.h>

#define CHILD_STOP_MS 5000

struct master {
    const struct gen_application *application; /* borrowed: static */
    etf_pid *children;                         /* owned; all zero: ended */
};

static void stop_child(struct gen *self, const struct master *m, size_t i)
{
    const char *name = m->application->children[i].name;
    etf_pid pid = m->children[i];

    if (etf_pid_is_none(pid))
        return;
    (void)rt_exit_signal(self, pid, ETF_A(shutdown)); /* gone is as good */
    if (rt_wait(self, pid, CHILD_STOP_MS) == AGNER_OK)
        return;
    rt_log_self(self, RT_LOG_WARNING,
                "application %s: %s did not stop in %d ms; killed",
                m->application->name, name != NULL ? name : "a child",
                CHILD_STOP_MS);
    (void)rt_exit_signal(self, pid, ETF_A(kill));
    (void)rt_wait(self, pid, CHILD_STOP_MS); /* stuck in C: its thread's end */
}

static void stop_children(struct gen *self, const struct master *m,
                          size_t count)
{
    while (count > 0)
        stop_child(self, m, --count);
}

/* What a child's init is given: its text, read. */
static enum agner_err read_args(struct gen *self, const char *text,
                                etf_term *args, struct agner_error *error)
{
    size_t size = 0;

    *args = etf_nil();
    if (text == NULL)
        return AGNER_OK;
    while (text[size] != '\0')
        size++;
    return etf_parse(rt_region(self), text, size, args, NULL, error);
}

static enum agner_err start_child(struct gen *self, struct master *m, size_t i,
                                  etf_term *reason)
{
    const struct gen_application_child *child = &m->application->children[i];
    struct rt_spawn_options options = { .name = ETF_NONE };
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;
    etf_term args;

    if (child->name != NULL) {
        options.name = etf_atom(child->name);
        options.label = child->name;
    }
    err = read_args(self, child->args, &args, &error);
    if (err != AGNER_OK) {
        *reason = etf_make(self, "{bad_args, _}", (const char *)error.text);
        return err;
    }
    *reason = etf_atom(agner_strerror(AGNER_EUNKNOWN));
    err = gen_start_link(self, child->server, args, &options, &m->children[i],
                         reason);
    if (err == AGNER_EIGNORE) /* no child, and no failure */
        err = AGNER_OK;
    else if (err != AGNER_OK)
        m->children[i] = (etf_pid){ .id = 0 };
    if (err != AGNER_OK && err != AGNER_EEXIT)
        *reason = etf_text(rt_region(self), agner_strerror(err));
    return err;
}

static enum gen_next master_init(struct gen *self, etf_term args)
{
    struct master *m = gen_state(self);
    void *application;

    if (!etf_get_resource(args, &application))
        return gen_stop(self, ETF_A(badarg));
    m->application = application;
    m->children = calloc(m->application->child_count + 1, sizeof *m->children);
    if (m->children == NULL)
        return gen_stop(self, etf_atom("enomem"));
    (void)rt_trap_exit(self, true);
    for (size_t i = 0; i < m->application->child_count; i++) {
        const char *name = m->application->children[i].name;
        etf_term reason;

        if (start_child(self, m, i, &reason) == AGNER_OK)
            continue;
        stop_children(self, m, i);
        return gen_stop(self, etf_make(self, "{_, _}",
                                       etf_atom(name != NULL ? name : "child"),
                                       reason));
    }
    return GEN_NEXT;
}

static enum gen_next child_ended(struct gen *self, struct master *m, size_t i,
                                 etf_term reason)
{
    const char *name = m->application->children[i].name;
    char text[200];

    m->children[i] = (etf_pid){ .id = 0 };
    if (etf_same(reason, ETF_A(normal)))
        return GEN_NEXT;
    rt_log_self(self, RT_LOG_ERROR, "application %s: %s ended: %s",
                m->application->name, name != NULL ? name : "a child",
                etf_format(text, sizeof text, reason));
    return gen_stop(self, reason);
}

static enum gen_next master_info(struct gen *self, etf_term message)
{
    struct master *m = gen_state(self);
    etf_term reason;
    etf_pid pid;

    if (!etf_match(message, "{'EXIT', _, _}", &pid, &reason))
        return GEN_NEXT; /* nobody else has anything to say to us */
    for (size_t i = 0; i < m->application->child_count; i++) {
        if (etf_pid_equal(m->children[i], pid))
            return child_ended(self, m, i, reason);
    }
    return GEN_NEXT; /* one that we have stopped, or its init failed */
}

static void master_terminate(struct gen *self, etf_term reason)
{
    struct master *m = gen_state(self);

    (void)reason;
    stop_children(self, m, m->application->child_count);
}

static void master_destroy(void *state)
{
    struct master *m = state;

    free(m->children);
}

const struct gen_server apps__master = {
    .name = "application_master",
    .state_size = sizeof(struct master),
    .init = master_init,
    .handle_info = master_info,
    .terminate = master_terminate,
    .destroy = master_destroy,
};
