/*
 * oracle_links.c -- links and monitors: I4, I5, I6.
 */
#include "actors_play.h"

/* ---- Links -------------------------------------------------------------- */

/* A link that is there already stays one. Has it fired unnoticed, this one is
 * another. */
void oracle_linked(struct life *a, struct life *b)
{
    struct pair *pair = oracle_pair(a, b->number);

    if (!pair->linked || !actors_local(a, b) || !actors_lives(b))
        pair->expected++;
    pair->linked = true;
    pair->links++;
    pair->connection = oracle_connection(a, b);
}

void oracle_unlinked(struct life *a, struct life *b, bool flushed)
{
    struct pair *pair = oracle_pair(a, b->number);
    const struct pair *theirs = oracle_find_pair(b, a->number);

    pair->waiting += pair->expected;
    /* A flush takes the first exit of b's that waits: one that it sent by hand
     * is as good. */
    if (flushed && pair->waiting > 0 && (theirs == NULL || !theirs->signals))
        pair->waiting--;
    pair->expected = 0;
    pair->linked = false;
    pair->unlinked = true;
}

/*
 * An exit of a link with `from` reached `to`, which traps. Only who asked knows
 * of a link at once, so the other's may be there without our knowing; but there
 * are never more exits than links that were asked for.
 */
void oracle_i4_exit(struct life *to, struct life *from, bool noconnection)
{
    struct play *play = to->play;
    struct pair *ours = oracle_pair(to, from->number);
    const struct pair *theirs = oracle_find_pair(from, to->number);
    unsigned asked = theirs == NULL ? 0 : theirs->links;

    /* The dead may have ended with `noconnection` themselves. */
    if ((!noconnection || actors_local(to, from)) && actors_lives(from)) {
        oracle_fail(play, "I4", "life %u heard the exit of %u, which lives",
                    to->number, from->number);
    }
    if (asked == 0 && ours->expected == 0 && ours->waiting == 0)
        oracle_fail(play, "I4", "life %u heard an exit of %u: no link",
                    to->number, from->number);
    if (++ours->exits > ours->links + asked)
        oracle_fail(play, "I4", "life %u heard %u exits of %u, %u links",
                    to->number, ours->exits, from->number, ours->links + asked);
    if (ours->expected > 0)
        ours->expected--;
    else if (ours->waiting > 0)
        ours->waiting--;
    ours->linked = ours->expected > 0 && actors_local(to, from);
}

/* Who is linked with `life` is in `links`, by their numbers. */
static unsigned linked_with(const struct life *life, unsigned *links,
                            unsigned room)
{
    struct place *place = &life->play->places[life->node];
    struct rt_process_info info;
    unsigned count = 0;
    etf_term list, head;
    etf_pid pid;

    if (place->at == NULL ||
        rt_process_info(place->at, life->pid, &info) != AGNER_OK)
        return 0;
    list = info.links;
    while (etf_list_next(&list, &head)) {
        const struct life *other =
            etf_get_pid(head, &pid) ? actors_of_pid(life->play, life->node, pid)
                                    : NULL;

        if (other != NULL && count < room)
            links[count++] = other->number;
    }
    rt_reset(place->at);
    return count;
}

static bool is_among(const unsigned *links, unsigned count, unsigned number)
{
    while (count > 0)
        if (links[--count] == number)
            return true;
    return false;
}

/* G15: who ended has told all that were linked with it. */
static void nobody_waits_for_the_dead(struct life *life)
{
    const struct pair *pair;

    for (pair = life->pairs; pair != NULL; pair = pair->next) {
        const struct life *other = &life->play->lives[pair->to - 1];
        const struct pair *theirs = oracle_find_pair(other, life->number);

        if (!pair->linked || actors_lives(other) || !other->begun ||
            (theirs != NULL && theirs->unlinked) || life->trap_changed)
            continue;
        if (life->trap || other->abnormal_end)
            oracle_fail(life->play, "I4",
                        "life %u heard nothing of %u's end: %u links, %u exits",
                        life->number, other->number, pair->links, pair->exits);
    }
}

void oracle_i4_links_agree(struct play *play)
{
    static unsigned links[LIVES_MAX][64], counts[LIVES_MAX];
    unsigned i, j;

    for (i = 0; i < play->life_count; i++) {
        counts[i] = 0;
        if (!actors_lives(&play->lives[i]))
            continue;
        counts[i] = linked_with(&play->lives[i], links[i], 64);
    }
    for (i = 0; i < play->life_count; i++) {
        struct life *life = &play->lives[i];

        if (!actors_lives(life))
            continue;
        nobody_waits_for_the_dead(life);
        for (j = 0; j < counts[i]; j++) {
            const struct life *other = &play->lives[links[i][j] - 1];

            if (!actors_lives(other))
                oracle_fail(play, "I4",
                            "life %u is linked with %u, which is "
                            "dead",
                            life->number, other->number);
            else if (counts[other->number - 1] < 64 &&
                     !is_among(links[other->number - 1],
                               counts[other->number - 1], life->number))
                oracle_fail(play, "I4",
                            "life %u is linked with %u, but not "
                            "the other way",
                            life->number, other->number);
        }
    }
}

