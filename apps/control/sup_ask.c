/*
 * sup_ask.c -- asks supervisors for their children, level by level.
 *
 * Nobody waits for one supervisor alone. All of a level are asked at once, by
 * OTP's requests, and have ANSWER_MS together; one that does not answer is
 * stuck, which is what the caller wants to see, and is asked no more. First
 * they are asked how many children there are: a million are not listed to be
 * counted.
 */
#include "sup_ask.h"

#include <stdlib.h>

#define ANSWER_MS  500
#define LEVELS_MAX 32  /* deeper supervisors are not asked */
#define FOLD_MAX   200 /* more children of one supervisor are only counted */

struct asking {
    struct gen *self;
    struct tree *tree;
    uint64_t end_ms;
};

/* A request to a row's supervisor that is outstanding. */
struct question {
    uint32_t row;
    struct rt_request id;
};

static uint64_t left_until(const struct asking *a, uint64_t deadline_ms)
{
    uint64_t now_ms = rt_now_ms(rt_of(a->self));

    return now_ms < deadline_ms ? deadline_ms - now_ms : 0;
}

/* ---- One level -------------------------------------------------------- */

static bool is_to_be_asked(const struct tree_row *row)
{
    etf_pid pid;

    return row->type == TREE_SUPERVISOR && !row->stuck && row->folded == 0 &&
           etf_get_pid(row->pid, &pid);
}

static void take_count(struct tree_row *row, etf_term answer)
{
    if (tree_read_count(answer, &row->children) != AGNER_OK)
        row->type = TREE_WORKER; /* it is no supervisor, whoever said so */
    else if (row->children > FOLD_MAX)
        row->folded = row->children;
}

/* A supervisor of this node is one of ours, and can tell of restarts. */
static etf_term which_children(struct asking *a, const struct tree_row *row)
{
    etf_term name = etf_atom("which_children");
    etf_pid pid;

    if (!etf_get_pid(row->pid, &pid) || !etf_pid_is_local(pid))
        return name;
    return etf_make(a->self, "{_, restarts}", name);
}

/* Asks each supervisor of the rows from `first` to before `end`, for its number
 * of children or for themselves, and returns how many have to be waited for. */
static size_t send_all(struct asking *a, uint32_t first, uint32_t end,
                       bool counting, struct question *questions)
{
    size_t count = 0;

    for (uint32_t i = first; i < end; i++) {
        struct tree_row *row = &a->tree->rows[i];

        if (!is_to_be_asked(row))
            continue;
        questions[count].row = i;
        if (rt_request_send(a->self, row->pid,
                            counting ? etf_atom("count_children")
                                     : which_children(a, row),
                            &questions[count].id) == AGNER_OK)
            count++;
    }
    return count;
}

/* One whose answer is not understood has its children counted. */
static enum agner_err take_children(struct asking *a, uint32_t at,
                                    etf_term answer)
{
    enum agner_err err = tree_add_children(a->tree, at, answer);

    if (err != AGNER_EMALFORMED)
        return err;
    a->tree->rows[at].folded = a->tree->rows[at].children;
    return AGNER_OK;
}

static enum agner_err take(struct asking *a, bool counting, uint32_t at,
                           etf_term answer)
{
    if (!counting)
        return take_children(a, at, answer);
    take_count(&a->tree->rows[at], answer);
    return AGNER_OK;
}

/* Waits for the answers. A supervisor that ended meanwhile has no children; one
 * that is late is stuck. */
static enum agner_err take_all(struct asking *a, bool counting,
                               const struct question *questions, size_t count)
{
    uint64_t deadline_ms = rt_now_ms(rt_of(a->self)) + ANSWER_MS;

    if (deadline_ms > a->end_ms)
        deadline_ms = a->end_ms;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = questions[i].row;
        etf_term answer;
        enum agner_err err = rt_request_wait(
            a->self, &questions[i].id, left_until(a, deadline_ms), &answer);

        if (err == AGNER_EEXITING || err == AGNER_EKILLED)
            return err;
        if (err == AGNER_ETIMEOUT) {
            rt_request_abandon(a->self, &questions[i].id);
            a->tree->rows[at].stuck = true;
        } else if (err == AGNER_OK) {
            err = take(a, counting, at, answer);
            if (err != AGNER_OK)
                return err;
        }
    }
    return AGNER_OK;
}

static enum agner_err ask_level(struct asking *a, uint32_t first, uint32_t end)
{
    struct question *questions = calloc(end - first, sizeof *questions);
    enum agner_err err;
    size_t count;

    if (questions == NULL)
        return AGNER_ENOMEM;
    count = send_all(a, first, end, true, questions);
    err = take_all(a, true, questions, count);
    if (err == AGNER_OK) {
        count = send_all(a, first, end, false, questions);
        err = take_all(a, false, questions, count);
    }
    free(questions);
    return err;
}

/* ---- All levels ------------------------------------------------------- */

enum agner_err tree_ask(struct gen *self, struct tree *tree, uint32_t first,
                        uint64_t end_ms)
{
    struct asking a = { self, tree, end_ms };
    enum agner_err err = AGNER_OK;

    for (unsigned level = 0;
         level < LEVELS_MAX && first < tree->count && err == AGNER_OK;
         level++) {
        uint32_t end = tree->count;

        err = ask_level(&a, first, end);
        first = end; /* the next level is what was added behind this one */
    }
    return err;
}
