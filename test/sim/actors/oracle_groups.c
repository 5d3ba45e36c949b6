/*
 * oracle_groups.c -- what all nodes know: each sees who joined a group, on
 * itself and on those that it is connected with, and who has a global name.
 * I12.
 */
#include "actors_play.h"

/* How often `life` is among the members that node `node` sees; who never joined
 * that group is not among them. */
static unsigned count_in(struct play *play, unsigned node, unsigned group,
                         etf_term members, const struct life *life)
{
    unsigned count = 0;
    etf_term head;

    while (etf_list_next(&members, &head)) {
        const struct life *member = NULL;
        etf_pid pid;

        if (etf_get_pid(head, &pid))
            member = actors_of_pid(play, node, pid);
        if (member == NULL || (member->groups & 1u << group) == 0)
            oracle_fail(play, "I12",
                        "node %u: a member of group %u which never joined",
                        node, group);
        count += member == life;
    }
    return count;
}

/* After it joined its own node shows it. */
void oracle_i12_joined(struct life *life, struct gen *self, unsigned group)
{
    etf_term members = etf_nil(), head;
    unsigned count = 0;
    etf_pid pid;

    if (gen_pg_get_local_members(self, actors_scope(), actors_group(group),
                                 &members) != AGNER_OK)
        return;
    while (etf_list_next(&members, &head))
        count += etf_get_pid(head, &pid) && etf_pid_equal(pid, life->pid);
    if (count != 1)
        oracle_fail(life->play, "I12",
                    "life %u joined group %u and is there %u times",
                    life->number, group, count);
}

/* Does `node` have to know the members of that one? */
static bool knows(const struct play *play, unsigned node, unsigned other)
{
    return node == other ||
           (play->places[node].core && play->places[other].core);
}

static void check_group(struct play *play, unsigned node, unsigned group)
{
    struct place *place = &play->places[node];
    etf_term members = etf_nil();
    unsigned i;

    if (gen_pg_get_members(place->at, actors_scope(), actors_group(group),
                           &members) != AGNER_OK) {
        oracle_fail(play, "I12", "node %u: the groups' scope is gone", node);
        return;
    }
    for (i = 0; i < play->life_count; i++) {
        const struct life *life = &play->lives[i];
        bool member = actors_lives(life) && (life->groups & 1u << group) != 0 &&
                      knows(play, node, life->node);
        unsigned count = count_in(play, node, group, members, life);

        if (count != member)
            oracle_fail(play, "I12",
                        "node %u: life %u is %u times in group %u, not %u",
                        node, life->number, count, group, member);
    }
    rt_reset(place->at);
}

void oracle_i12_groups_agree(struct play *play)
{
    unsigned node, group;

    for (node = 0; node < play->node_count; node++)
        for (group = 0; group < GROUPS_MAX; group++)
            if (play->places[node].rt != NULL)
                check_group(play, node, group);
}

/* ---- Global names ------------------------------------------------------- */

#define AGREE_MS 600000u /* locks are tried again after up to 8 s */

/* Whose name it is, as that node sees it; 0: nobody's. */
static unsigned owner_at(struct play *play, unsigned node, unsigned name)
{
    struct place *place = &play->places[node];
    const struct life *owner = NULL;
    bool owned;
    etf_pid pid;

    owned = gen_global_whereis_name(place->rt, actors_global(place->at, name),
                                    &pid) == AGNER_OK;
    if (owned)
        owner = actors_of_pid(play, node, pid);
    if (owned && (owner == NULL || !actors_lives(owner)))
        owner = NULL; /* it is about to be forgotten: not yet agreed */
    rt_reset(place->at);
    return owner != NULL ? owner->number : owned ? LIVES_MAX + 1 : 0;
}

/* Do all that reach each other say the same of all names? */
static bool agree(void *ctx)
{
    struct play *play = ctx;
    unsigned name, node;

    if (!oracle_all_connected(play))
        return false;
    for (name = 0; name < NAMES_MAX; name++) {
        unsigned first = LIVES_MAX + 2;

        for (node = 0; node < play->node_count; node++) {
            unsigned owner;

            if (play->places[node].rt == NULL || !play->places[node].core)
                continue;
            owner = owner_at(play, node, name);
            if (owner > LIVES_MAX || (first <= LIVES_MAX && owner != first))
                return false;
            first = owner;
        }
    }
    return true;
}

void oracle_i12_global_names_agree(struct play *play)
{
    if (play->has_kernel && !sim_run_until(play->sim, agree, play, AGREE_MS))
        oracle_fail(play, "I12", "nodes do not agree on global names");
}
