/*
 * cmd_trust.c -- agner trust: the list of which node has which key.
 */
#include "cli.h"

#include "key_text.h"
#include "trust_files.h"

static const char *const actions[] = { "list", "add", "remove", "revoke",
                                       NULL };

enum action { ACTION_LIST, ACTION_ADD, ACTION_REMOVE, ACTION_REVOKE };

static const struct option options[] = {
    { "note", 0, "TEXT", "of add and revoke: to remember why", OPTION_TEXT,
      CLI_OPTION(note), 0, 0, NULL },
    CLI_TRUST_ROWS,
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static const struct column columns[] = {
    { "name", "NAME", false },
    { "state", "STATE", false },
    { "key", "KEY", false },
    { "note", "NOTE", false },
};

static etf_term rows_of(struct cli *cli, const struct known_nodes *known)
{
    etf_term rows = etf_nil();

    for (size_t i = known->count; i-- > 0;) {
        const struct known_row *row = &known->rows[i];
        char key[KEY_TEXT_SIZE];

        if (row->state == KNOWN_REMARK)
            continue;
        node__key_print(row->key, key);
        rows = etf_make(cli->region,
                        "[#{name => _, state => _, key => _, note => _} | _]",
                        etf_text(cli->region, row->name),
                        etf_text(cli->region, node__known_word(row->state)),
                        etf_text(cli->region, key),
                        row->note[0] != '\0' ? etf_text(cli->region, row->note)
                                             : etf_atom("nil"),
                        rows);
    }
    return rows;
}

static int list(struct cli *cli)
{
    struct known_nodes known = { 0 };
    struct agner_error error = { AGNER_OK, "" };
    char folder[APPS_PATH_MAX];
    int code = cli_trust_folder(cli, folder);
    enum agner_err err;

    if (code != EXIT_DONE)
        return code;
    err = node__trust_known_read(cli->world, folder, &known, &error);
    if (err != AGNER_OK)
        return cli_secret_fail(cli, err, error.text);
    code = cli_table(cli, rows_of(cli, &known), columns,
                     sizeof columns / sizeof columns[0]);
    node__known_fini(&known);
    return code;
}

static int run(struct cli *cli)
{
    static const unsigned counts[] = { 1, 3, 2, 2 };
    static const char *const wants[] = { "nothing more", "a NAME and a KEY",
                                         "a NAME or a KEY", "a KEY" };
    enum action action = (enum action)cli_action(cli);

    if (cli->arg_count != counts[action])
        return cli_fail(cli, EXIT_USAGE, "agner help trust", "%s wants %s",
                        cli->args[0], wants[action]);
    switch (action) {
    case ACTION_LIST:
        break;
    case ACTION_ADD:
        return cli_trust_add(cli, cli->args[1], cli->args[2]);
    case ACTION_REMOVE:
        return cli_trust_remove(cli, cli->args[1]);
    case ACTION_REVOKE:
        return cli_trust_revoke(cli, cli->args[1]);
    }
    return list(cli);
}

const struct command cmd_trust = {
    .name = "trust",
    .arguments = "list|add|remove|revoke [NAME] [KEY]",
    .summary = "whose keys a node believes",
    .example = "agner trust list\n"
               "agner trust add shop@10.0.0.7 agnerkey1-... --note 'from Ada'\n"
               "agner trust remove shop@10.0.0.7\n"
               "agner trust revoke agnerkey1-...",
    .text =
        "A name that is on the list is let in with its keys only. A node that "
        "was started\nwith --trust listed lets nobody else in; with first-use, "
        "the default, a name\nwithout a key belongs to the first one that it "
        "comes with, and has a line then,\n`seen`. A name may have two keys, "
        "so that one can take the other's place. A key\nthat is revoked is "
        "refused under any name, and its links are closed.\nNodes that run "
        "here read the list again at once; `agner key show` prints the\nkey "
        "of a node.",
    .actions = actions,
    .args_min = 1,
    .args_max = 3,
    .options = options,
    .run = run,
};
