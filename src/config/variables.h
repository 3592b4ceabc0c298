/* Environment variables that begin as a program's do, but that no option reads: most are
 * misspelled. Not thread-safe: reads the environment. */
#ifndef SP_CONFIG_VARIABLES_H
#define SP_CONFIG_VARIABLES_H

#include "config/options.h"

enum { SP_UNKNOWN_VARIABLES_MAX = 8, SP_UNKNOWN_VARIABLE_BYTES = 200 };

/* What to say of each; more than fit are left out. */
struct sp_unknown_variables {
    char messages[SP_UNKNOWN_VARIABLES_MAX][SP_UNKNOWN_VARIABLE_BYTES];
    size_t count;
};

/* Finds those that begin with the prefix ("SALLYPORTD_") in an environment, as environ(7) has it,
 * and not with `except`, another program's prefix (NULL: none).
 * No value is read or shown. Left out are the variables that Kubernetes makes for Services whose
 * names begin as the program's (…_SERVICE_HOST, …_SERVICE_PORT, …_SERVICE_PORT_NAME, …_PORT,
 * …_PORT_7400_TCP and so on). */
void sp_variables_find_unknown(const struct sp_option *table, size_t count, const char *prefix, const char *except,
                               char *const *environment, struct sp_unknown_variables *ret_unknown);

#endif
