/* The question reversed: on which resources of a type may this subject perform this action, and
 * which principals may perform it on this resource? The list is exactly what sp_check allows: every
 * candidate goes through it.
 *
 * A list is made in steps of bounded work, so that no snapshot is held for long: each step begins
 * after the last id of the step before, in the order of the ids' bytes. A step sees one revision;
 * changes between two steps show only in what comes later, and nothing is listed twice. One thread
 * per snapshot. */
#ifndef SP_DECIDE_LIST_H
#define SP_DECIDE_LIST_H

#include "decide/check.h"
#include "store/lmdb/view.h"
#include "store/records/head.h"

enum { SP_LIST_ID_MAX_BYTES = 256 };

/* Where a step begins and, afterwards, where the next one does. Zeroed: at the first id. */
struct sp_list_place {
    bool listed;            /* something was visited before; set it with an `after` of the caller's own */
    enum sp_reason nearest; /* of what was not: the reason of the latest test; SP_REASON_NONE: nothing yet */
    size_t size;
    char after[SP_LIST_ID_MAX_BYTES];
};

/* How much one step may do. */
struct sp_list_limits {
    size_t results;   /* at least 1 */
    size_t looked_at; /* candidates, whether listed or not; at least 1 */
    int64_t most_ms;  /* of the thread's work, looked at now and then; 0: whatever it takes */
};

struct sp_list_end {
    /* ALLOWED: the list holds what is allowed, or goes on. Any other: the list is complete, and
     * nothing was visited, for the reason of what came closest; or nothing is allowed any
     * longer. */
    enum sp_reason reason;
    bool complete;         /* else continue from the place */
    bool more_than_listed; /* of resources: ids that nobody registered or shared are allowed too */
    struct sp_revision revision;
};

/* Takes a result: a resource's id, or a principal's with its kind (0 for resources). Texts are
 * borrowed from the view. Anything but SP_OK ends the step with that status. */
typedef enum sp_status sp_list_visit(void *context, struct sp_str id, uint8_t principal_kind);

/* One step of the resources of query->resource_type; query->resource_id is ignored. Known ids are
 * listed: registered ones, and for types with `ids: workspace` shared ones too. SP_ERR_CORRUPT,
 * SP_ERR_IO, SP_ERR_MEMORY: place and end are then untouched, but results may have been visited. */
enum sp_status sp_list_resources(struct sp_view *view, const struct sp_query *query,
                                 const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                 struct sp_list_place *place, struct sp_list_end *ret_end) SP_MUST_USE;

/* One step of the principals of query->workspace, which must be named, whom a key with every
 * permission would let do the query's action on its resource. `principal_kind` 0: both kinds.
 * The query's credential, known key and address are ignored. */
enum sp_status sp_list_principals(struct sp_view *view, const struct sp_query *query, uint8_t principal_kind,
                                  const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                  struct sp_list_place *place, struct sp_list_end *ret_end) SP_MUST_USE;

/* A key that stands for a principal as such: every permission, any address, no expiry. For
 * questions with SP_CREDENTIAL_KNOWN. A principal or workspace that does not exist, or a principal
 * of another kind than `principal_kind` (0: either), gives a key that every question denies.
 * `workspace` and `principal` are borrowed. SP_ERR_CORRUPT, SP_ERR_IO, SP_ERR_MEMORY. */
enum sp_status sp_principal_key(struct sp_view *view, struct sp_str workspace, struct sp_str principal,
                                uint8_t principal_kind, struct sp_key *ret_key) SP_MUST_USE;

#endif
