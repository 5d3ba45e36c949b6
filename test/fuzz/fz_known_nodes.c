/*
 * Files that a node trusts: any bytes are a list of known nodes, or a list of
 * cookies, or refused with a reason; what was read is written, and read back as
 * the same. What a list decides holds for its own rows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cookie_lines.h>
#include <handshake.h>
#include <key_text.h>
#include <known_nodes.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_row(const struct known_nodes *known,
                      const struct known_row *row)
{
    enum trust_verdict verdict;
    char text[KEY_TEXT_SIZE];
    uint8_t key[32];

    check(node__is_plain((const uint8_t *)row->note, strlen(row->note)));
    if (row->state == KNOWN_REMARK)
        return;
    node__key_print(row->key, text);
    check(node__key_parse(text, strlen(text), key));
    check(memcmp(key, row->key, sizeof key) == 0);
    verdict = node__known_check(known, false, row->name, row->key);
    switch (row->state) {
    case KNOWN_PINNED: /* or a later line revokes it */
        check(verdict == TRUST_LISTED || verdict == TRUST_REVOKED);
        break;
    case KNOWN_SEEN:
        check(verdict == TRUST_SEEN || verdict == TRUST_REVOKED);
        break;
    case KNOWN_REVOKED:
        check(verdict == TRUST_REVOKED);
        break;
    case KNOWN_REMARK:
        break;
    }
    if (row->state != KNOWN_REVOKED)
        check(node__name_check(row->name, strlen(row->name), NULL) == AGNER_OK);
}

static void read_known(const char *text, size_t size)
{
    struct known_nodes known = { 0 }, again = { 0 };
    struct agner_error error = { AGNER_OK, "" };
    struct etf_buffer written = { 0 }, twice = { 0 };

    if (node__known_parse(&known, text, size, &error) != AGNER_OK) {
        check(strncmp(error.text, "line ", 5) == 0 ||
              error.code == AGNER_ELIMIT);
        check(known.rows == NULL && known.count == 0);
        return;
    }
    for (size_t i = 0; i < known.count && i < 64; i++)
        check_row(&known, &known.rows[i]);
    check(node__known_write(&known, &written) == AGNER_OK);
    check(node__known_parse(&again, (const char *)written.data, written.size,
                            NULL) == AGNER_OK);
    check(again.count == known.count);
    check(node__known_write(&again, &twice) == AGNER_OK);
    check(twice.size == written.size);
    check(written.size == 0 ||
          memcmp(twice.data, written.data, written.size) == 0);
    etf_buffer_fini(&written);
    etf_buffer_fini(&twice);
    node__known_fini(&known);
    node__known_fini(&again);
}

static void read_cookies(const char *text, size_t size)
{
    static struct cookie_lines lines, again;
    struct agner_error error = { AGNER_OK, "" };
    char out[COOKIE_FILE_MAX];

    if (node__cookie_lines(text, size, &lines, &error) != AGNER_OK) {
        check(error.text[0] != '\0' && lines.count == 0);
        return;
    }
    check(lines.count > 0 && lines.count <= COOKIE_LINES_MAX);
    size = node__cookie_lines_write(&lines, out);
    check(size <= sizeof out);
    check(node__cookie_lines(out, size, &again, NULL) == AGNER_OK);
    check(memcmp(&lines, &again, sizeof lines) == 0);
    check(node__cookie_lines_have(&lines, lines.text[lines.count - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_known((const char *)data, size);
    read_cookies((const char *)data, size);
    return 0;
}
