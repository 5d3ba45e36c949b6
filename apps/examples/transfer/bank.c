/*
 * bank.c -- moving money from one account to another, as a saga of two steps.
 *
 * Nothing here knows of crashes: a step asks the account's node, with the key
 * that it was given. No answer is a failure, and will be tried again; a refusal
 * is one for good.
 */
#include "transfer.h"

#define CALL_MS 2000

/* One end of the transfer: {Node, Account}. */
static etf_term ask(struct gen *self, etf_term end, etf_term request)
{
    etf_term node, account, reply, why;
    enum agner_err err;

    if (!etf_match(end, "{_, _}", &node, &account))
        gen_step_refuse(self, ETF_A(badarg));
    err = gen_call(self, etf_make(self, "{accounts, _}", node), request,
                   CALL_MS, &reply);
    if (err != AGNER_OK)
        rt_exit(self, etf_make(self, "{shutdown, _}", agner_strerror(err)));
    if (etf_match(reply, "{error, _}", &why))
        gen_step_refuse(self, why);
    return reply;
}

static etf_term move(struct gen *self, const struct gen_step_run *run,
                     bool from)
{
    etf_term ends[2], node, account = ETF_NONE;
    int64_t amount = 0;

    if (!etf_match(run->input, "{_, _, _}", &ends[0], &ends[1], &amount) ||
        !etf_match(ends[!from], "{_, _}", &node, &account) || amount <= 0)
        gen_step_refuse(self, ETF_A(badarg));
    return ask(self, ends[!from],
               etf_make(self, "{move, _, _, _}", run->key, account,
                        from ? -amount : amount));
}

static etf_term debit(struct gen *self, const struct gen_step_run *run)
{
    return move(self, run, true);
}

static etf_term credit(struct gen *self, const struct gen_step_run *run)
{
    return move(self, run, false);
}

static etf_term undo(struct gen *self, const struct gen_step_run *run,
                     bool from)
{
    etf_term ends[2];
    int64_t amount;

    if (!etf_match(run->input, "{_, _, _}", &ends[0], &ends[1], &amount))
        return ETF_A(ok);
    return ask(self, ends[!from], etf_make(self, "{undo, _}", run->act_key));
}

static etf_term undo_debit(struct gen *self, const struct gen_step_run *run)
{
    return undo(self, run, true);
}

static etf_term undo_credit(struct gen *self, const struct gen_step_run *run)
{
    return undo(self, run, false);
}

/* A node that was killed is there again in a moment. */
static const struct gen_retry_options soon = { .initial_ms = 20,
                                               .max_ms = 200 };

#define LIMITS \
    { \
        .timeout_ms = 5000, .tries = 200, .backoff = &soon \
    }

static const struct gen_step steps[] = {
    { .name = "debit",
      .act = debit,
      .compensate = undo_debit,
      .act_limits = LIMITS,
      .compensate_limits = LIMITS },
    { .name = "credit",
      .act = credit,
      .compensate = undo_credit,
      .act_limits = LIMITS,
      .compensate_limits = LIMITS },
};

const struct gen_steps transfer_steps = { .name = "transfer",
                                          .steps = steps,
                                          .count = 2 };
