/*
 * config.c -- the configuration file of a node, as a table of keys.
 *
 * The file is one Erlang term, [{Application, [{Key, Value}]}]. Every key of
 * `agner` is a row; an error names file, line and column, what is wrong and
 * what was expected (B-CFG-1). Nothing of a file is used unless all of it is
 * right.
 */
#include "agner_apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etf_door.h"
#include "rt_world.h"

#include "suggest.h"
#include "term_scan.h"

#define CONFIG_BYTES_MAX (4u << 20)
#define CONFIG_DEPTH_MAX 256
#define CONFIG_TEXTS_MAX 1024 /* elements of a list of texts */

/* A file while it is read. */
struct reader {
    const char *file;
    const char *text;
    size_t size;
    struct apps_config *config;
    struct agner_error *error;
    struct agner_error cause; /* what is wrong with a value, if more is known
                                 than what its key expects */
};

struct key {
    const char *name;
    enum agner_err (*read)(struct reader *rd, const struct key *key,
                           etf_term value, void *field);
    size_t offset; /* of the field in struct apps_config */
    int64_t min, max;
    const char *expected; /* "tick_time is EXPECTED" */
};

/* A failure in the value of a key: the caller knows the place. */
static enum agner_err wrong(void)
{
    return AGNER_EINVAL;
}

static enum agner_err read_number(struct reader *rd, const struct key *key,
                                  etf_term value, void *field)
{
    int64_t n;

    (void)rd;
    if (!etf_get_int(value, &n) || n < key->min || n > key->max)
        return wrong();
    *(int64_t *)field = n;
    return AGNER_OK;
}

static enum agner_err read_bool(struct reader *rd, const struct key *key,
                                etf_term value, void *field)
{
    bool b;

    (void)rd;
    (void)key;
    if (!etf_get_bool(value, &b))
        return wrong();
    *(int64_t *)field = b;
    return AGNER_OK;
}

/* A text that lives as long as the configuration; NULL when `t` is none. */
static const char *keep_text(struct reader *rd, etf_term t)
{
    char buffer[APPS_PATH_MAX];
    uint64_t *words;
    size_t size;

    if (!etf_get_text(t, buffer, sizeof buffer) || buffer[0] == '\0')
        return NULL;
    size = strlen(buffer) + 1;
    words = etf__region_words(rd->config->region, (size + 7) / 8);
    return words == NULL ? NULL : memcpy(words, buffer, size);
}

static enum agner_err read_text(struct reader *rd, const struct key *key,
                                etf_term value, void *field)
{
    const char *text = keep_text(rd, value);

    (void)key;
    if (text == NULL)
        return wrong();
    *(const char **)field = text;
    return AGNER_OK;
}

static enum agner_err read_choice(struct reader *rd, const struct key *key,
                                  etf_term value, void *field)
{
    const char *word = key->expected;
    etf_bytes text = etf_atom_text(value);
    int64_t index = 0;

    (void)rd;
    while (text.data != NULL && *word != '\0') {
        size_t size = strcspn(word, " ");

        if (strncmp(word, "or ", 3) == 0) { /* the list reads "a, b or c" */
            word += 3;
            continue;
        }
        if (text.size == strcspn(word, ", ") &&
            memcmp(text.data, word, text.size) == 0) {
            *(int64_t *)field = key->min + index;
            return AGNER_OK;
        }
        index++;
        word += size;
        word += strspn(word, " ");
    }
    return wrong();
}

/* Room for what a list is read into, an item of `size` bytes each. */
static enum agner_err make_room(struct reader *rd, etf_term list, size_t size,
                                uint64_t **words)
{
    int64_t count = etf_list_size(list);

    if (count < 0 || count > CONFIG_TEXTS_MAX)
        return wrong();
    *words =
        etf__region_words(rd->config->region, ((size_t)count + 1) * (size / 8));
    return *words == NULL ? AGNER_ENOMEM : AGNER_OK;
}

static enum agner_err read_texts(struct reader *rd, const struct key *key,
                                 etf_term value, void *field)
{
    struct apps_texts *texts = field;
    uint64_t *words;
    enum agner_err err = make_room(rd, value, sizeof *texts->items, &words);
    etf_term head;

    (void)key;
    if (err != AGNER_OK)
        return err;
    texts->items = (const char **)(void *)words;
    texts->count = 0;
    while (etf_list_next(&value, &head)) {
        const char *text = keep_text(rd, head);

        if (text == NULL)
            return wrong();
        texts->items[texts->count++] = text;
    }
    return AGNER_OK;
}

