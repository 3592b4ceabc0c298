#include "core/register.h"

static const char *const register_names[] = {
    [SP_REGISTER_OPERATOR] = "operator", [SP_REGISTER_PERMITTED] = "permitted", [SP_REGISTER_ADMIN] = "admin"};

const char *sp_register_name(enum sp_register level) {
    return level >= SP_REGISTER_OPERATOR && level <= SP_REGISTER_ADMIN ? register_names[level] : "nobody";
}

bool sp_register_parse(struct sp_str text, enum sp_register *ret_level) {
    for (enum sp_register level = SP_REGISTER_OPERATOR; level <= SP_REGISTER_ADMIN; level++)
        if (sp_str_equal(text, sp_str_from(register_names[level]))) {
            *ret_level = level;
            return true;
        }
    return false;
}
