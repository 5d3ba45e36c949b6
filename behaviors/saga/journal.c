/*
 * journal.c -- durable sagas as bytes, and back: see journal.h.
 *
 * Order of reading: version, check sum, the term, then the range of every
 * number and what they can be together (gen__steps_is_sound). A row that was
 * damaged stops its saga, and nothing else.
 */
#include "saga/journal.h"

#include <string.h>

#include <zlib.h>

#define PREAMBLE 5u /* the version, and the sum of what follows */

/* ---- Keys ---------------------------------------------------------------- */

static const struct etf_encode_options plain = { .deterministic = true };

enum agner_err gen__journal_prefix(struct etf_buffer *b, const char *name)
{
    return etf_buffer_add(b, name, strlen(name) + 1);
}

enum agner_err gen__journal_key(struct etf_buffer *b, const char *name,
                                etf_term id, uint8_t row)
{
    struct etf_buffer bytes = { .size_max = GEN_STEPS_ID_MAX };
    enum agner_err err = etf_encode(&bytes, id, &plain);
    uint8_t size[2] = { (uint8_t)(bytes.size >> 8), (uint8_t)bytes.size };

    if (err == AGNER_OK)
        err = gen__journal_prefix(b, name);
    if (err == AGNER_OK)
        err = etf_buffer_add(b, size, sizeof size);
    if (err == AGNER_OK)
        err = etf_buffer_add(b, bytes.data, bytes.size);
    if (err == AGNER_OK)
        err = etf_buffer_add(b, &row, 1);
    etf_buffer_fini(&bytes);
    return err;
}

bool gen__journal_split(const char *name, etf_bytes key, etf_bytes *id,
                        uint8_t *row)
{
    size_t head = strlen(name) + 1, size;

    if (key.size < head + 3 || memcmp(key.data, name, head) != 0)
        return false;
    size = (size_t)key.data[head] << 8 | key.data[head + 1];
    if (key.size != head + 2 + size + 1)
        return false;
    *id = (etf_bytes){ key.data + head + 2, size };
    *row = key.data[key.size - 1];
    return true;
}

enum agner_err gen__journal_id(struct etf_region *r, etf_bytes id,
                               etf_term *term)
{
    struct etf_decode_options exact = { .exact = true };
    enum agner_err err =
        etf_decode(r, id.data, id.size, &exact, term, NULL, NULL);

    return err == AGNER_OK || err == AGNER_ENOMEM ? err : AGNER_ECORRUPT;
}

/* ---- Writing ------------------------------------------------------------- */

static enum agner_err seal(struct etf_buffer *b, etf_term term,
                           const struct etf_self *self)
{
    struct etf_encode_options options = { .self = self, .deterministic = true };
    size_t at = b->size;
    uint8_t preamble[PREAMBLE] = { JOURNAL_VERSION };
    enum agner_err err;
    uint32_t sum;

    if (etf_is_none(term))
        return AGNER_ENOMEM;
    err = etf_buffer_add(b, preamble, sizeof preamble);
    if (err == AGNER_OK)
        err = etf_encode(b, term, &options);
    if (err != AGNER_OK)
        return err;
    if (b->size - at > 2u * GEN_STEPS_BYTES_MAX)
        return AGNER_ELIMIT;
    sum = (uint32_t)crc32(0, b->data + at + PREAMBLE,
                          (unsigned)(b->size - at - PREAMBLE));
    for (unsigned i = 0; i < 4; i++)
        b->data[at + 1 + i] = (uint8_t)(sum >> (24 - 8 * i));
    return AGNER_OK;
}

enum agner_err gen__journal_write_head(struct etf_buffer *b,
                                       struct etf_region *r,
                                       const struct etf_self *self,
                                       const struct journal *j)
{
    uint64_t deadline_ms = j->deadline_ms == RT_INFINITY ? 0 : j->deadline_ms;

    return seal(b,
                etf_make(r, "{_, _, _, _, _}", j->id, j->input, j->created_ms,
                         deadline_ms,
                         etf_list(r, j->names, j->record.count, etf_nil())),
                self);
}

static etf_term step_term(struct etf_region *r, const struct step_record *step,
                          etf_term result)
{
    uint64_t state = (uint64_t)step->state;

    if (etf_is_none(result))
        return etf_make(r, "{_, _, _, _, _}", state, step->attempts,
                        step->failures, step->compensations,
                        step->undo_failures);
    return etf_make(r, "{_, _, _, _, _, _}", state, step->attempts,
                    step->failures, step->compensations, step->undo_failures,
                    result);
}

static etf_term maybe(struct etf_region *r, etf_term term)
{
    return etf_is_none(term) ? etf_nil() : etf_make(r, "[_]", term);
}

enum agner_err gen__journal_write_progress(struct etf_buffer *b,
                                           struct etf_region *r,
                                           const struct etf_self *self,
                                           const struct journal *j)
{
    etf_term steps[STEPS_COUNT_MAX];

    for (size_t i = 0; i < j->record.count; i++)
        steps[i] = step_term(r, &j->record.steps[i], j->results[i]);
    return seal(b,
                etf_make(r, "{_, _, _, _, _}", (uint64_t)j->record.phase,
                         j->updated_ms, maybe(r, j->reason),
                         maybe(r, j->trouble),
                         etf_list(r, steps, j->record.count, etf_nil())),
                self);
}

