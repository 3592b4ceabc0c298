#include "policy/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/yaml.h"

enum { YAML_FIRST_BYTES = 64 * 1024, YAML_BUDGET_BYTES = 1024 * 1024 * 1024 };

/* A file being read: sp_yaml's `user`. */
struct reading {
    struct sp_policy *policy;
    struct sp_policy_errors *errors;
    uint16_t file;
    struct sp_error error; /* the last one, until it is kept */
};

/* ---- errors ---- */

static void count_error(struct sp_policy_errors *errors, const char *text) {
    if (errors->count < SP_POLICY_ERRORS_MAX)
        errors->texts[errors->count] = text != NULL ? text : "out of memory";
    errors->count++;
}

void sp_policy_add_error(struct sp_policy_errors *errors, const struct sp_policy *policy,
                         const struct sp_policy_place *place, const char *format, ...) {
    struct sp_error what;
    va_list arguments;
    va_start(arguments, format);
    (void)sp_error_vset(&what, SP_ERR_INVALID, format, arguments);
    va_end(arguments);
    if (place->line == 0)
        count_error(errors, sp_arena_strdup(errors->arena, sp_str_from(what.message)));
    else
        count_error(errors, sp_arena_printf(errors->arena, "%s:%u:%u: %s", policy->files[place->file],
                                            (unsigned)place->line, (unsigned)place->column, what.message));
}

static struct sp_policy_place find_policy_place(const struct sp_yaml *yaml, const struct sp_yaml_scalar *at) {
    const struct reading *reading = yaml->user;
    size_t column = sp_yaml_column(yaml, at->line, at->column);
    return (struct sp_policy_place){.line = (uint32_t)at->line,
                                    .column = column > UINT16_MAX ? UINT16_MAX : (uint16_t)column,
                                    .file = reading->file};
}

/* "line L, column C: what" becomes an error of the file. */
static void add_yaml_error(struct reading *reading) {
    struct sp_policy_place place = {.file = reading->file};
    size_t line = 1, column = 1;
    const char *what = sp_yaml_split_place(reading->error.message, &line, &column);
    place.line = (uint32_t)line;
    place.column = column > UINT16_MAX ? UINT16_MAX : (uint16_t)column;
    sp_policy_add_error(reading->errors, reading->policy, &place, "%s", what);
    reading->error = (struct sp_error){0};
}

/* What was refused is reported, and reading goes on, if the reader can. */
static enum sp_status keep_error(const struct sp_yaml *yaml, enum sp_status status) {
    if (status != SP_ERR_INVALID || yaml->broken)
        return status;
    add_yaml_error(yaml->user);
    return SP_OK;
}

/* A key whose value is not wanted. */
static enum sp_status keep_error_and_skip(struct sp_yaml *yaml, enum sp_status status) {
    status = keep_error(yaml, status);
    if (status != SP_OK)
        return status;
    return sp_yaml_skip(yaml);
}

/* ---- texts ---- */

typedef enum sp_status text_check(struct sp_str text, const char *field, struct sp_error *error);

/* *ret_text is set even if the text is refused, so that the entry can be read on. */
static enum sp_status take_policy_text(const struct sp_yaml *yaml, const struct sp_yaml_scalar *scalar,
                                       text_check *check, const char *field, const char **ret_text) {
    struct reading *reading = yaml->user;
    struct sp_error why = {0};
    *ret_text = sp_policy_text(reading->policy, scalar->text);
    if (*ret_text == NULL)
        return sp_yaml_refuse_memory(yaml);
    if (check(scalar->text, field, &why) == SP_OK)
        return SP_OK;
    return keep_error(yaml, sp_yaml_refuse_because(yaml, scalar, &why));
}

static enum sp_status read_text(struct sp_yaml *yaml, text_check *check, const char *field, const char **ret_text) {
    struct sp_yaml_scalar scalar = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    return take_policy_text(yaml, &scalar, check, field, ret_text);
}

/* ---- users and service accounts ---- */

struct principal_draft {
    struct sp_policy_principal principal;
    unsigned seen;
};

static enum sp_status read_principal_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    enum { NAME, DISABLED, ROLE };
    static const char *const keys[] = {[NAME] = "name", [DISABLED] = "disabled", [ROLE] = "role"};
    struct principal_draft *draft = context;
    struct sp_policy_principal *principal = &draft->principal;
    size_t index = 0;
    enum sp_status status =
        principal->service_account
            ? sp_yaml_find_key(yaml, key, keys, ROLE, "name or disabled", &draft->seen, &index)
            : sp_yaml_find_key(yaml, key, keys, ROLE + 1, "name, role or disabled", &draft->seen, &index);
    if (status != SP_OK)
        return keep_error_and_skip(yaml, status);
    if (index == NAME)
        status = read_text(yaml, sp_text_check_name, "name", &principal->name);
    else if (index == ROLE)
        status = sp_yaml_read_choice(yaml, "member", "admin", "member or admin", &principal->admin);
    else
        status = sp_yaml_read_choice(yaml, "false", "true", "true or false", &principal->disabled);
    return keep_error(yaml, status);
}

