/*
 * doctor_trust.c -- the files in which nodes of this user keep keys, for agner
 * doctor: read as a node would read them.
 */
#include "doctor.h"

#include <string.h>

#include "noise_secret.h"
#include "rt_world.h"
#include "trust_files.h"

/* "PATH: what is wrong; the command that mends it". */
static void say(struct doctor *d, const struct agner_error *error,
                const char *node)
{
    struct finding *f = doctor_add(d, "keys");
    const char *mend = strstr(error->text, "; ");

    f->verdict = VERDICT_FAIL;
    (void)snprintf(f->value, sizeof f->value, "%.70s", node);
    (void)snprintf(f->meaning, sizeof f->meaning, "%.*s: the node cannot start",
                   mend != NULL ? (int)(mend - error->text) : 240, error->text);
    (void)snprintf(f->command, sizeof f->command, "%s",
                   mend != NULL ? mend + 2 : "agner help trust");
}

static enum agner_err look_at_key(struct doctor *d, const char *folder,
                                  const char *name, struct agner_error *error)
{
    struct noise_keys *keys = node__secret_new(sizeof *keys);
    enum agner_err err;

    if (keys == NULL)
        return AGNER_OK; /* nothing was seen of it */
    err = node__trust_key_read(d->cli->world, folder, name, keys, error);
    node__secret_free(keys);
    return err == AGNER_ENONAME ? AGNER_OK : err;
}

static bool look_at(struct doctor *d, const char *node, const char *folder,
                    size_t *known_count)
{
    const struct rt_world *world = d->cli->world;
    struct known_nodes known = { 0 };
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err =
        world->private_folder(world->ctx, folder, false, &error);

    if (err == AGNER_OK)
        err = look_at_key(d, folder, "key", &error);
    if (err == AGNER_OK)
        err = look_at_key(d, folder, "key.next", &error);
    if (err == AGNER_OK)
        err = node__trust_known_read(world, folder, &known, &error);
    *known_count += known.count;
    node__known_fini(&known);
    if (err != AGNER_OK)
        say(d, &error, node);
    return err == AGNER_OK;
}

void doctor_trust(struct doctor *d)
{
    char names[CLI_NODES_MAX][256], folder[APPS_PATH_MAX];
    size_t count = cli_trust_nodes(names, CLI_NODES_MAX), known = 0;
    struct finding *f;
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &= !cli_trust_place(names[i], folder) ||
                look_at(d, names[i], folder, &known);
    if (count == 0 || !good)
        return;
    f = doctor_add(d, "keys");
    (void)snprintf(f->value, sizeof f->value, "%zu nodes here", count);
    (void)snprintf(f->meaning, sizeof f->meaning,
                   "their files are yours alone; they know %zu keys of others",
                   known);
}