static enum agner_err read_discovery(struct reader *rd, const struct key *key,
                                     etf_term value, void *field)
{
    const struct apps_texts *texts = field;
    struct apps_discovery discovery;
    enum agner_err err = read_texts(rd, key, value, field);

    for (size_t i = 0; err == AGNER_OK && i < texts->count; i++)
        err = apps_discovery_parse(texts->items[i], &discovery, NULL);
    return err;
}

/* NAME, or {NAME, TYPE}. */
static bool read_application(struct reader *rd, etf_term t,
                             struct apps_application *application)
{
    etf_term name = t, type;
    char word[16];

    application->type = GEN_APP_TEMPORARY;
    if (etf_match(t, "{_, _}", &name, &type) &&
        (!etf_get_text(type, word, sizeof word) ||
         !gen_start_type_parse(word, &application->type)))
        return false;
    application->name = keep_text(rd, name);
    return application->name != NULL;
}

static enum agner_err read_applications(struct reader *rd,
                                        const struct key *key, etf_term value,
                                        void *field)
{
    struct apps_application *items;
    uint64_t *words;
    enum agner_err err = make_room(rd, value, sizeof *items, &words);
    etf_term head;

    (void)key;
    if (err != AGNER_OK)
        return err;
    items = (struct apps_application *)(void *)words;
    rd->config->application_count = 0;
    while (etf_list_next(&value, &head)) {
        if (!read_application(rd, head,
                              &items[rd->config->application_count++]))
            return wrong();
    }
    *(const struct apps_application **)field = items;
    return AGNER_OK;
}

/* {NODE, COOKIE}, or {NODE, OUT, IN}. */
static bool read_cookie(struct reader *rd, etf_term t,
                        struct node_cookie *cookie)
{
    etf_term peer, out, in = ETF_NONE;

    if (!etf_match(t, "{_, _}", &peer, &out) &&
        !etf_match(t, "{_, _, _}", &peer, &out, &in))
        return false;
    cookie->peer = keep_text(rd, peer);
    cookie->out = keep_text(rd, out);
    cookie->in = etf_is_none(in) ? cookie->out : keep_text(rd, in);
    return cookie->peer != NULL && cookie->out != NULL && cookie->in != NULL;
}

static enum agner_err read_cookies(struct reader *rd, const struct key *key,
                                   etf_term value, void *field)
{
    struct node_cookie *items;
    uint64_t *words;
    enum agner_err err = make_room(rd, value, sizeof *items, &words);
    etf_term head;

    (void)key;
    if (err != AGNER_OK)
        return err;
    items = (struct node_cookie *)(void *)words;
    rd->config->cookie_count = 0;
    while (etf_list_next(&value, &head))
        if (!read_cookie(rd, head, &items[rd->config->cookie_count++]))
            return wrong();
    *(const struct node_cookie **)field = items;
    return AGNER_OK;
}

/* {Name, Number}, each at most once. */
static enum agner_err read_limits(struct reader *rd, const struct key *key,
                                  etf_term value, void *field)
{
    struct apps_limits *limits = field;
    etf_term head, name;
    uint64_t number;
    char text[64];

    (void)key;
    if (etf_list_size(value) < 0)
        return wrong();
    while (etf_list_next(&value, &head)) {
        if (!etf_match(head, "{_, _}", &name, &number) || !etf_is_atom(name) ||
            !etf_get_text(name, text, sizeof text))
            return wrong();
        if (apps_limit_set(limits, text, number, &rd->cause) != AGNER_OK)
            return AGNER_EINVAL;
    }
    return AGNER_OK;
}

static enum agner_err read_listen(struct reader *rd, const struct key *key,
                                  etf_term value, void *field)
{
    const char *text = keep_text(rd, value);
    struct apps_listen listen;

    (void)key;
    if (text == NULL || !apps_listen_parse(text, &listen))
        return wrong();
    *(struct apps_listen *)field = listen;
    return AGNER_OK;
}

#define FIELD(name) offsetof(struct apps_config, name)
#define DAY_MS      86400000

