/* A proposed change, made on a scratch copy of a store. */
#ifndef SP_TRIAL_CHANGE_H
#define SP_TRIAL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "trial/scratch.h"

/* Its parts are made in this order: schema, files, calls. Borrowed. */
struct sp_trial_change {
    const char *schema; /* a file; NULL: none */
    const char **files; /* policy files and folders, as `sallyport apply` takes them */
    size_t file_count;
    bool prune, keep;      /* remove, or leave alone, what the files do not list */
    const char *workspace; /* of files that name none; NULL: not given */
    /* {"words": as they were typed, "method": "ShareResource", "workspace": where it is made, if in
     * one, "request": {…}}: calls of the admin API, which the command line has made of commands. */
    const char **calls;
    size_t call_count;
};

/* Makes it. The error is as the server's; it says which part is wrong, and where in the files that
 * stands. */
enum sp_status sp_trial_change_make(const struct sp_trial_change *change, struct sp_trial_scratch *scratch,
                                    struct sp_error *error) SP_MUST_USE;

#endif
