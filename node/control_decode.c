/*
 * control_decode.c -- control messages as signals of the runtime.
 *
 * A row of control_ops.h says what stands where; the loop over its letters
 * reads that straight from the bytes, and falls back on the codec for whatever
 * is in an unusual form. So there is one path, it is fast for what peers really
 * send, and every legal form of a term is understood.
 */
#include "control.h"

#include <string.h>

#include <etf_door.h>

#include "control_ops.h"
#include "flags.h"

#define VERSION        131
#define LOCAL_SLOT_MAX 0x0fffffffu /* a greater id of ours names no process */
#define ALTACT_ARITY   4           /* of ALTACT_SIG_SEND without a token */

/* Tags of the external term format that are read here. */
enum {
    ATOM_CACHE_REF = 82,
    NEW_PID_EXT = 88,
    NEWER_REFERENCE_EXT = 90,
    SMALL_INTEGER_EXT = 97,
    SMALL_TUPLE_EXT = 104,
    LARGE_TUPLE_EXT = 105,
    ATOM_UTF8_EXT = 118,
    SMALL_ATOM_UTF8_EXT = 119
};

/* The rows of control_ops.h by number; an empty one is an unknown operation. */
static const struct op {
    const char *name;
    const char *shape;
    bool payload;
    enum rt_signal_kind kind;
} ops[OP_COUNT] = {
#define OP_ROW(number, op_name, op_shape, op_payload, op_kind) \
    [number] = { #op_name, op_shape, op_payload, RT_SIGNAL_##op_kind },
    NODE__CONTROL_OPS(OP_ROW)
#undef OP_ROW
};

struct cursor {
    const uint8_t *next;
    const uint8_t *end;
    const struct node__arrived *arrived;
    const struct node__control_peer *peer;
    struct etf_region *scratch;
    struct agner_error *error;
    const struct op *op;
    struct rt_signal *signal;
    etf_term reason;       /* in the control message, or ETF_NONE */
    etf_term mfa, options; /* of a spawn request, */
    etf_pid leader;        /* ... and its group leader */
    bool third_party;      /* the target is not of this node */
    uint64_t altact;       /* enum altact, of an ALTACT_SIG_SEND */
    uint32_t arity;        /* of the control tuple */
};

static enum agner_err fail(const struct cursor *c, const char *text)
{
    return agner_fail(c->error, AGNER_EPROTO, "%s: %s",
                      c->op != NULL ? c->op->name : "control message", text);
}

static size_t left(const struct cursor *c)
{
    return (size_t)(c->end - c->next);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static struct etf_decode_options decode_options(const struct cursor *c)
{
    return (struct etf_decode_options){
        .self = c->peer->self,
        .budget = c->peer->budget,
        .cache = c->arrived->atoms,
        .cache_count = c->arrived->atom_count,
    };
}

/* Says where a codec's complaint belongs. */
static enum agner_err blame(const struct cursor *c, const char *part,
                            const struct agner_error *inner)
{
    return agner_fail(c->error, inner->code, "%s: %s: %.180s",
                      c->op != NULL ? c->op->name : "control message", part,
                      inner->text);
}

/* Any term, by the codec. */
static enum agner_err read_term(struct cursor *c, etf_term *t)
{
    struct etf_decode_options options = decode_options(c);
    struct agner_error inner;
    size_t used;
    enum agner_err err =
        etf_decode(c->scratch, c->next, left(c), &options, t, &used, &inner);

    if (err != AGNER_OK)
        return blame(c, "control message", &inner);
    c->next += used;
    return AGNER_OK;
}

/* An atom in one of the forms that nodes write, from *at on: true, and *at is
 * behind it. False: it takes the codec to see what it is. */
static bool take_atom(struct cursor *c, const uint8_t **at, etf_term *atom)
{
    const uint8_t *p = *at;
    size_t size = (size_t)(c->end - p), head, length;

    if (size < 2)
        return false;
    if (p[0] == ATOM_CACHE_REF) {
        if (p[1] >= c->arrived->atom_count)
            return false;
        *atom = c->arrived->atoms[p[1]];
        *at = p + 2;
        return true;
    }
    if (p[0] == SMALL_ATOM_UTF8_EXT) {
        head = 2;
        length = p[1];
    } else if (p[0] == ATOM_UTF8_EXT && size >= 3) {
        head = 3;
        length = (size_t)p[1] << 8 | p[2];
    } else {
        return false;
    }
    if (size - head < length)
        return false;
    *atom = etf_atom_limited(c->scratch, (const char *)p + head, length,
                             c->peer->budget);
    *at = p + head + length;
    return !etf_is_none(*atom);
}

/* Is this identifier of our present life? */
static bool is_ours(const struct cursor *c, etf_term node, uint32_t creation)
{
    return etf_same(node, c->peer->self->name) &&
           creation == c->peer->self->creation;
}

static bool take_pid(struct cursor *c, etf_pid *pid)
{
    const uint8_t *p = c->next + 1;
    etf_term node;

    if (c->next == c->end || c->next[0] != NEW_PID_EXT ||
        !take_atom(c, &p, &node) || c->end - p < 12)
        return false;
    *pid = (etf_pid){ .node = node,
                      .id = get32(p),
                      .serial = get32(p + 4),
                      .creation = get32(p + 8) };
    if (is_ours(c, node, pid->creation) && pid->id <= LOCAL_SLOT_MAX) {
        pid->node = ETF_NONE;
        pid->creation = 0;
    }
    c->next = p + 12;
    return true;
}

static bool take_ref(struct cursor *c, etf_ref *ref)
{
    const uint8_t *p = c->next + 3;
    etf_term node;
    uint32_t i, count;

    if (left(c) < 3 || c->next[0] != NEWER_REFERENCE_EXT || c->next[1] != 0 ||
        c->next[2] == 0 || c->next[2] > 5)
        return false;
    count = c->next[2];
    if (!take_atom(c, &p, &node) || (size_t)(c->end - p) < 4 + 4 * count)
        return false;
    *ref = (etf_ref){ .node = node, .creation = get32(p), .count = count };
    for (i = 0; i < count; i++)
        ref->words[i] = get32(p + 4 + 4 * i);
    if (is_ours(c, node, ref->creation)) {
        ref->node = ETF_NONE;
        ref->creation = 0;
    }
    c->next = p + 4 + 4 * count;
    return true;
}

/* A name that was not interned when it came may be by now, and be registered.
 */
static etf_term newest_form(etf_term name)
{
    etf_bytes text;
    etf_term interned;

    if (etf__tag(name) == ETF__ATOM)
        return name;
    text = etf_atom_text(name);
    interned = etf_atom_find((const char *)text.data, text.size);
    return etf_is_none(interned) ? name : interned;
}

/* ---- Readers of the letters --------------------------------------------- */

static enum agner_err read_pid(struct cursor *c, etf_pid *pid)
{
    enum agner_err err;
    etf_term t;

    if (take_pid(c, pid))
        return AGNER_OK;
    err = read_term(c, &t);
    if (err == AGNER_OK && !etf_get_pid(t, pid))
        err = fail(c, "a pid is expected");
    return err;
}

/* A pid or an atom; the other of the two is as before. */
static enum agner_err read_pid_or_name(struct cursor *c, etf_pid *pid,
                                       etf_term *name)
{
    enum agner_err err;
    etf_term t;

    if (take_pid(c, pid))
        return AGNER_OK;
    if (!take_atom(c, &c->next, &t)) {
        err = read_term(c, &t);
        if (err != AGNER_OK || etf_get_pid(t, pid))
            return err;
    }
    if (!etf_is_atom(t))
        return fail(c, "a pid or a name is expected");
    *name = newest_form(t);
    return AGNER_OK;
}

/* Only the peer's own processes send, link and end through its connection. A
 * stale creation of it is tolerated. */
static enum agner_err check_sender(const struct cursor *c, const etf_pid *pid)
{
    if (!etf_same(pid->node, c->peer->name))
        return fail(c, "the sender is no process of the peer");
    return AGNER_OK;
}

/* What is meant for another node's process is not for us to pass on. */
static void check_target(struct cursor *c, etf_term node)
{
    if (!etf_is_none(node) && !etf_same(node, c->peer->self->name))
        c->third_party = true;
}

static enum agner_err read_sender(struct cursor *c)
{
    enum agner_err err = read_pid(c, &c->signal->from);

    return err == AGNER_OK ? check_sender(c, &c->signal->from) : err;
}

static enum agner_err read_target(struct cursor *c)
{
    enum agner_err err = read_pid(c, &c->signal->to);

    if (err == AGNER_OK)
        check_target(c, c->signal->to.node);
    return err;
}

static enum agner_err read_target_or_name(struct cursor *c)
{
    struct rt_signal *signal = c->signal;
    enum agner_err err = read_pid_or_name(c, &signal->to, &signal->name);

    if (err == AGNER_OK && etf_is_none(signal->name))
        check_target(c, signal->to.node);
    return err;
}

static enum agner_err read_ended(struct cursor *c)
{
    struct rt_signal *signal = c->signal;
    enum agner_err err = read_pid_or_name(c, &signal->from, &signal->name);

    if (err == AGNER_OK && etf_is_none(signal->name))
        err = check_sender(c, &signal->from);
    return err;
}

static enum agner_err read_name(struct cursor *c)
{
    enum agner_err err;
    etf_term t;

    if (!take_atom(c, &c->next, &t)) {
        err = read_term(c, &t);
        if (err != AGNER_OK)
            return err;
    }
    if (!etf_is_atom(t))
        return fail(c, "a name is expected");
    c->signal->name = newest_form(t);
    return AGNER_OK;
}

static enum agner_err read_ref(struct cursor *c)
{
    enum agner_err err;
    etf_term t;

    if (take_ref(c, &c->signal->ref))
        return AGNER_OK;
    err = read_term(c, &t);
    if (err == AGNER_OK && !etf_get_ref(t, &c->signal->ref))
        err = fail(c, "a reference is expected");
    return err;
}

static enum agner_err read_alias(struct cursor *c)
{
    enum agner_err err = read_ref(c);

    /* One of an earlier life of ours is not active either. */
    if (err == AGNER_OK && !etf_is_none(c->signal->ref.node))
        c->third_party = true;
    return err;
}

static enum agner_err read_uint(struct cursor *c, uint64_t *v)
{
    enum agner_err err;
    etf_term t;

    if (left(c) >= 2 && c->next[0] == SMALL_INTEGER_EXT) {
        *v = c->next[1];
        c->next += 2;
        return AGNER_OK;
    }
    err = read_term(c, &t);
    if (err == AGNER_OK && !etf_get_uint(t, v))
        err = fail(c, "an unsigned integer is expected");
    return err;
}

static enum agner_err read_id(struct cursor *c)
{
    enum agner_err err = read_uint(c, &c->signal->id);

    if (err == AGNER_OK && c->signal->id == 0)
        err = fail(c, "id 0");
    return err;
}

static enum agner_err read_mfa(struct cursor *c)
{
    const etf_term *items;
    enum agner_err err;
    int64_t arity;

    err = read_term(c, &c->mfa);
    if (err != AGNER_OK)
        return err;
    items = etf_tuple_items(c->mfa);
    if (etf_tuple_size(c->mfa) != 3 || !etf_is_atom(items[0]) ||
        !etf_is_atom(items[1]) || !etf_get_int(items[2], &arity) || arity < 0)
        return fail(c, "{Module, Function, Arity} is expected");
    return AGNER_OK;
}

/* The flags of an ALTACT_SIG_SEND; bits that nobody has given a meaning are
 * ignored. */
static enum agner_err read_altact(struct cursor *c)
{
    enum agner_err err = read_uint(c, &c->altact);
    bool token = (c->altact & ALTACT_TOKEN) != 0;

    if (err == AGNER_OK && token != (c->arity == ALTACT_ARITY + 1))
        err = fail(c, "its flags and its number of elements differ");
    return err;
}

static enum agner_err read_altact_target(struct cursor *c)
{
    enum agner_err err;
    etf_term token;

    if (c->altact & ALTACT_ALIAS)
        err = read_alias(c);
    else if (c->altact & ALTACT_NAME)
        err = read_name(c);
    else
        err = read_target(c);
    if (err == AGNER_OK && (c->altact & ALTACT_TOKEN))
        err = read_term(c, &token);
    return err;
}

/* What kind of signal it is. */
static enum rt_signal_kind kind_of(const struct cursor *c)
{
    if (c->altact & ALTACT_EXIT)
        return RT_SIGNAL_EXIT2;
    if (c->altact & ALTACT_ALIAS)
        return RT_SIGNAL_SEND_ALIAS;
    if (c->altact & ALTACT_NAME)
        return RT_SIGNAL_SEND_NAME;
    return c->op->kind;
}

static enum agner_err read_letter(struct cursor *c, char letter)
{
    etf_term ignored;

    switch (letter) {
    case 'f':
        return read_sender(c);
    case 't':
        return read_target(c);
    case 'w':
        return read_target_or_name(c);
    case 'W':
        return read_ended(c);
    case 'n':
        return read_name(c);
    case 'r':
        return read_ref(c);
    case 'a':
        return read_alias(c);
    case 'i':
        return read_id(c);
    case 'x':
        return read_term(c, &c->reason);
    case 'm':
        return read_mfa(c);
    case 'o':
        return read_term(c, &c->options);
    case 'u':
        return read_uint(c, &c->signal->id);
    case 's':
        return read_altact(c);
    case 'v':
        return read_altact_target(c);
    case 'l':
        return read_pid(c, &c->leader);
    case 'p':
        return read_pid(c, &c->signal->from);
    default:
        return read_term(c, &ignored);
    }
}

/* ---- The whole ---------------------------------------------------------- */

static enum agner_err read_arity(struct cursor *c, uint32_t *arity)
{
    if (left(c) >= 2 && c->next[0] == SMALL_TUPLE_EXT) {
        *arity = c->next[1];
        c->next += 2;
    } else if (left(c) >= 5 && c->next[0] == LARGE_TUPLE_EXT) {
        *arity = get32(c->next + 1);
        c->next += 5;
    } else {
        return fail(c, "no tuple");
    }
    return *arity > 0 ? AGNER_OK : fail(c, "an empty tuple");
}

static enum agner_err read_op(struct cursor *c, uint32_t arity)
{
    uint64_t number;
    enum agner_err err = read_uint(c, &number);

    if (err != AGNER_OK)
        return err;
    if (number >= OP_COUNT || ops[number].name == NULL)
        return agner_fail(c->error, AGNER_EPROTO, "unknown operation %llu",
                          (unsigned long long)number);
    c->op = &ops[number];
    c->arity = arity;
    if (arity != 1 + strlen(c->op->shape) &&
        !(number == OP_ALTACT_SIG_SEND && arity == ALTACT_ARITY + 1))
        return fail(c, "wrong number of elements");
    if (number == OP_UNLINK && (c->peer->flags & NODE__FLAG_UNLINK_ID))
        return fail(c, "the form without an id, though ids were agreed");
    return AGNER_OK;
}

static enum agner_err read_control(struct cursor *c)
{
    const char *letter;
    uint32_t arity;
    enum agner_err err = read_arity(c, &arity);

    if (err == AGNER_OK)
        err = read_op(c, arity);
    if (err != AGNER_OK)
        return err;
    for (letter = c->op->shape; *letter != '\0'; letter++) {
        err = read_letter(c, *letter);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

static enum agner_err take_version(struct cursor *c)
{
    if (!c->arrived->pass_through)
        return AGNER_OK;
    if (left(c) == 0 || c->next[0] != VERSION)
        return fail(c, "131 is expected before a term");
    c->next++;
    return AGNER_OK;
}

/* The message or reason behind the control message, which ends the packet. */
static enum agner_err read_payload(struct cursor *c, struct etf_box **box)
{
    struct etf_decode_options options = decode_options(c);
    struct agner_error inner;
    enum agner_err err;

    if (left(c) == 0)
        return fail(c, "its message is missing");
    err = take_version(c);
    if (err != AGNER_OK)
        return err;
    options.exact = true;
    options.source = c->arrived->source;
    err = etf_decode_box(c->next, left(c), &options, box, NULL, &inner);
    return err == AGNER_OK ? AGNER_OK : blame(c, "message", &inner);
}

/* An identifier by value may be kept, but not its node's name when that is text
 * in the scratch region. It takes a peer that has used up its atoms, and an
 * identifier of a node that nobody here has heard of. */
static bool cannot_be_kept(etf_term node)
{
    return etf__tag(node) == ETF__BOX;
}

/* What a spawn request is about, as its signal has it. A leader that cannot be
 * kept is replaced by who asks. */
static enum agner_err make_call(struct cursor *c)
{
    const etf_pid *leader =
        cannot_be_kept(c->leader.node) ? &c->signal->from : &c->leader;

    if (c->op->kind != RT_SIGNAL_SPAWN_REQUEST)
        return AGNER_OK;
    c->signal->call =
        etf_make(c->scratch, "{_, _, _}", c->mfa, *leader, c->options);
    return etf_is_none(c->signal->call)
               ? agner_fail(c->error, AGNER_ENOMEM, "no memory for a request")
               : AGNER_OK;
}

/* Puts what was read into its box. Bytes after a control message that has no
 * payload are ignored, as OTP does. */
static enum agner_err finish(struct cursor *c, struct etf_box **box)
{
    *box = NULL;
    if (c->op->payload)
        return read_payload(c, box);
    if (etf_is_none(c->reason) || c->third_party)
        return AGNER_OK;
    *box = etf_box_new(c->reason);
    if (*box == NULL)
        return agner_fail(c->error, AGNER_ENOMEM, "no memory for a reason");
    return AGNER_OK;
}

static enum node__verdict judge(const struct cursor *c)
{
    const struct rt_signal *signal = c->signal;

    if (c->third_party)
        return NODE__IGNORE;
    if (cannot_be_kept(signal->from.node) || cannot_be_kept(signal->ref.node))
        return NODE__IGNORE;
    return NODE__DELIVER;
}

enum agner_err node__control_decode(const struct node__arrived *arrived,
                                    const struct node__control_peer *peer,
                                    struct etf_region *scratch,
                                    struct rt_signal *signal,
                                    enum node__verdict *verdict,
                                    struct agner_error *error)
{
    struct rt_signal read = { .node = peer->name };
    struct cursor c = { .next = arrived->terms,
                        .end = arrived->terms + arrived->size,
                        .arrived = arrived,
                        .peer = peer,
                        .scratch = scratch,
                        .error = error,
                        .signal = &read };
    struct etf_box *box;
    enum agner_err err = take_version(&c);

    if (err == AGNER_OK)
        err = read_control(&c);
    if (err == AGNER_OK)
        err = make_call(&c);
    if (err == AGNER_OK)
        err = finish(&c, &box);
    if (err != AGNER_OK)
        return err;
    *verdict = judge(&c);
    if (*verdict == NODE__DELIVER) {
        read.kind = kind_of(&c);
    } else {
        etf_box_free(box);
        box = NULL;
    }
    read.box = box;
    if (box != NULL)
        read.payload = etf_box_term(box);
    *signal = read;
    return AGNER_OK;
}