static enum sp_status read_principal(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, bool service_account) {
    struct reading *reading = yaml->user;
    struct principal_draft draft = {
        .principal = {.service_account = service_account, .place = find_policy_place(yaml, key)}};
    enum sp_status status = take_policy_text(yaml, key, sp_text_check_principal_id, "id", &draft.principal.id);
    if (status != SP_OK)
        return status;
    draft.principal.name = draft.principal.id;
    status = keep_error(yaml, sp_yaml_read_mapping(yaml, "expected a mapping here; write {} for one without a name",
                                                   read_principal_field, &draft));
    if (status != SP_OK)
        return status;
    if (draft.principal.name == draft.principal.id && strlen(draft.principal.id) > SP_NAME_MAX_BYTES) {
        (void)sp_yaml_refuse(yaml, key, "the id", "is too long to serve as the name as well; give a name");
        add_yaml_error(reading);
    }
    return sp_policy_add_principal(reading->policy, &draft.principal);
}

static enum sp_status read_user(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    return read_principal(yaml, key, false);
}

static enum sp_status read_service_account(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    (void)context;
    return read_principal(yaml, key, true);
}

/* ---- groups ---- */

struct group_draft {
    struct sp_policy_group group;
    unsigned seen;
};

static enum sp_status take_group_member(struct sp_yaml *yaml, const struct sp_yaml_scalar *item, void *context) {
    const struct reading *reading = yaml->user;
    const struct group_draft *draft = context;
    struct sp_policy_member member = {.group = draft->group.id, .place = find_policy_place(yaml, item)};
    enum sp_status status = take_policy_text(yaml, item, sp_text_check_principal_id, "member", &member.principal);
    if (status != SP_OK)
        return status;
    return sp_policy_add_member(reading->policy, &member);
}

static enum sp_status read_group_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"name", "members"};
    struct group_draft *draft = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 2, "name or members", &draft->seen, &index);
    if (status != SP_OK)
        return keep_error_and_skip(yaml, status);
    if (index == 0)
        status = read_text(yaml, sp_text_check_name, "name", &draft->group.name);
    else
        status = sp_yaml_read_list(yaml, "members must be a list, such as [ann, ben]", take_group_member, draft);
    return keep_error(yaml, status);
}

static enum sp_status read_group(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    const struct reading *reading = yaml->user;
    struct group_draft draft = {.group = {.place = find_policy_place(yaml, key)}};
    (void)context;
    enum sp_status status = take_policy_text(yaml, key, sp_text_check_id, "id", &draft.group.id);
    if (status != SP_OK)
        return status;
    draft.group.name = draft.group.id;
    status =
        keep_error(yaml, sp_yaml_read_mapping(yaml, "expected a mapping here; write {} for a group without members",
                                              read_group_field, &draft));
    if (status != SP_OK)
        return status;
    return sp_policy_add_group(reading->policy, &draft.group);
}

/* ---- resources ---- */

static enum sp_status check_resource_ref(struct sp_str text, const char *field, struct sp_error *error) {
    const char *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
    if (slash == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "%s: must be TYPE/ID, such as voice/rachel", field);
    size_t type_size = (size_t)(slash - text.data);
    enum sp_status status = sp_text_check_word((struct sp_str){text.data, type_size}, "type", error);
    if (status != SP_OK)
        return status;
    return sp_text_check_resource_id((struct sp_str){slash + 1, text.size - type_size - 1}, "id", error);
}

struct resource_draft {
    struct sp_policy_resource resource;
    unsigned seen;
};

static enum sp_status read_resource_field(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"creator"};
    struct resource_draft *draft = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 1, "creator", &draft->seen, &index);
    if (status != SP_OK)
        return keep_error_and_skip(yaml, status);
    return keep_error(yaml, read_text(yaml, sp_text_check_principal_id, "creator", &draft->resource.creator));
}

static enum sp_status read_resource(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    const struct reading *reading = yaml->user;
    struct resource_draft draft = {.resource = {.place = find_policy_place(yaml, key)}};
    (void)context;
    enum sp_status status = take_policy_text(yaml, key, check_resource_ref, "resource", &draft.resource.ref);
    if (status != SP_OK)
        return status;
    status = keep_error(yaml,
                        sp_yaml_read_mapping(yaml, "expected a mapping here; write {} for a resource without a creator",
                                             read_resource_field, &draft));
    if (status != SP_OK)
        return status;
    return sp_policy_add_resource(reading->policy, &draft.resource);
}