/* ---- Monitors ----------------------------------------------------------- */

void oracle_watching(struct life *life, etf_ref ref, struct life *target)
{
    struct watch *watch = &life->watches[life->watch_next++ % WATCHES];

    *watch = (struct watch){ .state = WATCH_ON,
                             .ref = ref,
                             .target = target == NULL ? 0 : target->number };
    if (target != NULL)
        watch->connection = oracle_connection(life, target);
}

/* The last message of the dead has come before: G1, G18. */
static void check_order(struct life *life, const struct life *dead)
{
    const struct pair *pair = oracle_find_pair(dead, life->number);

    if (pair != NULL && pair->gapless && dead->sending != life->number &&
        pair->received < pair->sent)
        oracle_fail(life->play, "I5",
                    "life %u is told of %u's end before message %llu",
                    life->number, dead->number, (unsigned long long)pair->sent);
}

void oracle_i6_name_is_free(struct life *life, struct life *dead)
{
    const struct place *place = &life->play->places[dead->node];
    unsigned n;
    etf_pid pid;

    if (!actors_local(life, dead))
        return;
    for (n = 0; n < NAMES_MAX; n++)
        if ((dead->names & 1u << n) != 0 &&
            rt_whereis(place->rt, actors_name(n), &pid) == AGNER_OK &&
            etf_pid_equal(pid, dead->pid))
            oracle_fail(life->play, "I6",
                        "life %u is dead, and has name %u still", dead->number,
                        n);
}

static void check_reason(struct life *life, const struct watch *watch,
                         etf_term reason)
{
    const struct life *target = &life->play->lives[watch->target - 1];
    bool lost = etf_same(reason, ETF_A(noconnection));

    if ((!lost || actors_local(life, target)) && actors_lives(target))
        oracle_fail(life->play, "I5", "life %u is told of %u's end; it lives",
                    life->number, target->number);
}

void oracle_i5_down(struct life *life, struct gen *self, etf_ref ref,
                    etf_term reason)
{
    struct watch *watch = NULL;
    unsigned i;

    (void)self;
    for (i = 0; i < WATCHES; i++)
        if (life->watches[i].state != WATCH_FREE &&
            etf_ref_equal(life->watches[i].ref, ref))
            watch = &life->watches[i];
    if (watch == NULL) {
        if (life->watch_next < WATCHES)
            oracle_fail(life->play, "I5", "life %u: a down of no monitor",
                        life->number);
        return; /* forgotten */
    }
    if (watch->state != WATCH_ON && watch->state != WATCH_EITHER)
        oracle_fail(life->play, "I5",
                    watch->state == WATCH_FIRED
                        ? "life %u: a second down of life %u"
                        : "life %u: a down of life %u after demonitor",
                    life->number, watch->target);
    watch->state = WATCH_FIRED;
    if (watch->target == 0)
        return;
    check_reason(life, watch, reason);
    check_order(life, &life->play->lives[watch->target - 1]);
    oracle_i6_name_is_free(life, &life->play->lives[watch->target - 1]);
}

/* Is `number` a life on that node? */
static bool is_on(const struct play *play, unsigned number, etf_term node)
{
    return number != 0 &&
           etf_same(play->places[play->lives[number - 1].node].name, node);
}

/* All that ended with the connection has been told by now. Of exits that come
 * while a node stops just those of the connection are noted, since the others
 * may be in a parent's name. */
void oracle_i5_nodedown(struct life *life, etf_term node, uint64_t connection)
{
    const struct play *play = life->play;
    const struct pair *pair;
    unsigned i;

    for (i = 0; i < WATCHES; i++) {
        const struct watch *watch = &life->watches[i];

        if (watch->state == WATCH_ON && watch->connection == connection &&
            is_on(play, watch->target, node))
            oracle_fail(life->play, "I5",
                        "life %u hears that node %u is down before life %u",
                        life->number, play->lives[watch->target - 1].node,
                        watch->target);
    }
    for (pair = life->pairs; pair != NULL; pair = pair->next) {
        const struct life *other = &play->lives[pair->to - 1];
        const struct pair *theirs = oracle_find_pair(other, life->number);

        if (pair->linked && pair->connection == connection && life->trap &&
            !life->trap_changed && (theirs == NULL || !theirs->unlinked) &&
            (actors_lives(other) || !play->places[life->node].stopping) &&
            is_on(play, pair->to, node))
            oracle_fail(life->play, "I4",
                        "life %u hears that node %u is down before the exit "
                        "of life %u",
                        life->number, other->node, other->number);
    }
}

void oracle_i5_all_downs_came(struct play *play)
{
    unsigned i, j;

    for (i = 0; i < play->life_count; i++) {
        const struct life *life = &play->lives[i];

        if (!actors_lives(life))
            continue;
        for (j = 0; j < WATCHES; j++) {
            const struct watch *watch = &life->watches[j];

            if (watch->state == WATCH_ON && watch->target != 0 &&
                !actors_lives(&play->lives[watch->target - 1]))
                oracle_fail(play, "I5", "life %u heard nothing of %u's end",
                            life->number, watch->target);
        }
    }
}
