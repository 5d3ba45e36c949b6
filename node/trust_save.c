/*
 * trust_save.c -- whom a node saw for the first time goes to its file.
 *
 * Writing waits for the disk, so it is done by a thread that lives as long as
 * there is something to write. In a simulated world nothing waits.
 */
#include <string.h>

#include "trust_files.h"
#include "trust_room.h"

/* In the file's list, while it is ours: what does not fit there any more (the
 * name has keys by now, the key is revoked) is left out. However many names
 * somebody comes with, there is room to pin and to revoke. */
static enum agner_err add_seen(void *ctx, struct known_nodes *known,
                               struct agner_error *error)
{
    const struct known_nodes *seen = ctx;

    for (size_t i = 0; i < seen->count; i++) {
        const struct known_row *row = &seen->rows[i];

        if (known->count < KNOWN_SEEN_MAX &&
            node__known_check(known, false, row->name, row->key) == TRUST_NEW &&
            node__known_add(known, KNOWN_SEEN, row->name, row->key, NULL,
                            error) == AGNER_ENOMEM)
            return AGNER_ENOMEM;
    }
    return AGNER_OK;
}

/* Takes what was written into the node, unless the node has read its file since
 * `readings`: what it has may be newer then, and all is done once more. */
static void adopt(struct trust *trust, const struct known_nodes *saved,
                  struct known_nodes *written, uint64_t readings)
{
    struct known_nodes other = *written;

    rt__lock(&trust->lock);
    if (trust->readings == readings) {
        other = trust->known;
        trust->known = *written;
        trust->readings++;
        for (size_t i = 0; i < saved->count; i++)
            (void)node__known_remove(&trust->seen, saved->rows[i].name,
                                     saved->rows[i].key);
    }
    rt__unlock(&trust->lock);
    node__known_fini(&other);
}

static enum agner_err save(struct trust *trust, struct known_nodes *saved,
                           uint64_t readings)
{
    struct known_nodes written = { 0 };
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = node__trust_known_change(
        trust->world, trust->folder, add_seen, saved, &written, &error);

    if (err == AGNER_OK)
        adopt(trust, saved, &written, readings);
    else
        rt_log(trust->node->rt, RT_LOG_WARNING,
               "who was seen first could not be kept: %s", error.text);
    return err;
}

/* Until there is nothing left, or it could not be written: then the next one
 * who is seen has it tried again. */
static void run(void *arg)
{
    struct trust *trust = arg;
    bool goes_on = true;

    while (goes_on) {
        struct known_nodes seen = { 0 };
        uint64_t readings;
        enum agner_err err;

        rt__lock(&trust->lock);
        readings = trust->readings;
        err = node__known_copy(&trust->seen, &seen);
        goes_on = err == AGNER_OK && seen.count > 0;
        trust->saving = goes_on;
        rt__unlock(&trust->lock);
        if (goes_on && save(trust, &seen, readings) != AGNER_OK) {
            rt__lock(&trust->lock);
            goes_on = trust->saving = false;
            rt__unlock(&trust->lock);
        }
        node__known_fini(&seen);
    }
}

void node__trust_save(struct trust *trust)
{
    const struct rt_world *world = trust->world;
    bool begin;

    if (trust->folder == NULL)
        return;
    rt__lock(&trust->lock);
    begin = !trust->saving && trust->seen.count > 0;
    trust->saving |= begin;
    rt__unlock(&trust->lock);
    if (!begin)
        return;
    if (trust->saver != NULL)
        world->thread_join(world->ctx, trust->saver); /* it is at its end */
    trust->saver = NULL;
    if (world->simulated || world->thread_start(world->ctx, "trust", run, trust,
                                                &trust->saver) != AGNER_OK)
        run(trust);
}
