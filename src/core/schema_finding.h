/* What a check of a schema's text finds. Pure. */
#ifndef SP_CORE_SCHEMA_FINDING_H
#define SP_CORE_SCHEMA_FINDING_H

#include <stdbool.h>
#include <stddef.h>

/* Something in a schema's text that is wrong or, a warning, probably meant otherwise. */
struct sp_schema_finding {
    size_t line, column; /* from 1 */
    bool warning;
    const char *what; /* what is wrong, and how to fix it; in the arena */
};

enum { SP_SCHEMA_FINDINGS_MAX = 100 };

/* In the order of the text. Further ones than the most are counted only. */
struct sp_schema_findings {
    struct sp_schema_finding items[SP_SCHEMA_FINDINGS_MAX];
    size_t count;
    size_t error_count; /* of them, without the warnings */
};

#endif
