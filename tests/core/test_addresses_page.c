/* Every row of the table of load balancers in docs/addresses.md gives its client, whatever the
 * client writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/forwarded.h"

enum { COLUMNS = 7, LINE_BYTES = 1024, TEXT_BYTES = 256, ROWS_MIN = 16 };

enum { IN_FRONT, REMOTE_ADDRESS, OPTIONS, RANGES, PEER, HEADER, CLIENT };

struct row {
    char cells[COLUMNS][TEXT_BYTES];
};

/* Cuts "| a | `b` |" into cells without blanks and backticks. False: not a row of seven cells. */
static bool read_row(const char *line, struct row *ret_row) {
    size_t column = 0;
    if (line[0] != '|')
        return false;
    for (const char *at = line + 1; *at != '\0' && *at != '\n';) {
        const char *end = strchr(at, '|');
        size_t used = 0;
        if (end == NULL || column == COLUMNS)
            return false;
        for (; at < end; at++)
            if (*at != '`' && (*at != ' ' || used > 0) && used + 1 < TEXT_BYTES)
                ret_row->cells[column][used++] = *at;
        while (used > 0 && ret_row->cells[column][used - 1] == ' ')
            used--;
        ret_row->cells[column++][used] = '\0';
        at = end + 1;
    }
    return column == COLUMNS;
}

/* What "--trusted-hops 3" and the ranges say. */
static void read_options(const struct row *row, struct sp_forwarded_trust *ret_trust) {
    static char header[TEXT_BYTES];
    struct sp_forwarded_settings settings = {.peers = row->cells[RANGES]};
    struct sp_error error = {0};
    const char *options = row->cells[OPTIONS];
    if (strncmp(options, "--trusted-hops ", 15) == 0) {
        settings.hops = strtoul(options + 15, NULL, 10);
    } else if (strncmp(options, "--address-header ", 17) == 0) {
        snprintf(header, sizeof(header), "%s", options + 17);
        settings.header = header;
    } else if (options[0] != '\0') {
        fail_msg("unknown options: %s", options);
    }
    if (sp_forwarded_trust_read(&settings, ret_trust, &error) != SP_OK)
        fail_msg("%s %s: %s", options, row->cells[RANGES], error.message);
}

static void expect_client(const struct row *row, const struct sp_forwarded_trust *trust, const char *peer,
                          const char *value, const char *client) {
    struct sp_ip from, found;
    char text[SP_CIDR_TEXT_BYTES] = "unknown";
    struct sp_str line = sp_str_from(value);
    assert_int_equal(sp_ip_parse(sp_str_from(peer), &from, NULL), SP_OK);
    if (sp_forwarded_client(trust, &from, &line, 1, &found))
        sp_ip_format(&found, text);
    if (strcmp(text, client) != 0)
        fail_msg("%s, %s, from %s with \"%s\": %s", row->cells[IN_FRONT], row->cells[OPTIONS], peer, value, text);
}

static void check_row(const struct row *row) {
    struct sp_forwarded_trust trust = {0};
    char longer[2 * TEXT_BYTES];
    const char *value = strchr(row->cells[HEADER], ':');
    read_options(row, &trust);
    assert_non_null(value);
    struct sp_str named = {row->cells[HEADER], (size_t)(value - row->cells[HEADER])};
    assert_true(sp_str_equal(named, sp_forwarded_header(&trust)));
    value += strspn(value, ": ");
    expect_client(row, &trust, row->cells[PEER], value, row->cells[CLIENT]);
    if (row->cells[OPTIONS][0] != '\0')
        expect_client(row, &trust, "100.100.100.100", value, "100.100.100.100"); /* nobody whom the ranges name */
    if (trust.header.size > 0)
        return;
    snprintf(longer, sizeof(longer), "10.0.0.1, unknown, %s", value);
    expect_client(row, &trust, row->cells[PEER], longer, row->cells[CLIENT]);
    /* Without what the client wrote. */
    const char *behind = strchr(value, ',');
    assert_int_equal(strncmp(value, "198.51.100.66", 13), 0);
    assert_non_null(behind);
    expect_client(row, &trust, row->cells[PEER], behind + 2, row->cells[CLIENT]);
}

static void every_row_gives_its_client(void **state) {
    const char *source = getenv("SP_SOURCE_DIR");
    char path[512], line[LINE_BYTES];
    size_t rows = 0;
    bool in_table = false;
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/docs/addresses.md", source != NULL ? source : ".");
    FILE *page = fopen(path, "re");
    assert_non_null(page);
    while (fgets(line, sizeof(line), page) != NULL) {
        static struct row row;
        assert_non_null(strchr(line, '\n'));
        bool read = read_row(line, &row);
        if (in_table && read) {
            check_row(&row);
            rows++;
        }
        in_table = read && (in_table || strncmp(line, "|---", 4) == 0);
    }
    assert_int_equal(fclose(page), 0);
    assert_true(rows >= ROWS_MIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_gives_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
