/*
 * test_behaviors_stage_replay.c -- our stages do what Elixir's GenStage does:
 * spec/gen.md 1.10, 2.4; D-30.
 *
 * genstage_trace.txt has what stages of the real GenStage handled and sent,
 * session by session (genstage_record.exs wrote it). Here each of its stages is
 * one of ours, in a simulated world, and the others are hands: processes that
 * keep what they get. A hand's messages, calls and ends come in the recorded
 * order; after each one our stage must have told each hand, and called its own
 * callbacks, exactly as GenStage did: the same demand, the same batches, the
 * same reasons, in the same order. Where ours differ on purpose,
 * genstage_differences.txt has the session as it is to be, and why. A session
 * that goes wrong is told of, and the next one is played.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../process/bed.h"
#include "stage_puppet.h"

#define TRACE_MAX (1u << 20) /* bytes */
#define NAMES_MAX 32u
#define SEEN_MAX  512u

/* ---- Hands, and what they got ------------------------------------------- */

struct seen {
    etf_pid who; /* the hand */
    struct etf_box *message;
    bool used;
};

static struct seen seen[SEEN_MAX];
static size_t seen_count;

static enum gen_next hand_info(struct gen *self, etf_term message)
{
    etf_term why;

    if (etf_match(message, "{end_with, _}", &why))
        return gen_stop(self, why);
    if (seen_count < SEEN_MAX)
        seen[seen_count++] = (struct seen){ .who = rt_self(self),
                                            .message = etf_box_new(message) };
    return GEN_NEXT;
}

static const struct gen_server hand_server = { .name = "hand",
                                               .handle_info = hand_info };

static void forget_seen(void)
{
    for (size_t i = 0; i < seen_count; i++)
        etf_box_free(seen[i].message);
    seen_count = 0;
}

/* ---- Names of processes and references ---------------------------------- */

struct name {
    etf_term name;         /* an atom */
    struct etf_box *value; /* owned */
};

struct play {
    struct bed *bed;
    struct etf_region *r; /* of the whole trace */
    const char *title;    /* for complaints */
    char title_text[100];
    struct name names[NAMES_MAX];
    size_t name_count;
    etf_pid stage, recorder;
    bool running, ended;
    etf_ref monitor;
    etf_term reply; /* of the last call; ETF_NONE: none is awaited */
    unsigned compared;
    bool skip;      /* the rest of this session: it went wrong */
    unsigned wrong; /* sessions that did */
};

static struct name *find(struct play *p, etf_term name)
{
    for (size_t i = 0; i < p->name_count; i++)
        if (etf_equal(p->names[i].name, name))
            return &p->names[i];
    return NULL;
}

static struct name *bind(struct play *p, etf_term name, etf_term value)
{
    struct name *n = &p->names[p->name_count++];

    assert_true(p->name_count <= NAMES_MAX);
    *n = (struct name){ .name = name, .value = etf_box_new(value) };
    return n;
}

/* The pid of that name: a hand, which is made when it is first needed. */
static etf_term pid_of(struct play *p, etf_term name)
{
    struct name *n = find(p, name);
    etf_pid pid;

    if (n == NULL) {
        assert_int_equal(
            gen_start(p->bed->self, &hand_server, etf_nil(), NULL, &pid, NULL),
            AGNER_OK);
        n = bind(p, name, etf_from_pid(p->r, pid));
    }
    return etf_box_term(n->value);
}

/* A reference that the trace has before our stage made it is a hand's. */
static etf_term ref_of(struct play *p, etf_term name)
{
    struct name *n = find(p, name);

    if (n == NULL)
        n = bind(p, name, etf_from_ref(p->r, rt_make_ref(p->bed->self)));
    return etf_box_term(n->value);
}

/* The recorded term with this run's pids and references in it. */
static etf_term filled(struct play *p, etf_term t)
{
    etf_term name, head, items[16], list = etf_nil();

    if (etf_match(t, "{'$pid', _}", &name))
        return pid_of(p, name);
    if (etf_match(t, "{'$ref', _}", &name))
        return ref_of(p, name);
    if (etf_kind(t) == ETF_KIND_TUPLE && etf_tuple_size(t) <= 16) {
        for (size_t i = 0; i < etf_tuple_size(t); i++)
            items[i] = filled(p, etf_tuple_items(t)[i]);
        return etf_tuple(p->r, items, etf_tuple_size(t));
    }
    if (etf_kind(t) != ETF_KIND_LIST)
        return t;
    if (!etf_list_next(&t, &head))
        return t;
    head = filled(p, head);
    list = filled(p, t);
    return etf_cons(p->r, head, list);
}

