/*
 * channel.c -- a stream of bytes between two keys: see node_channel.h.
 */
#include "node_channel.h"

#include <string.h>

#include "noise_record.h"
#include "noise_secret.h"

enum { WELCOME = 1, BYTES, END }; /* the byte in front of a record's text */

/* Bytes of the messages of XX with empty payloads. */
static const size_t message_size[] = { 32, 96, 64 };

struct node_channel {
    enum node_channel_state state;
    bool ended;    /* we have said so */
    bool complete; /* the handshake is; an initiator waits for WELCOME */
    bool initiator;
    const char *text; /* why it failed */
    bool (*admits)(void *ctx, const uint8_t key[NOISE_KEY_SIZE]);
    void *ctx;
    struct noise noise;
    struct noise_record sends, receives;
    struct etf_buffer in; /* owned: a record that is not whole yet */
};

static enum agner_err fail(struct node_channel *c, enum agner_err err,
                           const char *text)
{
    c->state = NODE_CHANNEL_FAILED;
    c->text = text;
    node__noise_wipe(&c->noise, sizeof c->noise);
    node__noise_wipe(&c->sends, sizeof c->sends);
    node__noise_wipe(&c->receives, sizeof c->receives);
    return err;
}

/* ---- Out ------------------------------------------------------------------
 */

/* A record of up to NOISE_TEXT_MAX bytes behind the type. */
static enum agner_err put_record(struct node_channel *c, uint8_t type,
                                 const uint8_t *bytes, size_t size,
                                 struct etf_buffer *out)
{
    size_t had = out->size, whole = 0;
    uint8_t *record;

    if (etf_buffer_reserve(out, size + NOISE_RECORD_EXTRA) != AGNER_OK)
        return fail(c, AGNER_ENOMEM, "no memory");
    record = out->data + had;
    record[NOISE_LENGTH_SIZE] = type;
    if (size > 0)
        memcpy(record + NOISE_LENGTH_SIZE + 1, bytes, size);
    if (node__record_seal(&c->sends, record, size + 1, &whole) != AGNER_OK)
        return fail(c, AGNER_EPROTO, "its numbers are used up");
    out->size = had + whole;
    return AGNER_OK;
}

static enum agner_err put_message(struct node_channel *c,
                                  struct etf_buffer *out)
{
    uint8_t message[NOISE_LENGTH_SIZE + 256]; /* as much as noise.h may want */
    size_t size;

    if (node__noise_write(&c->noise, NULL, 0, message + NOISE_LENGTH_SIZE,
                          sizeof message - NOISE_LENGTH_SIZE,
                          &size) != AGNER_OK)
        return fail(c, AGNER_EPROTO, "a key that is none");
    message[0] = (uint8_t)(size >> 8);
    message[1] = (uint8_t)size;
    if (etf_buffer_add(out, message, NOISE_LENGTH_SIZE + size) != AGNER_OK)
        return fail(c, AGNER_ENOMEM, "no memory");
    return AGNER_OK;
}

enum agner_err node_channel_put(struct node_channel *c, const uint8_t *bytes,
                                size_t size, struct etf_buffer *out)
{
    enum agner_err err = AGNER_OK;

    if (c->state != NODE_CHANNEL_UP || c->ended)
        return AGNER_EPROTO;
    while (err == AGNER_OK && size > 0) {
        size_t piece = size < NOISE_TEXT_MAX ? size : NOISE_TEXT_MAX;

        err = put_record(c, BYTES, bytes, piece, out);
        bytes += piece;
        size -= piece;
    }
    return err;
}

enum agner_err node_channel_end(struct node_channel *c, struct etf_buffer *out)
{
    if (c->state != NODE_CHANNEL_UP || c->ended)
        return AGNER_EPROTO;
    c->ended = true;
    return put_record(c, END, NULL, 0, out);
}

/* ---- The handshake --------------------------------------------------------
 */

/* All three messages are through. */
static void complete(struct node_channel *c)
{
    node__noise_split(&c->noise, &c->sends.cipher, &c->receives.cipher);
    c->complete = true;
}

static enum agner_err take_message(struct node_channel *c,
                                   const uint8_t *message, size_t size,
                                   struct etf_buffer *out)
{
    uint8_t payload[NOISE_KEY_SIZE * 3]; /* the longest message's size */
    size_t payload_size;
    enum agner_err err;

