#include "cli/lookup.h"

#include <string.h>

const struct cli_command *sp_cli_find(const struct cli_command *const *tables, const char *noun, const char *verb) {
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            bool same_verb = verb == NULL ? row->verb == NULL : row->verb != NULL && strcmp(row->verb, verb) == 0;
            if (strcmp(row->noun, noun) == 0 && same_verb)
                return row;
        }
    }
    return NULL;
}

bool sp_cli_has_noun(const struct cli_command *const *tables, const char *noun) {
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            if (strcmp(row->noun, noun) == 0)
                return true;
        }
    }
    return false;
}

/* ---- what was probably meant ---- */

enum { WORD_MAX = 32, TOO_FAR = 3 };

static size_t smaller_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters to insert, remove or replace to make one word of the other. */
static size_t count_edits(const char *a, const char *b) {
    size_t row[WORD_MAX + 1], width = strlen(b);
    if (strlen(a) > WORD_MAX || width > WORD_MAX)
        return TOO_FAR;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t kept = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            row[j] = smaller_of(kept, smaller_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}

/* Among the verbs of `noun`, or among the nouns if it is NULL. */
static const char *find_nearest_word(const struct cli_command *const *tables, const char *noun, const char *word) {
    const char *found = NULL;
    size_t best = TOO_FAR;
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *row = *tables; row->noun != NULL; row++) {
            const char *candidate = noun == NULL ? row->noun : row->verb;
            if (candidate == NULL || (noun != NULL && strcmp(row->noun, noun) != 0))
                continue;
            size_t edits = count_edits(candidate, word);
            found = edits < best ? candidate : found;
            best = smaller_of(edits, best);
        }
    }
    return found;
}

const char *sp_cli_nearest_noun(const struct cli_command *const *tables, const char *word) {
    return find_nearest_word(tables, NULL, word);
}

const char *sp_cli_nearest_verb(const struct cli_command *const *tables, const char *noun, const char *word) {
    return find_nearest_word(tables, noun, word);
}
