#include "core/role.h"

#include "config/yaml.h"

static const char *const names[] = {
    [SP_ROLE_NONE] = "none",     [SP_ROLE_VIEWER] = "viewer", [SP_ROLE_COMMENTER] = "commenter",
    [SP_ROLE_EDITOR] = "editor", [SP_ROLE_ADMIN] = "admin",
};

const char *sp_role_name(enum sp_role role) {
    return (unsigned)role <= SP_ROLE_ADMIN ? names[role] : names[SP_ROLE_NONE];
}

const char *sp_via_name(enum sp_via via) {
    static const char *const ways[] = {[SP_VIA_NONE] = "none",
                                       [SP_VIA_DIRECT] = "direct",
                                       [SP_VIA_GROUP] = "group",
                                       [SP_VIA_WORKSPACE_ADMIN] = "workspace_admin"};
    return (unsigned)via <= SP_VIA_WORKSPACE_ADMIN ? ways[via] : ways[SP_VIA_NONE];
}

enum sp_status sp_role_parse(struct sp_str text, enum sp_role *ret_role, struct sp_error *error) {
    for (unsigned role = SP_ROLE_VIEWER; role <= SP_ROLE_ADMIN; role++) {
        if (sp_str_equal(text, sp_str_from(names[role]))) {
            *ret_role = (enum sp_role)role;
            return SP_OK;
        }
    }
    return sp_error_set(error, SP_ERR_INVALID, "role: must be one of viewer, commenter, editor, admin");
}

enum sp_status sp_role_read(struct sp_yaml *yaml, enum sp_role *ret_role) {
    struct sp_yaml_scalar scalar = {0};
    struct sp_error why = {0};
    enum sp_status status = sp_yaml_read_scalar(yaml, &scalar);
    if (status != SP_OK)
        return status;
    if (sp_role_parse(scalar.text, ret_role, &why) == SP_OK)
        return SP_OK;
    return sp_yaml_refuse_because(yaml, &scalar, &why);
}
