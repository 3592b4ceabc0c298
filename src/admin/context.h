/* The context of one call to the admin API, which every step of it is given. */
#ifndef SP_ADMIN_CONTEXT_H
#define SP_ADMIN_CONTEXT_H

#include "admin/caller.h"
#include "admin/method.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/lmdb/view.h"
#include "store/records/edit.h"

struct sp_admin_reach;
struct sp_batch_map;

/* Everything is borrowed or lives in `arena`. */
struct sp_admin_context {
    const struct sp_admin_method *method;
    struct sp_view *view;
    struct sp_write *write; /* NULL unless the method is a mutation */
    struct sp_arena *arena;
    const struct sp_admin_caller *caller;
    struct sp_error *error;
    int64_t now_s;

    bool is_operator;
    struct sp_str operator_name;
    const Sallyport__V1__Operator *acting_operator; /* NULL unless is_operator */
    bool is_admin;     /* an ADMIN user, with workspace_write (in a read: workspace_read) */
    struct sp_key key; /* of a workspace's key; texts copied into the arena */
    /* For a workspace's key, once something has asked for it (check_reach.h). */
    const struct sp_admin_reach *acting_reach;
    struct sp_str workspace; /* the workspace that the call is about; empty: an operator's call about none */
    /* Loaded if `workspace` is not empty; NULL if a `workspace_optional` method names one that is
     * gone. */
    Sallyport__Store__V1__StoredWorkspace *stored_workspace;

    bool narrowed;                /* a change that may narrow did (admin/narrowing.h) */
    struct sp_changeset *changes; /* NULL unless the method is a mutation */
    /* The schema, once something has asked for it (schema_names.h). */
    const Sallyport__Store__V1__StoredSchema *stored_schema;
    /* The numbers of its permissions by name, once a key's names were compared with them. */
    struct sp_batch_map *permission_numbers;
};

#endif
