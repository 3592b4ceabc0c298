#include "daemon/caller.h"

enum { SHOWN_NAME_MAX_BYTES = 200 };

static const struct {
    const char *name;
    unsigned roles;
} role_names[] = {
    {"check", SP_CALLER_CHECK},   {"explain", SP_CALLER_EXPLAIN},   {"list", SP_CALLER_LIST},
    {"report", SP_CALLER_REPORT}, {"subjects", SP_CALLER_SUBJECTS}, {"metrics", SP_CALLER_METRICS},
    {"all", SP_CALLER_ALL},
};

const char *sp_caller_role_name(enum sp_caller_role role) {
    for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
        if (role_names[i].roles == (unsigned)role)
            return role_names[i].name;
    return "";
}

unsigned sp_caller_role_find(struct sp_str name) {
    for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
        if (sp_str_equal(sp_str_from(role_names[i].name), name))
            return role_names[i].roles;
    return 0;
}

enum sp_status sp_caller_refuse(const struct sp_caller *caller, enum sp_caller_role wanted, struct sp_error *error) {
    const char *role = sp_caller_role_name(wanted);
    const struct sp_identity *identity = &caller->identity;
    if (identity->uri_count + identity->dns_count > 0) {
        struct sp_str name = identity->uri_count > 0 ? identity->uris[0] : identity->dns[0];
        int shown = (int)(name.size > SHOWN_NAME_MAX_BYTES ? SHOWN_NAME_MAX_BYTES : name.size);
        return sp_error_set(error, SP_ERR_PERMISSION,
                            "this call needs the role \"%s\": grant it to %s:%.*s in the server's --callers file", role,
                            identity->uri_count > 0 ? "uri" : "dns", shown, name.data);
    }
    if (identity->uid_known)
        return sp_error_set(error, SP_ERR_PERMISSION,
                            "this call needs the role \"%s\": grant it to uid:%u in the server's --callers file", role,
                            identity->uid);
    if (caller->authorization.size > 0)
        return sp_error_set(error, SP_ERR_PERMISSION,
                            "this call needs the role \"%s\", which the server's --callers file does not grant to the "
                            "token presented",
                            role);
    return sp_error_set(error, SP_ERR_UNAUTHENTICATED,
                        "this call needs the role \"%s\", and the caller has not identified itself: present a client "
                        "certificate or a token that the server's --callers file names",
                        role);
}
