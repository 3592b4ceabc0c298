/* A strict reader of small YAML files that people write: nested mappings whose keys and values are
 * text. Pure.
 *
 * One document, in UTF-8; a byte order mark before it is skipped. Refused everywhere, because
 * somebody who reads the file could overlook what they do: aliases, anchors, tags, directives,
 * lists and further documents unless the caller takes them, and characters that end lines (and
 * comments) for libyaml and not for other readers. Callers must refuse keys that are given twice
 * (sp_yaml_find_key does), and decide what nests how deep: nothing here follows a value that was
 * not asked for. Every message begins with "line L, column C: ". One thread. */
#ifndef SP_CONFIG_YAML_H
#define SP_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* A text of the file and where it begins, counted from 1. The text is NUL-terminated in the arena,
 * and may hold NULs. */
struct sp_yaml_scalar {
    struct sp_str text;
    size_t line;
    size_t column; /* as sp_yaml_column takes it */
};

/* A file being read. */
struct sp_yaml {
    struct sp_arena *arena; /* of texts */
    struct sp_error *error;
    void *user;              /* the caller's, untouched */
    bool lists;              /* the caller takes lists of texts, where it asks for them */
    bool documents;          /* the caller takes any number of documents, none too */
    bool stored;             /* the text was accepted by an earlier release, which did not look at line ends */
    bool broken;             /* nothing can be read any more. If not, a value that was refused is behind the reader,
                              * and a caller who keeps the error may go on with SP_OK */
    struct sp_str text;      /* inside: the file */
    bool has_joined_escapes; /* inside: two characters in its columns stand for each pair (config/json_escapes.h) */
    struct yaml_parser_s *parser; /* inside: libyaml's */
};

/* Reads the value of the key, to whatever `context` is. */
typedef enum sp_status sp_yaml_entry(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context);

/* Reads a text, which must be a mapping, with `read` for each of its keys. `yaml` needs arena,
 * error, user and `stored`. `empty` and `otherwise` are the messages for a text with nothing in it
 * and for one that is not a mapping. */
enum sp_status sp_yaml_read(struct sp_yaml *yaml, struct sp_str text, const char *empty, const char *otherwise,
                            sp_yaml_entry *read) SP_MUST_USE;

/* ---- for sp_yaml_entry: each reads the value that comes next ---- */

/* A mapping, with `read` for each of its keys; `otherwise` is the message for anything else. */
enum sp_status sp_yaml_read_mapping(struct sp_yaml *yaml, const char *otherwise, sp_yaml_entry *read,
                                    void *context) SP_MUST_USE;

enum sp_status sp_yaml_read_scalar(struct sp_yaml *yaml, struct sp_yaml_scalar *ret_scalar) SP_MUST_USE;

/* One of two words, which `choice` names in the message: "true or false". */
enum sp_status sp_yaml_read_choice(struct sp_yaml *yaml, const char *first, const char *second, const char *choice,
                                   bool *ret_is_second) SP_MUST_USE;

/* A list of texts, with `take` for each. */
typedef enum sp_status sp_yaml_take(struct sp_yaml *yaml, const struct sp_yaml_scalar *item, void *context);
enum sp_status sp_yaml_read_list(struct sp_yaml *yaml, const char *otherwise, sp_yaml_take *take,
                                 void *context) SP_MUST_USE;

/* A value that may have several shapes; members that are NULL are shapes that it may not have, and
 * `otherwise` is the message for those. */
struct sp_yaml_shapes {
    const char *otherwise;
    sp_yaml_take *text;        /* a text */
    sp_yaml_take *item;        /* each text of a list */
    sp_yaml_entry *item_entry; /* each key of each mapping in a list */
    sp_yaml_entry *entry;      /* each key of a mapping */
};
enum sp_status sp_yaml_read_value(struct sp_yaml *yaml, const struct sp_yaml_shapes *shapes, void *context) SP_MUST_USE;

/* A value that nobody wants, whatever it is. */
enum sp_status sp_yaml_skip(struct sp_yaml *yaml) SP_MUST_USE;

/* The key's place among `keys`, each of which may be given once: `seen` begins as 0. `expected`
 * names them in the message. */
enum sp_status sp_yaml_find_key(const struct sp_yaml *yaml, const struct sp_yaml_scalar *key, const char *const *keys,
                                size_t count, const char *expected, unsigned *seen, size_t *ret_index) SP_MUST_USE;

/* ---- refusing: all return the status that they set ---- */

/* The column in the file as it came, of a scalar's column: they differ behind escapes that were
 * joined. */
size_t sp_yaml_column(const struct sp_yaml *yaml, size_t line, size_t column);

/* What follows "line L, column C: " in such a message, and the place; the message itself, and a
 * place that is left as it was, where it does not begin so. */
const char *sp_yaml_split_place(const char *message, size_t *line, size_t *column);

/* "line L, column C: subject what". */
static inline enum sp_status sp_yaml_refuse(const struct sp_yaml *yaml, const struct sp_yaml_scalar *at,
                                            const char *subject, const char *what) {
    sp_error_set(yaml->error, SP_ERR_INVALID, "line %zu, column %zu: %s %s", at->line,
                 sp_yaml_column(yaml, at->line, at->column), subject, what);
    return SP_ERR_INVALID;
}

/* "line L, column C: " and a message that another function gave. */
static inline enum sp_status sp_yaml_refuse_because(const struct sp_yaml *yaml, const struct sp_yaml_scalar *at,
                                                    const struct sp_error *why) {
    sp_error_set(yaml->error, SP_ERR_INVALID, "line %zu, column %zu: %s", at->line,
                 sp_yaml_column(yaml, at->line, at->column), why->message);
    return SP_ERR_INVALID;
}

static inline enum sp_status sp_yaml_refuse_memory(const struct sp_yaml *yaml) {
    sp_error_set(yaml->error, SP_ERR_MEMORY, "out of memory");
    return SP_ERR_MEMORY;
}

#endif
