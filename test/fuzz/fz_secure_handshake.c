/*
 * Both roles of a secure link's set-up, between two machines with fixed keys,
 * whose words the input changes. Its first byte says what their owners answer;
 * then each step is a byte: pass on so many bytes of what waits for one side,
 * change one of them, drop them, or give it bytes of the input instead.
 * Whoever is up must have met the other as it is; whoever failed says why, and
 * has no key left.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <flags.h>
#include <secure.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
    struct secure machine;
    struct etf_buffer waits; /* bytes on the way to it */
    bool was_lied_to;        /* it took a byte that was changed on the way */
};

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

/* The owner's part, whenever a machine asks. */
static void answer(struct secure *s, uint8_t choice, struct etf_buffer *out)
{
    static const uint8_t psks[2][NOISE_KEY_SIZE] = { { 1 }, { 2 } };

    while (node__secure_asks(s->state)) {
        if ((choice & 0xe0) == 0xe0)
            (void)node__secure_refuse(s, AGNER_EAUTH, "because");
        else if (s->state == SECURE_ASK_KEY)
            (void)node__secure_key_is_good(s, psks[choice & 1], out);
        else if (s->state == SECURE_ASK_PSKS)
            (void)node__secure_psks(s, psks, choice >> 1 & 3 ? 2 : 1);
        else if (s->state == SECURE_DECIDE && s->wants_name && choice & 8)
            (void)node__secure_rename(s, "ABC@host", 1, out);
        else if (s->state == SECURE_DECIDE && s->wants_name)
            (void)node__secure_decide(s, HS_NOT_ALLOWED, out);
        else if (s->state == SECURE_DECIDE)
            (void)node__secure_decide(
                s, (enum node__hs_status)((choice >> 2 & 7) % 5), out);
        else
            (void)node__secure_go_on(s, choice & 16, out);
    }
}

/* Returns how many were taken. */
static size_t feed(struct side *to, struct side *from, const uint8_t *bytes,
                   size_t size, uint8_t choice)
{
    size_t at = 0, used;

    while (at < size && to->machine.state < SECURE_UP) {
        (void)node__secure_feed(&to->machine, bytes + at, size - at,
                                &from->waits, &used);
        if (used > size - at)
            abort();
        answer(&to->machine, choice, &from->waits);
        at += used;
    }
    return at;
}

/* Takes bytes away from what waits. */
static void forget(struct side *side, size_t size)
{
    memmove(side->waits.data, side->waits.data + size, side->waits.size - size);
    side->waits.size -= size;
}

static void step(struct side *to, struct side *from, struct input *in,
                 uint8_t what, uint8_t choice)
{
    size_t part = 1 + (size_t)next(in) * 4, changed = SIZE_MAX;

    if (part > to->waits.size)
        part = to->waits.size;
    if ((what & 6) == 6) { /* words of the input */
        size_t own = next(in) % 64u;

        if (own > in->left)
            own = in->left;
        (void)feed(to, from, in->at, own, choice);
        in->at += own;
        in->left -= own;
        return;
    }
    if (part == 0)
        return;
    if ((what & 6) == 2) {
        uint8_t change = next(in);

        changed = next(in) % part;
        to->waits.data[changed] ^= change;
        if (change == 0)
            changed = SIZE_MAX;
    }
    if ((what & 6) != 4 && /* else they are lost */
        feed(to, from, to->waits.data, part, choice) > changed)
        to->was_lied_to = true;
    forget(to, part);
}

static bool is_zero(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0 && at[size - 1] == 0)
        size--;
    return size == 0;
}

static void check(const struct side *one, const struct side *other)
{
    const struct secure *s = &one->machine, *o = &other->machine;

    if (s->state == SECURE_FAILED &&
        (s->error.text[0] == '\0' || !is_zero(&s->own, sizeof s->own) ||
         !is_zero(&s->sends, sizeof s->sends)))
        abort();
    /* What was changed on the way is never the last word. */
    if (s->state == SECURE_UP && one->was_lied_to)
        abort();
    if (s->state == SECURE_UP && !s->wants_name &&
        strcmp(s->peer, s->initiator ? "b@host" : "a@host") != 0)
        abort();
    if (s->state == SECURE_UP && o->state == SECURE_UP &&
        memcmp(&s->sends.cipher.key, &o->receives.cipher.key, NOISE_KEY_SIZE) !=
            0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct noise_keys keys[2] = { { .secret = { 5 } },
                                         { .secret = { 6 } } };
    static struct side sides[2];
    struct secure_self a = { .name = "a@host",
                             .creation = 1,
                             .flags = NODE__FLAGS_OFFERED };
    struct secure_self b = { .name = "b@host",
                             .creation = 2,
                             .flags = NODE__FLAGS_OFFERED };
    uint8_t ephemeral[NOISE_KEY_SIZE] = { 7 };
    struct input in = { data, size };
    uint8_t choice = next(&in);

    if (node__noise_ready() != AGNER_OK ||
        node__noise_public(&keys[0]) != AGNER_OK ||
        node__noise_public(&keys[1]) != AGNER_OK)
        abort();
    memset(sides, 0, sizeof sides);
    if (next(&in) & 1) {
        a.name = "host";
        a.creation = 0;
        a.flags |= NODE__FLAG_NAME_ME;
    }
    if (node__secure_dial(&sides[0].machine, &a, "b@host", &keys[0], ephemeral,
                          &sides[1].waits, NULL) != AGNER_OK)
        abort();
    ephemeral[0] = 8;
    node__secure_accept(&sides[1].machine, &b, &keys[1], ephemeral);
    while (in.left > 0) {
        uint8_t what = next(&in);

        step(&sides[what & 1], &sides[!(what & 1)], &in, what, choice);
    }
    for (int i = 0; i < 2; i++) {
        check(&sides[i], &sides[!i]);
        node__secure_ended(&sides[i].machine, AGNER_OK, "closed");
        check(&sides[i], &sides[!i]);
        etf_buffer_fini(&sides[i].waits);
    }
    return 0;
}
