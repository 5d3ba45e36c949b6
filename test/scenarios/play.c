/*
 * play.c -- the director: tells one actor after another what to do, and writes
 * down what it hears of.
 *
 * A step is over when everything is quiet, which a simulated world can tell: no
 * message came to the director for QUIET_MS of virtual time, ten thousand turns
 * of processes. Times in scenarios are longer than that.
 */
#include "play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 10u
#define WAIT_MS  60000u /* for what must come */
#define LINE_MAX 4096u

struct block {
    struct block *next;
    struct etf_box *box; /* owned, or NULL */
    max_align_t memory[];
};

void *play_alloc(struct play *play, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);

    if (block == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    block->next = play->memory;
    play->memory = block;
    return block->memory;
}

etf_term play_keep(struct play *play, etf_term t)
{
    struct etf_box *box = etf_box_new(t);

    (void)play_alloc(play, 0);
    if (box == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    play->memory->box = box;
    return etf_box_term(box);
}

static void free_memory(struct play *play)
{
    struct block *next;

    for (struct block *block = play->memory; block != NULL; block = next) {
        next = block->next;
        etf_box_free(block->box);
        free(block);
    }
}

/* ---- What the director hears -------------------------------------------- */

static void add_event(struct play *play, etf_term who, etf_term what,
                      etf_term term)
{
    if (play->event_count == EVENTS_MAX) {
        fprintf(stderr, "more than %u events in a step\n", EVENTS_MAX);
        exit(2);
    }
    play->events[play->event_count++] = (struct event){ who, what, term };
}

static struct life *life_of(struct play *play, etf_term id)
{
    for (size_t i = 0; i < play->life_count; i++)
        if (etf_equal(play->lives[i].id, id))
            return &play->lives[i];
    if (play->life_count == NAMES_MAX)
        exit(2);
    play->lives[play->life_count] =
        (struct life){ .id = id, .inits = etf_nil() };
    return &play->lives[play->life_count++];
}

/* A child of a supervisor is named by its id and how often that has started. */
static etf_term name_of_life(struct life *life)
{
    char text[80], id[64];

    if (!etf_get_text(life->id, id, sizeof id))
        return life->id;
    (void)snprintf(text, sizeof text, "%s%" PRIu32, id, ++life->starts);
    return etf_atom(text);
}

/* Somebody has begun and asks what its init is to do. */
static void hear_init(struct play *play, etf_term from, etf_term pid,
                      etf_term who, etf_term more)
{
    etf_term kind, name, command = ETF_A(ok);
    struct gen_from asked;
    struct life *life;
    etf_ref ref;

    if (!etf_match(who, "{_, _}", &kind, &name) ||
        !rt_get_from(play->self, from, &asked))
        return;
    (void)rt_monitor(play->self, pid, 0, &ref);
    life = life_of(play, name);
    if (etf_atom_is(kind, "child"))
        name = name_of_life(life);
    (void)etf_list_next(&life->inits, &command);
    names_add(play, name, pid);
    if (!etf_atom_is(kind, "actor"))
        add_event(play, pid, etf_atom("init"),
                  etf_list_size(more) == 0 ? ETF_NONE : more);
    (void)rt_reply(play->self, &asked, command);
}

/* An application is about to start its tree, and asks whether it is to fail. */
static void hear_start(struct play *play, etf_term from, etf_term app)
{
    etf_term command = ETF_A(ok);
    struct gen_from asked;

    if (!rt_get_from(play->self, from, &asked))
        return;
    (void)etf_list_next(&life_of(play, app)->inits, &command);
    add_event(play, app, etf_atom("start"), ETF_NONE);
    (void)rt_reply(play->self, &asked, command);
}

static void hear(struct play *play, etf_term m)
{
    etf_term from, pid, what, term;
    etf_ref ref;
    int64_t step;
    struct name *name;

    if (etf_match(m, "{'$gen_call', _, {init, _, _, _}}", &from, &pid, &what,
                  &term)) {
        hear_init(play, from, pid, what, term);
    } else if (etf_match(m, "{'$gen_call', _, {start, _}}", &from, &term)) {
        hear_start(play, from, term);
    } else if (etf_match(m, "{say, _, _}", &pid, &what)) {
        add_event(play, pid, what, ETF_NONE);
    } else if (etf_match(m, "{say, _, _, _}", &pid, &what, &term)) {
        add_event(play, pid, what, term);
    } else if (etf_match(m, "{did, _, _, _}", &pid, &step, &term)) {
        if (step == play->step)
            play->result = term;
        else
            add_event(play, pid, etf_int(NULL, step), term);
    } else if (etf_match(m, "{'DOWN', _, process, _, _}", &ref, &pid, &term)) {
        name = names_by_value(play, pid);
        if (name != NULL)
            name->dead = true;
        add_event(play, pid, etf_atom("ended"), term);
    }
}

/* Until `count` results and events are seen, and then until everything is
 * quiet. */
static void settle(struct play *play, size_t count)
{
    etf_term m;

    while (play->event_count + !etf_is_none(play->result) < count &&
           rt_receive(play->self, WAIT_MS, &m) == AGNER_OK)
        hear(play, m);
    while (rt_receive(play->self, QUIET_MS, &m) == AGNER_OK)
        hear(play, m);
}

/* ---- Steps -------------------------------------------------------------- */

/* A step, taken apart. */
struct step {
    etf_term who, op;
    etf_term bind; /* what to call the result; ETF_NONE: nothing */
    uint64_t count;
    bool unordered;
};

static bool read_step(etf_term t, struct step *step)
{
    etf_term inner;

    *step = (struct step){ .bind = ETF_NONE };
    if (etf_match(t, "{unordered, _}", &inner)) {
        step->unordered = true;
        t = inner;
    } else if (etf_match(t, "{await, _, _}", &step->count, &inner)) {
        t = inner;
    }
    return etf_match(t, "{_, _, _}", &step->who, &step->op, &step->bind) ||
           etf_match(t, "{_, _}", &step->who, &step->op);
}

static bool make_actors(struct play *play, etf_term names)
{
    etf_term name;
    etf_pid pid;

    while (etf_list_next(&names, &name)) {
        struct role *role = play_alloc(play, sizeof *role);

        *role = (struct role){ play, "actor", name };
        if (rt_spawn(play->self, actor_code, role, NULL, &pid) != AGNER_OK)
            return false;
        settle(play, 0);
    }
    return true;
}

/* The op with its verb as it is and names replaced in the rest. */
static etf_term order_of(struct play *play, etf_term op)
{
    size_t count = etf_tuple_size(op);
    etf_term *items = play_alloc(play, (count + 1) * sizeof *items);

    for (size_t i = 0; i < count; i++) {
        items[i] = etf_tuple_items(op)[i];
        if (i > 0)
            items[i] = names_to_values(play, items[i]);
    }
    return etf_tuple(rt_region(play->self), items, count);
}

static void bind_result(struct play *play, etf_term name)
{
    etf_term value = play->result, first, second;
    etf_ref ref;

    if (etf_is_none(name) || etf_is_none(value))
        return;
    if (etf_match(value, "{_, _}", &first, &second) &&
        etf_kind(second) == ETF_KIND_REF)
        value = second;
    if (etf_kind(value) == ETF_KIND_PID)
        (void)rt_monitor(play->self, value, 0, &ref);
    names_add(play, name, value);
}

static bool tell(struct play *play, const struct step *step)
{
    etf_term pid = names_to_values(play, step->who);
    const struct name *name = names_by_value(play, pid);

    if (name == NULL || etf_kind(pid) != ETF_KIND_PID ||
        etf_tuple_size(step->op) == 0)
        return false;
    if (name->dead) {
        play->result = etf_atom("dead");
        return true;
    }
    (void)rt_send(play->self, pid,
                  etf_make(play->self, "{do, _, _}", play->step,
                           order_of(play, step->op)));
    settle(play, step->count);
    bind_result(play, step->bind);
    return true;
}

static bool take(struct play *play, const struct step *step)
{
    etf_term id, commands;

    play->step++;
    play->event_count = 0;
    play->result = ETF_NONE;
    if (etf_atom_is(step->who, "actors"))
        return make_actors(play, step->op);
    if (etf_atom_is(step->who, "inits")) {
        id = step->op;
        commands = step->bind;
        life_of(play, id)->inits = commands;
        return true;
    }
    return tell(play, step);
}

/* ---- The trace ---------------------------------------------------------- */

static void add_text(struct etf_buffer *trace, const char *text)
{
    if (etf_buffer_add(trace, text, strlen(text)) != AGNER_OK)
        exit(2);
}

/* `t` as text, in memory of the play. */
static const char *text_of(struct play *play, etf_term t)
{
    char *text = play_alloc(play, LINE_MAX);

    return etf_format(text, LINE_MAX, t);
}

static const char *line_of(struct play *play, const struct event *event)
{
    char *line = play_alloc(play, LINE_MAX);
    const char *who = text_of(play, names_from_values(play, event->who));
    const char *what = text_of(play, event->what);
    const char *term =
        etf_is_none(event->term)
            ? ""
            : text_of(play, names_from_values(play, event->term));

    if (!etf_is_atom(event->what)) /* a step of before is done only now */
        (void)snprintf(line, LINE_MAX, "%s step %s -> %s", who, what, term);
    else
        (void)snprintf(line, LINE_MAX, "%s %s%s%s", who, what,
                       term[0] != '\0' ? " " : "", term);
    return line;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void show(struct play *play, const struct step *step,
                 struct etf_buffer *trace)
{
    const char *lines[EVENTS_MAX];
    char number[24];

    (void)snprintf(number, sizeof number, "%" PRId64 " ", play->step);
    add_text(trace, number);
    add_text(trace, text_of(play, step->who));
    add_text(trace, " ");
    add_text(trace, text_of(play, step->op));
    if (!etf_is_none(play->result)) {
        add_text(trace, " -> ");
        add_text(trace, text_of(play, names_from_values(play, play->result)));
    }
    add_text(trace, "\n");
    for (size_t i = 0; i < play->event_count; i++)
        lines[i] = line_of(play, &play->events[i]);
    if (step->unordered)
        qsort(lines, play->event_count, sizeof *lines, by_text);
    for (size_t i = 0; i < play->event_count; i++) {
        add_text(trace, number);
        add_text(trace, "  ");
        add_text(trace, lines[i]);
        add_text(trace, "\n");
    }
}

static void show_living(struct play *play, struct etf_buffer *trace)
{
    etf_term items[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < play->name_count; i++) {
        const struct name *name = &play->names[i];

        if (etf_kind(name->value) == ETF_KIND_PID && !name->dead &&
            !etf_equal(name->value, rt_self_term(play->self)))
            items[count++] = name->name;
    }
    add_text(trace, "alive ");
    add_text(trace, text_of(play, etf_list(rt_region(play->self), items, count,
                                           etf_nil())));
    add_text(trace, "\n");
}

/* ---- The whole ---------------------------------------------------------- */

static void quiet_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static bool open_play(struct play *play, uint64_t seed)
{
    struct sim_options sim_options = { 0 };
    struct rt_options options = { .log = quiet_log };

    /* Who runs next is drawn in a way that is drawn too. */
    sim_options.pick = (enum sim_pick)(seed % (SIM_PICK_ROUND_ROBIN + 1));
    sim_options.change_points = SIM_CHANGE_POINTS_MAX;
    memset(play, 0, sizeof *play);
    play->sim = sim_new(seed, &sim_options);
    if (play->sim == NULL)
        return false;
    options.world = sim_world(play->sim);
    if (rt_new(&options, &play->rt, NULL) != AGNER_OK)
        return false;
    play->self = rt_attach(play->rt);
    if (play->self == NULL)
        return false;
    if (gen_applications_start(play->self, NULL, NULL) != AGNER_OK)
        return false;
    play->director = rt_self(play->self);
    names_add(play, etf_atom("director"), rt_self_term(play->self));
    names_add(play, etf_atom("node"), etf_atom("nonode@nohost"));
    return true;
}

static void close_play(struct play *play)
{
    (void)gen_applications_stop(play->self, 0); /* the rest ends with the rt */
    rt_detach(play->self);
    rt_free(play->rt, 1000);
    sim_free(play->sim);
    free_memory(play);
}

bool play_scenario(etf_term scenario, uint64_t seed, struct etf_buffer *trace)
{
    struct play play;
    struct step step;
    etf_term name, steps, next;
    bool good = true;

    if (!etf_match(scenario, "{scenario, _, _}", &name, &steps) ||
        !open_play(&play, seed)) {
        fprintf(stderr, "not a scenario, or no memory\n");
        return false;
    }
    add_text(trace, "scenario ");
    add_text(trace, text_of(&play, name));
    add_text(trace, "\n");
    while (good && etf_list_next(&steps, &next)) {
        good = read_step(next, &step) && take(&play, &step);
        if (good)
            show(&play, &step, trace);
        else
            fprintf(stderr, "%s: not a step: %s\n", text_of(&play, name),
                    text_of(&play, next));
    }
    show_living(&play, trace);
    close_play(&play);
    return good;
}
