/*
 * recorder.c -- a runtime that only writes down what reaches it: recorder.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <atomic.h>
#include <spin.h>

#include "recorder.h"

#define LINES_MAX   65536
#define SENDERS_MAX 1024
#define LOG_BYTES   (1u << 20)

struct rt {
    const struct rt_world *world;
    struct rt_carrier carrier;
    struct etf_self self;
    rt_spin lock;
    char *lines[LINES_MAX];
    _Atomic uint32_t count; /* of lines */
    _Atomic uint64_t messages;
    _Atomic uint64_t dropped;
    _Atomic uint32_t changes; /* to be waited on */
    bool count_only;
    void (*on_up)(struct rt *rt, etf_term node);
    int64_t next[SENDERS_MAX]; /* by sender */
    size_t log_size;
    char log[LOG_BYTES];
};

struct gen {
    struct rt *rt;
};

static void changed(struct rt *rt)
{
    add_acq_rel(&rt->changes, 1);
    rt->world->wake(rt->world->ctx, &rt->changes, UINT32_MAX);
}

/* ---- What node/ calls -------------------------------------------------------
 */

enum agner_err rt_new(const struct rt_options *options, struct rt **out,
                      struct agner_error *error)
{
    struct rt *rt = calloc(1, sizeof *rt);

    if (rt == NULL)
        return agner_fail(error, AGNER_ENOMEM, "recorder");
    rt->world = options->world != NULL ? options->world : rt_world_real();
    *out = rt;
    return AGNER_OK;
}

void rt__halt(struct rt *rt, uint64_t grace_ms)
{
    (void)rt;
    (void)grace_ms;
}

void rt_free(struct rt *rt, uint64_t grace_ms)
{
    (void)grace_ms;
    for (uint32_t i = 0; i < load_relaxed(&rt->count); i++)
        free(rt->lines[i]);
    free(rt);
}

struct gen *rt_attach(struct rt *rt)
{
    struct gen *self = calloc(1, sizeof *self);

    if (self != NULL)
        self->rt = rt;
    return self;
}

void rt_detach(struct gen *self)
{
    free(self);
}

void rt_log(struct rt *rt, enum rt_log_level level, const char *format, ...)
{
    va_list args;
    size_t room;
    int size;

    (void)level;
    rt__lock(&rt->lock);
    room = sizeof rt->log - rt->log_size;
    va_start(args, format);
    size = vsnprintf(rt->log + rt->log_size, room, format, args);
    va_end(args);
    if (size > 0 && (size_t)size + 1 < room) {
        rt->log_size += (size_t)size;
        rt->log[rt->log_size++] = '\n';
        rt->log[rt->log_size] = '\0';
    }
    rt__unlock(&rt->lock);
    if (getenv("RECORDER_LOG") != NULL) {
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        (void)fputc('\n', stderr);
    }
    changed(rt);
}

/* Its memory is never short. */
enum rt_memory_level rt_memory_level(const struct rt *rt)
{
    (void)rt;
    return RT_MEMORY_OK;
}

bool rt__memory_refuses(struct rt *rt)
{
    (void)rt;
    return false;
}

void rt__memory_watch(struct rt *rt,
                      void (*changed_to)(void *ctx, enum rt_memory_level level),
                      void *ctx)
{
    (void)rt;
    (void)changed_to;
    (void)ctx;
}

void rt_stats(struct rt *rt, struct rt_stats *stats)
{
    (void)rt;
    memset(stats, 0, sizeof *stats);
}

void rt__carrier_set(struct rt *rt, const struct rt_carrier *carrier)
{
    rt->carrier = *carrier;
}

void rt__node_set(struct rt *rt, etf_term name, uint32_t creation)
{
    rt->self = (struct etf_self){ .name = name, .creation = creation };
}

void rt__loop_set(struct rt *rt, struct rt_loop *loop)
{
    (void)rt;
    (void)loop;
}

void rt__loop_unset(struct rt *rt)
{
    (void)rt;
}

static void add_line(struct rt *rt, char *line)
{
    rt__lock(&rt->lock);
    if (load_relaxed(&rt->count) < LINES_MAX) {
        rt->lines[load_relaxed(&rt->count)] = line;
        line = NULL;
        add_acq_rel(&rt->count, 1);
    }
    rt__unlock(&rt->lock);
    free(line);
    changed(rt);
}

static void add_event(struct rt *rt, const char *what, etf_term node)
{
    char name[300];
    char *line = NULL;

    if (asprintf(&line, "%s %s", what, etf_format(name, sizeof name, node)) < 0)
        abort();
    add_line(rt, line);
}

void recorder_on_up(struct rt *rt, void (*call)(struct rt *rt, etf_term node))
{
    rt->on_up = call;
}

