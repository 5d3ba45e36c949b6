/*
 * noise_record.h -- what goes over a secure link once it is up.
 *
 * Private to node/. A record is two bytes of length and an encrypted frame; the
 * frame's text is a byte that says what it is, and the rest. An empty text is a
 * tick. After NOISE_REKEY_FRAMES frames of one direction its key is replaced,
 * which both sides count and nobody says. Pure. Source: spec/reliability.md
 * 6.2.
 */
#ifndef NODE_NOISE_RECORD_H
#define NODE_NOISE_RECORD_H

#include "noise.h"

#define NOISE_LENGTH_SIZE  2u
#define NOISE_REKEY_FRAMES (UINT64_C(1) << 20)
/* Bytes behind the type byte that one frame takes. */
#define NOISE_TEXT_MAX (NOISE_MESSAGE_MAX - NOISE_TAG_SIZE - 1)
/* What a record has besides those. */
#define NOISE_RECORD_EXTRA (NOISE_LENGTH_SIZE + 1 + NOISE_TAG_SIZE)

enum record_type {
    RECORD_PACKETS = 1, /* a part of the stream of distribution packets */
    RECORD_GOODBYE = 2, /* enum record_goodbye; nothing follows */
    RECORD_WELCOME = 3, /* the responder's: secure.h */
    RECORD_GO_ON = 4,   /* the initiator's answer to `alive` */
};

enum record_goodbye { GOODBYE_DISCONNECT = 0, GOODBYE_SHUTDOWN = 1 };

/* One direction. */
struct noise_record {
    struct noise_cipher cipher;
    uint64_t frames;       /* with the present key */
    uint64_t rekey_frames; /* 0: NOISE_REKEY_FRAMES; both sides have the same */
};

/* Makes `record` complete in place: behind its first NOISE_LENGTH_SIZE bytes
 * are `text_size` bytes of text (with the type byte; 0: a tick), and room for
 * the tag. *size is the whole record's. AGNER_ELIMIT: the nonces are used up.
 */
enum agner_err node__record_seal(struct noise_record *direction,
                                 uint8_t *record, size_t text_size,
                                 size_t *size);

/* The same of a type byte and `size` bytes (at most NOISE_TEXT_MAX) that lie
 * elsewhere and stay as they are; `record` has room for NOISE_RECORD_EXTRA
 * more. */
enum agner_err node__record_seal_from(struct noise_record *direction,
                                      enum record_type type,
                                      const uint8_t *bytes, size_t size,
                                      uint8_t *record);

/* Bytes of the record that begins with these two. */
size_t node__record_size(const uint8_t length[NOISE_LENGTH_SIZE]);

/* Decrypts a whole record in place: the text is behind its length.
 * AGNER_EPROTO: it is not the next record of that peer. */
enum agner_err node__record_open(struct noise_record *direction,
                                 uint8_t *record, size_t *text_size);
/* The same to `text`, which has room for the record without its length and its
 * tag. */
enum agner_err node__record_open_to(struct noise_record *direction,
                                    const uint8_t *record, uint8_t *text,
                                    size_t *text_size);

#endif
