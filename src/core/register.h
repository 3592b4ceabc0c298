/* Who registers resources of a type. Pure. */
#ifndef SP_CORE_REGISTER_H
#define SP_CORE_REGISTER_H

#include <stdbool.h>

#include "base/bytes.h"

/* Each includes the ones above it. Stored as these numbers. */
enum sp_register {
    SP_REGISTER_OPERATOR = 1,  /* operators; the default for ids: global */
    SP_REGISTER_PERMITTED = 2, /* keys that list resource_register */
    SP_REGISTER_ADMIN = 3,     /* keys of the workspace's ADMIN users with workspace_write; the default for
                                  ids: workspace, where an id is nobody else's */
};

/* The word of the schema, such as "permitted". */
const char *sp_register_name(enum sp_register level);

/* Whether the text is such a word. */
bool sp_register_parse(struct sp_str text, enum sp_register *ret_level);

#endif
