/*
 * store_sqlite_file.c -- keys and values in a table of SQLite.
 *
 * The file is marked as ours by its application id, and its version is that of
 * the table below. It is locked for as long as it is open (locking mode
 * EXCLUSIVE): two nodes that both went on with one journal would do everything
 * twice. Source: SQLite's documentation, "Pragma Statements", "Write-Ahead
 * Logging".
 */
#include "store/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "store/store_bytes.h"

#define APPLICATION_ID 0x61676e72 /* "agnr" */
#define VERSION        1
#define BUSY_MS        2000
#define WAL_BYTES_LIMIT \
    "16777216" /* what is left of the log is cut to that \
                */

enum statement { PUT, ERASE, GET, FIRST, NEXT, BEGIN, COMMIT, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [PUT] = "INSERT INTO agner_store (key, value) VALUES (?1, ?2) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [ERASE] = "DELETE FROM agner_store WHERE key = ?1",
    [GET] = "SELECT value FROM agner_store WHERE key = ?1",
    [FIRST] = "SELECT key, value FROM agner_store WHERE key >= ?1 "
              "ORDER BY key LIMIT ?2",
    [NEXT] = "SELECT key, value FROM agner_store WHERE key > ?1 "
             "ORDER BY key LIMIT ?2",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

struct store_file {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

/* ---- Errors -------------------------------------------------------------- */

static enum agner_err code_of(int rc)
{
    if (rc == SQLITE_IOERR_NOMEM)
        return AGNER_ENOMEM;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return AGNER_ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
        return AGNER_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return AGNER_EBUSY;
    case SQLITE_TOOBIG:
        return AGNER_ELIMIT;
    default:
        return AGNER_EIO;
    }
}

/* With what the system said, when it was asked. */
static enum agner_err fail(const struct store_file *file, int rc,
                           const char *doing, struct agner_error *error)
{
    int number = file->db == NULL ? 0 : sqlite3_system_errno(file->db);
    char text[80];

    if (number == 0 || code_of(rc) != AGNER_EIO)
        return agner_fail(error, code_of(rc), "%s: %s", doing,
                          sqlite3_errstr(rc));
    return agner_fail(error, AGNER_EIO, "%s: %s: %s", doing, sqlite3_errstr(rc),
                      strerror_r(number, text, sizeof text));
}

/* ---- Opening ------------------------------------------------------------- */

static enum agner_err run(struct store_file *file, const char *sql,
                          struct agner_error *error)
{
    int rc = sqlite3_exec(file->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? AGNER_OK : fail(file, rc, sql, error);
}

/* The only value of a query, as text. */
static enum agner_err ask(struct store_file *file, const char *sql, char *text,
                          size_t size, struct agner_error *error)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        const unsigned char *column = sqlite3_column_text(statement, 0);

        if (column == NULL)
            rc = SQLITE_NOMEM;
        else
            (void)snprintf(text, size, "%s", (const char *)column);
    }
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? AGNER_OK : fail(file, rc, sql, error);
}

static enum agner_err ask_number(struct store_file *file, const char *sql,
                                 int64_t *number, struct agner_error *error)
{
    char text[24];
    enum agner_err err = ask(file, sql, text, sizeof text, error);

    if (err == AGNER_OK)
        *number = strtoll(text, NULL, 10);
    return err;
}

static enum agner_err set_modes(struct store_file *file,
                                const struct gen_store_sqlite_options *options,
                                struct agner_error *error)
{
    char mode[16] = "";
    enum agner_err err =
        run(file,
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY; "
            "PRAGMA journal_size_limit = " WAL_BYTES_LIMIT,
            error);

    if (err == AGNER_OK)
        err = ask(file, "PRAGMA journal_mode = WAL", mode, sizeof mode, error);
    if (err == AGNER_OK && strcmp(mode, "wal") != 0)
        err = agner_fail(error, AGNER_EIO, "no write-ahead log can be there");
    if (err != AGNER_OK)
        return err;
    return run(file,
               options->relaxed ? "PRAGMA synchronous = NORMAL"
                                : "PRAGMA synchronous = FULL",
               error);
}

/* New, or ours, and of a version that we know. */
static enum agner_err check_owner(struct store_file *file, bool *is_new,
                                  struct agner_error *error)
{
    int64_t id, version, tables;
    enum agner_err err = ask_number(file, "PRAGMA application_id", &id, error);

    if (err == AGNER_OK)
        err = ask_number(file, "PRAGMA user_version", &version, error);
    if (err == AGNER_OK)
        err = ask_number(file, "SELECT count(*) FROM sqlite_schema", &tables,
                         error);
    if (err != AGNER_OK)
        return err;
    *is_new = id == 0 && version == 0 && tables == 0;
    if (!*is_new && id != APPLICATION_ID)
        return agner_fail(error, AGNER_EBADTYPE,
                          "it belongs to another program");
    if (version > VERSION)
        return agner_fail(error, AGNER_ENOTSUP,
                          "it has version %lld, which is newer than %d",
                          (long long)version, VERSION);
    if (!*is_new && (version != VERSION || tables == 0))
        return agner_fail(error, AGNER_ECORRUPT, "its table is missing");
    return AGNER_OK;
}

