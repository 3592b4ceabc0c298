/* Lists that come in pages. Pure: the calls are made by what the caller gives. */
#ifndef SP_CLI_PAGING_H
#define SP_CLI_PAGING_H

#include <jansson.h>
#include <stdint.h>

#include "base/status.h"

struct cli_pages {
    const char *list; /* name of the reply's array */
    uint64_t limit;   /* most rows; 0: all */
    /* Makes the call. *ret_reply is the caller's to decref. */
    enum sp_status (*fetch)(void *context, const json_t *request, json_t **ret_reply, struct sp_error *error);
    /* Gets the rows of a page, and how many there were with them; borrowed. */
    enum sp_status (*take)(void *context, json_t *rows, uint64_t so_far, struct sp_error *error);
    void *context;
};

/* Fetches page after page until the server has no more or the limit is reached. Sets pageSize and
 * pageToken of the request. Ends with the first status that is not SP_OK. */
enum sp_status sp_cli_read_pages(const struct cli_pages *pages, json_t *request, struct sp_error *error) SP_MUST_USE;

#endif
