#include "server/gateway/default_target.h"

#include "base/log.h"
#include "store/records/index.h"

void sp_gateway_check_default_target(const struct sp_gateway_settings *settings, struct sp_view *view,
                                     uint64_t *schema_mark) {
    struct sp_str type = settings->default_type, name = settings->default_action;
    struct sp_action action;
    uint64_t mark;
    if (type.size == 0 || sp_index_schema_mark(view, &mark) != SP_OK || mark == *schema_mark)
        return;
    if (sp_index_action(view, type, name, &action) != SP_OK)
        return;
    *schema_mark = mark;
    if (!action.found)
        sp_log(SP_LOG_WARNING,
               "--route-default: the schema has no action %.*s of a type %.*s, so that requests which match no route "
               "are denied; correct the name, or add the action to the schema",
               SP_STR_ARG(name), SP_STR_ARG(type));
    else if (action.role != SP_ROLE_NONE)
        sp_log(SP_LOG_WARNING,
               "--route-default: %.*s of %.*s needs the role %s on a resource, and the default names none, so that "
               "requests which match no route are denied; choose an action without a role, or leave out the option",
               SP_STR_ARG(name), SP_STR_ARG(type), sp_role_name(action.role));
}
