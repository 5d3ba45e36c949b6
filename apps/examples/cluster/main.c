/*
 * main.c -- a small cluster in one program: two nodes, a call from one to the
 * other, a monitor across them, and what is heard when a node goes down.
 *
 * The nodes find each other by node_route(), so no epmd is needed. Each has its
 * own runtime and port; between them are real connections.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/node.h>

#include "examples.h"

#define STEP_MS 10000u /* longer than any step should take */

static int fail(const char *what, enum agner_err err,
                const struct agner_error *error)
{
    fprintf(stderr, "cluster: %s: %s\n", what,
            error != NULL && error->text[0] != '\0' ? error->text
                                                    : agner_strerror(err));
    return EXIT_FAILURE;
}

static void show(const char *what, etf_term t)
{
    char text[200];

    printf("%s: %s\n", what, etf_format(text, sizeof text, t));
}

static enum agner_err start_node(const char *name, struct node **node,
                                 struct agner_error *error)
{
    struct node_options options = {
        .name = name,
        .cookie = "an example",
        .listen_host = "127.0.0.1",
        .epmd = NODE_EPMD_NONE,
    };

    return node_start(&options, node, error);
}

/* On the shop's node: a counter that other nodes reach by its name. */
static enum agner_err open_shop(struct node *shop)
{
    struct gen *self = rt_attach(node_rt(shop));
    struct rt_spawn_options options = { .name = etf_atom("visitors") };
    etf_pid pid;
    enum agner_err err;

    if (self == NULL)
        return AGNER_ENOMEM;
    err = gen_start(self, &counter_server, etf_make(self, "0"), &options, &pid,
                    NULL);
    rt_detach(self);
    return err;
}

static etf_term visitors(struct gen *self, const struct node *shop)
{
    return etf_make(self, "{visitors, _}", etf_atom(node_name(shop)));
}

/* Three calls to the other node, as if the counter were here. */
static enum agner_err visit(struct gen *self, const struct node *shop)
{
    enum agner_err err = AGNER_OK;
    etf_term answer;

    for (int i = 1; i <= 3 && err == AGNER_OK; i++) {
        err = gen_call(self, visitors(self, shop),
                       etf_make(self, "{add, _}", i), STEP_MS, &answer);
        if (err == AGNER_OK)
            show("visitors", answer);
    }
    return err;
}

/* The shop goes down: its monitor says so, and calls fail at once. */
static enum agner_err see_it_close(struct gen *self, struct node *shop)
{
    etf_term target = visitors(self, shop);
    etf_term message, object, reason;
    etf_ref ref, fired;
    enum agner_err err = rt_monitor(self, target, 0, &ref);

    if (err != AGNER_OK)
        return err;
    node_stop(shop, 1000);
    err = rt_receive(self, STEP_MS, &message);
    if (err != AGNER_OK)
        return err;
    if (!etf_match(message, "{'DOWN', _, process, _, _}", &fired, &object,
                   &reason) ||
        !etf_ref_equal(ref, fired))
        return AGNER_EUNKNOWN;
    show("down", object);
    err = gen_call(self, target, etf_make(self, "{add, 1}"), STEP_MS, NULL);
    printf("a call now: %s\n",
           err == AGNER_OK ? "is answered, which is wrong" : "fails");
    return err == AGNER_OK ? AGNER_EUNKNOWN : AGNER_OK;
}

int main(void)
{
    struct agner_error error = { 0 };
    struct node *shop, *town;
    struct gen *self;
    enum agner_err err;

    err = start_node("shop@127.0.0.1", &shop, &error);
    if (err != AGNER_OK)
        return fail("shop", err, &error);
    err = start_node("town@127.0.0.1", &town, &error);
    if (err != AGNER_OK)
        return fail("town", err, &error);
    err = open_shop(shop);
    if (err != AGNER_OK)
        return fail("visitors", err, NULL);
    err = node_route(town, node_name(shop), "127.0.0.1", node_port(shop));
    if (err != AGNER_OK)
        return fail("route", err, NULL);

    self = rt_attach(node_rt(town));
    if (self == NULL)
        return fail("town", AGNER_ENOMEM, NULL);
    err = visit(self, shop);
    if (err != AGNER_OK)
        return fail("visit", err, NULL);
    err = see_it_close(self, shop);
    if (err != AGNER_OK)
        return fail("close", err, NULL);
    rt_detach(self);
    node_stop(town, 1000);
    printf("the cluster is down\n");
    return EXIT_SUCCESS;
}
