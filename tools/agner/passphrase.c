/*
 * passphrase.c -- a passphrase, from a file, a descriptor or the terminal, and
 * never from the command line.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "rt_world.h"

/* The first line of what is there. */
static int first_line(struct cli *cli, char *text, size_t size)
{
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    if (text[0] != '\0')
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "a passphrase of some words",
                    "the passphrase is empty");
}

static int from_descriptor(struct cli *cli, int fd,
                           char passphrase[CLI_PASSPHRASE_MAX])
{
    size_t size = 0;
    ssize_t got = 1;

    while (got > 0 && size < CLI_PASSPHRASE_MAX - 1 &&
           memchr(passphrase, '\n', size) == NULL) {
        got = read(fd, passphrase + size, CLI_PASSPHRASE_MAX - 1 - size);
        if (got > 0)
            size += (size_t)got;
        else if (got < 0 && errno == EINTR)
            got = 1;
    }
    if (got < 0)
        return cli_fail(cli, EXIT_USAGE, "a descriptor that is open",
                        "the passphrase cannot be read: %s", strerror(errno));
    if (size == CLI_PASSPHRASE_MAX - 1)
        return cli_fail(cli, EXIT_USAGE, "a shorter one",
                        "the passphrase has over %u bytes",
                        CLI_PASSPHRASE_MAX - 2);
    return first_line(cli, passphrase, size);
}

static int from_file(struct cli *cli, const char *path,
                     char passphrase[CLI_PASSPHRASE_MAX])
{
    struct agner_error error = { AGNER_OK, "" };
    size_t size;
    enum agner_err err =
        cli->world->private_read(cli->world->ctx, path, passphrase,
                                 CLI_PASSPHRASE_MAX - 1, &size, &error);

    if (err != AGNER_OK)
        return cli_secret_fail(cli, err, error.text);
    return first_line(cli, passphrase, size);
}

/* One line, which is not shown. */
static int ask(struct cli *cli, int terminal, const char *prompt,
               char passphrase[CLI_PASSPHRASE_MAX])
{
    struct termios shown, hidden;
    int code;

    if (tcgetattr(terminal, &shown) != 0)
        return cli_fail(cli, EXIT_USAGE, "--passphrase-file FILE",
                        "the terminal cannot be set: %s", strerror(errno));
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(terminal, TCSAFLUSH, &hidden);
    (void)dprintf(terminal, "%s: ", prompt);
    code = from_descriptor(cli, terminal, passphrase);
    (void)dprintf(terminal, "\n");
    (void)tcsetattr(terminal, TCSAFLUSH, &shown);
    return code;
}

static int from_terminal(struct cli *cli, bool twice,
                         char passphrase[CLI_PASSPHRASE_MAX])
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    char again[CLI_PASSPHRASE_MAX];
    int code;

    if (terminal < 0)
        return cli_fail(cli, EXIT_USAGE,
                        "--passphrase-file FILE, or --passphrase-fd FD",
                        "there is no terminal to ask for the passphrase");
    code = ask(cli, terminal, "passphrase", passphrase);
    if (code == EXIT_DONE && twice) {
        code = ask(cli, terminal, "again", again);
        if (code == EXIT_DONE && strcmp(again, passphrase) != 0)
            code = cli_fail(cli, EXIT_USAGE, "again", "the two differ");
        explicit_bzero(again, sizeof again);
    }
    (void)close(terminal); /* nothing is lost */
    return code;
}

int cli_passphrase(struct cli *cli, bool twice,
                   char passphrase[CLI_PASSPHRASE_MAX])
{
    if (cli->o.passphrase_file != NULL)
        return from_file(cli, cli->o.passphrase_file, passphrase);
    if (cli->o.passphrase_fd != CLI_ABSENT)
        return from_descriptor(cli, (int)cli->o.passphrase_fd, passphrase);
    return from_terminal(cli, twice, passphrase);
}
