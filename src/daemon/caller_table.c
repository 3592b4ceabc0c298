#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"
#include "daemon/caller_table.h"

enum { FIRST_BYTES = 16 * 1024, BUDGET_BYTES = 4 * 1024 * 1024, TOKEN_MAX_BYTES = 4096, TOKEN_MIN_BYTES = 16 };

static const struct {
    const char *name;
    unsigned roles;
} role_names[] = {
    {"check", SP_CALLER_CHECK},   {"explain", SP_CALLER_EXPLAIN}, {"list", SP_CALLER_LIST},
    {"report", SP_CALLER_REPORT}, {"all", SP_CALLER_ALL},
};

const char *sp_caller_role_name(enum sp_caller_role role) {
    for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
        if (role_names[i].roles == (unsigned)role)
            return role_names[i].name;
    return "";
}

/* ---- roles ---- */

static bool is_separator(char c) {
    return c == ' ' || c == ',' || c == '\t';
}

static unsigned role_of(struct sp_str name) {
    for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
        if (sp_str_equal(sp_str_from(role_names[i].name), name))
            return role_names[i].roles;
    return 0;
}

static enum sp_status read_roles(struct sp_yaml *yaml, unsigned *ret_roles) {
    struct sp_yaml_scalar value;
    enum sp_status status = sp_yaml_read_scalar(yaml, &value);
    unsigned roles = 0;
    for (size_t at = 0; status == SP_OK && at < value.text.size;) {
        size_t end = at;
        while (end < value.text.size && !is_separator(value.text.data[end]))
            end++;
        unsigned role = end == at ? 0 : role_of((struct sp_str){value.text.data + at, end - at});
        if (end > at && role == 0)
            return sp_yaml_refuse(yaml, &value, "roles",
                                  "are check, explain, list, report or all, with commas between");
        roles |= role;
        at = end + 1;
    }
    if (status == SP_OK && roles == 0)
        return sp_yaml_refuse(yaml, &value, "roles", "must not be empty: leave the line out instead");
    if (status == SP_OK)
        *ret_roles = roles;
    return status;
}

/* ---- tokens ---- */

/* The first line of the file. A short one could be guessed. */
static enum sp_status read_token(const char *path, struct line *line, struct sp_error *error) {
    char text[TOKEN_MAX_BYTES + 1];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "the token file %s: %s", path, strerror(errno));
    size_t size = fread(text, 1, sizeof(text), file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    size_t end = 0;
    while (end < size && text[end] != '\n' && text[end] != '\r')
        end++;
    bool good = !failed && end >= TOKEN_MIN_BYTES && end <= TOKEN_MAX_BYTES;
    if (good)
        sp_sha256(text, end, line->token);
    explicit_bzero(text, sizeof(text));
    return good ? SP_OK
                : sp_error_set(error, SP_ERR_INVALID,
                               "the token file %s must hold a token of %d to %d bytes in its first line", path,
                               TOKEN_MIN_BYTES, TOKEN_MAX_BYTES);
}

/* ---- lines ---- */

static bool take_prefix(struct sp_str text, const char *prefix, struct sp_str *ret_rest) {
    size_t size = strlen(prefix);
    if (text.size <= size || memcmp(text.data, prefix, size) != 0)
        return false;
    *ret_rest = (struct sp_str){text.data + size, text.size - size};
    return true;
}

static bool read_uid(struct sp_str text, uint32_t *ret_uid) {
    uint64_t uid = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || uid > UINT32_MAX)
            return false;
        uid = uid * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_uid = (uint32_t)uid;
    return text.size > 0 && uid < UINT32_MAX;
}

