#include "daemon/callers.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file_mark.h"
#include "base/log.h"
#include "core/digest.h"

struct sp_callers {
    struct sp_callers_options options;
    _Atomic(struct sp_callers_table *) table;
    uint32_t own_uid;
    uint64_t used_mark;   /* of the files that the table was read from */
    uint64_t broken_mark; /* of files that could not be read; 0: none */
};

/* ---- the file ---- */

static enum sp_status read_callers_text(const char *path, char *ret_text, size_t *ret_size, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s: %s", path, strerror(errno));
    size_t size = fread(ret_text, 1, SP_CALLERS_MAX_BYTES + 1, file);
    bool failed = ferror(file) != 0;
    int code = errno;
    (void)fclose(file);
    if (failed)
        return sp_error_set(error, SP_ERR_INVALID, "%s: %s", path, strerror(code));
    if (size > SP_CALLERS_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "%s: the file is larger than 256 KiB", path);
    *ret_size = size;
    return SP_OK;
}

/* What only a certificate proves can never fit a caller if none is verified. */
static enum sp_status check_proofs(const struct sp_callers_options *options, const struct sp_callers_table *table,
                                   struct sp_error *error) {
    if (!options->unproven_tls || !table->needs_certificates)
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID,
                        "%s: uri, dns and tls lines need --tls-client-ca, because TLS alone proves nothing about a "
                        "caller; set it, or grant the roles to tokens",
                        options->file);
}

