/* Roles on a resource. The numbers are those of sallyport.v1.Role and of the store. Pure. */
#ifndef SP_CORE_ROLE_H
#define SP_CORE_ROLE_H

#include "base/bytes.h"
#include "base/status.h"

struct sp_yaml;

enum sp_role {
    SP_ROLE_NONE = 0,
    SP_ROLE_VIEWER = 1,
    SP_ROLE_COMMENTER = 2,
    SP_ROLE_EDITOR = 3,
    SP_ROLE_ADMIN = 4,
};

/* "viewer", "commenter", "editor", "admin"; "none" for SP_ROLE_NONE. A constant. */
const char *sp_role_name(enum sp_role role);

/* What gave a role. */
enum sp_via {
    SP_VIA_NONE = 0, /* there is no role, or none was asked for */
    SP_VIA_DIRECT,   /* a grant to the principal itself */
    SP_VIA_GROUP,    /* a grant to a group of it, higher than any to itself */
    SP_VIA_WORKSPACE_ADMIN,
};

/* "none", "direct", "group", "workspace_admin". A constant. */
const char *sp_via_name(enum sp_via via);

/* Reads one of the four names. SP_ERR_INVALID naming the four. */
enum sp_status sp_role_parse(struct sp_str text, enum sp_role *ret_role, struct sp_error *error) SP_MUST_USE;

/* Reads the value that comes next in a YAML file (config/yaml.h), which is one of the four names.
 * SP_ERR_INVALID with its place; SP_ERR_MEMORY. */
enum sp_status sp_role_read(struct sp_yaml *yaml, enum sp_role *ret_role) SP_MUST_USE;

#endif
