/* How large a schema may be. */
#ifndef SP_CORE_SCHEMA_LIMITS_H
#define SP_CORE_SCHEMA_LIMITS_H

enum {
    SP_SCHEMA_MAX_BYTES = 1024 * 1024,
    SP_SCHEMA_MAX_TYPES = 1000,
    SP_SCHEMA_MAX_ACTIONS = 10000,
};

#endif