static enum sp_status read_callers_file(const struct sp_callers_options *options, struct sp_callers_table **ret_table,
                                        struct sp_error *error) {
    const char *path = options->file;
    struct sp_callers_table *table = NULL;
    char *text = malloc(SP_CALLERS_MAX_BYTES + 1);
    size_t size = 0;
    if (text == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = read_callers_text(path, text, &size, error);
    if (status != SP_OK)
        goto out;
    status = sp_callers_table_read(path, (struct sp_str){text, size}, &table, error);
    if (status != SP_OK)
        goto out;
    status = check_proofs(options, table, error);
    if (status != SP_OK) {
        sp_callers_table_free(table);
        goto out;
    }
    *ret_table = table;
out:
    free(text);
    return status;
}

static enum sp_status make_default_table(bool insecure, struct sp_callers_table **ret_table, struct sp_error *error) {
    struct sp_callers_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    table->plaintext = insecure ? SP_CALLER_CHECK : SP_CALLER_ALL;
    table->own = SP_CALLER_ALL;
    table->tls = SP_CALLER_CHECK;
    *ret_table = table;
    return SP_OK;
}

/* ---- changes ---- */

/* A mark of the file, and of the token files that its last good reading named. */
static uint64_t mark_files(const struct sp_callers *callers) {
    const struct sp_callers_table *table = atomic_load(&callers->table);
    uint64_t mark = sp_file_mark(1, callers->options.file);
    for (size_t i = 0; table != NULL && i < table->line_count; i++)
        if (table->lines[i].kind == SP_CALLERS_TOKEN)
            mark = sp_file_mark(mark, table->lines[i].name.data);
    return mark;
}

enum sp_callers_news sp_callers_reload(struct sp_callers *callers, struct sp_error *error) {
    if (callers->options.file == NULL)
        return SP_CALLERS_UNCHANGED;
    uint64_t mark = mark_files(callers);
    if (mark == callers->used_mark || mark == callers->broken_mark)
        return SP_CALLERS_UNCHANGED;
    struct sp_callers_table *table = NULL;
    if (read_callers_file(&callers->options, &table, error) != SP_OK) {
        callers->broken_mark = mark;
        return SP_CALLERS_BROKEN;
    }
    assert(table != NULL);
    table->older = atomic_load(&callers->table);
    atomic_store(&callers->table, table);
    callers->used_mark = mark_files(callers);
    callers->broken_mark = 0;
    return SP_CALLERS_CHANGED;
}

void sp_callers_reload_and_log(struct sp_callers *callers) {
    struct sp_error error = {0};
    switch (sp_callers_reload(callers, &error)) {
    case SP_CALLERS_UNCHANGED:
        break;
    case SP_CALLERS_CHANGED:
        sp_log(SP_LOG_INFO, "the callers file has changed; the new roles are in effect");
        break;
    case SP_CALLERS_BROKEN:
        sp_log(SP_LOG_ERROR, "the callers file has changed but cannot be used; the previous roles stay in effect: %s",
               error.message);
        break;
    }
}

/* ---- opening and closing ---- */

enum sp_status sp_callers_open(const struct sp_callers_options *options, struct sp_callers **ret_callers,
                               struct sp_error *error) {
    struct sp_callers_table *table;
    struct sp_callers *callers = calloc(1, sizeof(*callers));
    if (callers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = options->file == NULL ? make_default_table(options->insecure, &table, error)
                                                  : read_callers_file(options, &table, error);
    if (status != SP_OK) {
        free(callers);
        return status;
    }
    callers->options = *options;
    callers->own_uid = geteuid();
    atomic_init(&callers->table, table);
    if (options->file != NULL)
        callers->used_mark = mark_files(callers);
    *ret_callers = callers;
    return SP_OK;
}

void sp_callers_close(struct sp_callers *callers) {
    if (callers == NULL)
        return;
    struct sp_callers_table *table = atomic_load(&callers->table);
    while (table != NULL) {
        struct sp_callers_table *older = table->older;
        sp_callers_table_free(table);
        table = older;
    }
    free(callers);
}

/* ---- asking ---- */

static bool is_among_names(struct sp_str name, const struct sp_str *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sp_str_equal(name, names[i]))
            return true;
    return false;
}

static bool is_header_blank(char c) {
    return c == ' ' || c == '\t';
}

/* The digest of a bearer token (RFC 6750 section 2.1); false if there is none. The scheme may
 * have any case (RFC 9110 section 11.1). Blanks around the token are no part of it: some HTTP
 * libraries leave them in the header's value. */
static bool digest_token(struct sp_str authorization, uint8_t ret_digest[static SP_DIGEST_BYTES]) {
    static const char scheme[] = "bearer ";
    size_t begin = sizeof(scheme) - 1, end = authorization.size;
    if (end <= begin || strncasecmp(authorization.data, scheme, begin) != 0)
        return false;
    while (begin < end && is_header_blank(authorization.data[begin]))
        begin++;
    while (end > begin && is_header_blank(authorization.data[end - 1]))
        end--;
    sp_sha256(authorization.data + begin, end - begin, ret_digest);
    return end > begin;
}

static bool line_fits_caller(const struct sp_callers_line *line, const struct sp_caller *caller, const uint8_t *token) {
    switch (line->kind) {
    case SP_CALLERS_URI:
        return is_among_names(line->name, caller->identity.uris, caller->identity.uri_count);
    case SP_CALLERS_DNS:
        return is_among_names(line->name, caller->identity.dns, caller->identity.dns_count);
    case SP_CALLERS_UID:
        return caller->identity.uid_known && caller->identity.uid == line->uid;
    case SP_CALLERS_TOKEN:
        return token != NULL && CRYPTO_memcmp(line->token, token, SP_DIGEST_BYTES) == 0;
    }
    return false;
}

/* The roles that need no line of the caller's own. */
static unsigned find_roles_of_anybody(const struct sp_callers *callers, const struct sp_callers_table *table,
                                      const struct sp_caller *caller) {
    switch (caller->identity.kind) {
    case SP_PEER_PLAIN:
        return table->plaintext;
    case SP_PEER_TLS:
        return caller->identity.certified ? table->tls : 0;
    case SP_PEER_UNIX:
        return caller->identity.uid_known && (caller->identity.uid == 0 || caller->identity.uid == callers->own_uid)
                   ? table->own
                   : 0;
    }
    return 0;
}

unsigned sp_callers_roles(const struct sp_callers *callers, const struct sp_caller *caller) {
    const struct sp_callers_table *table = atomic_load_explicit(&callers->table, memory_order_acquire);
    unsigned roles = find_roles_of_anybody(callers, table, caller);
    uint8_t token[SP_DIGEST_BYTES];
    bool presented = table->token_count > 0 && digest_token(caller->authorization, token);
    for (size_t i = 0; i < table->line_count; i++)
        if (line_fits_caller(&table->lines[i], caller, presented ? token : NULL))
            roles |= table->lines[i].roles;
    return roles;
}

bool sp_callers_read_tokens(const struct sp_callers *callers) {
    return atomic_load_explicit(&callers->table, memory_order_acquire)->token_count > 0;
}

size_t sp_callers_uids(const struct sp_callers *callers, uint32_t ret_uids[static SP_CALLERS_MAX_UIDS]) {
    const struct sp_callers_table *table = atomic_load(&callers->table);
    size_t count = 0;
    if (table->own != 0) {
        ret_uids[count++] = 0;
        if (callers->own_uid != 0)
            ret_uids[count++] = callers->own_uid;
    }
    for (size_t i = 0; i < table->line_count && count < SP_CALLERS_MAX_UIDS; i++)
        if (table->lines[i].kind == SP_CALLERS_UID)
            ret_uids[count++] = table->lines[i].uid;
    return count;
}