/* The identity of a line, but its roles. */
static enum sp_status read_identity(const struct sp_yaml *yaml, const struct sp_yaml_scalar *key, struct line *line) {
    struct sp_error why = {0};
    struct sp_str name;
    if (memchr(key->text.data, '\0', key->text.size) != NULL)
        return sp_yaml_refuse(yaml, key, "a caller", "must not hold NUL");
    if (take_prefix(key->text, "uri:", &line->name)) {
        line->kind = LINE_URI;
    } else if (take_prefix(key->text, "dns:", &line->name)) {
        line->kind = LINE_DNS;
        if (memchr(line->name.data, '*', line->name.size) != NULL)
            return sp_yaml_refuse(yaml, key, "a DNS name", "is compared as it is: a wildcard would fit nobody");
    } else if (take_prefix(key->text, "uid:", &name)) {
        line->kind = LINE_UID;
        if (!read_uid(name, &line->uid))
            return sp_yaml_refuse(yaml, key, "a user id", "is a number, as `id -u` tells it");
    } else if (take_prefix(key->text, "token:", &line->name)) {
        line->kind = LINE_TOKEN;
        if (read_token(line->name.data, line, &why) != SP_OK)
            return sp_yaml_refuse_because(yaml, key, &why);
    } else {
        return sp_yaml_refuse(yaml, key, "a caller",
                              "is uri:…, dns:…, uid:NUMBER, token:FILE, plaintext or tls, followed by its roles");
    }
    return SP_OK;
}

static bool same_caller(const struct line *a, const struct line *b) {
    if (a->kind != b->kind)
        return false;
    return a->kind == LINE_UID ? a->uid == b->uid : sp_str_equal(a->name, b->name);
}

static enum sp_status check_new(const struct sp_yaml *yaml, const struct table *table, const struct sp_yaml_scalar *key,
                                const struct line *line) {
    size_t uids = 0;
    for (size_t i = 0; i < table->line_count; i++) {
        uids += table->lines[i].kind == LINE_UID;
        if (same_caller(&table->lines[i], line))
            return sp_yaml_refuse(yaml, key, "this caller", "stands in the file twice");
    }
    if (table->line_count == SP_CALLERS_MAX)
        return sp_yaml_refuse(yaml, key, "this caller", "is one too many: at most 1,000");
    if (line->kind == LINE_UID && uids == SP_CALLERS_MAX_UIDS)
        return sp_yaml_refuse(yaml, key, "this user id", "is one too many: at most 16 are told apart");
    return SP_OK;
}

static enum sp_status read_anybody(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, unsigned *roles) {
    if (*roles != 0)
        return sp_yaml_refuse(yaml, key, "this caller", "stands in the file twice");
    return read_roles(yaml, roles);
}

static enum sp_status read_line(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct table *table = yaml->user;
    struct line line = {.roles = 0};
    (void)context;
    if (sp_str_equal(key->text, SP_STR_LITERAL("plaintext")))
        return read_anybody(yaml, key, &table->plaintext);
    if (sp_str_equal(key->text, SP_STR_LITERAL("tls")))
        return read_anybody(yaml, key, &table->tls);
    enum sp_status status = read_identity(yaml, key, &line);
    if (status == SP_OK)
        status = check_new(yaml, table, key, &line);
    if (status == SP_OK)
        status = read_roles(yaml, &line.roles);
    if (status != SP_OK)
        return status;
    table->token_count += line.kind == LINE_TOKEN;
    table->lines[table->line_count++] = line;
    return SP_OK;
}

enum sp_status table_read(const char *file, struct sp_str text, struct table **ret_table, struct sp_error *error) {
    struct table *table = calloc(1, sizeof(*table));
    struct sp_error why = {0};
    if (table == NULL || sp_arena_init(&table->arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK) {
        free(table);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    table->lines = sp_arena_calloc(&table->arena, SP_CALLERS_MAX, sizeof(*table->lines));
    struct sp_yaml yaml = {.arena = &table->arena, .error = &why, .user = table};
    enum sp_status status = table->lines == NULL
                                ? SP_ERR_MEMORY
                                : sp_yaml_read(&yaml, text, "the file names no caller; leave it out instead",
                                               "the file must map callers to their roles", read_line);
    if (status != SP_OK) {
        table_free(table);
        return sp_error_set(error, status, "%s: %s", file, why.message);
    }
    *ret_table = table;
    return SP_OK;
}

void table_free(struct table *table) {
    if (table != NULL)
        sp_arena_fini(&table->arena);
    free(table);
}