    if (node__noise_read(&c->noise, message, size, payload, &payload_size) !=
        AGNER_OK)
        return fail(c, AGNER_EPROTO,
                    "a handshake that is not whole, or not of "
                    "this protocol");
    if (c->noise.message == 1) /* we are the responder */
        return put_message(c, out);
    if (!c->admits(c->ctx, c->noise.peer_static))
        return fail(c, AGNER_EPROTO, "its key is not admitted");
    if (c->initiator) {
        err = put_message(c, out);
        if (err == AGNER_OK)
            complete(c);
        return err;
    }
    complete(c);
    err = put_record(c, WELCOME, NULL, 0, out);
    if (err == AGNER_OK)
        c->state = NODE_CHANNEL_UP;
    return err;
}

/* ---- Records --------------------------------------------------------------
 */

static enum agner_err take_record(struct node_channel *c, uint8_t *record,
                                  struct etf_buffer *plain)
{
    const uint8_t *text = record + NOISE_LENGTH_SIZE;
    size_t size;

    if (node__record_open(&c->receives, record, &size) != AGNER_OK)
        return fail(c, AGNER_EPROTO, "a record that was changed on its way");
    if (size == 1 && text[0] == WELCOME && c->state == NODE_CHANNEL_SHAKES) {
        c->state = NODE_CHANNEL_UP;
        return AGNER_OK;
    }
    if (c->state == NODE_CHANNEL_SHAKES || size == 0)
        return fail(c, AGNER_EPROTO, "a record that does not belong there");
    if (size == 1 && text[0] == END) {
        c->state = NODE_CHANNEL_ENDED;
        return AGNER_OK;
    }
    if (text[0] != BYTES)
        return fail(c, AGNER_EPROTO, "a record that does not belong there");
    if (etf_buffer_add(plain, text + 1, size - 1) != AGNER_OK)
        return fail(c, AGNER_ENOMEM, "no memory");
    return AGNER_OK;
}

/* May what comes next be that long? */
static bool is_expected(const struct node_channel *c, size_t size)
{
    return c->complete ? size > NOISE_TAG_SIZE
                       : size == message_size[c->noise.message];
}

/* One message or record that is whole. */
static enum agner_err take_one(struct node_channel *c, uint8_t *bytes,
                               size_t size, struct etf_buffer *plain,
                               struct etf_buffer *out)
{
    return c->complete ? take_record(c, bytes, plain)
                       : take_message(c, bytes + NOISE_LENGTH_SIZE,
                                      size - NOISE_LENGTH_SIZE, out);
}

enum agner_err node_channel_take(struct node_channel *c, const uint8_t *bytes,
                                 size_t size, struct etf_buffer *plain,
                                 struct etf_buffer *out)
{
    size_t at = 0, whole;
    enum agner_err err = AGNER_OK;

    if (c->state == NODE_CHANNEL_FAILED)
        return AGNER_EPROTO;
    if (c->state == NODE_CHANNEL_ENDED)
        return AGNER_OK;
    if (etf_buffer_add(&c->in, bytes, size) != AGNER_OK)
        return fail(c, AGNER_ENOMEM, "no memory");
    while (err == AGNER_OK && c->state != NODE_CHANNEL_ENDED &&
           c->in.size - at >= NOISE_LENGTH_SIZE) {
        whole = node__record_size(c->in.data + at);
        if (!is_expected(c, whole - NOISE_LENGTH_SIZE))
            return fail(c, AGNER_EPROTO, "a length that nothing has here");
        if (c->in.size - at < whole)
            break;
        err = take_one(c, c->in.data + at, whole, plain, out);
        at += whole;
    }
    if (at > 0) {
        c->in.size -= at;
        memmove(c->in.data, c->in.data + at, c->in.size);
    }
    return err;
}

/* ---- Its life -------------------------------------------------------------
 */

enum node_channel_state node_channel_state(const struct node_channel *c)
{
    return c->state;
}

const char *node_channel_text(const struct node_channel *c)
{
    return c->text;
}

enum agner_err node_channel_new(const struct node_channel_options *o,
                                struct etf_buffer *out,
                                struct node_channel **channel)
{
    struct node_channel *c = node__secret_new(sizeof *c);
    enum agner_err err;

    if (c == NULL)
        return AGNER_ENOMEM;
    c->text = "it was not finished";
    c->initiator = o->initiator;
    c->admits = o->admits;
    c->ctx = o->ctx;
    err = node__noise_begin(&c->noise, NOISE_XX, o->initiator, o->prologue,
                            strlen(o->prologue), o->own, o->ephemeral);
    if (err == AGNER_OK && c->initiator)
        err = put_message(c, out);
    if (err == AGNER_OK)
        *channel = c;
    else
        node_channel_free(c);
    return err;
}

void node_channel_free(struct node_channel *c)
{
    if (c == NULL)
        return;
    if (c->in.data != NULL) /* records are opened there */
        node__noise_wipe(c->in.data, c->in.capacity);
    etf_buffer_fini(&c->in);
    node__secret_free(c);
}
