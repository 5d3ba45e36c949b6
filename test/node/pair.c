/*
 * pair.c -- nodes for tests: pair.h.
 */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Of real time, where the test says nothing: what only a defect reaches. */
#define SETUP_TIME_MS 60000

/* What peers may not is test_node_permit.c's. */
static const char *const everything[] = { "agner: all", "erlang: all" };

struct node_options pair_options(const char *name)
{
    return (struct node_options){ .name = name,
                                  .cookie = PAIR_COOKIE,
                                  .listen_host = "127.0.0.1",
                                  .erlang = NODE_ERLANG_ANY, /* raw peers */
                                  .permits = everything,
                                  .permit_count = 2,
                                  .epmd = NODE_EPMD_NONE,
                                  .rt = { .workers = 2,
                                          .log_level = RT_LOG_DEBUG } };
}

struct node *pair_start(const struct node_options *options)
{
    struct node_options patient = *options;
    struct node *node = NULL;
    struct agner_error error = { .code = AGNER_OK };

    if (patient.setup_time_ms == 0 && patient.rt.world == NULL)
        patient.setup_time_ms = SETUP_TIME_MS;
    if (node_start(&patient, &node, &error) != AGNER_OK)
        fail_msg("node_start: %s", error.text);
    return node;
}

void pair_route(struct node *from, struct node *to)
{
    assert_int_equal(
        node_route(from, node_name(to), "127.0.0.1", node_port(to)), AGNER_OK);
}

void pair_quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}
