/* Inside src/daemon: a table of callers as it was read from a file. */
#ifndef SP_DAEMON_CALLER_TABLE_H
#define SP_DAEMON_CALLER_TABLE_H

#include "base/arena.h"
#include "core/key_text.h"
#include "daemon/caller.h"

enum line_kind { LINE_URI, LINE_DNS, LINE_UID, LINE_TOKEN };

struct line {
    enum line_kind kind;
    struct sp_str name;             /* of URI, DNS and token lines */
    uint32_t uid;                   /* of UID lines */
    uint8_t token[SP_DIGEST_BYTES]; /* of token lines: the SHA-256 of the token */
    unsigned roles;
};

/* Immutable once read. */
struct table {
    struct table *older; /* retired ones stay until the end: a reader may look at them still */
    struct sp_arena arena;
    struct line *lines;
    size_t line_count;
    size_t token_count;
    unsigned plaintext, tls; /* roles of anybody */
    unsigned own;            /* of Unix sockets without a file: of root and the own user */
};

/* The table of the file's text. `file` names it in messages. */
enum sp_status table_read(const char *file, struct sp_str text, struct table **ret_table,
                          struct sp_error *error) SP_MUST_USE;
void table_free(struct table *table);

#endif