void rt__node_up(struct rt *rt, struct rt_far_node *node)
{
    add_event(rt, "up", node->name);
    if (rt->on_up != NULL)
        rt->on_up(rt, node->name);
}

void rt__node_down(struct rt *rt, etf_term node, etf_term reason)
{
    (void)reason;
    add_event(rt, "down", node);
}

static const char *const kinds[] = {
    [RT_SIGNAL_SEND] = "send",
    [RT_SIGNAL_SEND_NAME] = "send_name",
    [RT_SIGNAL_SEND_ALIAS] = "send_alias",
    [RT_SIGNAL_LINK] = "link",
    [RT_SIGNAL_UNLINK] = "unlink",
    [RT_SIGNAL_UNLINK_ACK] = "unlink_ack",
    [RT_SIGNAL_EXIT] = "exit",
    [RT_SIGNAL_EXIT2] = "exit2",
    [RT_SIGNAL_MONITOR] = "monitor",
    [RT_SIGNAL_DEMONITOR] = "demonitor",
    [RT_SIGNAL_DOWN] = "down",
    [RT_SIGNAL_GROUP_LEADER] = "group_leader",
    [RT_SIGNAL_SPAWN_REQUEST] = "spawn_request",
    [RT_SIGNAL_SPAWN_REPLY] = "spawn_reply",
};

static void put_pid(FILE *f, const etf_pid *pid)
{
    char node[300];

    (void)fprintf(
        f, "<%s.%u.%u>",
        etf_is_none(pid->node) ? "" : etf_format(node, sizeof node, pid->node),
        pid->id, pid->serial);
}

static void put_payload(FILE *f, etf_term t)
{
    struct etf_buffer text = { .size_max = 4096 };
    struct etf_print_options options = { .style = ETF_STYLE_W };
    uint64_t sum = 0;
    etf_bytes bytes;

    if (etf_get_bytes(t, &bytes) && bytes.size > 200) {
        for (size_t i = 0; i < bytes.size; i++)
            sum = sum * 31 + bytes.data[i];
        (void)fprintf(f, " binary %zu sum %llu", bytes.size,
                      (unsigned long long)sum);
        return;
    }
    (void)etf_print(&text, t, &options);
    (void)fprintf(f, " %.*s", (int)text.size, (const char *)text.data);
    etf_buffer_fini(&text);
}

static char *describe(const struct rt_signal *s)
{
    char *text = NULL;
    char name[300];
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (f == NULL)
        abort();
    (void)fprintf(f, "%s ", kinds[s->kind]);
    put_pid(f, &s->from);
    (void)fputs(" > ", f);
    if (!etf_is_none(s->name))
        (void)fputs(etf_format(name, sizeof name, s->name), f);
    else if (s->kind != RT_SIGNAL_SEND_ALIAS)
        put_pid(f, &s->to);
    if (s->ref.count > 0)
        (void)fprintf(f, " ref %u", s->ref.words[0]);
    if (s->id != 0)
        (void)fprintf(f, " id %llu", (unsigned long long)s->id);
    if (!etf_is_none(s->payload))
        put_payload(f, s->payload);
    (void)fclose(f);
    return text;
}

/* In a counting recorder an integer says which one it is. */
static void check_order(struct rt *rt, const struct rt_signal *s)
{
    int64_t n;

    if (!etf_get_int(s->payload, &n) || s->from.id >= SENDERS_MAX)
        return;
    if (rt->next[s->from.id]++ != n)
        abort();
}

enum agner_err rt__arrive(struct rt *rt, const struct rt_signal *signal)
{
    if (rt->count_only)
        check_order(rt, signal);
    else
        add_line(rt, describe(signal));
    etf_box_free(signal->box);
    if (signal->kind <= RT_SIGNAL_SEND_ALIAS)
        add_acq_rel(&rt->messages, 1);
    changed(rt);
    return AGNER_OK;
}

enum agner_err rt__gate_wait(struct gen *self, struct rt_gate *gate)
{
    struct rt *rt = self->rt;

    for (;;) {
        uint32_t seen = load_acquire(&rt->changes);
        bool shut;

        rt__lock(&gate->lock);
        shut = gate->shut;
        rt__unlock(&gate->lock);
        if (!shut)
            return AGNER_OK;
        rt->world->wait(rt->world->ctx, &rt->changes, seen, RT_NEVER);
    }
}

void rt__gate_shut(struct rt_gate *gate)
{
    rt__lock(&gate->lock);
    gate->shut = true;
    rt__unlock(&gate->lock);
}

void rt__gate_open(struct rt *rt, struct rt_gate *gate)
{
    rt__lock(&gate->lock);
    gate->shut = false;
    rt__unlock(&gate->lock);
    changed(rt);
}