#define STRING_(x) #x
#define STRING(x)  STRING_(x)

static enum agner_err make_table(struct store_file *file,
                                 struct agner_error *error)
{
    return run(file,
               "CREATE TABLE agner_store (key BLOB NOT NULL PRIMARY KEY, "
               "value BLOB NOT NULL) WITHOUT ROWID; "
               "PRAGMA application_id = " STRING(
                   APPLICATION_ID) "; PRAGMA user_version = " STRING(VERSION),
               error);
}

static enum agner_err check_pages(struct store_file *file,
                                  struct agner_error *error)
{
    char text[100];
    enum agner_err err =
        ask(file, "PRAGMA quick_check(1)", text, sizeof text, error);

    if (err == AGNER_OK && strcmp(text, "ok") != 0)
        return agner_fail(error, AGNER_ECORRUPT, "%s", text);
    return err;
}

static enum agner_err prepare(struct store_file *file,
                              struct agner_error *error)
{
    for (unsigned i = 0; i < STATEMENTS; i++) {
        int rc = sqlite3_prepare_v3(file->db, texts[i], -1,
                                    SQLITE_PREPARE_PERSISTENT,
                                    &file->statements[i], NULL);

        if (rc != SQLITE_OK)
            return (rc & 0xff) == SQLITE_ERROR
                       ? agner_fail(error, AGNER_ECORRUPT,
                                    "its table is not as it was made")
                       : fail(file, rc, texts[i], error);
    }
    return AGNER_OK;
}

static enum agner_err open_db(struct store_file *file, const char *path,
                              const struct gen_store_sqlite_options *options,
                              struct agner_error *error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    uint64_t busy_ms = options->busy_ms == 0 ? BUSY_MS : options->busy_ms;
    int rc;

    if (!options->must_exist)
        flags |= SQLITE_OPEN_CREATE;
    rc = sqlite3_open_v2(path, &file->db, flags, NULL);
    if (rc != SQLITE_OK && options->must_exist && file->db != NULL &&
        sqlite3_system_errno(file->db) == ENOENT)
        return agner_fail(error, AGNER_ENONAME, "there is no such file");
    if (rc != SQLITE_OK)
        return file->db == NULL
                   ? agner_fail(error, AGNER_ENOMEM, "no memory to open it")
                   : fail(file, rc, "opening it", error);
    (void)sqlite3_extended_result_codes(file->db, 1);
    if (sqlite3_db_readonly(file->db, "main") == 1)
        return agner_fail(error, AGNER_EIO, "it is read-only");
    if (busy_ms != RT_INFINITY)
        (void)sqlite3_busy_timeout(
            file->db, busy_ms > INT32_MAX ? INT32_MAX : (int)busy_ms);
    return AGNER_OK;
}

static enum agner_err open_table(struct store_file *file,
                                 const struct gen_store_sqlite_options *options,
                                 struct agner_error *error)
{
    bool is_new = false;
    enum agner_err err = set_modes(file, options, error);

    if (err == AGNER_OK)
        err = run(file, "BEGIN IMMEDIATE", error);
    if (err != AGNER_OK)
        return err;
    err = check_owner(file, &is_new, error);
    if (err == AGNER_OK && is_new)
        err = make_table(file, error);
    if (err == AGNER_OK)
        err = run(file, "COMMIT", error);
    if (err == AGNER_OK && options->check)
        err = check_pages(file, error);
    return err == AGNER_OK ? prepare(file, error) : err;
}

enum agner_err
gen__store_file_open(const char *path,
                     const struct gen_store_sqlite_options *options,
                     struct store_file **out, struct agner_error *error)
{
    struct store_file *file = calloc(1, sizeof *file);
    struct agner_error why = { 0 };
    enum agner_err err;

    if (file == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s", path);
    err = open_db(file, path, options, &why);
    if (err == AGNER_OK)
        err = open_table(file, options, &why);
    if (err != AGNER_OK) {
        gen__store_file_close(file);
        return agner_fail(error, err, "%s: %s", path, why.text);
    }
    *out = file;
    return AGNER_OK;
}

void gen__store_file_close(struct store_file *file)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(file->statements[i]);
    (void)sqlite3_close(file->db); /* nothing is open in it */
    free(file);
}

/* ---- Statements ---------------------------------------------------------- */

