#include "base/nearest.h"

#include <stdbool.h>

enum {
    NAME_MAX_BYTES = 64,
    SHORT_WORD = 3,
    SHORT_EDITS = 1,
    LONG_EDITS = 2,
    TOO_FAR = 3,
    ABBREVIATED_LEAST = 2,
    SHARED_LEAST = 3, /* letters that two words begin with to be alike */
    ENDING_MOST = 2,  /* letters that one of them may have more, such as the s of a plural */
    NAME_SHARED_LEAST = 4,
    ALIKE_PERCENT = 60,
};

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters to insert, remove, replace or exchange with the next one to make one name of the
 * other. */
static size_t count_edits(struct sp_str a, struct sp_str b) {
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    if (a.size > NAME_MAX_BYTES || b.size > NAME_MAX_BYTES)
        return TOO_FAR;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *unused = before;
        before = above;
        above = row;
        row = unused;
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t kept = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = min_size(kept, min_size(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = min_size(row[j], before[j - 2] + 1);
        }
    }
    return row[b.size];
}

/* ---- names of several words ---- */

static bool is_between_words(char letter) {
    return letter == '_' || letter == '-' || letter == ' ';
}

/* The next word of the text, which is cut to what follows. Empty: there is none. */
static struct sp_str take_name_word(struct sp_str *text) {
    struct sp_str word;
    while (text->size > 0 && is_between_words(text->data[0]))
        *text = (struct sp_str){text->data + 1, text->size - 1};
    word = (struct sp_str){text->data, 0};
    while (word.size < text->size && !is_between_words(word.data[word.size]))
        word.size++;
    *text = (struct sp_str){text->data + word.size, text->size - word.size};
    return word;
}

/* How many letters two words begin with, if they are alike: equal, or one is the plural, the short
 * form or another form of the other. */
static size_t count_shared_letters(struct sp_str a, struct sp_str b) {
    size_t shared = 0, shorter = min_size(a.size, b.size);
    while (shared < shorter && a.data[shared] == b.data[shared])
        shared++;
    bool almost_equal = shared == shorter && a.size - shared <= ENDING_MOST && b.size - shared <= ENDING_MOST;
    return almost_equal || (shared >= SHARED_LEAST && 2 * shared >= shorter) ? shared : 0;
}

static size_t find_most_shared(struct sp_str word, struct sp_str text) {
    size_t most = 0;
    for (struct sp_str other = take_name_word(&text); other.size > 0; other = take_name_word(&text)) {
        size_t shared = count_shared_letters(word, other);
        most = shared > most ? shared : most;
    }
    return most;
}

static size_t count_letters(struct sp_str text) {
    size_t letters = 0;
    for (struct sp_str word = take_name_word(&text); word.size > 0; word = take_name_word(&text))
        letters += word.size;
    return letters;
}

/* How alike the words are, in whichever order, in percent of their letters; 0: not enough, unless
 * one name has all words of the other. */
static size_t compare_words(struct sp_str name, struct sp_str typed) {
    size_t of_name = count_letters(name), of_typed = count_letters(typed), shared = 0;
    if (name.size > NAME_MAX_BYTES || typed.size > NAME_MAX_BYTES || of_typed == 0)
        return 0;
    struct sp_str rest = typed;
    for (struct sp_str word = take_name_word(&rest); word.size > 0; word = take_name_word(&rest))
        shared += find_most_shared(word, name);
    shared = min_size(shared, of_name);
    size_t percent = 200 * shared / (of_name + of_typed);
    bool within = shared == of_name || shared == of_typed;
    return shared >= NAME_SHARED_LEAST && (within || percent >= ALIKE_PERCENT) ? percent : 0;
}

/* From 0; more than LONG_EDITS: by words. */
static bool measure_distance(struct sp_str name, struct sp_str typed, size_t *ret_distance) {
    size_t most = typed.size <= SHORT_WORD ? SHORT_EDITS : LONG_EDITS;
    bool abbreviated = typed.size >= ABBREVIATED_LEAST && sp_str_begins_with(name, typed);
    size_t edits = abbreviated ? 0 : count_edits(name, typed);
    size_t percent = edits <= most ? 0 : compare_words(name, typed);
    *ret_distance = edits <= most ? edits : TOO_FAR + 100 - percent;
    return edits <= most || percent > 0;
}

void sp_nearest_consider(struct sp_nearest *nearest, struct sp_str name, struct sp_str typed) {
    size_t distance;
    if (typed.size == 0 || !measure_distance(name, typed, &distance) ||
        (nearest->name.size > 0 && distance >= nearest->distance))
        return;
    *nearest = (struct sp_nearest){name, distance};
}

enum sp_status sp_nearest_refuse_command(const struct sp_nearest *nearest, const char *group, const char *word,
                                         const char *program, struct sp_error *error) {
    const char *space = group[0] == '\0' ? "" : " ";
    if (nearest->name.size > 0)
        return sp_error_set(error, SP_ERR_INVALID, "unknown command '%s%s%s'; did you mean %.*s?", group, space, word,
                            SP_STR_ARG(nearest->name));
    return sp_error_set(error, SP_ERR_INVALID, "unknown command '%s%s%s' (see %s%s%s --help)", group, space, word,
                        program, space, group);
}
