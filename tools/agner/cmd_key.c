/*
 * cmd_key.c -- agner key: the key of a node, and another one in its place.
 */
#include "cli.h"

#include <string.h>
#include <unistd.h>

#include "key_text.h"
#include "noise_secret.h"
#include "rt_world.h"
#include "trust_files.h"

static const char *const actions[] = { "show",  "new",    "use",
                                       "allow", "revoke", NULL };

enum action {
    ACTION_SHOW,
    ACTION_NEW,
    ACTION_USE,
    ACTION_ALLOW,
    ACTION_REVOKE,
};

static const struct option options[] = {
    { "note", 0, "TEXT", "of allow and revoke: to remember why", OPTION_TEXT,
      CLI_OPTION(note), 0, 0, NULL },
    CLI_TRUST_ROWS,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* The public half of a key file; empty where there is none. */
static int public_key(struct cli *cli, const char *folder, const char *name,
                      char text[KEY_TEXT_SIZE])
{
    struct noise_keys *keys = node__secret_new(sizeof *keys);
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;

    text[0] = '\0';
    if (keys == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    err = node__trust_key_read(cli->world, folder, name, keys, &error);
    if (err == AGNER_OK)
        node__key_print(keys->public_key, text);
    node__secret_free(keys);
    if (err == AGNER_OK || err == AGNER_ENONAME)
        return EXIT_DONE;
    return cli_secret_fail(cli, err, error.text);
}

static int show(struct cli *cli, const char *folder)
{
    char key[KEY_TEXT_SIZE], next[KEY_TEXT_SIZE];
    int code = public_key(cli, folder, "key", key);

    if (code == EXIT_DONE)
        code = public_key(cli, folder, "key.next", next);
    if (code != EXIT_DONE)
        return code;
    if (key[0] == '\0')
        return cli_fail(cli, EXIT_NOT_FOUND, "agner key new",
                        "%s: there is no key", folder);
    if (cli->o.json)
        return cli_print(
            cli, etf_make(cli->region, "#{key => _, next => _, path => _}",
                          (const char *)key,
                          next[0] != '\0' ? etf_text(cli->region, next)
                                          : etf_atom("nil"),
                          folder));
    (void)printf("%s\n", key);
    if (next[0] != '\0')
        (void)printf("%s  next: agner key use\n", next);
    return EXIT_DONE;
}

/* The first one, or one that will take its place. */
static int make(struct cli *cli, const char *folder)
{
    struct agner_error error = { AGNER_OK, "" };
    struct noise_keys *keys;
    char text[KEY_TEXT_SIZE];
    int code = public_key(cli, folder, "key", text);
    const char *name = text[0] != '\0' ? "key.next" : "key";
    enum agner_err err;

    if (code != EXIT_DONE)
        return code;
    keys = node__secret_new(sizeof *keys);
    if (keys == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    err = node__trust_key_new(cli->world, folder, name, keys, &error);
    if (err == AGNER_OK)
        node__key_print(keys->public_key, text);
    node__secret_free(keys);
    if (err == AGNER_ETAKEN)
        return cli_fail(cli, EXIT_REFUSED, "agner key use",
                        "there is a next key already");
    if (err != AGNER_OK)
        return cli_secret_fail(cli, err, error.text);
    if (cli->o.json)
        return cli_print(cli, etf_make(cli->region, "#{key => _, file => _}",
                                       (const char *)text, name));
    (void)printf("%s\n", text);
    return EXIT_DONE;
}

static int use(struct cli *cli, const char *folder)
{
    struct agner_error error = { AGNER_OK, "" };
    char next[TRUST_PATH_SIZE], key[TRUST_PATH_SIZE], text[KEY_TEXT_SIZE];
    enum agner_err err;
    int code = public_key(cli, folder, "key.next", text);

    if (code != EXIT_DONE)
        return code;
    if (text[0] == '\0')
        return cli_fail(cli, EXIT_NOT_FOUND, "agner key new",
                        "there is no next key");
    err = node__trust_path(folder, "key.next", next, &error);
    if (err == AGNER_OK)
        err = node__trust_path(folder, "key", key, &error);
    if (err == AGNER_OK)
        err = cli->world->file_rename(cli->world->ctx, next, key, &error);
    if (err != AGNER_OK)
        return cli_secret_fail(cli, err, error.text);
    return cli_reload_all(cli);
}

static int run(struct cli *cli)
{
    static const unsigned counts[] = { 1, 1, 1, 3, 2 };
    static const char *const wants[] = { "nothing more", "nothing more",
                                         "nothing more", "a NAME and a KEY",
                                         "a KEY" };
    enum action action = (enum action)cli_action(cli);
    char folder[APPS_PATH_MAX];
    int code;

    if (cli->arg_count != counts[action])
        return cli_fail(cli, EXIT_USAGE, "agner help key", "%s wants %s",
                        cli->args[0], wants[action]);
    if (action == ACTION_ALLOW)
        return cli_trust_add(cli, cli->args[1], cli->args[2]);
    if (action == ACTION_REVOKE)
        return cli_trust_revoke(cli, cli->args[1]);
    code = cli_trust_folder(cli, folder);
    if (code != EXIT_DONE)
        return code;
    if (action == ACTION_SHOW)
        return show(cli, folder);
    return action == ACTION_NEW ? make(cli, folder) : use(cli, folder);
}

const struct command cmd_key = {
    .name = "key",
    .arguments = "show|new|use|allow|revoke [NAME] [KEY]",
    .summary = "the key of a node, and those of others",
    .example = "agner key show\n"
               "agner key new\n"
               "agner key use\n"
               "agner key allow shop@10.0.0.7 agnerkey1-...",
    .text =
        "A node has a key, made at its first start, by which others know it. "
        "`show` prints\nthe public half. Where there is a key already, `new` "
        "makes the next one and prints\nit for the lists of others; `use` "
        "puts it in the place of the present one. `allow`\nand `revoke` are "
        "those of `agner trust`.",
    .actions = actions,
    .args_min = 1,
    .args_max = 3,
    .options = options,
    .run = run,
};
