/*
 * members.c -- children to supervise: see members.h.
 */
#include "members.h"

#include <stdio.h>

static struct {
    char text[1 << 16];
    char taken[1 << 16];
    size_t used;
    unsigned failures;
} record;

struct member {
    etf_pid parent;
    uint64_t slow_ms;
    bool unlink_at_end;
    char id[40];
    char reason[80];
};

void members_note(const char *word)
{
    int size =
        snprintf(record.text + record.used, sizeof record.text - record.used,
                 "%s%s", record.used == 0 ? "" : " ", word);

    if (size > 0 && (size_t)size < sizeof record.text - record.used)
        record.used += (size_t)size;
}

const char *members_record(void)
{
    memcpy(record.taken, record.text, record.used);
    record.taken[record.used] = '\0';
    record.used = 0;
    record.text[0] = '\0';
    return record.taken;
}

void members_fail(unsigned count)
{
    record.failures = count;
}

/* ---- The member --------------------------------------------------------- */

static enum gen_next obey_init(struct gen *self, struct member *m,
                               etf_term command)
{
    etf_term reason;

    if (etf_match(command, "ignore"))
        return GEN_IGNORE;
    if (etf_match(command, "{fail, _}", &reason))
        return gen_stop(self, reason);
    if (etf_match(command, "{fail_when, _}", &reason) && record.failures > 0) {
        record.failures--;
        return gen_stop(self, reason);
    }
    if (etf_match(command, "{leave, _}", &reason))
        rt_exit(self, reason);
    if (etf_match(command, "{stubborn, _}", &m->slow_ms))
        (void)rt_trap_exit(self, true);
    (void)etf_match(command, "{slow, _}", &m->slow_ms);
    if (etf_match(command, "{unlink}"))
        (void)rt_unlink(self, m->parent);
    m->unlink_at_end = etf_match(command, "{unlink_at_end}");
    if (m->unlink_at_end)
        (void)rt_trap_exit(self, true);
    return GEN_NEXT;
}

static void note(const struct member *m, const char *sign, const char *reason)
{
    char word[160];

    (void)snprintf(word, sizeof word, "%s%s%s%s", sign, m->id,
                   reason[0] == '\0' ? "" : ":", reason);
    members_note(word);
}

static enum gen_next member_init(struct gen *self, etf_term args)
{
    struct member *m = gen_state(self);
    etf_term id = args, command = ETF_A(ok);
    char name[sizeof m->id];
    enum gen_next next;

    (void)etf_match(args, "{_, _}", &id, &command);
    m->parent = rt_parent(self);
    (void)etf_format(name, sizeof name, id);
    next = obey_init(self, m, command);
    if (next != GEN_NEXT)
        return next;
    memcpy(m->id, name, sizeof m->id); /* it lives: its end is noted */
    note(m, "+", "");
    return GEN_NEXT;
}

static enum gen_next member_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    const struct member *m = gen_state(self);

    (void)request;
    return gen_reply(self, from, etf_text(rt_region(self), m->id));
}

static enum gen_next member_cast(struct gen *self, etf_term request)
{
    const struct member *m = gen_state(self);
    etf_term reason;

    if (etf_match(request, "{stop, _}", &reason))
        return gen_stop(self, reason);
    if (etf_match(request, "{leave, _}", &reason))
        rt_exit(self, reason);
    if (etf_match(request, "{unlink}"))
        (void)rt_unlink(self, m->parent);
    return GEN_NEXT;
}

static void member_terminate(struct gen *self, etf_term reason)
{
    struct member *m = gen_state(self);

    (void)etf_format(m->reason, sizeof m->reason, reason);
    if (m->unlink_at_end)
        (void)rt_unlink(self, m->parent);
    if (m->slow_ms != 0)
        (void)rt_sleep(self, m->slow_ms);
}

static void member_destroy(void *state)
{
    const struct member *m = state;

    if (m->id[0] != '\0')
        note(m, "-", m->reason);
}

const struct gen_server member_server = {
    .name = "member",
    .state_size = sizeof(struct member),
    .init = member_init,
    .handle_call = member_call,
    .handle_cast = member_cast,
    .terminate = member_terminate,
    .destroy = member_destroy,
};