/* clang-format off */
static const struct key keys[] = {
    { "name", read_text, FIELD(name), 0, 0, "a name like 'shop@10.0.0.7'" },
    { "cookie_file", read_text, FIELD(cookie_file), 0, 0, "a path" },
    { "trust", read_choice, FIELD(trust), NODE_TRUST_FIRST_USE, 0,
      "first_use or listed" },
    { "trust_dir", read_text, FIELD(trust_dir), 0, 0, "a path, or none" },
    { "cluster_name", read_text, FIELD(cluster_name), 0, 0, "a text" },
    { "cookies", read_cookies, FIELD(cookies), 0, 0,
      "a list of {'NODE@HOST', COOKIE} or {'NODE@HOST', OURS, THEIRS}" },
    { "allow", read_texts, FIELD(allow), 0, 0, "a list of nodes and hosts" },
    { "permit", read_texts, FIELD(permit), 0, 0,
      "a list of texts like \"erlang: default, rpc\"" },
    { "peers", read_texts, FIELD(peers), 0, 0,
      "a list of names like 'shop@10.0.0.7' or 'erlang:shop@10.0.0.7'" },
    { "discovery", read_discovery, FIELD(discovery), 0, 0,
      "a list of texts like \"dns:web.svc:4370\", gossip and epmd" },
    { "listen", read_listen, FIELD(listen), 0, 0,
      "an address like \"127.0.0.1:0\"" },
    { "tick_time", read_number, FIELD(tick_time_ms), 1000, DAY_MS,
      "milliseconds from 1000 to 86400000" },
    { "packet_max", read_number, FIELD(packet_max), 65536, UINT32_MAX,
      "bytes from 65536 to 4294967295" },
    { "limits", read_limits, FIELD(limits), 0, 0,
      "a list of {LIMIT, NUMBER}, such as {handshakes, 16}" },
    { "hidden", read_bool, FIELD(hidden), 0, 0, "true or false" },
    { "epmd", read_choice, FIELD(epmd), 0, 0, "auto, need or none" },
    { "erlang", read_choice, FIELD(erlang), NODE_ERLANG_OFF, 0,
      "off, loopback or any" },
    { "epmd_port", read_number, FIELD(epmd_port), 1, 65535,
      "a port from 1 to 65535" },
    { "workers", read_number, FIELD(workers), 1, 1024,
      "a number from 1 to 1024" },
    { "applications", read_applications, FIELD(applications), 0, 0,
      "a list of names and paths, or of such with a start type" },
    { "application_dirs", read_texts, FIELD(application_dirs), 0, 0,
      "a list of paths" },
    { "control", read_text, FIELD(control), 0, 0, "a path, or none" },
    { "control_keys", read_text, FIELD(control_keys), 0, 0, "a path" },
    { "control_tcp", read_listen, FIELD(control_tcp), 0, 0,
      "HOST:PORT, in quotes" },
    { "blackbox", read_text, FIELD(blackbox), 0, 0, "a path, or none" },
    { "blackbox_size", read_number, FIELD(blackbox_size), 16384, 67108864,
      "bytes from 16384 to 67108864" },
    { "log_level", read_choice, FIELD(log_level), RT_LOG_EMERGENCY, 0,
      "emergency, alert, critical, error, warning, notice, info or debug" },
    { "log_file", read_text, FIELD(log_file), 0, 0, "a path" },
    { "log_format", read_choice, FIELD(log_format), 0, 0,
      "text, json or journald" },
    { "log_size", read_number, FIELD(log_size), 4096, INT64_MAX,
      "bytes from 4096" },
    { "log_keep", read_number, FIELD(log_keep), 1, 1000,
      "a number from 1 to 1000" },
    { "stop_time", read_number, FIELD(stop_time_ms), 0, DAY_MS,
      "milliseconds up to 86400000" },
};
/* clang-format on */

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* "FILE:LINE:COLUMN: what is wrong" */
static enum agner_err fail_at(struct reader *rd, size_t offset,
                              const char *what)
{
    unsigned line, column;

    apps__term_place(rd->text, offset, &line, &column);
    return agner_fail(rd->error, AGNER_ESYNTAX, "%s:%u:%u: %s", rd->file, line,
                      column, what);
}

/* The same for the part of the term at `path`. */
static enum agner_err fail_part(struct reader *rd, const size_t *path,
                                size_t count, const char *what)
{
    return fail_at(rd, apps__term_offset(rd->text, rd->size, path, count),
                   what);
}

static enum agner_err unknown_key(struct reader *rd, const size_t path[4],
                                  const char *name)
{
    const char *names[KEY_COUNT];
    const char *meant;
    char what[160];

    for (size_t i = 0; i < KEY_COUNT; i++)
        names[i] = keys[i].name;
    meant = apps_suggest(name, names, KEY_COUNT);
    if (meant != NULL)
        (void)snprintf(what, sizeof what,
                       "unknown key '%.64s'; did you mean '%s'?", name, meant);
    else
        (void)snprintf(what, sizeof what, "unknown key '%.64s'", name);
    return fail_part(rd, path, 4, what);
}

