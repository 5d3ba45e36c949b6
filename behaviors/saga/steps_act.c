/*
 * steps_act.c -- one try of an act or a compensation, in a process of its own.
 *
 * It gets all that it needs as a term, so nothing is to be freed by a process
 * that may be killed before it begins; its result goes to the driver as a
 * message, and then it ends.
 */
#include "saga/steps_internal.h"

/* What is in the term that a worker begins with. */
struct work {
    struct steps_room *room;
    const struct gen_step *step;
    struct gen_step_run run;
    etf_pid driver;
    bool undo;
};

static bool unpack(etf_term args, struct work *w)
{
    struct gen_step_run *run = &w->run;
    etf_term room, terms, result, reason, numbers;
    void *value;
    uint64_t index;

    if (!etf_match(args, "{_, _, _, _, _, _}", &room, &w->driver, &index,
                   &w->undo, &terms, &numbers) ||
        !etf_match(terms, "{_, _, _, _, _, _, _}", &run->id, &run->input,
                   &run->results, &result, &reason, &run->key, &run->act_key) ||
        !etf_match(numbers, "{_, _}", &run->attempt, &run->deadline_ms) ||
        !etf_get_resource(room, &value))
        return false;
    w->room = value;
    w->step = &w->room->table->steps[index];
    (void)etf_match(result, "[_]", &run->result);
    (void)etf_match(reason, "[_]", &run->reason);
    return true;
}

static void work(struct gen *self, etf_term args)
{
    struct work w = { .room = NULL };
    etf_term result;

    if (!unpack(args, &w) || gen__claim_join(self, &w.room->ticket) != AGNER_OK)
        rt_exit(self, ETF_A(shutdown));
    result =
        w.undo ? w.step->compensate(self, &w.run) : w.step->act(self, &w.run);
    if (etf_is_none(result))
        rt_exit(self, etf_make(self, "{shutdown, no_result}"));
    (void)rt_send_pid(self, w.driver,
                      etf_make(self, "{'$step', _, _}", rt_self(self), result));
}

static const struct gen_proc worker = { .name = "gen_steps_worker",
                                        .run = work };

static etf_term maybe(struct gen *self, etf_term term)
{
    return etf_is_none(term) ? etf_nil() : etf_make(self, "[_]", term);
}

enum agner_err gen__steps_work(struct gen *self, struct steps_room *room,
                               const struct steps_try *what, etf_pid *pid)
{
    const struct gen_step_run *run = &what->run;
    uint64_t index = (uint64_t)(what->step - room->table->steps);
    etf_term terms =
        etf_make(self, "{_, _, _, _, _, _, _}", run->id, run->input,
                 run->results, maybe(self, run->result),
                 maybe(self, run->reason), run->key, run->act_key);
    etf_term args =
        etf_make(self, "{_, _, _, _, _, {_, _}}",
                 gen__steps_room_term(rt_region(self), room), rt_self(self),
                 index, what->undo, terms, run->attempt, run->deadline_ms);

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_proc_spawn_link(self, &worker, args, NULL, pid);
}

bool gen__steps_result(etf_term message, etf_pid worker_pid, etf_term *result)
{
    etf_pid from;

    return etf_match(message, "{'$step', _, _}", &from, result) &&
           etf_pid_equal(from, worker_pid);
}

void gen_step_refuse(struct gen *self, etf_term reason)
{
    rt_exit(self, etf_make(self, "{shutdown, {'$step_refused', _}}", reason));
}

bool gen__steps_refusal(etf_term exit_reason, etf_term *reason)
{
    return etf_match(exit_reason, "{shutdown, {'$step_refused', _}}", reason);
}
