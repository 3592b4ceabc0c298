#include "base/nearest.h"

#include <stdbool.h>

enum { WORD_MAX = 64, SHORT_WORD = 3, SHORT_EDITS = 1, LONG_EDITS = 2, TOO_FAR = 3, ABBREVIATED_LEAST = 2 };

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters to insert, remove or replace to make one word of the other. */
static size_t count_edits(struct sp_str a, struct sp_str b) {
    size_t row[WORD_MAX + 1];
    if (a.size > WORD_MAX || b.size > WORD_MAX)
        return TOO_FAR;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t kept = before + (a.data[i - 1] != b.data[j - 1]);
            before = row[j];
            row[j] = min_size(kept, min_size(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.size];
}

void sp_nearest_consider(struct sp_nearest *nearest, struct sp_str name, struct sp_str typed) {
    size_t most = typed.size <= SHORT_WORD ? SHORT_EDITS : LONG_EDITS;
    bool abbreviated = typed.size >= ABBREVIATED_LEAST && sp_str_begins_with(name, typed);
    size_t edits = abbreviated ? 0 : count_edits(name, typed);
    if (typed.size == 0 || edits > most || (nearest->name.size > 0 && edits >= nearest->edits))
        return;
    *nearest = (struct sp_nearest){name, edits};
}