/* One {Key, Value}; `path` leads to the key. */
static enum agner_err read_pair(struct reader *rd, etf_term pair,
                                size_t path[4], bool seen[KEY_COUNT])
{
    const etf_term *items = etf_tuple_items(pair);
    char name[256], what[160];
    enum agner_err err;

    if (etf_tuple_size(pair) != 2 || !etf_is_atom(items[0]) ||
        !etf_get_text(items[0], name, sizeof name))
        return fail_part(rd, path, 3, "expected {Key, Value}");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key *key = &keys[i];

        if (strcmp(name, key->name) != 0)
            continue;
        (void)snprintf(what, sizeof what, "%s is given twice", key->name);
        if (seen[i])
            return fail_part(rd, path, 4, what);
        seen[i] = true;
        err = key->read(rd, key, items[1], (char *)rd->config + key->offset);
        if (err == AGNER_OK)
            return AGNER_OK;
        path[3] = 1;
        if (rd->cause.text[0] != '\0')
            return fail_part(rd, path, 4, rd->cause.text);
        (void)snprintf(what, sizeof what, "%s is %s", key->name,
                       err == AGNER_ENOMEM ? "too large" : key->expected);
        return fail_part(rd, path, 4, what);
    }
    return unknown_key(rd, path, name);
}

