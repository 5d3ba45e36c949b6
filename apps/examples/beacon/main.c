/*
 * main.c -- a beacon that is configured while it runs.
 */
#include "beacon.h"

#include <stdio.h>
#include <string.h>

static void show(struct gen_service *service, const char *what)
{
    const struct gen_service_state *state = gen_service_state(service);

    (void)printf("-- %s: %s, %s, version %llu\n", what,
                 state->active ? "active" : "inactive",
                 state->err != AGNER_OK ? agner_strerror(state->err) : "good",
                 (unsigned long long)state->version);
    gen_service_state_free(state);
}

/* Waits until the configuration is applied, or was given up. */
static void settle(struct gen *self, struct gen_service *service)
{
    const struct gen_service_state *state;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    bool loading;

    if (gen_service_follow(self, service, NULL, &state, &cursor) != AGNER_OK)
        return;
    loading = state->loading;
    gen_service_state_free(state);
    while (loading &&
           gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) == AGNER_OK)
        loading = gen_service_event_state(&event)->loading;
    gen_cursor_close(cursor);
}

static void set(struct gen *self, struct gen_service *service,
                const char *config)
{
    struct agner_error error = { 0 };

    if (gen_service_configure(self, service, config, strlen(config), NULL,
                              &error) != AGNER_OK)
        (void)printf("-- refused: %s\n", error.text);
    settle(self, service);
}

int main(void)
{
    struct rt *rt;
    struct gen *self;
    struct gen_service *service;

    if (rt_new(NULL, &rt, NULL) != AGNER_OK)
        return 1;
    self = rt_attach(rt);
    if (gen_service_start(self, &beacon, NULL, &service, NULL) != AGNER_OK)
        return 1;
    (void)gen_service_activate(self, service, NULL);
    set(self, service, "200 here");
    (void)rt_sleep(self, 500);
    set(self, service, "100 there"); /* "here" ends first */
    (void)rt_sleep(self, 250);
    set(self, service, "soon"); /* wrong: "there" goes on */
    show(service, "still");
    set(self, service, "100 never"); /* apply gives up: it is off */
    show(service, "in the end");
    (void)gen_service_terminate(self, service, RT_INFINITY);
    gen_service_free(service);
    rt_detach(self);
    rt_free(rt, 1000);
    return 0;
}
