#include "admin/offline_changes.h"

#include "store/records/changeset.h"

struct sp_changeset *sp_admin_offline_changes(struct sp_arena *arena, const char *command, struct sp_str workspace,
                                              int64_t now_s) {
    Sallyport__V1__Actor actor;
    sallyport__v1__actor__init(&actor);
    Sallyport__V1__Change head;
    sallyport__v1__change__init(&head);
    char *name = sp_arena_strdup(arena, sp_str_from(command));
    char *about = sp_arena_strdup(arena, workspace);
    if (name == NULL || about == NULL)
        return NULL;
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    actor.id = name;
    head.actor = &actor;
    head.method = name;
    head.workspace = about;
    head.time = now_s;
    return sp_changeset_new(arena, &head);
}
