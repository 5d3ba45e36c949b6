/*
 * read_ident.c -- pids, ports and references out of their external form.
 *
 * An identifier of this node with its creation becomes a local one. Our name
 * with another creation is an earlier life: that stays foreign, and is nobody.
 */
#include "atom_table.h"
#include "ident.h"
#include "reader.h"
#include "tags.h"

#define OLD_CREATION_MAX 3u
#define OLD_ID_MAX       ((1u << 18) - 1u) /* of old references */
#define LOCAL_SLOT_MAX   ((1u << 28) - 1u)

/* The creation behind `p`, of one byte in the old tags and four in the new. */
static enum agner_err creation_at(const struct reader *rd, const uint8_t *p,
                                  bool old, uint32_t *creation)
{
    *creation = old ? *p : etf__get32(p);
    if (old && *creation > OLD_CREATION_MAX)
        return etf__read_fail(rd, AGNER_EMALFORMED, "creation is over 3");
    return AGNER_OK;
}

/* Is the atom that comes the node of the identifier before? Then it need not be
 * looked up. */
static bool same_node(struct reader *rd)
{
    const struct etf__atom *entry;

    if (etf_is_none(rd->node))
        return false;
    entry = etf__atom_entry(rd->node);
    if (entry->size > 255 || etf__bytes_left(rd) < (size_t)entry->size + 2 ||
        memcmp(rd->next, entry->text - 2, (size_t)entry->size + 2) != 0)
        return false;
    rd->next += 2 + entry->size;
    return true;
}

static enum agner_err read_node_atom(struct reader *rd, etf_term *node)
{
    enum agner_err err;

    if (same_node(rd)) {
        *node = rd->node;
        return AGNER_OK;
    }
    err = etf__read_atom(rd, node);
    if (err == AGNER_OK && etf__tag(*node) == ETF__ATOM)
        rd->node = *node;
    return err;
}

/* Node atom, then `size` bytes: where these stand, or NULL with the error in
 * *err. */
static const uint8_t *read_node(struct reader *rd, size_t size, etf_term *node,
                                enum agner_err *err)
{
    const uint8_t *body;

    *err = read_node_atom(rd, node);
    if (*err != AGNER_OK)
        return NULL;
    if (etf__bytes_left(rd) < size) {
        *err = etf__read_fail(rd, AGNER_ETRUNCATED,
                              "input ends inside an identifier");
        return NULL;
    }
    body = rd->next;
    rd->next += size;
    return body;
}

static bool is_ours(const struct reader *rd, etf_term node, uint32_t creation)
{
    return etf_same(node, rd->self.name) && creation == rd->self.creation;
}

enum agner_err etf__read_pid(struct reader *rd, unsigned tag, etf_term *out)
{
    bool old = tag == PID_EXT;
    uint32_t id, serial, creation;
    enum agner_err err;
    const uint8_t *body;
    uint64_t *words;
    etf_term node;

    body = read_node(rd, old ? 9 : 12, &node, &err);
    if (body == NULL)
        return err;
    id = etf__get32(body);
    serial = etf__get32(body + 4);
    err = creation_at(rd, body + 8, old, &creation);
    if (err != AGNER_OK)
        return err;
    if (is_ours(rd, node, creation) && id <= LOCAL_SLOT_MAX) {
        *out = etf__local_pid(id, serial);
        return AGNER_OK;
    }
    words = etf__read_words(rd, 4, &err);
    if (words == NULL)
        return err;
    words[0] = etf__header(3, ETF__HEAD_PID);
    words[1] = node.word;
    words[2] = (uint64_t)serial << 32 | id;
    words[3] = creation;
    *out = etf__box_at(words);
    return AGNER_OK;
}

enum agner_err etf__read_port(struct reader *rd, unsigned tag, etf_term *out)
{
    size_t id_size = tag == V4_PORT_EXT ? 8 : 4;
    bool old = tag == PORT_EXT;
    enum agner_err err;
    const uint8_t *body;
    uint32_t creation;
    uint64_t *words;
    etf_term node;

    body = read_node(rd, id_size + (old ? 1 : 4), &node, &err);
    if (body == NULL)
        return err;
    err = creation_at(rd, body + id_size, old, &creation);
    if (err != AGNER_OK)
        return err;
    words = etf__read_words(rd, 4, &err);
    if (words == NULL)
        return err;
    if (is_ours(rd, node, creation)) {
        node = ETF_NONE;
        creation = 0;
    }
    words[0] = etf__header(3, ETF__HEAD_PORT);
    words[1] = node.word;
    words[2] = id_size == 8 ? etf__get64(body) : etf__get32(body);
    words[3] = creation;
    *out = etf__box_at(words);
    return AGNER_OK;
}

static enum agner_err make_ref(struct reader *rd, etf_term node,
                               uint32_t creation, const uint8_t *ids,
                               uint32_t count, etf_term *out)
{
    size_t size = etf__ref_size(count);
    enum agner_err err;
    uint64_t *words = etf__read_words(rd, 1 + size, &err);

    if (words == NULL)
        return err;
    if (is_ours(rd, node, creation)) {
        node = ETF_NONE;
        creation = 0;
    }
    words[0] = etf__header(size, ETF__HEAD_REF);
    words[1] = node.word;
    words[2] = (uint64_t)count << 32 | creation;
    for (uint32_t i = 0; i < count; i += 2) {
        uint64_t high = i + 1 < count ? etf__get32(ids + (size_t)4 * i + 4) : 0;

        words[3 + i / 2] = high << 32 | etf__get32(ids + (size_t)4 * i);
    }
    *out = etf__box_at(words);
    return AGNER_OK;
}

/* REFERENCE_EXT: one id, then the creation. */
static enum agner_err read_single_ref(struct reader *rd, etf_term *out)
{
    enum agner_err err;
    const uint8_t *body;
    uint32_t creation;
    etf_term node;

    body = read_node(rd, 5, &node, &err);
    if (body == NULL)
        return err;
    err = creation_at(rd, body + 4, true, &creation);
    if (err != AGNER_OK)
        return err;
    if (etf__get32(body) > OLD_ID_MAX)
        return etf__read_fail(rd, AGNER_EMALFORMED, "reference id too large");
    return make_ref(rd, node, creation, body, 1, out);
}

enum agner_err etf__read_ref(struct reader *rd, unsigned tag, etf_term *out)
{
    bool old = tag == NEW_REFERENCE_EXT;
    size_t head = old ? 1 : 4; /* the creation stands before the ids */
    uint32_t count, creation;
    enum agner_err err;
    const uint8_t *body;
    etf_term node;

    if (tag == REFERENCE_EXT)
        return read_single_ref(rd, out);
    if (etf__bytes_left(rd) < 2)
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "input ends inside a reference");
    count = etf__get16(rd->next);
    if (count < 1 || count > 5)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "reference of no or more than 5 words");
    rd->next += 2;
    body = read_node(rd, head + 4 * (size_t)count, &node, &err);
    if (body == NULL)
        return err;
    err = creation_at(rd, body, old, &creation);
    if (err != AGNER_OK)
        return err;
    if (old && etf__get32(body + head) > OLD_ID_MAX)
        return etf__read_fail(rd, AGNER_EMALFORMED, "reference id too large");
    return make_ref(rd, node, creation, body + head, count, out);
}
