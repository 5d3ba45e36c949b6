/*
 * actors_life.c -- the life of an actor: it runs its operations one after the
 * other, takes what comes meanwhile when an operation receives, and serves for
 * ever once they are over.
 */
#include "actors_play.h"

#include <stdio.h>
#include <string.h>

#include "actors_message.h"

static const struct rt_behavior server;

/* ---- Who is who --------------------------------------------------------- */

struct place *actors_place(struct play *play, unsigned node)
{
    return &play->places[node % play->node_count];
}

uint64_t actors_now_ns(const struct life *life)
{
    const struct place *place = &life->play->places[life->node];

    return place->rt == NULL ? 0 : rt_now_ns(place->rt);
}

bool actors_lives(const struct life *life)
{
    const struct place *place = &life->play->places[life->node];

    return life->begun && !life->ended && place->rt != NULL &&
           place->epoch == life->epoch;
}

bool actors_local(const struct life *a, const struct life *b)
{
    return a->node == b->node && a->epoch == b->epoch;
}

struct life *actors_target(struct life *life, int64_t n)
{
    const struct actor *actor = &life->play->actors[(uint64_t)n % ACTORS_MAX];

    if (!actor->there || actor->latest == NULL || !actor->latest->begun ||
        actor->latest == life)
        return NULL;
    return actor->latest;
}

etf_pid actors_pid_from(const struct life *life, const struct life *other)
{
    etf_pid pid = other->pid;

    if (life->node != other->node || life->epoch != other->epoch) {
        pid.node = life->play->places[other->node].name;
        pid.creation = other->creation;
    }
    return pid;
}

etf_ref actors_alias_from(const struct life *life, const struct life *other)
{
    etf_ref ref = other->alias;

    if (life->node != other->node || life->epoch != other->epoch) {
        ref.node = life->play->places[other->node].name;
        ref.creation = other->creation;
    }
    return ref;
}

struct life *actors_of_pid(struct play *play, unsigned node, etf_pid pid)
{
    unsigned i;

    for (i = play->life_count; i > 0; i--) {
        struct life *life = &play->lives[i - 1];

        if (!life->begun || life->pid.id != pid.id ||
            life->pid.serial != pid.serial)
            continue;
        if (etf_pid_is_local(pid)
                ? life->node == node && life->epoch == play->places[node].epoch
                : etf_same(pid.node, play->places[life->node].name) &&
                      pid.creation == life->creation)
            return life;
    }
    return NULL;
}

etf_term actors_name(unsigned n)
{
    static const char *const names[NAMES_MAX] = { "sim_n0", "sim_n1", "sim_n2",
                                                  "sim_n3", "sim_n4" };

    return etf_atom(names[n % NAMES_MAX]);
}

etf_term actors_global(struct gen *self, unsigned n)
{
    return etf_make(self, "{sim, _}", n % NAMES_MAX);
}

etf_term actors_scope(void)
{
    return etf_atom("sim_scope");
}

etf_term actors_group(unsigned n)
{
    static const char *const groups[GROUPS_MAX] = { "sim_g0", "sim_g1",
                                                    "sim_g2" };

    return etf_atom(groups[n % GROUPS_MAX]);
}

/* ---- Birth and death ---------------------------------------------------- */

/* Before anybody is told of the end: rt_hook.h. */
static void note_end(struct rt_hook *hook, struct rt *rt)
{
    struct life *life =
        (struct life *)((char *)hook - offsetof(struct life, hook));

    (void)rt;
    life->ended = true;
    life->ended_ns = sim_now_ns(sim_of(life));
    actors_note(life, "ends; actor", life->index);
}

struct life *actors_conceive(struct play *play, unsigned index)
{
    struct actor *actor = &play->actors[index % ACTORS_MAX];
    struct place *place = actors_place(play, actor->node);
    struct life *life;

    /* In the second phase nobody is born, so that it comes to an end. */
    if (!actor->there || play->life_count == LIVES_MAX || place->rt == NULL ||
        !play->faults_on)
        return NULL;
    if (actor->latest != NULL && !actor->latest->ended &&
        (!actor->latest->begun || actors_lives(actor->latest)))
        return NULL;
    life = &play->lives[play->life_count++];
    life->play = play;
    life->actor = actor;
    life->number = play->life_count;
    life->index = index % ACTORS_MAX;
    life->node = (unsigned)(place - play->places);
    life->epoch = place->epoch;
    life->creation = place->creation;
    life->trap = (actor->flags & ACTOR_TRAP) != 0;
    life->hook.run = note_end;
    actor->latest = life;
    return life;
}

void actors_abandon(struct life *life)
{
    life->ended = true;
}

