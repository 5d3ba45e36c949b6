/*
 * from.c -- who asked: struct gen_from, between {Pid, Tag} and a value to keep.
 *
 * A tag is opaque (D-19). Those that OTP makes are kept by value; any other
 * stays in a box that the process which received it holds until its end.
 *
 *   form           tag                       fields
 *   -------------  ------------------------ -----------------------------------
 *   FROM_LOCAL     a local call's number     ref_words[0..1]
 *   FROM_REF       Ref                       ref_*
 *   FROM_ALIAS     [alias | Ref]             ref_*
 *   FROM_REF_NODE  {Ref, Node}               ref_*, extra: the atom
 *   FROM_BOX       anything else             extra: the box
 */
#include "from.h"

#include <stdlib.h>
#include <string.h>

#include "worker.h"

static void set_pid(struct gen_from *from, etf_pid pid)
{
    from->pid_node = pid.node.word;
    from->pid_id = pid.id;
    from->pid_serial = pid.serial;
    from->pid_creation = pid.creation;
}

etf_pid rt__from_pid(const struct gen_from *from)
{
    etf_pid pid = { .node = etf__word(from->pid_node),
                    .id = from->pid_id,
                    .serial = from->pid_serial,
                    .creation = from->pid_creation };

    return pid;
}

uint64_t rt__from_id(const struct gen_from *from)
{
    return (uint64_t)from->ref_words[1] << 32 | from->ref_words[0];
}

static void set_ref(struct gen_from *from, etf_ref ref)
{
    from->ref_node = ref.node.word;
    from->ref_creation = ref.creation;
    from->ref_count = (uint8_t)ref.count;
    memcpy(from->ref_words, ref.words, sizeof from->ref_words);
}

static etf_ref get_ref(const struct gen_from *from)
{
    etf_ref ref = { .node = etf__word(from->ref_node),
                    .creation = from->ref_creation,
                    .count = from->ref_count };

    memcpy(ref.words, from->ref_words, sizeof ref.words);
    return ref;
}

/* [alias | Ref]: its reference. */
static bool is_alias_tag(etf_term tag, etf_ref *ref)
{
    etf_term head, rest = tag;

    return etf_list_next(&rest, &head) && etf_same(head, ETF_A(alias)) &&
           etf_get_ref(rest, ref);
}

static bool keep_tag(struct process *p, etf_term tag, struct gen_from *from)
{
    struct extras *x = rt__extras(p);
    struct etf_box *box;

    if (x == NULL)
        return false;
    if (x->tag_count == x->tag_capacity) {
        uint32_t capacity = x->tag_capacity * 2 + 4;
        struct etf_box **tags = realloc(x->tags, capacity * sizeof(void *));

        if (tags == NULL)
            return false;
        x->tags = tags;
        x->tag_capacity = capacity;
    }
    box = etf_box_new(tag);
    if (box == NULL)
        return false;
    x->tags[x->tag_count++] = box;
    from->form = FROM_BOX;
    from->extra = (uint64_t)(uintptr_t)box;
    return true;
}

bool rt_get_from(struct gen *self, etf_term term, struct gen_from *from)
{
    const etf_term *items = etf_tuple_items(term), *pair;
    etf_pid pid;
    etf_ref ref;

    memset(from, 0, sizeof *from);
    if (etf_tuple_size(term) != 2 || !etf_get_pid(items[0], &pid))
        return false;
    set_pid(from, pid);
    pair = etf_tuple_items(items[1]);
    if (etf_get_ref(items[1], &ref)) {
        from->form = FROM_REF;
        set_ref(from, ref);
    } else if (is_alias_tag(items[1], &ref)) {
        from->form = FROM_ALIAS;
        set_ref(from, ref);
    } else if (etf_tuple_size(items[1]) == 2 && etf_get_ref(pair[0], &ref) &&
               etf__tag(pair[1]) == ETF__ATOM) {
        from->form = FROM_REF_NODE;
        set_ref(from, ref);
        from->extra = pair[1].word;
    } else {
        return keep_tag(self->process, items[1], from);
    }
    return true;
}

static const struct etf_box *box_of(const struct gen_from *from)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): put there by keep_tag() */
    return (const struct etf_box *)(uintptr_t)from->extra;
}

etf_term rt__from_tag(struct etf_region *r, const struct gen_from *from)
{
    etf_term pair[2];

    switch ((enum from_form)from->form) {
    case FROM_NOBODY:
        break;
    case FROM_LOCAL:
        return etf_cons(
            r, ETF_A(alias),
            etf_from_ref(r, rt__ref(rt__from_id(from), from->pid_id)));
    case FROM_REF:
        return etf_from_ref(r, get_ref(from));
    case FROM_ALIAS:
        return etf_cons(r, ETF_A(alias), etf_from_ref(r, get_ref(from)));
    case FROM_REF_NODE:
        pair[0] = etf_from_ref(r, get_ref(from));
        pair[1] = etf__word(from->extra);
        return etf_tuple(r, pair, 2);
    case FROM_BOX:
        return etf_copy(r, etf_box_term(box_of(from)));
    }
    return ETF_NONE;
}

etf_term rt_from_term(struct gen *self, const struct gen_from *from)
{
    etf_term pair[2];

    pair[0] = etf_from_pid(&self->scratch, rt__from_pid(from));
    pair[1] = rt__from_tag(&self->scratch, from);
    return etf_tuple(&self->scratch, pair, 2);
}

/* [alias|Ref] and [[alias|Ref]|_] are answered through the alias, every other
 * tag to the pid. Source: spec/distribution.md 6, "Reply rule". */
bool rt__from_alias(const struct gen_from *from, etf_ref *alias)
{
    etf_term head, rest;

    if (from->form == FROM_ALIAS) {
        *alias = get_ref(from);
        return true;
    }
    if (from->form != FROM_BOX)
        return false;
    rest = etf_box_term(box_of(from));
    return etf_list_next(&rest, &head) && is_alias_tag(head, alias);
}
