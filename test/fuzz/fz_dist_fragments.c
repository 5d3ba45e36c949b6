/*
 * Fragments of many sequences, against a model that keeps them in an array. The
 * input is a list of steps: what to do and with which sequence, a number, a
 * size. Both agree about what is accepted, what a complete message is, and what
 * is still held.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <fragment.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDS       8
#define COUNT_MAX 5    /* unfinished sequences */
#define BYTES_MAX 2000 /* of a message */
#define STEP      4    /* bytes of input */

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct message {
    bool begun;
    uint64_t expected;
    uint8_t bytes[BYTES_MAX];
    size_t size;
    unsigned round;
};

struct model {
    struct message messages[IDS];
    unsigned count, round;
};

static void add(struct message *m, const uint8_t *bytes, size_t size)
{
    check(m->size + size <= sizeof m->bytes);
    memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

/* A sequence came out: the model has the same, whole. */
static void take_done(struct model *model, struct message *m,
                      struct node__sequence *done)
{
    check((done != NULL) == (m->expected == 0));
    if (done == NULL)
        return;
    check(done->terms.size == m->size);
    check(m->size == 0 ||
          memcmp(node__gather_bytes(&done->terms), m->bytes, m->size) == 0);
    node__sequence_free(done);
    memset(m, 0, sizeof *m);
    model->count--;
}

static bool first(struct model *model, struct node__sequences *all, uint64_t id,
                  uint64_t number, const uint8_t *bytes, size_t size)
{
    const struct node__refs refs = { .count = 0 };
    struct message *m = &model->messages[id];
    struct node__sequence *done = NULL;
    struct agner_error error = { .text = "" };
    enum agner_err err = node__sequences_first(all, id, number, &refs, bytes,
                                               size, &done, &error);

    if (number == 0 || m->begun)
        check(err == AGNER_EPROTO);
    else if (model->count == COUNT_MAX)
        check(err == AGNER_ELIMIT);
    check(err == AGNER_OK || (error.code == err && error.text[0] != '\0'));
    if (err != AGNER_OK)
        return false;
    check(number != 0 && !m->begun && model->count < COUNT_MAX);
    m->begun = true;
    m->expected = number - 1;
    m->round = model->round;
    model->count++;
    add(m, bytes, size);
    take_done(model, m, done);
    return true;
}

static bool next(struct model *model, struct node__sequences *all, uint64_t id,
                 uint64_t number, const uint8_t *bytes, size_t size)
{
    struct message *m = &model->messages[id];
    struct node__sequence *done = NULL;
    struct agner_error error = { .text = "" };
    enum agner_err err =
        node__sequences_next(all, id, number, bytes, size, &done, &error);

    if (!m->begun || number != m->expected)
        check(err == AGNER_EPROTO);
    check(err == AGNER_OK || (error.code == err && error.text[0] != '\0'));
    if (err != AGNER_OK)
        return false;
    check(m->begun && number == m->expected);
    m->expected--;
    m->round = model->round;
    add(m, bytes, size);
    take_done(model, m, done);
    return true;
}

/* A round passes; true: some sequence has not grown for two. */
static bool grows_old(struct model *model, struct node__sequences *all)
{
    bool old = false;

    model->round++;
    for (size_t i = 0; i < IDS; i++)
        old |= model->messages[i].begun &&
               model->round - model->messages[i].round > 2;
    check(node__sequences_age(all, 2) == old);
    return old;
}

static bool step(struct model *model, struct node__sequences *all,
                 const uint8_t *at)
{
    static uint8_t text[1024];
    uint64_t id = at[0] & (IDS - 1), number = at[1];
    size_t size = (size_t)(at[2] & 3) << 8 | at[3];

    /* What is expected, so that sequences come to their end. */
    if (at[0] & 8)
        number = model->messages[id].expected;
    memset(text, at[3], size);
    if ((at[0] & 0xe0) == 0xe0)
        return !grows_old(model, all);
    return at[0] & 16 ? next(model, all, id, number, text, size)
                      : first(model, all, id, number, text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct node__sequences *all = calloc(1, sizeof *all);

    check(all != NULL);
    memset(&model, 0, sizeof model);
    all->count_max = COUNT_MAX;
    all->bytes_max = BYTES_MAX;
    for (size_t at = 0; size - at >= STEP; at += STEP) {
        if (!step(&model, all, data + at))
            break; /* the connection is closed then */
        check(all->count == model.count);
        check(all->promised <= BYTES_MAX);
        check((all->count == 0) == (all->bytes == 0));
    }
    node__sequences_fini(all);
    free(all);
    return 0;
}