/* ---- shares ---- */

struct share_draft {
    const char *resource;
    bool to_group;
    unsigned seen;
};

static enum sp_status read_policy_share(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    const struct reading *reading = yaml->user;
    const struct share_draft *draft = context;
    enum sp_role role = SP_ROLE_VIEWER; /* of one that is refused */
    struct sp_policy_share share = {
        .resource = draft->resource, .to_group = draft->to_group, .place = find_policy_place(yaml, key)};
    enum sp_status status = take_policy_text(yaml, key, draft->to_group ? sp_text_check_id : sp_text_check_principal_id,
                                             "id", &share.subject);
    if (status != SP_OK)
        return status;
    status = keep_error(yaml, sp_role_read(yaml, &role));
    share.role = (uint8_t)role;
    if (status != SP_OK)
        return status;
    return sp_policy_add_share(reading->policy, &share);
}

static enum sp_status read_subject_kind(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"principals", "groups"};
    struct share_draft *draft = context;
    size_t index = 0;
    enum sp_status status = sp_yaml_find_key(yaml, key, keys, 2, "groups or principals", &draft->seen, &index);
    if (status != SP_OK)
        return keep_error_and_skip(yaml, status);
    draft->to_group = index == 1;
    return keep_error(yaml, sp_yaml_read_mapping(yaml, "expected roles by id here, such as {studio: viewer}",
                                                 read_policy_share, draft));
}

static enum sp_status read_shares_of_resource(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    struct share_draft draft = {0};
    (void)context;
    enum sp_status status = take_policy_text(yaml, key, check_resource_ref, "resource", &draft.resource);
    if (status != SP_OK)
        return status;
    return keep_error(yaml, sp_yaml_read_mapping(yaml, "expected a mapping with groups or principals here",
                                                 read_subject_kind, &draft));
}

/* ---- a file ---- */

/* The same in every file, since all of it is one workspace's. */
static enum sp_status read_workspace(struct sp_yaml *yaml, const struct sp_yaml_scalar *key) {
    const struct reading *reading = yaml->user;
    struct sp_policy *policy = reading->policy;
    struct sp_policy_place place = find_policy_place(yaml, key);
    const char *workspace = NULL;
    enum sp_status status = read_text(yaml, sp_text_check_id, "workspace", &workspace);
    if (status != SP_OK)
        return keep_error(yaml, status);
    if (policy->workspace != NULL && policy->workspace != workspace)
        sp_policy_add_error(
            reading->errors, policy, &place, "workspace: %s:%u names another workspace, %s; keep one of them",
            policy->files[policy->workspace_place.file], (unsigned)policy->workspace_place.line, policy->workspace);
    policy->workspace = workspace;
    policy->workspace_place = place;
    return SP_OK;
}

static enum sp_status read_section(struct sp_yaml *yaml, const struct sp_yaml_scalar *key, void *context) {
    static const char *const keys[] = {"users", "service_accounts", "groups", "resources", "shares", "workspace"};
    static sp_yaml_entry *const readers[] = {read_user, read_service_account, read_group, read_resource,
                                             read_shares_of_resource};
    const struct reading *reading = yaml->user;
    unsigned seen = 0;
    size_t index = 0;
    (void)context;
    enum sp_status status =
        sp_yaml_find_key(yaml, key, keys, sizeof(keys) / sizeof(*keys),
                         "workspace, users, service_accounts, groups, resources or shares", &seen, &index);
    if (status != SP_OK)
        return keep_error_and_skip(yaml, status);
    if (index == SP_POLICY_SECTIONS)
        return read_workspace(yaml, key);
    reading->policy->has[index] = true;
    return keep_error(
        yaml, sp_yaml_read_mapping(yaml, "expected a mapping here; write {} if there are none", readers[index], NULL));
}

enum sp_status sp_policy_read(struct sp_policy *policy, const char *file, struct sp_str text,
                              struct sp_policy_errors *errors) {
    struct reading reading = {.policy = policy, .errors = errors};
    struct sp_arena arena;
    enum sp_status status = sp_policy_add_file(policy, file, &reading.file);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&arena, YAML_FIRST_BYTES, YAML_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    struct sp_yaml yaml = {
        .arena = &arena, .error = &reading.error, .user = &reading, .lists = true, .documents = true};
    status =
        sp_yaml_read(&yaml, text, "", "a policy file is a mapping; expected a section, such as 'users:'", read_section);
    sp_arena_fini(&arena);
    if (status != SP_ERR_INVALID)
        return status;
    add_yaml_error(&reading);
    return SP_OK;
}