/* ---- Reading ------------------------------------------------------------- */

static enum agner_err unseal(struct etf_region *r, const struct etf_self *self,
                             etf_bytes bytes, etf_term *term,
                             struct agner_error *error)
{
    struct etf_decode_options options = { .self = self, .exact = true };
    uint32_t sum = 0;
    enum agner_err err;

    if (bytes.size < PREAMBLE || bytes.size > 2u * GEN_STEPS_BYTES_MAX)
        return agner_fail(error, AGNER_ECORRUPT, "a row of %zu bytes",
                          bytes.size);
    if (bytes.data[0] > JOURNAL_VERSION)
        return agner_fail(error, AGNER_ENOTSUP,
                          "a row of version %u, which is newer than %u",
                          bytes.data[0], JOURNAL_VERSION);
    for (unsigned i = 0; i < 4; i++)
        sum = sum << 8 | bytes.data[1 + i];
    if (bytes.data[0] == 0 ||
        sum != (uint32_t)crc32(0, bytes.data + PREAMBLE,
                               (unsigned)(bytes.size - PREAMBLE)))
        return agner_fail(error, AGNER_ECORRUPT, "a row that is damaged");
    err = etf_decode(r, bytes.data + PREAMBLE, bytes.size - PREAMBLE, &options,
                     term, NULL, error);
    return err == AGNER_OK || err == AGNER_ENOMEM
               ? err
               : agner_fail(error, AGNER_ECORRUPT, "a row that is no term");
}

static bool read_head(etf_term term, struct journal *j)
{
    etf_term names, name;
    etf_bytes text;
    size_t count = 0;

    if (!etf_match(term, "{_, _, _, _, _}", &j->id, &j->input, &j->created_ms,
                   &j->deadline_ms, &names))
        return false;
    if (j->deadline_ms == 0)
        j->deadline_ms = RT_INFINITY;
    if (etf_list_size(names) < 1 || etf_list_size(names) > STEPS_COUNT_MAX)
        return false;
    while (etf_list_next(&names, &name)) {
        if (!etf_get_bytes(name, &text) || text.size > GEN_STEPS_NAME_MAX)
            return false;
        j->names[count++] = name;
    }
    j->record.count = count;
    return true;
}

static bool read_step(etf_term term, struct step_record *step, etf_term *result)
{
    const etf_term *items = etf_tuple_items(term);
    size_t size = etf_tuple_size(term);
    uint64_t numbers[5];

    if (size != 5 && size != 6)
        return false;
    for (size_t i = 0; i < 5; i++) {
        if (!etf_get_uint(items[i], &numbers[i]) || numbers[i] > UINT32_MAX)
            return false;
    }
    if (numbers[0] >= STEP_STATES)
        return false;
    *step = (struct step_record){ .state = (enum step_state)numbers[0],
                                  .attempts = (uint32_t)numbers[1],
                                  .failures = (uint32_t)numbers[2],
                                  .compensations = (uint32_t)numbers[3],
                                  .undo_failures = (uint32_t)numbers[4] };
    *result = size == 6 ? items[5] : ETF_NONE;
    return true;
}

static bool read_maybe(etf_term term, etf_term *out)
{
    *out = ETF_NONE;
    return etf_same(term, etf_nil()) || etf_match(term, "[_]", out);
}

static bool read_progress(etf_term term, struct journal *j)
{
    etf_term steps, step, reason, trouble;
    uint64_t phase;
    size_t count = 0;

    if (!etf_match(term, "{_, _, _, _, _}", &phase, &j->updated_ms, &reason,
                   &trouble, &steps) ||
        phase >= STEPS_PHASES ||
        etf_list_size(steps) != (int64_t)j->record.count)
        return false;
    if (!read_maybe(reason, &j->reason) || !read_maybe(trouble, &j->trouble))
        return false;
    j->record.phase = (enum steps_phase)phase;
    while (etf_list_next(&steps, &step)) {
        if (!read_step(step, &j->record.steps[count], &j->results[count]))
            return false;
        count++;
    }
    return gen__steps_is_sound(&j->record);
}

enum agner_err gen__journal_read(struct etf_region *r,
                                 const struct etf_self *self, etf_bytes head,
                                 etf_bytes progress, struct journal *j,
                                 struct agner_error *error)
{
    etf_term term;
    enum agner_err err = unseal(r, self, head, &term, error);

    memset(j, 0, sizeof *j);
    if (err == AGNER_OK && !read_head(term, j))
        err = agner_fail(error, AGNER_ECORRUPT, "a head that is none");
    if (err == AGNER_OK)
        err = unseal(r, self, progress, &term, error);
    if (err == AGNER_OK && !read_progress(term, j))
        err = agner_fail(error, AGNER_ECORRUPT, "a progress that cannot be");
    return err;
}