/* ---- The bed ------------------------------------------------------------ */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

void members_open(struct bed *bed, uint64_t seed)
{
    struct rt_options options = { .log = no_log };

    (void)members_record();
    record.failures = 0;
    bed_open_with(bed, seed, options, NULL);
    (void)rt_trap_exit(bed->self, true);
}

void members_close(struct bed *bed)
{
    bed_close(bed);
}

void members_run(struct bed *bed, uint64_t ms)
{
    (void)sim_run(bed->sim, ms);
}

etf_term members_term(struct bed *bed, const char *text)
{
    struct agner_error error;
    etf_term t;

    if (etf_parse(rt_region(bed->self), text, strlen(text), &t, NULL, &error) !=
        AGNER_OK)
        fail_msg("%s: %s", text, error.text);
    return t;
}

void members_expect_term(struct bed *bed, etf_term t, const char *text)
{
    char seen[1000];

    if (!etf_equal(t, members_term(bed, text)))
        fail_msg("got %s, not %s", etf_format(seen, sizeof seen, t), text);
}

etf_term members_supervise(struct bed *bed, const struct gen_supervisor *table)
{
    etf_term reason = ETF_NONE;
    char text[400];
    etf_pid pid;
    enum agner_err err = gen_supervisor_start_link(bed->self, table, etf_nil(),
                                                   NULL, &pid, &reason);

    if (err != AGNER_OK)
        fail_msg("start: %s: %s", agner_strerror(err),
                 etf_is_none(reason) ? "-"
                                     : etf_format(text, sizeof text, reason));
    return etf_from_pid(rt_region(bed->self), pid);
}

static etf_term children(struct bed *bed, etf_term sup)
{
    etf_term list, reversed = etf_nil(), row;

    assert_int_equal(gen_which_children(bed->self, sup, &list), AGNER_OK);
    while (etf_list_next(&list, &row))
        reversed = etf_cons(rt_region(bed->self), row, reversed);
    return reversed;
}

etf_pid members_pid(struct bed *bed, etf_term sup, const char *id)
{
    etf_term list = children(bed, sup), wanted = members_term(bed, id), row;
    etf_pid pid = { .id = 0 };

    while (etf_list_next(&list, &row))
        if (etf_equal(etf_tuple_items(row)[0], wanted))
            (void)etf_get_pid(etf_tuple_items(row)[1], &pid);
    return pid;
}

void members_expect_children(struct bed *bed, etf_term sup, const char *text)
{
    etf_term list = children(bed, sup), row, seen = etf_nil(), rows = list;
    struct etf_region *r = rt_region(bed->self);

    list = etf_nil();
    while (etf_list_next(&rows, &row)) {
        const etf_term *items = etf_tuple_items(row);
        etf_term what = items[1];

        if (etf_kind(what) == ETF_KIND_PID)
            what = ETF_A(running);
        list = etf_cons(r, etf_make(r, "{_, _}", items[0], what), list);
    }
    while (etf_list_next(&list, &row))
        seen = etf_cons(r, row, seen);
    members_expect_term(bed, seen, text);
}

void members_end(struct bed *bed, etf_term sup, const char *id,
                 const char *reason)
{
    etf_pid pid = members_pid(bed, sup, id);

    if (etf_pid_is_none(pid))
        fail_msg("%s does not run", id);
    (void)gen_cast(bed->self, etf_from_pid(rt_region(bed->self), pid),
                   etf_make(bed->self, "{stop, _}", members_term(bed, reason)));
    members_run(bed, 50);
}

void members_expect_exit(struct bed *bed, etf_term sup, const char *reason)
{
    etf_term message;
    char text[400];

    if (rt_receive(bed->self, WAIT_MS, &message) != AGNER_OK)
        fail_msg("the supervisor did not end");
    if (!etf_equal(message, etf_make(bed->self, "{'EXIT', _, _}", sup,
                                     members_term(bed, reason))))
        fail_msg("got %s", etf_format(text, sizeof text, message));
}

size_t members_alive(struct bed *bed)
{
    etf_pid pid = { .id = 0 }, own = rt_self(bed->self);
    size_t count = 0;

    while (rt_process_next(bed->rt, pid, &pid))
        count += !etf_pid_equal(pid, own);
    return count;
}
