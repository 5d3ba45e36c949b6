/*
 * known_nodes.h -- which node has which key: a list, and its text in a file.
 *
 * Private to node/ and the command; pure. A line of the file is
 *
 *     NAME KEY STATE [# NOTE]
 *     shop@10.0.0.7 agnerkey1-q5...a pinned # from Ada, 3 May
 *     * agnerkey1-7d...q revoked
 *
 *   pinned   somebody has put it on the list
 *   seen     it was the first that came with that name (first use)
 *   revoked  whoever has this key is refused, whatever its name
 *
 * A name may have two keys that count (pinned, seen), so that one can take the
 * other's place. A line that begins with # is a remark and is kept; empty ones
 * are not. What is wrong in a file is an error with the number of the line, and
 * nothing of it counts. Source: spec/reliability.md 6.3.
 */
#ifndef NODE_KNOWN_NODES_H
#define NODE_KNOWN_NODES_H

#include <agner/etf.h>

#define KNOWN_ROWS_MAX  4096u      /* further ones: AGNER_ELIMIT */
#define KNOWN_SEEN_MAX  3072u      /* from there on only people add lines */
#define KNOWN_BYTES_MAX (2u << 20) /* of a file */
#define KNOWN_LINE_MAX  600u       /* bytes of one line */
#define KNOWN_NOTE_MAX  120u
#define KNOWN_NAME_MAX  255u
#define KNOWN_KEYS_MAX  2u /* of one name, that count */

enum known_state { KNOWN_PINNED, KNOWN_SEEN, KNOWN_REVOKED, KNOWN_REMARK };

struct known_row {
    enum known_state state;
    char name[KNOWN_NAME_MAX + 1]; /* "*" where a revoked key has none */
    uint8_t key[32];
    char note[KNOWN_NOTE_MAX + 1]; /* "": none; a remark's whole text */
};

/* All zero: nobody is known. */
struct known_nodes {
    struct known_row *rows; /* owned */
    size_t count, room;
};

enum trust_verdict {
    TRUST_LISTED,     /* the key is pinned for that name */
    TRUST_SEEN,       /* the first key that came with that name */
    TRUST_NEW,        /* the name has no key yet, and may take one */
    TRUST_OTHER_KEY,  /* the name belongs to another key */
    TRUST_REVOKED,    /* the key is revoked */
    TRUST_NOT_LISTED, /* only who is on the list may */
};

void node__known_fini(struct known_nodes *known);

/*
 * Reads a file's text, any bytes, into `known`, which is empty; on failure it
 * stays so. AGNER_ESYNTAX ("line 3: ..."), AGNER_ELIMIT, AGNER_ENOMEM.
 */
enum agner_err node__known_parse(struct known_nodes *known, const char *text,
                                 size_t size, struct agner_error *error);

/* Appends the text of the whole list to `out`. AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err node__known_write(const struct known_nodes *known,
                                 struct etf_buffer *out);

/* An independent copy in `to`, which is empty. AGNER_ENOMEM. */
enum agner_err node__known_copy(const struct known_nodes *known,
                                struct known_nodes *to);

/*
 * A key for a name, pinned or seen; to pin a key that was seen keeps its line.
 * note NULL: none. AGNER_EALREADY (it is so), AGNER_EINVAL (name or note),
 * AGNER_ENOTALLOWED (the key is revoked), AGNER_ELIMIT (the name has two, or
 * the list is full), AGNER_ENOMEM.
 */
enum agner_err node__known_add(struct known_nodes *known,
                               enum known_state state, const char *name,
                               const uint8_t key[32], const char *note,
                               struct agner_error *error);

/* A key counts no more, for any name, and is refused. AGNER_EALREADY,
 * AGNER_EINVAL (note), AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err node__known_revoke(struct known_nodes *known,
                                  const uint8_t key[32], const char *note,
                                  struct agner_error *error);

/* Takes out all rows of that name, or with that key, or both; a revoked one
 * only by its key. Returns how many there were. */
size_t node__known_remove(struct known_nodes *known, const char *name,
                          const uint8_t *key);

/* May a node of this name have this key? listed_only: what was seen does not
 * count. */
enum trust_verdict node__known_check(const struct known_nodes *known,
                                     bool listed_only, const char *name,
                                     const uint8_t key[32]);

/* "pinned", "seen", "revoked". Static. */
const char *node__known_word(enum known_state state);

#endif
