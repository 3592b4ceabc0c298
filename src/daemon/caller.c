#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/caller_table.h"

struct sp_callers {
    const char *file; /* NULL: none */
    _Atomic(struct table *) table;
    uint32_t own_uid;
    uint64_t seen;   /* what the table was read from */
    uint64_t broken; /* what could not be read */
};

/* ---- the file ---- */

static enum sp_status read_file(const char *path, char **ret_text, size_t *ret_size, struct sp_error *error) {
    FILE *file = fopen(path, "re");
    char *text = malloc(SP_CALLERS_MAX_BYTES + 1);
    size_t size = file == NULL || text == NULL ? 0 : fread(text, 1, SP_CALLERS_MAX_BYTES + 1, file);
    bool failed = file == NULL || ferror(file) != 0;
    int code = errno;
    if (file != NULL)
        (void)fclose(file);
    enum sp_status status = SP_OK;
    if (text == NULL)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else if (failed)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: %s", path, strerror(code));
    else if (size > SP_CALLERS_MAX_BYTES)
        status = sp_error_set(error, SP_ERR_INVALID, "%s: is longer than 256 KiB", path);
    if (status != SP_OK) {
        free(text);
        return status;
    }
    *ret_text = text;
    *ret_size = size;
    return SP_OK;
}

static enum sp_status read_table(const char *path, struct table **ret_table, struct sp_error *error) {
    char *text;
    size_t size;
    enum sp_status status = read_file(path, &text, &size, error);
    if (status != SP_OK)
        return status;
    status = table_read(path, (struct sp_str){text, size}, ret_table, error);
    free(text);
    return status;
}

static enum sp_status make_default(bool insecure, struct table **ret_table, struct sp_error *error) {
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    table->plaintext = insecure ? SP_CALLER_CHECK : SP_CALLER_ALL;
    table->own = SP_CALLER_ALL;
    table->tls = SP_CALLER_CHECK;
    *ret_table = table;
    return SP_OK;
}

/* ---- changes ---- */

static uint64_t mix(uint64_t mark, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0)
        return (mark + 1) * UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t parts[] = {(uint64_t)about.st_ino,          (uint64_t)about.st_dev,
                              (uint64_t)about.st_size,         (uint64_t)about.st_mtim.tv_sec,
                              (uint64_t)about.st_mtim.tv_nsec, (uint64_t)about.st_ctim.tv_nsec};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        mark = (mark ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15) + (mark >> 29);
    return mark;
}

/* Of the file and of the tokens that its last good reading named. */
static uint64_t mark_of(const struct sp_callers *callers) {
    const struct table *table = atomic_load(&callers->table);
    uint64_t mark = mix(1, callers->file);
    for (size_t i = 0; table != NULL && i < table->line_count; i++)
        if (table->lines[i].kind == LINE_TOKEN)
            mark = mix(mark, table->lines[i].name.data);
    return mark;
}

enum sp_callers_news sp_callers_look(struct sp_callers *callers, struct sp_error *error) {
    if (callers->file == NULL)
        return SP_CALLERS_UNCHANGED;
    uint64_t mark = mark_of(callers);
    if (mark == callers->seen || mark == callers->broken)
        return SP_CALLERS_UNCHANGED;
    struct table *table;
    if (read_table(callers->file, &table, error) != SP_OK) {
        callers->broken = mark;
        return SP_CALLERS_BROKEN;
    }
    table->older = atomic_load(&callers->table);
    atomic_store(&callers->table, table);
    callers->seen = mark_of(callers);
    callers->broken = 0;
    return SP_CALLERS_CHANGED;
}

/* ---- life ---- */

enum sp_status sp_callers_open(const char *file, bool insecure, struct sp_callers **ret_callers,
                               struct sp_error *error) {
    struct table *table;
    struct sp_callers *callers = calloc(1, sizeof(*callers));
    if (callers == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = file == NULL ? make_default(insecure, &table, error) : read_table(file, &table, error);
    if (status != SP_OK) {
        free(callers);
        return status;
    }
    callers->file = file;
    callers->own_uid = geteuid();
    atomic_init(&callers->table, table);
    if (file != NULL)
        callers->seen = mark_of(callers);
    *ret_callers = callers;
    return SP_OK;
}

void sp_callers_close(struct sp_callers *callers) {
    if (callers == NULL)
        return;
    struct table *table = atomic_load(&callers->table);
    while (table != NULL) {
        struct table *older = table->older;
        table_free(table);
        table = older;
    }
    free(callers);
}

/* ---- asking ---- */

static bool is_among(struct sp_str name, const struct sp_str *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sp_str_equal(name, names[i]))
            return true;
    return false;
}