/* Is `t` what was recorded? A name that is new is bound to what is there. */
static bool same(struct play *p, etf_term recorded, etf_term t)
{
    etf_term name, a, b;
    struct name *n;

    if (etf_match(recorded, "{'$ref', _}", &name) ||
        etf_match(recorded, "{'$pid', _}", &name)) {
        n = find(p, name);
        if (n == NULL)
            n = bind(p, name, t);
        return etf_equal(etf_box_term(n->value), t);
    }
    if (etf_kind(recorded) != etf_kind(t))
        return false;
    if (etf_match(recorded, "{bad_opts, _}", &a)) /* in words of one's own */
        return etf_match(t, "{bad_opts, _}", &b) &&
               etf_kind(b) == ETF_KIND_BINARY;
    if (etf_kind(t) == ETF_KIND_TUPLE) {
        if (etf_tuple_size(recorded) != etf_tuple_size(t))
            return false;
        for (size_t i = 0; i < etf_tuple_size(t); i++)
            if (!same(p, etf_tuple_items(recorded)[i], etf_tuple_items(t)[i]))
                return false;
        return true;
    }
    if (etf_kind(t) != ETF_KIND_LIST)
        return etf_equal(recorded, t);
    while (etf_list_next(&recorded, &a))
        if (!etf_list_next(&t, &b) || !same(p, a, b))
            return false;
    return etf_list_size(t) == 0;
}

/* ---- Playing ------------------------------------------------------------ */

static void complain(struct play *p, const char *what, etf_term wanted)
{
    char text[400];

    print_error("%s: %s %s\n", p->title, what,
                etf_format(text, sizeof text, wanted));
    for (size_t i = 0; i < seen_count; i++)
        if (!seen[i].used)
            print_error(
                "  there is %s\n",
                etf_format(text, sizeof text, etf_box_term(seen[i].message)));
    p->skip = true;
    p->wrong++;
}

static void settle(struct play *p)
{
    etf_ref ref;
    etf_term object, why, message;

    assert_true(sim_run(p->bed->sim, 20));
    while (rt_receive(p->bed->self, 0, &message) == AGNER_OK)
        if (etf_match(message, "{'DOWN', _, process, _, _}", &ref, &object,
                      &why) &&
            etf_ref_equal(ref, p->monitor))
            p->ended = true;
}

/* The oldest that this hand has got and nobody asked for yet. */
static struct seen *oldest(etf_pid who)
{
    for (size_t i = 0; i < seen_count; i++)
        if (!seen[i].used && etf_pid_equal(seen[i].who, who))
            return &seen[i];
    return NULL;
}

static void expect(struct play *p, etf_pid who, etf_term recorded)
{
    struct seen *s = oldest(who);
    etf_term message;

    if (s == NULL) {
        complain(p, "nobody got", recorded);
        return;
    }
    message = etf_box_term(s->message);
    if (etf_pid_equal(who, p->recorder))
        (void)etf_match(message, "{note, _}", &message);
    if (!same(p, recorded, message))
        complain(p, "not", recorded);
    s->used = true;
    p->compared++;
}

/* Before the next thing happens all that came of the last one was asked for. */
static void expect_no_more(struct play *p)
{
    for (size_t i = 0; i < seen_count && !p->skip; i++)
        if (!seen[i].used)
            complain(p, "then", etf_atom("nothing"));
    forget_seen();
}

static void end_session(struct play *p)
{
    if (!p->running)
        return;
    settle(p);
    expect_no_more(p);
    (void)rt_exit_signal(p->bed->self, p->stage, ETF_A(kill));
    settle(p);
    forget_seen();
    for (size_t i = 0; i < p->name_count; i++)
        etf_box_free(p->names[i].value);
    p->name_count = 0;
    p->running = false;
}

static void begin_session(struct play *p, etf_term entry)
{
    etf_term title, id, role, mode, options, args;
    struct rt_spawn_options spawn = { .monitor = true,
                                      .monitor_ref = &p->monitor };

    assert_true(etf_match(entry, "{session, _, _, _, _, _}", &title, &id, &role,
                          &mode, &options));
    end_session(p);
    assert_true(etf_get_text(title, p->title_text, sizeof p->title_text));
    p->title = p->title_text;
    assert_int_equal(gen_start(p->bed->self, &hand_server, etf_nil(), NULL,
                               &p->recorder, NULL),
                     AGNER_OK);
    args = etf_make(p->bed->self, "{_, _, _, _}", role, mode, options,
                    p->recorder);
    assert_int_equal(gen_stage_start(p->bed->self, &puppet_stage, args, &spawn,
                                     &p->stage, NULL),
                     AGNER_OK);
    (void)bind(p, id, etf_from_pid(p->r, p->stage));
    p->skip = p->ended = false;
    p->running = true;
    p->reply = ETF_NONE;
}

