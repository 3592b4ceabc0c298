#include "daemon/callers_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"

enum { FIRST_BYTES = 16 * 1024, BUDGET_BYTES = 4 * 1024 * 1024, TOKEN_MAX_BYTES = 4096, TOKEN_MIN_BYTES = 16 };

/* ---- roles ---- */

static bool is_separator(char c) {
    return c == ' ' || c == ',' || c == '\t';
}

/* Role names with commas or blanks between. */
static enum sp_status read_roles(struct sp_yaml *yaml, unsigned *ret_roles) {
    struct sp_yaml_scalar value;
    unsigned roles = 0;
    enum sp_status status = sp_yaml_read_scalar(yaml, &value);
    if (status != SP_OK)
        return status;
    for (size_t at = 0; at < value.text.size;) {
        size_t end = at;
        while (end < value.text.size && !is_separator(value.text.data[end]))
            end++;
        unsigned role = end == at ? 0 : sp_caller_role_find((struct sp_str){value.text.data + at, end - at});
        if (end > at && role == 0)
            return sp_yaml_refuse(
                yaml, &value, "roles",
                "must be check, explain, list, subjects, report, metrics or all, separated by commas");
        roles |= role;
        at = end + 1;
    }
    if (roles == 0)
        return sp_yaml_refuse(yaml, &value, "roles", "must not be empty: remove the line instead");
    *ret_roles = roles;
    return SP_OK;
}

/* ---- tokens ---- */

/* Digests the first line of the file, without blanks around it, which no header would carry. A
 * short token could be guessed. */
static enum sp_status read_token_file(const char *path, struct sp_callers_line *line, struct sp_error *error) {
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
    bool cut = end > TOKEN_MAX_BYTES;
    size_t begin = 0;
    while (begin < end && (text[begin] == ' ' || text[begin] == '\t'))
        begin++;
    while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    bool good = !failed && !cut && end - begin >= TOKEN_MIN_BYTES;
    if (good)
        sp_sha256(text + begin, end - begin, line->token);
    explicit_bzero(text, sizeof(text));
    return good ? SP_OK
                : sp_error_set(error, SP_ERR_INVALID,
                               "the first line of the token file %s must be a token of %d to %d bytes", path,
                               TOKEN_MIN_BYTES, TOKEN_MAX_BYTES);
}

/* ---- lines ---- */

static bool take_prefix(struct sp_str text, const char *prefix, struct sp_str *ret_rest) {
    struct sp_str before = sp_str_from(prefix);
    if (text.size <= before.size || !sp_str_begins_with(text, before))
        return false;
    *ret_rest = (struct sp_str){text.data + before.size, text.size - before.size};
    return true;
}

static bool parse_uid(struct sp_str text, uint32_t *ret_uid) {
    uint64_t uid = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || uid > UINT32_MAX)
            return false;
        uid = uid * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_uid = (uint32_t)uid;
    return text.size > 0 && uid < UINT32_MAX;
}

/* What a line names; its roles come after. */
static enum sp_status read_caller_identity(const struct sp_yaml *yaml, const struct sp_yaml_scalar *key,
                                           struct sp_callers_line *line) {
    struct sp_error why = {0};
    struct sp_str name;
    if (memchr(key->text.data, '\0', key->text.size) != NULL)
        return sp_yaml_refuse(yaml, key, "a caller", "must not hold NUL");
    if (take_prefix(key->text, "uri:", &line->name)) {
        line->kind = SP_CALLERS_URI;
    } else if (take_prefix(key->text, "dns:", &line->name)) {
        line->kind = SP_CALLERS_DNS;
        if (memchr(line->name.data, '*', line->name.size) != NULL)
            return sp_yaml_refuse(yaml, key, "a DNS name",
                                  "is compared as it stands, so a wildcard would match nothing");
    } else if (take_prefix(key->text, "uid:", &name)) {
        line->kind = SP_CALLERS_UID;
        if (!parse_uid(name, &line->uid))
            return sp_yaml_refuse(yaml, key, "a user id", "must be a number, as `id -u` prints it");
    } else if (take_prefix(key->text, "token:", &line->name)) {
        line->kind = SP_CALLERS_TOKEN;
        if (read_token_file(line->name.data, line, &why) != SP_OK)
            return sp_yaml_refuse_because(yaml, key, &why);
    } else {
        return sp_yaml_refuse(yaml, key, "a caller",
                              "must be uri:…, dns:…, uid:NUMBER, token:FILE, plaintext or tls, followed by its roles");
    }
    return SP_OK;
}

