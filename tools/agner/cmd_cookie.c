/*
 * cmd_cookie.c -- agner cookie: make one, tell whether two are the same, put
 * another one in its place, and send it where others read along.
 */
#include "cli.h"

#include <string.h>

#include "noise_seal.h"
#include "noise_secret.h"
#include "rt_world.h"
#include "trust_files.h"

static const char *const actions[] = { "fingerprint", "show-fingerprint",
                                       "new",         "next",
                                       "use",         "drop",
                                       "seal",        "open",
                                       NULL };

enum action {
    ACTION_FINGERPRINT,
    ACTION_SHOW, /* the former name */
    ACTION_NEW,
    ACTION_NEXT,
    ACTION_USE,
    ACTION_DROP,
    ACTION_SEAL,
    ACTION_OPEN,
};

static const struct option options[] = {
    { "cookie-file", 0, "FILE", "where the cookie is, or is to be", OPTION_TEXT,
      CLI_OPTION(cookie_file), 0, 0, NULL },
    { "to", 0, "KEY", "of seal: only the node with that key opens it",
      OPTION_TEXT, CLI_OPTION(seal_to), 0, 0, NULL },
    { "passphrase-file", 0, "FILE", "of seal and open: it is in the first line",
      OPTION_TEXT, CLI_OPTION(passphrase_file), 0, 0, "passphrase-fd" },
    { "passphrase-fd", 0, "FD", "the same, from a descriptor that is open",
      OPTION_NUMBER, CLI_OPTION(passphrase_fd), 0, 1048576, "passphrase-file" },
    CLI_TRUST_ROWS,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int make(struct cli *cli)
{
    char cookie[256], path[APPS_PATH_MAX];
    int code = cli_cookie_new(cli, cli->o.cookie_file, cookie, path);

    explicit_bzero(cookie, sizeof cookie);
    if (code != EXIT_DONE)
        return code;
    cli->o.cookie_file = path;
    return cli_cookie_list(cli);
}

/* ---- Sealing ------------------------------------------------------------ */

static int seal_for_key(struct cli *cli, const char *cookie,
                        const uint8_t *random, char text[SEAL_TEXT_SIZE])
{
    uint8_t key[32];
    int code = cli_key(cli, cli->o.seal_to, key);

    if (code == EXIT_DONE &&
        node__seal_to(cookie, key, random, text) != AGNER_OK)
        code = cli_fail(cli, EXIT_USAGE, "agner key show, on that node's host",
                        "that is no key of a node");
    return code;
}

static int seal_with_passphrase(struct cli *cli, const char *cookie,
                                const uint8_t *random,
                                char text[SEAL_TEXT_SIZE])
{
    char passphrase[CLI_PASSPHRASE_MAX];
    int code = cli_passphrase(cli, true, passphrase);

    if (code == EXIT_DONE &&
        node__seal(cookie, passphrase, random, text) != AGNER_OK)
        code = cli_fail(cli, EXIT_REMOTE, "a machine with 256 MiB to spare",
                        "out of memory");
    explicit_bzero(passphrase, sizeof passphrase);
    return code;
}

static int seal(struct cli *cli)
{
    uint8_t random[SEAL_RANDOM];
    char cookie[256], text[SEAL_TEXT_SIZE];
    int code = cli_cookie_last(cli, cookie);

    if (code != EXIT_DONE)
        return code;
    cli->world->random(cli->world->ctx, random, sizeof random);
    code = cli->o.seal_to != NULL
               ? seal_for_key(cli, cookie, random, text)
               : seal_with_passphrase(cli, cookie, random, text);
    explicit_bzero(cookie, sizeof cookie);
    explicit_bzero(random, sizeof random); /* the nonce and more */
    if (code == EXIT_DONE && cli->o.json)
        return cli_print(cli, etf_text(cli->region, text));
    if (code == EXIT_DONE)
        (void)printf("%s\n", text);
    return code;
}

/* The sealed text: a file's, or standard input's. */
static int read_sealed(struct cli *cli, char text[SEAL_TEXT_SIZE])
{
    const char *from = cli->arg_count > 1 ? cli->args[1] : "-";
    FILE *file = strcmp(from, "-") == 0 ? stdin : fopen(from, "re");
    size_t size;

    if (file == NULL)
        return cli_fail(cli, EXIT_USAGE, "the text of agner cookie seal",
                        "%s cannot be read", from);
    size = fread(text, 1, SEAL_TEXT_SIZE - 1, file);
    text[size] = '\0';
    text[strcspn(text, " \r\n")] = '\0';
    if (file != stdin)
        (void)fclose(file); /* only read */
    return EXIT_DONE;
}

static enum agner_err open_by_key(struct cli *cli, const char *text,
                                  const char *folder, char cookie[256],
                                  struct agner_error *error)
{
    struct noise_keys *keys = node__secret_new(sizeof *keys);
    enum agner_err err;

    if (keys == NULL)
        return agner_fail(error, AGNER_ENOMEM, "out of memory");
    err = node__trust_key_read(cli->world, folder, "key", keys, error);
    if (err == AGNER_OK) {
        err = node__seal_open_key(text, keys, cookie);
        if (err != AGNER_OK)
            (void)agner_fail(error, err,
                             "it is not for the key in %.100s, or was changed",
                             folder);
    }
    node__secret_free(keys);
    return err;
}

static int open_sealed(struct cli *cli, const char *text, char cookie[256])
{
    char passphrase[CLI_PASSPHRASE_MAX], folder[APPS_PATH_MAX];
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;
    int code;

    if (node__seal_kind(text) == SEAL_KEY) {
        code = cli_trust_folder(cli, folder);
        if (code != EXIT_DONE)
            return code;
        err = open_by_key(cli, text, folder, cookie, &error);
        return err == AGNER_OK ? EXIT_DONE
                               : cli_secret_fail(cli, err, error.text);
    }
    code = cli_passphrase(cli, false, passphrase);
    if (code != EXIT_DONE)
        return code;
    err = node__seal_open(text, passphrase, cookie);
    explicit_bzero(passphrase, sizeof passphrase);
    if (err == AGNER_OK)
        return EXIT_DONE;
    return cli_fail(cli, err == AGNER_ENOMEM ? EXIT_REMOTE : EXIT_AUTH,
                    "the passphrase that it was sealed with, and all of it",
                    "%s",
                    err == AGNER_ENOMEM ? "out of memory"
                    : err == AGNER_EAUTH
                        ? "another passphrase, or it was changed on its way"
                        : "it is not whole");
}

static int open_it(struct cli *cli)
{
    char text[SEAL_TEXT_SIZE], cookie[256];
    int code = read_sealed(cli, text);

    if (code == EXIT_DONE && node__seal_kind(text) == SEAL_NONE)
        code = cli_fail(cli, EXIT_USAGE, "the text of agner cookie seal",
                        "that is no sealed cookie");
    if (code == EXIT_DONE)
        code = open_sealed(cli, text, cookie);
    if (code == EXIT_DONE)
        code = cli_cookie_change(cli, COOKIE_ADD, cookie);
    explicit_bzero(cookie, sizeof cookie);
    return code;
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);

    if (cli->arg_count > 1 && action != ACTION_OPEN)
        return cli_fail(cli, EXIT_USAGE, "agner help cookie",
                        "too many arguments: '%.60s'", cli->args[1]);
    switch (action) {
    case ACTION_FINGERPRINT:
    case ACTION_SHOW:
        break;
    case ACTION_NEW:
        return make(cli);
    case ACTION_NEXT:
        return cli_cookie_change(cli, COOKIE_NEXT, NULL);
    case ACTION_USE:
        return cli_cookie_change(cli, COOKIE_USE, NULL);
    case ACTION_DROP:
        return cli_cookie_change(cli, COOKIE_DROP, NULL);
    case ACTION_SEAL:
        return seal(cli);
    case ACTION_OPEN:
        return open_it(cli);
    }
    return cli_cookie_list(cli);
}

const struct command cmd_cookie = {
    .name = "cookie",
    .arguments = "fingerprint|new|next|use|drop|seal|open [FILE]",
    .summary = "make cookies, tell them apart, change and send them",
    .example = "agner cookie fingerprint\n"
               "agner cookie new --cookie-file /etc/agner/cookie\n"
               "agner cookie seal > cookie.sealed\n"
               "agner cookie open cookie.sealed",
    .text =
        "Nodes talk to each other when their cookies are the same. Compare "
        "what\n`fingerprint` shows on all hosts; the cookie itself never "
        "leaves its file. A\nfile may have several: the first line is shown, "
        "all are accepted. So a cluster\ngets another one in three steps, "
        "each done on all hosts before the next: `next`\nadds a new one (on "
        "the others: `seal` it here, `open` it there), `use` puts it\nin the "
        "first place, `drop` takes the others out. Nodes that run here read "
        "the\nfile again at once. `seal` takes the newest one; its text may "
        "be sent anywhere,\nand `open` asks for the passphrase, or needs the "
        "key that it was sealed --to.",
    .actions = actions,
    .args_min = 1,
    .args_max = 2,
    .options = options,
    .run = run,
};
