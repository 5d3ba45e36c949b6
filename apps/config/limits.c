/*
 * limits.c -- the limits that a configuration may set, by name.
 *
 * One row for each, whoever keeps it: the node, its runtime, the control
 * socket. docs/limits.md tells what each is, and what happens to who meets it.
 */
#include "agner_apps.h"

#include <string.h>

#include "suggest.h"

#define FIELD(field) \
    offsetof(struct apps_limits, field), \
        sizeof(((struct apps_limits *)NULL)->field)

static const struct row {
    const char *name;
    size_t offset, size; /* of the field: 4 or 8 bytes */
    uint64_t min, max;
} rows[] = {
/* clang-format off */
#define NODE_LIMIT_ROW(name, field, number, text) \
    { #field, FIELD(node.field), 1, UINT32_MAX },
    NODE_LIMITS(NODE_LIMIT_ROW)
#undef NODE_LIMIT_ROW
    { "high_mark",           FIELD(high_mark),           1024, INT64_MAX },
    { "packet_max",          FIELD(packet_max),          65536, UINT32_MAX },
    { "processes_max",       FIELD(processes_max),       64,   UINT32_MAX },
    { "memory_soft",         FIELD(memory_soft),         1,    INT64_MAX },
    { "memory_hard",         FIELD(memory_hard),         1,    INT64_MAX },
    { "control_connections", FIELD(control_connections), 1,    65536 },
    { "control_pending",     FIELD(control_pending),     1,    1u << 20 },
    { "control_message",     FIELD(control_message),     1024, UINT32_MAX },
    { "control_output",      FIELD(control_output),      1024, INT64_MAX },
    /* clang-format on */
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

_Static_assert(ROW_COUNT <= APPS_LIMITS_MAX, "as many names as rows");

static uint64_t value_of(const struct row *row,
                         const struct apps_limits *limits)
{
    const char *field = (const char *)limits + row->offset;
    uint32_t narrow;
    uint64_t wide;

    if (row->size == sizeof wide) {
        memcpy(&wide, field, sizeof wide);
        return wide;
    }
    memcpy(&narrow, field, sizeof narrow);
    return narrow;
}

/* It fits: the row says so. */
static void put(const struct row *row, struct apps_limits *limits,
                uint64_t value)
{
    char *field = (char *)limits + row->offset;
    uint32_t narrow = (uint32_t)value;

    if (row->size == sizeof value)
        memcpy(field, &value, sizeof value);
    else
        memcpy(field, &narrow, sizeof narrow);
}

enum agner_err apps_limit_set(struct apps_limits *limits, const char *name,
                              uint64_t value, struct agner_error *error)
{
    const char *names[ROW_COUNT];
    const char *meant;
    size_t i;

    for (i = 0; i < ROW_COUNT && strcmp(rows[i].name, name) != 0; i++)
        names[i] = rows[i].name;
    if (i == ROW_COUNT) {
        meant = apps_suggest(name, names, ROW_COUNT);
        return agner_fail(error, AGNER_EINVAL, "unknown limit '%.40s'%s%s%s",
                          name, meant == NULL ? "" : "; did you mean '",
                          meant == NULL ? "" : meant,
                          meant == NULL ? "" : "'?");
    }
    if (value < rows[i].min || value > rows[i].max)
        return agner_fail(
            error, AGNER_EINVAL, "%s is a number from %llu to %llu", name,
            (unsigned long long)rows[i].min, (unsigned long long)rows[i].max);
    put(&rows[i], limits, value);
    return AGNER_OK;
}

void apps_limits_over(struct apps_limits *limits,
                      const struct apps_limits *first)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (value_of(&rows[i], first) != 0)
            put(&rows[i], limits, value_of(&rows[i], first));
}

const char *apps_limit_name(size_t index)
{
    return index < ROW_COUNT ? rows[index].name : NULL;
}

void apps_limits_give(const struct apps_limits *limits,
                      struct node_options *node)
{
    node->limits = limits->node;
    if (limits->packet_max != 0)
        node->packet_max = limits->packet_max;
    node->high_mark = limits->high_mark;
    node->rt.processes_max = limits->processes_max;
    node->rt.memory_soft = limits->memory_soft;
    node->rt.memory_hard = limits->memory_hard;
}

void apps_limits_give_control(const struct apps_limits *limits,
                              struct apps_control_options *control)
{
    control->connections_max = limits->control_connections;
    control->pending_max = limits->control_pending;
    control->frame_max = limits->control_message;
    control->output_max = limits->control_output;
}
