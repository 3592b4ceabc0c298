#include "cli/paging.h"

#include <stdbool.h>

enum { PAGE_MAX = 1000 };

/* Sets the token of the next page. False if this was the last one. */
static bool set_next_page(json_t *request, const json_t *reply) {
    const char *token = json_string_value(json_object_get(reply, "nextPageToken"));
    if (token == NULL || token[0] == '\0')
        return false;
    (void)json_object_set_new(request, "pageToken", json_string(token));
    return true;
}

enum sp_status sp_cli_read_pages(const struct cli_pages *pages, json_t *request, struct sp_error *error) {
    uint64_t left = pages->limit == 0 ? UINT64_MAX : pages->limit, so_far = 0;
    bool more = true;
    while (more && left > 0) {
        json_t *reply = NULL;
        (void)json_object_set_new(request, "pageSize", json_integer(left < PAGE_MAX ? (json_int_t)left : PAGE_MAX));
        enum sp_status status = pages->fetch(pages->context, request, &reply, error);
        if (status != SP_OK)
            return status;
        json_t *rows = json_object_get(reply, pages->list);
        uint64_t count = json_array_size(rows);
        so_far += count;
        left -= count < left ? count : left;
        more = set_next_page(request, reply);
        status = pages->take(pages->context, rows, so_far, error);
        json_decref(reply);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}
