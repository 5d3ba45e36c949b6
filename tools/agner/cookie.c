/*
 * cookie.c -- where the cookie comes from, and who else could have read it.
 *
 * A cookie file is a plain file of this user that nobody else can read;
 * anything else is refused with the command that mends it. Its first line is
 * the cookie.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "noise_psk.h"
#include "rt_world.h"

#define COOKIE_MAX 255

static int refuse(struct cli *cli, const char *path, const char *what,
                  const char *mend)
{
    char next[APPS_PATH_MAX + 32];

    (void)snprintf(next, sizeof next, "%s %s", mend, path);
    return cli_fail(cli, EXIT_AUTH, next, "%s: %s", path, what);
}

/* The first line, without what surrounds it. */
static int first_line(struct cli *cli, const char *path, char *text,
                      size_t size, char cookie[256])
{
    char *end;
    size_t length;

    if (memchr(text, '\0', size) != NULL)
        return refuse(cli, path, "a zero byte in it", "write one line to");
    text[size] = '\0';
    text += strspn(text, " \t\r\n");
    length = strcspn(text, "\r\n");
    end = text + length;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    length = (size_t)(end - text);
    if (length == 0 || length > COOKIE_MAX)
        return refuse(cli, path, "no cookie of 1 to 255 characters in it",
                      "write one line to");
    memcpy(cookie, text, length);
    cookie[length] = '\0';
    return EXIT_DONE;
}

static int read_file(struct cli *cli, const char *path, char cookie[256])
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    char text[4096];
    struct stat st;
    ssize_t size;
    int code;

    if (fd < 0 && errno == ELOOP)
        return refuse(cli, path, "is a symbolic link",
                      "give the file itself, not");
    if (fd < 0)
        return refuse(cli, path, strerror(errno), "ls -l");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        code = refuse(cli, path, "not a file", "ls -ld");
    else if (st.st_uid != geteuid())
        code = refuse(cli, path, "belongs to another user",
                      "copy it, with mode 600, instead of");
    else if ((st.st_mode & 077) != 0)
        code = refuse(cli, path, "others may read or write it", "chmod 600");
    else if ((size = read(fd, text, sizeof text - 1)) < 0)
        code = refuse(cli, path, strerror(errno), "ls -l");
    else
        code = first_line(cli, path, text, (size_t)size, cookie);
    explicit_bzero(text, sizeof text);
    (void)close(fd); /* only read from */
    return code;
}

/* ---- A new one --------------------------------------------------------------
 */

void cli_cookie_make(struct cli *cli, char cookie[256])
{
    uint8_t bytes[32];

    cli->world->random(cli->world->ctx, bytes, sizeof bytes);
    node__psk_cookie(bytes, cookie);
    explicit_bzero(bytes, sizeof bytes);
}

/* The directory of `path`, and the one around it: that is ~/.config, at most.
 */