static void call(struct play *p, etf_term request)
{
    etf_term reply = ETF_NONE;
    enum agner_err err = gen_call(p->bed->self, etf_from_pid(NULL, p->stage),
                                  filled(p, request), 5000, &reply);

    if (err != AGNER_OK)
        reply = etf_make(p->bed->self, "{'$exit', _}",
                         etf_is_none(reply) ? etf_atom("none") : reply);
    p->reply = etf_copy(p->r, reply);
}

static void play_input(struct play *p, etf_term entry)
{
    etf_term message, pid, why;
    etf_pid hand;

    settle(p);
    expect_no_more(p);
    if (etf_match(entry, "{in, _}", &message))
        (void)rt_send_pid(p->bed->self, p->stage, filled(p, message));
    else if (etf_match(entry, "{cast, _}", &message))
        (void)gen_cast(p->bed->self, etf_from_pid(NULL, p->stage),
                       filled(p, message));
    else if (etf_match(entry, "{call, _}", &message))
        call(p, message);
    else if (etf_match(entry, "{down, _, _}", &pid, &why)) {
        assert_true(etf_get_pid(filled(p, pid), &hand));
        if (etf_atom_is(why, "killed"))
            (void)rt_exit_signal(p->bed->self, hand, ETF_A(kill));
        else
            (void)rt_send_pid(p->bed->self, hand,
                              etf_make(p->bed->self, "{end_with, _}", why));
    } else
        complain(p, "no such entry", entry);
    settle(p);
}

/* An entry of the trace. */
static void play(struct play *p, etf_term entry)
{
    etf_term what, pid, message;
    etf_pid hand;

    if (etf_match(entry, "{session, _, _, _, _, _}", &what, &what, &what, &what,
                  &what)) {
        begin_session(p, entry);
    } else if (p->skip) {
        return;
    } else if (etf_match(entry, "{callback, _}", &what)) {
        expect(p, p->recorder, what);
    } else if (etf_match(entry, "{out, _, _}", &pid, &message)) {
        assert_true(etf_get_pid(filled(p, pid), &hand));
        if (!etf_pid_equal(hand, p->stage) && rt_is_alive(p->bed->rt, hand))
            expect(p, hand, message);
    } else if (etf_match(entry, "{reply, _}", &what)) {
        if (!same(p, what, p->reply))
            complain(p, "the answer is not", what);
        p->compared++;
    } else if (etf_match(entry, "{ended, _}", &what)) {
        if (!p->ended)
            complain(p, "it should have ended with", what);
        p->compared++;
    } else {
        play_input(p, entry);
    }
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(TRACE_MAX);

    assert_non_null(file);
    assert_non_null(text);
    *size = fread(text, 1, TRACE_MAX, file);
    assert_true(*size < TRACE_MAX);
    (void)fclose(file);
    return text;
}

/* All entries of a file; but for the sessions of `others`, if there are some.
 */
static void play_file(struct play *p, const char *path, const char *others)
{
    size_t size, at = 0, used;
    char *text = read_file(path, &size);
    struct agner_error error;
    etf_term entry, title, rest;
    bool other = false;
    char quoted[120];

    while (at < size && etf_parse(p->r, text + at, size - at, &entry, &used,
                                  &error) == AGNER_OK) {
        at += used;
        if (others != NULL && etf_match(entry, "{session, _, _, _, _, _}",
                                        &title, &rest, &rest, &rest, &rest))
            other = strstr(others, etf_format(quoted, sizeof quoted, title)) !=
                    NULL;
        if (!other)
            play(p, entry);
        rt_reset(p->bed->self);
    }
    end_session(p);
    while (at < size && (text[at] == '\n' || text[at] == ' '))
        at++;
    assert_int_equal(at, size); /* all of it was read */
    free(text);
}

static void D_30_does_what_genstage_does(void **state)
{
    static const char trace[] = TEST_SOURCE_DIR "/genstage_trace.txt";
    static const char other[] = TEST_SOURCE_DIR "/genstage_differences.txt";
    struct rt_options options = { .log_level = RT_LOG_EMERGENCY };
    struct bed bed;
    struct play p = { .bed = &bed };
    size_t size;
    char *others = read_file(other, &size);

    (void)state;
    others[size] = '\0';
    bed_open_with(&bed, 1, options, NULL);
    p.r = etf_region_new(0);
    assert_non_null(p.r);
    play_file(&p, trace, others);
    play_file(&p, other, NULL);
    assert_int_equal(p.wrong, 0);
    assert_true(p.compared > 500);
    etf_region_free(p.r);
    free(others);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D_30_does_what_genstage_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