static enum agner_err read_section(struct reader *rd, etf_term list,
                                   size_t section)
{
    size_t path[4] = { section, 1, 0, 0 };
    bool seen[KEY_COUNT] = { false };
    etf_term pair;

    if (etf_list_size(list) < 0)
        return fail_part(rd, path, 2, "expected a list of {Key, Value}");
    for (; etf_list_next(&list, &pair); path[2]++) {
        enum agner_err err;

        path[3] = 0;
        err = read_pair(rd, pair, path, seen);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

/* The environment of another application: {Key, Value} as it likes. */
static enum agner_err read_env(struct reader *rd, etf_term list, size_t section)
{
    size_t path[3] = { section, 1, 0 };
    etf_term pair, key, value;

    if (etf_list_size(list) < 0)
        return fail_part(rd, path, 2, "expected a list of {Key, Value}");
    for (; etf_list_next(&list, &pair); path[2]++) {
        if (!etf_match(pair, "{_, _}", &key, &value) || !etf_is_atom(key))
            return fail_part(rd, path, 3, "expected {Key, Value}");
    }
    return AGNER_OK;
}

/* Is there a section of that name in the first `count` of the list? */
static bool is_seen(etf_term list, size_t count, etf_term name)
{
    etf_term section;

    for (; count > 0 && etf_list_next(&list, &section); count--) {
        if (etf_same(etf_tuple_items(section)[0], name))
            return true;
    }
    return false;
}

static enum agner_err read_sections(struct reader *rd, etf_term list)
{
    etf_term rest = list, section, env = etf_nil();
    size_t path[1] = { 0 };
    char what[300], name[256];

    if (etf_list_size(list) < 0)
        return fail_part(rd, path, 0,
                         "expected a list of {Application, [{Key, Value}]}");
    for (; etf_list_next(&rest, &section); path[0]++) {
        const etf_term *items = etf_tuple_items(section);
        enum agner_err err;

        if (etf_tuple_size(section) != 2 || !etf_is_atom(items[0]))
            return fail_part(rd, path, 1,
                             "expected {Application, [{Key, Value}]}");
        (void)snprintf(what, sizeof what, "%s is given twice",
                       etf_format(name, sizeof name, items[0]));
        if (is_seen(list, path[0], items[0]))
            return fail_part(rd, path, 1, what);
        if (etf_atom_is(items[0], "agner")) {
            err = read_section(rd, items[1], path[0]);
        } else {
            err = read_env(rd, items[1], path[0]);
            env = etf_cons(rd->config->region, section, env);
        }
        if (err != AGNER_OK)
            return err;
    }
    rd->config->env = env;
    return etf_is_none(env) ? AGNER_ENOMEM : AGNER_OK;
}

/* The parser's "line 2, column 7: what" becomes "FILE:2:7: what". */
static enum agner_err fail_syntax(struct reader *rd,
                                  const struct agner_error *from)
{
    unsigned line, column;
    int behind = 0;

    if (sscanf(from->text, "line %u, column %u: %n", &line, &column, &behind) ==
            2 &&
        behind > 0)
        return agner_fail(rd->error, AGNER_ESYNTAX, "%s:%u:%u: %s", rd->file,
                          line, column, from->text + behind);
    return agner_fail(rd->error, from->code, "%s:1:1: %s", rd->file,
                      from->text);
}

/* What no parser has to look at: false says where and what. */
static bool check_bytes(struct reader *rd)
{
    const char *nul = rd->size == 0 ? NULL : memchr(rd->text, '\0', rd->size);

    if (rd->size >= 3 && memcmp(rd->text, "\xef\xbb\xbf", 3) == 0)
        fail_at(rd, 0, "a byte order mark; save the file without one");
    else if (nul != NULL)
        fail_at(rd, (size_t)(nul - rd->text), "a zero byte");
    else if (apps__term_depth(rd->text, rd->size) > CONFIG_DEPTH_MAX)
        fail_at(rd, 0, "nested over 256 deep");
    else
        return true;
    return false;
}

static enum agner_err read_file(struct reader *rd)
{
    struct agner_error error = { AGNER_OK, "" };
    etf_term list;
    size_t used = 0;

    if (!check_bytes(rd))
        return AGNER_ESYNTAX;
    if (etf_parse(rd->config->region, rd->text, rd->size, &list, &used,
                  &error) != AGNER_OK)
        return fail_syntax(rd, &error);
    if (used == 0 || rd->text[used - 1] != '.')
        return fail_at(rd, used, "expected a full stop after the term");
    if (apps__term_offset(rd->text + used, rd->size - used, NULL, 0) !=
        rd->size - used)
        return fail_at(
            rd,
            used + apps__term_offset(rd->text + used, rd->size - used, NULL, 0),
            "one term is enough; expected the end of the file");
    return read_sections(rd, list);
}

/* Fields that were not in the file: what apps_config says of each. */
static void set_absent(struct apps_config *c)
{
    memset(c, 0, sizeof *c);
    c->hidden = c->epmd = c->epmd_port = c->workers = APPS_CONFIG_ABSENT;
    c->packet_max = APPS_CONFIG_ABSENT;
    c->tick_time_ms = c->log_level = c->stop_time_ms = APPS_CONFIG_ABSENT;
    c->log_format = c->log_size = c->log_keep = APPS_CONFIG_ABSENT;
    c->blackbox_size = c->trust = c->erlang = APPS_CONFIG_ABSENT;
}

enum agner_err apps_config_parse(const char *file, const char *text,
                                 size_t size, struct apps_config *config,
                                 struct agner_error *error)
{
    struct reader rd = { .file = file,
                         .text = text,
                         .size = size,
                         .config = config,
                         .error = error };
    enum agner_err err;

    set_absent(config);
    config->region = etf_region_new(0);
    if (config->region == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s", file);
    err = read_file(&rd);
    if (err != AGNER_OK)
        apps_config_fini(config);
    return err;
}

enum agner_err apps_config_read(const struct rt_world *world, const char *file,
                                struct apps_config *config,
                                struct agner_error *error)
{
    struct etf_buffer b = { 0 };
    enum agner_err err;

    set_absent(config);
    err = world->file_read(world->ctx, file, CONFIG_BYTES_MAX, &b, error);
    if (err == AGNER_ELIMIT)
        agner_fail(error, err, "%s: over 4 MiB; expected a configuration",
                   file);
    else if (err == AGNER_OK)
        err = apps_config_parse(file, (const char *)b.data, b.size, config,
                                error);
    etf_buffer_fini(&b);
    return err;
}

void apps_config_fini(struct apps_config *config)
{
    etf_region_free(config->region);
    set_absent(config);
}

bool apps_listen_parse(const char *text, struct apps_listen *listen)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_size;
    char *end;
    long port;

    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9')
        return false;
    port = strtol(colon + 1, &end, 10);
    if (*end != '\0' || port > 65535)
        return false;
    host_size = (size_t)(colon - text);
    if (host[0] == '[' && colon[-1] == ']') { /* [::1]:4000 */
        host++;
        host_size -= 2;
    }
    if (host_size == 0 || host_size >= sizeof listen->host)
        return false;
    memcpy(listen->host, host, host_size);
    listen->host[host_size] = '\0';
    listen->port = (uint16_t)port;
    listen->set = true;
    return true;
}

bool apps_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}