/* The digest of what a bearer presents; false for none. RFC 6750 section 2.1; the scheme in any case, RFC 9110 section 11.1. */
static bool digest_token(struct sp_str authorization, uint8_t ret_digest[static SP_DIGEST_BYTES]) {
    static const char scheme[] = "bearer ";
    size_t size = sizeof(scheme) - 1;
    if (authorization.size <= size || strncasecmp(authorization.data, scheme, size) != 0)
        return false;
    sp_sha256(authorization.data + size, authorization.size - size, ret_digest);
    return true;
}

static bool fits(const struct line *line, const struct sp_caller *caller, const uint8_t *token) {
    switch (line->kind) {
    case LINE_URI:
        return is_among(line->name, caller->uris, caller->uri_count);
    case LINE_DNS:
        return is_among(line->name, caller->dns, caller->dns_count);
    case LINE_UID:
        return caller->uid_known && caller->uid == line->uid;
    case LINE_TOKEN:
        return token != NULL && CRYPTO_memcmp(line->token, token, SP_DIGEST_BYTES) == 0;
    }
    return false;
}

unsigned sp_callers_roles(const struct sp_callers *callers, const struct sp_caller *caller) {
    const struct table *table = atomic_load_explicit(&callers->table, memory_order_acquire);
    unsigned roles = caller->kind == SP_CALLER_PLAINTEXT                                          ? table->plaintext
                     : caller->kind == SP_CALLER_TLS                                              ? table->tls
                     : caller->uid_known && (caller->uid == 0 || caller->uid == callers->own_uid) ? table->own
                                                                                                  : 0;
    uint8_t token[SP_DIGEST_BYTES];
    bool presented = table->token_count > 0 && digest_token(caller->authorization, token);
    for (size_t i = 0; i < table->line_count; i++)
        if (fits(&table->lines[i], caller, presented ? token : NULL))
            roles |= table->lines[i].roles;
    return roles;
}

bool sp_callers_read_tokens(const struct sp_callers *callers) {
    return atomic_load_explicit(&callers->table, memory_order_acquire)->token_count > 0;
}

size_t sp_callers_uids(const struct sp_callers *callers, uint32_t ret_uids[static SP_CALLERS_MAX_UIDS]) {
    const struct table *table = atomic_load(&callers->table);
    size_t count = 0;
    if (table->own != 0) {
        ret_uids[count++] = 0;
        if (callers->own_uid != 0)
            ret_uids[count++] = callers->own_uid;
    }
    for (size_t i = 0; i < table->line_count && count < SP_CALLERS_MAX_UIDS; i++)
        if (table->lines[i].kind == LINE_UID)
            ret_uids[count++] = table->lines[i].uid;
    return count;
}

enum sp_status sp_caller_refuse(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_error *error) {
    bool proven = caller->uri_count + caller->dns_count > 0 || caller->uid_known || caller->authorization.size > 0;
    if (!proven)
        return sp_error_set(error, SP_ERR_UNAUTHENTICATED,
                            "this call needs the role \"%s\", and the caller has proven nothing: let it show a client "
                            "certificate or a token that the server's --callers file names",
                            sp_caller_role_name(wanted));
    if (caller->uri_count + caller->dns_count > 0) {
        struct sp_str name = caller->uri_count > 0 ? caller->uris[0] : caller->dns[0];
        return sp_error_set(error, SP_ERR_PERMISSION,
                            "this call needs the role \"%s\": give it to %s:%.*s in the server's --callers file",
                            sp_caller_role_name(wanted), caller->uri_count > 0 ? "uri" : "dns",
                            (int)(name.size > 200 ? 200 : name.size), name.data);
    }
    if (caller->uid_known)
        return sp_error_set(error, SP_ERR_PERMISSION,
                            "this call needs the role \"%s\": give it to uid:%u in the server's --callers file",
                            sp_caller_role_name(wanted), caller->uid);
    return sp_error_set(error, SP_ERR_PERMISSION,
                        "this call needs the role \"%s\", which the token presented does not have in the server's "
                        "--callers file",
                        sp_caller_role_name(wanted));
}
