#include <string.h>

#include "cli/command.h"

static const struct cli_command *const tables[] = {
    cli_check_commands,    cli_list_commands,   cli_workspace_commands, cli_principal_commands, cli_group_commands,
    cli_resource_commands, cli_share_commands,  cli_key_commands,       cli_server_commands,    cli_schema_commands,
    cli_routes_commands,   cli_import_commands, cli_trail_commands,     cli_store_commands,     cli_self_commands,
};

const struct cli_command *cli_table(size_t i) {
    return i < sizeof(tables) / sizeof(tables[0]) ? tables[i] : NULL;
}

const struct cli_command *cli_find(const char *noun, const char *verb) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            bool same_verb = verb == NULL ? row->verb == NULL : row->verb != NULL && strcmp(row->verb, verb) == 0;
            if (strcmp(row->noun, noun) == 0 && same_verb)
                return row;
        }
    }
    return NULL;
}

bool cli_has_noun(const char *noun) {
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) == 0)
                return true;
        }
    }
    return false;
}

/* ---- what was probably meant ---- */

enum { WORD_MAX = 32, FAR = 3 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Letters to put in, take out or exchange to make one word of the other. */
static size_t distance(const char *a, const char *b) {
    size_t row[WORD_MAX + 1], width = strlen(b);
    if (strlen(a) > WORD_MAX || width > WORD_MAX)
        return FAR;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t kept = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            row[j] = least(kept, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}

/* Among the verbs of `noun`, or among the nouns where it is NULL. */
static const char *nearest(const char *noun, const char *word) {
    const char *found = NULL;
    size_t best = FAR;
    for (size_t table = 0; cli_table(table) != NULL; table++) {
        for (const struct cli_command *row = cli_table(table); row->noun != NULL; row++) {
            const char *candidate = noun == NULL ? row->noun : row->verb;
            if (candidate == NULL || (noun != NULL && strcmp(row->noun, noun) != 0))
                continue;
            size_t apart = distance(candidate, word);
            found = apart < best ? candidate : found;
            best = least(apart, best);
        }
    }
    return found;
}

const char *cli_nearest_noun(const char *word) {
    return nearest(NULL, word);
}

const char *cli_nearest_verb(const char *noun, const char *word) {
    return nearest(noun, word);
}