static void make_directories(const char *path)
{
    char dir[APPS_PATH_MAX];
    char *slash;

    (void)snprintf(dir, sizeof dir, "%s", path);
    slash = strrchr(dir, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    if (mkdir(dir, 0700) == 0 || errno != ENOENT)
        return;
    slash = strrchr(dir, '/');
    if (slash == NULL || slash == dir)
        return;
    *slash = '\0';
    (void)mkdir(dir, 0700); /* open() says what is wrong */
    *slash = '/';
    (void)mkdir(dir, 0700);
}

static int write_new(struct cli *cli, const char *path, char cookie[256])
{
    size_t size;
    int fd;

    make_directories(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return refuse(cli, path, strerror(errno),
                      "--cookie-file FILE instead of");
    cli_cookie_make(cli, cookie);
    size = strlen(cookie);
    cookie[size] = '\n';
    if (write(fd, cookie, size + 1) != (ssize_t)size + 1) {
        (void)close(fd); /* and half a cookie is none */
        (void)unlink(path);
        return refuse(cli, path, strerror(errno), "df");
    }
    cookie[size] = '\0';
    if (close(fd) != 0)
        return refuse(cli, path, strerror(errno), "df");
    (void)fprintf(stderr, "agner: wrote a new cookie to %s\n", path);
    return EXIT_DONE;
}

/* ---- Where to look ---------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* Our own place, and Erlang's; empty when there is no home. */
static void places(char own[APPS_PATH_MAX], char erlang[APPS_PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");

    own[0] = erlang[0] = '\0';
    if (config != NULL && config[0] == '/')
        (void)snprintf(own, APPS_PATH_MAX, "%s/agner/cookie", config);
    else if (home != NULL && home[0] == '/')
        (void)snprintf(own, APPS_PATH_MAX, "%s/.config/agner/cookie", home);
    if (home != NULL && home[0] == '/')
        (void)snprintf(erlang, APPS_PATH_MAX, "%s/.erlang.cookie", home);
}

/* The one on the command line, where others may have seen it. */
static int given(struct cli *cli, char cookie[256], char path[APPS_PATH_MAX])
{
    size_t size = strlen(cli->o.cookie);

    (void)snprintf(path, APPS_PATH_MAX, "--cookie");
    (void)fprintf(stderr, "agner: warning: --cookie shows the cookie to "
                          "others on this machine; use --cookie-file\n");
    if (size > COOKIE_MAX)
        return cli_fail(cli, EXIT_USAGE, "--cookie-file FILE",
                        "--cookie: over 255 characters");
    memcpy(cookie, cli->o.cookie, size + 1);
    return EXIT_DONE;
}

void cli_cookie_wipe(struct cli *cli)
{
    /* A copy of our own, which nobody else writes to: options.c. */
    char *text = (char *)(uintptr_t)cli->o.cookie;

    if (text != NULL)
        explicit_bzero(text, strlen(text));
}

bool cli_cookie_place(struct cli *cli, const char *file,
                      char path[APPS_PATH_MAX])
{
    char own[APPS_PATH_MAX], erlang[APPS_PATH_MAX];

    (void)cli;
    places(own, erlang);
    if (file == NULL)
        file = own[0] != '\0' && exists(own) ? own : erlang;
    (void)snprintf(path, APPS_PATH_MAX, "%s", file);
    return path[0] != '\0';
}

int cli_cookie_own_place(struct cli *cli, const char *file,
                         char path[APPS_PATH_MAX])
{
    char own[APPS_PATH_MAX], erlang[APPS_PATH_MAX];

    places(own, erlang);
    if (file == NULL && own[0] == '\0')
        return cli_fail(cli, EXIT_USAGE, "--cookie-file FILE",
                        "there is no home for a cookie: HOME is not set");
    (void)snprintf(path, APPS_PATH_MAX, "%s", file != NULL ? file : own);
    make_directories(path);
    return EXIT_DONE;
}

int cli_cookie_new(struct cli *cli, const char *file, char cookie[256],
                   char path[APPS_PATH_MAX])
{
    int code = cli_cookie_own_place(cli, file, path);

    return code == EXIT_DONE ? write_new(cli, path, cookie) : code;
}

int cli_cookie(struct cli *cli, const char *file, bool make, char cookie[256],
               char path[APPS_PATH_MAX])
{
    char own[APPS_PATH_MAX], erlang[APPS_PATH_MAX];

    if (cli->o.cookie != NULL)
        return given(cli, cookie, path);
    places(own, erlang);
    if (file == NULL && own[0] != '\0' && exists(own))
        file = own;
    else if (file == NULL && erlang[0] != '\0' && exists(erlang))
        file = erlang;
    (void)snprintf(path, APPS_PATH_MAX, "%s", file != NULL ? file : own);
    if (file != NULL)
        return read_file(cli, path, cookie);
    if (make && own[0] != '\0')
        return write_new(cli, path, cookie);
    return cli_fail(cli, EXIT_AUTH, "--cookie-file FILE",
                    "there is no cookie: neither %s nor %s",
                    own[0] != '\0' ? own : "$HOME/.config/agner/cookie",
                    erlang[0] != '\0' ? erlang : "$HOME/.erlang.cookie");
}
