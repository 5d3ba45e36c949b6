/*
 * accounts.c -- a server that keeps accounts, and remembers what it was asked.
 *
 * A request to move money carries a key. The key is written in the same batch
 * as the balance, so a request that comes again, from whatever life of whoever
 * sent it, changes nothing. What is undone stays so: the key of an act that has
 * not come yet is noted as well, and the act is refused when it comes.
 *
 * In the store: "b:ACCOUNT" is a balance, "k:KEY" a movement: the account, the
 * amount that was added to it, and whether it is undone.
 */
#include <stdio.h>
#include <string.h>

#include "transfer.h"

#define TEXT_MAX 64

struct accounts {
    struct gen_store *store; /* a count of it */
};

struct movement {
    char account[TEXT_MAX];
    int64_t amount;
    bool undone;
};

/* ---- Rows ---------------------------------------------------------------- */

struct key {
    uint8_t bytes[GEN_STORE_KEY_MAX];
    size_t size;
};

static bool make_key(struct key *key, char kind, etf_bytes name)
{
    if (name.size > sizeof key->bytes - 2)
        return false;
    key->bytes[0] = (uint8_t)kind;
    key->bytes[1] = ':';
    memcpy(key->bytes + 2, name.data, name.size);
    key->size = 2 + name.size;
    return true;
}

static etf_bytes bytes_of(const struct key *key)
{
    return (etf_bytes){ key->bytes, key->size };
}

/* AGNER_EUNKNOWN, AGNER_ECORRUPT (another size), and the store's errors. */
static enum agner_err read_row(struct gen *self, struct accounts *a,
                               const struct key *key, void *value, size_t size)
{
    etf_bytes bytes;
    enum agner_err err = gen_store_get(self, a->store, bytes_of(key),
                                       rt_region(self), &bytes, NULL);

    if (err == AGNER_OK && bytes.size != size)
        err = AGNER_ECORRUPT;
    if (err == AGNER_OK)
        memcpy(value, bytes.data, size);
    return err;
}

static enum agner_err write_both(struct gen *self, struct accounts *a,
                                 const struct key *balance_key,
                                 const int64_t *balance,
                                 const struct key *movement_key,
                                 const struct movement *m)
{
    struct gen_store_write writes[] = {
        { .key = bytes_of(movement_key),
          .value = { (const uint8_t *)m, sizeof *m } },
        { .key = bytes_of(balance_key),
          .value = { (const uint8_t *)balance, sizeof *balance } },
    };

    return gen_store_put(self, a->store, writes, 2, NULL);
}

/* ---- Movements ----------------------------------------------------------- */

static etf_bytes text_of(const char *text)
{
    return (etf_bytes){ (const uint8_t *)text, strlen(text) };
}

/* The store is the server's memory: without it there is no answer, and the
 * supervisor, or whoever started us, starts anew. */
static void must(struct gen *self, enum agner_err err)
{
    if (err != AGNER_OK)
        rt_exit(self, etf_make(self, "{store, _}", agner_strerror(err)));
}

static etf_term refusal(struct gen *self, const char *why)
{
    return etf_make(self, "{error, _}", etf_atom(why));
}

/* Adds `amount`, which may be below 0, once for each key. */
static etf_term move(struct gen *self, struct accounts *a, etf_bytes name,
                     const char *account, int64_t amount)
{
    struct movement m = { .undone = false };
    struct key key, balance_key;
    int64_t balance = 0;
    enum agner_err err;

    if (!make_key(&key, 'k', name) ||
        !make_key(&balance_key, 'b', text_of(account)))
        return refusal(self, "badarg");
    err = read_row(self, a, &key, &m, sizeof m);
    if (err == AGNER_OK) /* it was here before */
        return m.undone ? refusal(self, "undone") : ETF_A(ok);
    if (err != AGNER_EUNKNOWN)
        must(self, err);
    err = read_row(self, a, &balance_key, &balance, sizeof balance);
    if (err == AGNER_EUNKNOWN)
        return refusal(self, "no_such_account");
    must(self, err);
    if (__builtin_add_overflow(balance, amount, &balance) || balance < 0)
        return refusal(self, "not_enough_money");
    (void)snprintf(m.account, sizeof m.account, "%s", account);
    m.amount = amount;
    must(self, write_both(self, a, &balance_key, &balance, &key, &m));
    return ETF_A(ok);
}

