/* Times in JSON: the API has seconds since 1970, people and most programs read RFC 3339. Pure. */
#ifndef SP_CLI_JSON_TIMES_H
#define SP_CLI_JSON_TIMES_H

#include <jansson.h>

/* In a reply, and all that is in it: seconds become "2026-12-31T23:59:59Z", and 0, which stands for
 * no time, null. Times are known by their names, such as createdAt and notAfter. */
void sp_cli_times_to_text(json_t *json);

#endif
