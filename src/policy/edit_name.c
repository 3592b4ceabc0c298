#include "policy/edit_name.h"

#include <stdio.h>

void sp_policy_name_entry(const struct sp_policy_edit *edit, char *out, size_t room) {
    const void *entry = edit->after != NULL ? edit->after : edit->before;
    switch (edit->kind) {
    case SP_POLICY_PRINCIPAL:
        (void)snprintf(out, room, "%s", ((const struct sp_policy_principal *)entry)->id);
        return;
    case SP_POLICY_GROUP:
        (void)snprintf(out, room, "%s", ((const struct sp_policy_group *)entry)->id);
        return;
    case SP_POLICY_MEMBER: {
        const struct sp_policy_member *member = entry;
        (void)snprintf(out, room, "%s: %s", member->group, member->principal);
        return;
    }
    case SP_POLICY_RESOURCE:
        (void)snprintf(out, room, "%s", ((const struct sp_policy_resource *)entry)->ref);
        return;
    case SP_POLICY_SHARE: {
        const struct sp_policy_share *share = entry;
        (void)snprintf(out, room, "%s: %s%s", share->resource, share->to_group ? "group " : "", share->subject);
        return;
    }
    case SP_POLICY_KINDS:
        break;
    }
    (void)snprintf(out, room, "?");
}

static const struct sp_policy_place *place_of_entry(const struct sp_policy_edit *edit) {
    switch (edit->kind) {
    case SP_POLICY_PRINCIPAL:
        return &((const struct sp_policy_principal *)edit->after)->place;
    case SP_POLICY_GROUP:
        return &((const struct sp_policy_group *)edit->after)->place;
    case SP_POLICY_MEMBER:
        return &((const struct sp_policy_member *)edit->after)->place;
    case SP_POLICY_RESOURCE:
        return &((const struct sp_policy_resource *)edit->after)->place;
    case SP_POLICY_SHARE:
    case SP_POLICY_KINDS:
        break;
    }
    return &((const struct sp_policy_share *)edit->after)->place;
}

void sp_policy_name_edit(const struct sp_policy_edit *edit, const struct sp_policy *want, char *out, size_t room) {
    if (edit->after == NULL) {
        char name[SP_POLICY_EDIT_NAME_BYTES];
        sp_policy_name_entry(edit, name, sizeof(name));
        (void)snprintf(out, room, "removing %s", name);
        return;
    }
    const struct sp_policy_place *place = place_of_entry(edit);
    (void)snprintf(out, room, "%s:%u:%u", want->files[place->file], (unsigned)place->line, (unsigned)place->column);
}