void rt__traffic(struct rt *rt, uint64_t bytes_in, uint64_t bytes_out)
{
    (void)rt;
    (void)bytes_in;
    (void)bytes_out;
}

void rt__dropped(struct rt *rt, enum rt_drop why, uint64_t count)
{
    if (why != RT_DROP_NOCONN || count == 0)
        return;
    add_acq_rel(&rt->dropped, count);
    changed(rt);
}

/* ---- What tests call
 * ----------------------------------------------------------- */

size_t recorder_count(struct rt *rt)
{
    return load_acquire(&rt->count);
}

const char *recorder_line(struct rt *rt, size_t index)
{
    return rt->lines[index];
}

static bool is_line(const char *line, const char *text)
{
    size_t size = strlen(text);

    if (size >= 3 && strcmp(text + size - 3, "...") == 0)
        return strncmp(line, text, size - 3) == 0;
    return strcmp(line, text) == 0;
}

static uint64_t now_ms(const struct rt *rt)
{
    return rt->world->now_ns(rt->world->ctx) / 1000000;
}

/* Waits for a change since `seen`; false when the time is over. */
static bool wait_for_change(struct rt *rt, uint32_t seen, uint64_t end_ms)
{
    if (now_ms(rt) >= end_ms)
        return false;
    rt->world->wait(rt->world->ctx, &rt->changes, seen, end_ms * 1000000);
    return true;
}

size_t recorder_expect(struct rt *rt, size_t from, const char *text)
{
    uint64_t end_ms = now_ms(rt) + RECORDER_WAIT_MS;
    uint32_t seen;

    do {
        seen = load_acquire(&rt->changes);
        for (size_t i = from; i < recorder_count(rt); i++)
            if (is_line(rt->lines[i], text))
                return i + 1;
    } while (wait_for_change(rt, seen, end_ms));
    for (size_t i = 0; i < recorder_count(rt); i++)
        print_message("  %zu: %s\n", i, rt->lines[i]);
    print_message("%s", rt->log);
    fail_msg("never came: %s", text);
    return 0;
}

void recorder_expect_count(struct rt *rt, size_t count)
{
    uint64_t end_ms = now_ms(rt) + RECORDER_WAIT_MS;
    uint32_t seen;

    do {
        seen = load_acquire(&rt->changes);
        if (recorder_count(rt) >= count)
            return;
    } while (wait_for_change(rt, seen, end_ms));
    fail_msg("%zu of %zu lines came", recorder_count(rt), count);
}

void recorder_expect_messages(struct rt *rt, uint64_t count)
{
    uint64_t end_ms = now_ms(rt) + RECORDER_WAIT_MS;
    uint32_t seen;

    do {
        seen = load_acquire(&rt->changes);
        if (recorder_messages(rt) >= count)
            return;
    } while (wait_for_change(rt, seen, end_ms));
    fail_msg("%llu of %llu messages came",
             (unsigned long long)recorder_messages(rt),
             (unsigned long long)count);
}

size_t recorder_expect_log(struct rt *rt, const char *part)
{
    uint64_t end_ms = now_ms(rt) + RECORDER_WAIT_MS;
    uint32_t seen;
    bool found;

    do {
        seen = load_acquire(&rt->changes);
        rt__lock(&rt->lock);
        found = strstr(rt->log, part) != NULL;
        rt__unlock(&rt->lock);
        if (found)
            return 1;
    } while (wait_for_change(rt, seen, end_ms));
    print_message("%s", rt->log);
    fail_msg("never logged: %s", part);
    return 0;
}

uint64_t recorder_messages(struct rt *rt)
{
    return load_acquire(&rt->messages);
}

void recorder_expect_dropped(struct rt *rt, uint64_t count)
{
    uint64_t end_ms = now_ms(rt) + RECORDER_WAIT_MS;
    uint32_t seen;

    do {
        seen = load_acquire(&rt->changes);
        if (load_acquire(&rt->dropped) >= count)
            return;
    } while (wait_for_change(rt, seen, end_ms));
    fail_msg("%llu of %llu messages were counted as dropped",
             (unsigned long long)load_acquire(&rt->dropped),
             (unsigned long long)count);
}

void recorder_count_only(struct rt *rt)
{
    rt->count_only = true;
}

enum agner_err recorder_send(struct rt *rt, struct rt_signal *signal)
{
    struct gen self = { .rt = rt };

    return rt->carrier.carry(rt->carrier.ctx, &self, signal);
}

struct rt_signal recorder_message(const char *node, uint32_t from, uint32_t to,
                                  etf_term payload)
{
    etf_term name = etf_atom(node);

    return (struct rt_signal){
        .kind = RT_SIGNAL_SEND,
        .node = name,
        .from = { .id = from },
        .to = { .node = name, .id = to, .creation = 1 },
        .payload = payload,
    };
}