static int fill_in(sqlite3_stmt *statement, int index, etf_bytes bytes)
{
    return sqlite3_bind_blob64(statement, index,
                               bytes.size == 0 ? (const void *)""
                                               : (const void *)bytes.data,
                               bytes.size, SQLITE_STATIC);
}

/* Ready for the next time; what was bound is forgotten. */
static void rest(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* the error is that of the last step */
    (void)sqlite3_clear_bindings(statement);
}

/* false: no memory, which only the connection says; NULL is an empty one. */
static bool column(struct store_file *file, sqlite3_stmt *statement, int index,
                   etf_bytes *out)
{
    out->data = sqlite3_column_blob(statement, index);
    out->size = (size_t)sqlite3_column_bytes(statement, index);
    return out->data != NULL || sqlite3_errcode(file->db) == SQLITE_ROW;
}

static enum agner_err plain(struct store_file *file, enum statement which,
                            struct agner_error *error)
{
    int rc = sqlite3_step(file->statements[which]);

    rest(file->statements[which]);
    return rc == SQLITE_DONE ? AGNER_OK : fail(file, rc, texts[which], error);
}

enum agner_err gen__store_file_begin(struct store_file *file,
                                     struct agner_error *error)
{
    return plain(file, BEGIN, error);
}

enum agner_err gen__store_file_commit(struct store_file *file,
                                      struct agner_error *error)
{
    enum agner_err err = plain(file, COMMIT, error);

    if (err != AGNER_OK)
        gen__store_file_rollback(file);
    return err;
}

void gen__store_file_rollback(struct store_file *file)
{
    if (sqlite3_get_autocommit(file->db) == 0)
        (void)sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
}

enum agner_err gen__store_file_put(struct store_file *file,
                                   const struct gen_store_write *write,
                                   struct agner_error *error)
{
    enum statement which = write->erase ? ERASE : PUT;
    sqlite3_stmt *statement = file->statements[which];
    int rc = fill_in(statement, 1, write->key);

    if (rc == SQLITE_OK && !write->erase)
        rc = fill_in(statement, 2, write->value);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    rest(statement);
    return rc == SQLITE_DONE ? AGNER_OK : fail(file, rc, "writing", error);
}

enum agner_err gen__store_file_get(struct store_file *file, etf_bytes key,
                                   struct etf_buffer *value,
                                   struct agner_error *error)
{
    sqlite3_stmt *statement = file->statements[GET];
    enum agner_err err;
    etf_bytes bytes;
    int rc = fill_in(statement, 1, key);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_DONE)
        err = agner_fail(error, AGNER_EUNKNOWN, "no such key");
    else if (rc != SQLITE_ROW)
        err = fail(file, rc, "reading", error);
    else if (!column(file, statement, 0, &bytes) ||
             etf_buffer_add(value, bytes.data, bytes.size) != AGNER_OK)
        err = agner_fail(error, AGNER_ENOMEM, "a value");
    else
        err = AGNER_OK;
    rest(statement);
    return err;
}

static bool add_row(struct etf_buffer *rows, etf_bytes key, etf_bytes value)
{
    uint32_t sizes[2] = { (uint32_t)key.size, (uint32_t)value.size };

    return etf_buffer_add(rows, sizes, sizeof sizes) == AGNER_OK &&
           etf_buffer_add(rows, key.data, key.size) == AGNER_OK &&
           etf_buffer_add(rows, value.data, value.size) == AGNER_OK;
}

/* Rows until one does not begin with `prefix`, or the page is full; the last
 * result of SQLite. */
static int read_rows(struct store_file *file, sqlite3_stmt *statement,
                     etf_bytes prefix, struct etf_buffer *rows, size_t *count)
{
    int rc = sqlite3_step(statement);

    for (; rc == SQLITE_ROW && rows->size < GEN_STORE_PAGE_MAX; ++*count) {
        etf_bytes key, value;

        if (!column(file, statement, 0, &key) ||
            !column(file, statement, 1, &value))
            return SQLITE_NOMEM;
        if (!gen__bytes_begin(key, prefix))
            return SQLITE_DONE;
        if (!add_row(rows, key, value))
            return SQLITE_NOMEM;
        rc = sqlite3_step(statement);
    }
    return rc;
}

enum agner_err gen__store_file_scan(struct store_file *file, etf_bytes prefix,
                                    etf_bytes after, size_t limit,
                                    struct etf_buffer *rows, size_t *count,
                                    struct agner_error *error)
{
    bool first = after.size == 0 || gen__bytes_order(after, prefix) < 0;
    sqlite3_stmt *statement = file->statements[first ? FIRST : NEXT];
    enum agner_err err = AGNER_OK;
    int rc = fill_in(statement, 1, first ? prefix : after);

    *count = 0;
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
    if (rc == SQLITE_OK)
        rc = read_rows(file, statement, prefix, rows, count);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        err = fail(file, rc, "reading", error);
    rest(statement);
    return err;
}
