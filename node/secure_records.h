/*
 * secure_records.h -- whole records, cut out of bytes as they come.
 *
 * Private to node/. Pure, but for the memory of the one record that is not
 * complete; nothing is decrypted here. A record that lies whole in the bytes
 * that came is looked at where it lies. When a large one is being waited for,
 * the net is asked to put what comes right behind it, with room for the next.
 */
#ifndef NODE_SECURE_RECORDS_H
#define NODE_SECURE_RECORDS_H

#include "noise_record.h"

/* All zero is empty. */
struct secure_records {
    uint8_t *bytes; /* owned, or NULL */
    size_t room;
    size_t start, held; /* what of it is not looked at yet */
};

/* Where the next bytes are best put, and how many; 0: anywhere. */
size_t node__records_place(struct secure_records *r, uint8_t **bytes);

/*
 * Bytes came: *bytes and *size, of which the call takes what it can use.
 * *record is the next whole record, borrowed until the next call, or NULL: all
 * are taken and more are needed. To be called until then with the same two.
 * AGNER_ENOMEM; AGNER_EPROTO: a length that no record has.
 */
enum agner_err node__records_next(struct secure_records *r,
                                  const uint8_t **bytes, size_t *size,
                                  const uint8_t **record);

/* Gives back memory that nothing is in. */
void node__records_trim(struct secure_records *r);
void node__records_fini(struct secure_records *r);

#endif
