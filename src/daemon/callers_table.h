/* Inside src/daemon: the table that a --callers file holds. */
#ifndef SP_DAEMON_CALLERS_TABLE_H
#define SP_DAEMON_CALLERS_TABLE_H

#include "base/arena.h"
#include "core/digest.h"
#include "daemon/caller.h"

enum { SP_CALLERS_MAX = 1000, SP_CALLERS_MAX_UIDS = 16 };

struct sp_callers_line {
    enum sp_callers_line_kind { SP_CALLERS_URI, SP_CALLERS_DNS, SP_CALLERS_UID, SP_CALLERS_TOKEN } kind;
    struct sp_str name;             /* of URI and DNS lines; of token lines, the file that holds the token */
    uint32_t uid;                   /* of UID lines */
    uint8_t token[SP_DIGEST_BYTES]; /* of token lines: the SHA-256 of the token */
    unsigned roles;
};

/* Immutable once read. */
struct sp_callers_table {
    struct sp_callers_table *older; /* kept until the end, because another thread may still be reading it */
    struct sp_arena arena;
    struct sp_callers_line *lines;
    size_t line_count;
    size_t token_count;
    bool needs_certificates; /* some lines only fit verified client certificates */
    unsigned plaintext;      /* roles of everybody over plaintext */
    unsigned tls;            /* of everybody with a verified client certificate */
    unsigned own;            /* without a file: roles of root and the program's own user on Unix sockets */
};

/* Reads the file's text; `file` names it in messages. SP_ERR_INVALID with the file's name and
 * line; SP_ERR_MEMORY. */
enum sp_status sp_callers_table_read(const char *file, struct sp_str text, struct sp_callers_table **ret_table,
                                     struct sp_error *error) SP_MUST_USE;
/* NULL is allowed. */
void sp_callers_table_free(struct sp_callers_table *table);

#endif