static void begin(struct life *life, struct gen *self)
{
    life->pid = rt_self(self);
    life->begun = true;
    life->begun_ns = sim_now_ns(sim_of(life));
    actors_note(life, "begins; actor", life->index);
}

static void raw_code(struct gen *self, void *arg)
{
    actors_live(arg, self);
}

enum agner_err actors_start(struct life *life, struct gen *self, bool link,
                            bool monitor, etf_ref *ref)
{
    const struct actor *actor = life->actor;
    struct rt_spawn_options options = {
        .link = link,
        .monitor = monitor,
        .monitor_ref = ref,
        .trap_exit = life->trap,
        .mailbox_max = actor->limit,
        .overflow = (enum rt_overflow)actor->policy,
        .hook = &life->hook,
        .note = life,
    };
    enum agner_err err;

    err = (actor->flags & ACTOR_SERVER) != 0
              ? rt_start_nowait(self, &server, ETF_A(ok), &options, &life->pid)
              : rt_spawn(self, raw_code, life, &options, &life->pid);
    if (err != AGNER_OK) {
        actors_abandon(life);
        return err;
    }
    life->begun = true;
    life->begun_ns = sim_now_ns(sim_of(life));
    actors_note(life, "starts; actor", life->index);
    return AGNER_OK;
}

/* What another node asked for: [Number]. */
static void run_remote(struct gen *self, etf_term module, etf_term function,
                       etf_term args, void *data)
{
    struct play *play = data;
    int64_t number;
    struct life *life;

    (void)module;
    (void)function;
    if (!etf_match(args, "[_]", &number) || number < 1 ||
        number > play->life_count) {
        oracle_fail(play, "I2", "a spawn request with other arguments");
        return;
    }
    life = &play->lives[number - 1];
    if (life->begun) {
        oracle_fail(play, "I2", "life %u was begun twice", life->number);
        return;
    }
    if (play->places[life->node].epoch != life->epoch)
        return; /* it waited for a connection, and nodes have names only */
    if (rt_hook_add(self, &life->hook) != AGNER_OK)
        return;
    (void)rt_trap_exit(self, life->trap);
    begin(life, self);
    actors_live(life, self);
}

const struct rt_remote actors_remote = { .run = run_remote };

/* ---- Operations --------------------------------------------------------- */

/* Runs the next operation, if there is one. */
static bool act(struct life *life, struct gen *self)
{
    const struct op *op;

    if (life->next_op >= life->actor->op_count) {
        life->done = true;
        return false;
    }
    op = &life->actor->ops[life->next_op++];
    actors_note(life, op->row->word, op->n[0]);
    op->row->run(life, self, op->n);
    return true;
}

void actors_live(struct life *life, struct gen *self)
{
    etf_term message;

    while (rt_check(self) == AGNER_OK && act(life, self)) {
        rt_reset(self);
        if (sim_draw(sim_of(life), 4) != 0)
            rt_yield(self);
    }
    actors_answer_held(life, self);
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
        actors_take(life, self, message);
        rt_reset(self);
    }
}

/* ---- The same as a behaviour -------------------------------------------- */

static enum rt_next server_init(struct gen *self, etf_term args)
{
    struct life **life = rt_state(self);

    (void)args;
    *life = rt_note(self);
    begin(*life, self);
    (void)rt_send_pid(self, rt_self(self), ETF_A(call));
    return RT_NEXT;
}

/* One operation for each `call` that it sends itself, between other messages.
 */
static enum rt_next server_go(struct life *life, struct gen *self)
{
    if (act(life, self))
        (void)rt_send_pid(self, rt_self(self), ETF_A(call));
    else
        actors_answer_held(life, self);
    return RT_NEXT;
}

static enum rt_next server_message(struct gen *self, const struct rt_message *m)
{
    struct life *life = *(struct life **)rt_state(self);

    switch (m->kind) {
    case RT_MESSAGE:
        if (etf_same(m->term, ETF_A(call)))
            return server_go(life, self);
        break;
    case RT_CALL:
        actors_take_call(life, self, &m->from, m->term);
        return RT_NEXT;
    case RT_CAST:
        actors_take_cast(life, self, m->term);
        return RT_NEXT;
    case RT_PARENT_EXIT:
        actors_take_exit(life, self,
                         etf_from_pid(rt_region(self), rt_parent(self)),
                         m->term);
        return rt_stop(self, m->term);
    case RT_EXIT:
    case RT_DOWN:
    case RT_TIMEOUT:
    case RT_DIRECT:
    case RT_CONTINUED:
        break;
    }
    actors_take(life, self, m->term);
    return RT_NEXT;
}

static const struct rt_behavior server = {
    .name = "sim_actor",
    .state_size = sizeof(struct life *),
    .init = server_init,
    .message = server_message,
};
