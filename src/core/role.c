#include "core/role.h"

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