/* Takes a movement back, or keeps it from coming. */
static etf_term undo(struct gen *self, struct accounts *a, etf_bytes name)
{
    struct movement m = { .undone = true };
    struct gen_store_write note = { .value = { (const uint8_t *)&m,
                                               sizeof m } };
    struct key key, balance_key;
    int64_t balance = 0;
    enum agner_err err;

    if (!make_key(&key, 'k', name))
        return refusal(self, "badarg");
    note.key = bytes_of(&key);
    err = read_row(self, a, &key, &m, sizeof m);
    if (err == AGNER_EUNKNOWN) {
        must(self, gen_store_put(self, a->store, &note, 1, NULL));
        return ETF_A(ok);
    }
    must(self, err);
    if (m.undone)
        return ETF_A(ok);
    (void)make_key(&balance_key, 'b', text_of(m.account));
    must(self, read_row(self, a, &balance_key, &balance, sizeof balance));
    balance -= m.amount;
    m.undone = true;
    must(self, write_both(self, a, &balance_key, &balance, &key, &m));
    return ETF_A(ok);
}

static etf_term balance_of(struct gen *self, struct accounts *a,
                           const char *account)
{
    struct key key;
    int64_t balance = 0;
    enum agner_err err;

    if (!make_key(&key, 'b', text_of(account)))
        return refusal(self, "badarg");
    err = read_row(self, a, &key, &balance, sizeof balance);
    if (err == AGNER_EUNKNOWN)
        return refusal(self, "no_such_account");
    must(self, err);
    return etf_make(self, "{ok, _}", balance);
}

/* ---- The server ---------------------------------------------------------- */

static enum gen_next accounts_init(struct gen *self, etf_term args)
{
    struct accounts *a = gen_state(self);
    int64_t balance = OPENING;
    struct gen_store_write write = { .value = { (const uint8_t *)&balance,
                                                sizeof balance } };
    etf_term store, account;
    char text[TEXT_MAX];
    struct key key;
    void *value;
    enum agner_err err;

    if (!etf_match(args, "{_, _}", &store, &account) ||
        !etf_get_resource(store, &value) ||
        !etf_get_text(account, text, sizeof text) ||
        !make_key(&key, 'b', text_of(text)))
        return gen_stop(self, ETF_A(badarg));
    a->store = gen_store_hold(value);
    err = read_row(self, a, &key, &balance, sizeof balance);
    write.key = bytes_of(&key);
    if (err == AGNER_EUNKNOWN)
        err = gen_store_put(self, a->store, &write, 1, NULL);
    must(self, err);
    return GEN_NEXT;
}

/* {move, Key, Account, Amount}, {undo, Key}, {balance, Account}. */
static enum gen_next accounts_call(struct gen *self, struct gen_from from,
                                   etf_term request)
{
    struct accounts *a = gen_state(self);
    char text[TEXT_MAX];
    etf_term account;
    etf_bytes key;
    int64_t amount;
    etf_term answer = refusal(self, "badarg");

    if (etf_match(request, "{move, _, _, _}", &key, &account, &amount) &&
        etf_get_text(account, text, sizeof text))
        answer = move(self, a, key, text, amount);
    else if (etf_match(request, "{undo, _}", &key))
        answer = undo(self, a, key);
    else if (etf_match(request, "{balance, _}", &account) &&
             etf_get_text(account, text, sizeof text))
        answer = balance_of(self, a, text);
    return gen_reply(self, from, answer);
}

static void accounts_destroy(void *state)
{
    struct accounts *a = state;

    gen_store_free(a->store);
}

const struct gen_server accounts_server = {
    .name = "accounts",
    .state_size = sizeof(struct accounts),
    .init = accounts_init,
    .handle_call = accounts_call,
    .destroy = accounts_destroy,
};