static bool is_same_caller(const struct sp_callers_line *a, const struct sp_callers_line *b) {
    if (a->kind != b->kind)
        return false;
    return a->kind == SP_CALLERS_UID ? a->uid == b->uid : sp_str_equal(a->name, b->name);
}

static enum sp_status check_line_is_new(const struct sp_yaml *yaml, const struct sp_callers_table *table,
                                        const struct sp_yaml_scalar *key, const struct sp_callers_line *line) {
    size_t uids = 0;
    for (size_t i = 0; i < table->line_count; i++) {
        uids += table->lines[i].kind == SP_CALLERS_UID;
        if (is_same_caller(&table->lines[i], line))
            return sp_yaml_refuse(yaml, key, "this caller", "is listed twice");
    }
    if (table->line_count == SP_CALLERS_MAX)
        return sp_yaml_refuse(yaml, key, "this caller", "exceeds the limit of 1,000 callers in one file");
    if (line->kind == SP_CALLERS_UID && uids == SP_CALLERS_MAX_UIDS)
        return sp_yaml_refuse(yaml, key, "this user id", "exceeds the limit of 16 user ids in one file");
    return SP_OK;
}

static enum sp_status read_roles_of_anybody(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, unsigned *roles) {
    if (*roles != 0)
        return sp_yaml_refuse(yaml, key, "this caller", "is listed twice");
    return read_roles(yaml, roles);
}

static enum sp_status read_caller_line(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct sp_callers_table *table = yaml->user;
    struct sp_callers_line line = {.roles = 0};
    (void)context;
    if (sp_str_equal(key->text, SP_STR_LITERAL("plaintext")))
        return read_roles_of_anybody(yaml, key, &table->plaintext);
    if (sp_str_equal(key->text, SP_STR_LITERAL("tls"))) {
        table->needs_certificates = true;
        return read_roles_of_anybody(yaml, key, &table->tls);
    }
    enum sp_status status = read_caller_identity(yaml, key, &line);
    if (status != SP_OK)
        return status;
    status = check_line_is_new(yaml, table, key, &line);
    if (status != SP_OK)
        return status;
    status = read_roles(yaml, &line.roles);
    if (status != SP_OK)
        return status;
    table->token_count += line.kind == SP_CALLERS_TOKEN;
    table->needs_certificates |= line.kind == SP_CALLERS_URI || line.kind == SP_CALLERS_DNS;
    table->lines[table->line_count++] = line;
    return SP_OK;
}

enum sp_status sp_callers_table_read(const char *file, struct sp_str text, struct sp_callers_table **ret_table,
                                     struct sp_error *error) {
    struct sp_callers_table *table = calloc(1, sizeof(*table));
    struct sp_error why = {.message = "out of memory"};
    enum sp_status status = SP_ERR_MEMORY;
    if (table == NULL || sp_arena_init(&table->arena, FIRST_BYTES, BUDGET_BYTES) != SP_OK) {
        free(table);
        return sp_error_set(error, status, "out of memory");
    }
    struct sp_yaml yaml = {.arena = &table->arena, .error = &why, .user = table};
    table->lines = sp_arena_calloc(&table->arena, SP_CALLERS_MAX, sizeof(*table->lines));
    if (table->lines == NULL)
        goto failed;
    status = sp_yaml_read(&yaml, text, "the file lists no callers: remove --callers instead",
                          "the file must map callers to their roles", read_caller_line);
    if (status != SP_OK)
        goto failed;
    *ret_table = table;
    return SP_OK;
failed:
    sp_callers_table_free(table);
    return sp_error_set(error, status, "%s: %s", file, why.message);
}

void sp_callers_table_free(struct sp_callers_table *table) {
    if (table != NULL)
        sp_arena_fini(&table->arena);
    free(table);
}
