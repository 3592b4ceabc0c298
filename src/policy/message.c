#include "policy/message.h"

#include <stdio.h>

/* Messages have texts that nobody changes, and say so nowhere. */
static char *borrow_policy_text(const char *text) {
    return (char *)(uintptr_t)text;
}

/* ---- from pages ---- */

static const char *hold_text(struct sp_policy *policy, const char *text) {
    return sp_policy_text(policy, sp_str_from(text));
}

static enum sp_status take_principal(struct sp_policy *policy, const Sallyport__V1__Principal *principal) {
    struct sp_policy_principal entry = {.id = hold_text(policy, principal->id),
                                        .name = hold_text(policy, principal->name),
                                        .service_account =
                                            principal->kind == SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT,
                                        .admin = principal->role == SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN,
                                        .disabled = principal->disabled};
    return entry.id == NULL || entry.name == NULL ? SP_ERR_MEMORY : sp_policy_add_principal(policy, &entry);
}

static enum sp_status take_group(struct sp_policy *policy, const Sallyport__V1__Group *group) {
    struct sp_policy_group entry = {.id = hold_text(policy, group->id), .name = hold_text(policy, group->name)};
    return entry.id == NULL || entry.name == NULL ? SP_ERR_MEMORY : sp_policy_add_group(policy, &entry);
}

static enum sp_status take_member(struct sp_policy *policy, const Sallyport__V1__Membership *member) {
    struct sp_policy_member entry = {.group = hold_text(policy, member->group),
                                     .principal = hold_text(policy, member->principal)};
    return entry.group == NULL || entry.principal == NULL ? SP_ERR_MEMORY : sp_policy_add_member(policy, &entry);
}

/* "type/id" */
static const char *hold_ref(struct sp_policy *policy, const Sallyport__V1__ResourceRef *ref) {
    char text[SP_POLICY_REF_BYTES];
    int size = snprintf(text, sizeof(text), "%s/%s", ref->type, ref->id);
    return size < 0 || (size_t)size >= sizeof(text) ? NULL : hold_text(policy, text);
}

static enum sp_status take_resource(struct sp_policy *policy, const Sallyport__V1__Resource *resource) {
    if (resource->ref == NULL)
        return SP_ERR_INVALID;
    struct sp_policy_resource entry = {.ref = hold_ref(policy, resource->ref)};
    if (resource->creator[0] != '\0')
        entry.creator = hold_text(policy, resource->creator);
    if (entry.ref == NULL || (resource->creator[0] != '\0' && entry.creator == NULL))
        return SP_ERR_MEMORY;
    return sp_policy_add_resource(policy, &entry);
}

static enum sp_status take_share(struct sp_policy *policy, const Sallyport__V1__Grant *grant) {
    if (grant->resource == NULL || grant->subject == NULL ||
        grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND__NOT_SET)
        return SP_ERR_INVALID;
    bool to_group = grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
    struct sp_policy_share entry = {.resource = hold_ref(policy, grant->resource),
                                    .subject =
                                        hold_text(policy, to_group ? grant->subject->group : grant->subject->principal),
                                    .to_group = to_group,
                                    .role = (uint8_t)grant->role};
    return entry.resource == NULL || entry.subject == NULL ? SP_ERR_MEMORY : sp_policy_add_share(policy, &entry);
}

enum sp_status sp_policy_take_page(struct sp_policy *policy, const Sallyport__V1__ExportPolicyResponse *page) {
    enum sp_status status = SP_OK;
    for (size_t i = 0; i < SP_POLICY_SECTIONS; i++)
        policy->has[i] = true;
    for (size_t i = 0; status == SP_OK && i < page->n_principals; i++)
        status = take_principal(policy, page->principals[i]);
    for (size_t i = 0; status == SP_OK && i < page->n_groups; i++)
        status = take_group(policy, page->groups[i]);
    for (size_t i = 0; status == SP_OK && i < page->n_members; i++)
        status = take_member(policy, page->members[i]);
    for (size_t i = 0; status == SP_OK && i < page->n_resources; i++)
        status = take_resource(policy, page->resources[i]);
    for (size_t i = 0; status == SP_OK && i < page->n_shares; i++)
        status = take_share(policy, page->shares[i]);
    return status;
}

/* ---- edits ---- */

/* An initialised message in the arena; NULL when out of memory. */
static void *new_message(struct sp_arena *arena, const ProtobufCMessageDescriptor *descriptor) {
    void *message = sp_arena_alloc(arena, descriptor->sizeof_message);
    if (message != NULL)
        protobuf_c_message_init(descriptor, message);
    return message;
}

static enum sp_status put_principal_edit(const struct sp_policy_edit *edit, struct sp_arena *arena,
                                         Sallyport__V1__PolicyEdit *message) {
    const struct sp_policy_principal *entry = edit->after;
    if (entry == NULL) {
        message->edit_case = SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_PRINCIPAL;
        message->delete_principal = borrow_policy_text(((const struct sp_policy_principal *)edit->before)->id);
        return SP_OK;
    }
    Sallyport__V1__Principal *principal = new_message(arena, &sallyport__v1__principal__descriptor);
    if (principal == NULL)
        return SP_ERR_MEMORY;
    principal->id = borrow_policy_text(entry->id);
    principal->name = borrow_policy_text(entry->name);
    principal->kind =
        entry->service_account ? SALLYPORT__V1__PRINCIPAL_KIND__SERVICE_ACCOUNT : SALLYPORT__V1__PRINCIPAL_KIND__USER;
    principal->role = entry->admin ? SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_ADMIN
                                   : SALLYPORT__V1__WORKSPACE_ROLE__WORKSPACE_ROLE_MEMBER;
    principal->disabled = entry->disabled;
    message->edit_case = edit->before == NULL ? SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_PRINCIPAL
                                              : SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_PRINCIPAL;
    message->create_principal = principal; /* both are one pointer of the oneof */
    return SP_OK;
}

static enum sp_status put_group(const struct sp_policy_edit *edit, struct sp_arena *arena,
                                Sallyport__V1__PolicyEdit *message) {
    const struct sp_policy_group *entry = edit->after;
    if (entry == NULL) {
        message->edit_case = SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_GROUP;
        message->delete_group = borrow_policy_text(((const struct sp_policy_group *)edit->before)->id);
        return SP_OK;
    }
    Sallyport__V1__Group *group = new_message(arena, &sallyport__v1__group__descriptor);
    if (group == NULL)
        return SP_ERR_MEMORY;
    group->id = borrow_policy_text(entry->id);
    group->name = borrow_policy_text(entry->name);
    message->edit_case = edit->before == NULL ? SALLYPORT__V1__POLICY_EDIT__EDIT_CREATE_GROUP
                                              : SALLYPORT__V1__POLICY_EDIT__EDIT_UPDATE_GROUP;
    message->create_group = group;
    return SP_OK;
}

static enum sp_status put_member_edit(const struct sp_policy_edit *edit, struct sp_arena *arena,
                                      Sallyport__V1__PolicyEdit *message) {
    const struct sp_policy_member *entry = edit->after != NULL ? edit->after : edit->before;
    Sallyport__V1__Membership *member = new_message(arena, &sallyport__v1__membership__descriptor);
    if (member == NULL)
        return SP_ERR_MEMORY;
    member->group = borrow_policy_text(entry->group);
    member->principal = borrow_policy_text(entry->principal);
    message->edit_case = edit->after == NULL ? SALLYPORT__V1__POLICY_EDIT__EDIT_REMOVE_MEMBER
                                             : SALLYPORT__V1__POLICY_EDIT__EDIT_ADD_MEMBER;
    message->add_member = member;
    return SP_OK;
}

static Sallyport__V1__ResourceRef *new_ref(struct sp_arena *arena, const char *ref) {
    Sallyport__V1__ResourceRef *message = new_message(arena, &sallyport__v1__resource_ref__descriptor);
    const char *slash = strchr(ref, '/');
    if (message == NULL || slash == NULL)
        return NULL;
    message->type = sp_arena_strdup(arena, (struct sp_str){ref, (size_t)(slash - ref)});
    message->id = borrow_policy_text(slash + 1);
    return message->type == NULL ? NULL : message;
}

static enum sp_status put_resource(const struct sp_policy_edit *edit, struct sp_arena *arena,
                                   Sallyport__V1__PolicyEdit *message) {
    const struct sp_policy_resource *entry = edit->after != NULL ? edit->after : edit->before;
    Sallyport__V1__ResourceRef *ref = new_ref(arena, entry->ref);
    if (ref == NULL)
        return SP_ERR_MEMORY;
    if (edit->after == NULL) {
        message->edit_case = SALLYPORT__V1__POLICY_EDIT__EDIT_DELETE_RESOURCE;
        message->delete_resource = ref;
        return SP_OK;
    }
    Sallyport__V1__Resource *resource = new_message(arena, &sallyport__v1__resource__descriptor);
    if (resource == NULL)
        return SP_ERR_MEMORY;
    resource->ref = ref;
    if (entry->creator != NULL)
        resource->creator = borrow_policy_text(entry->creator);
    message->edit_case = SALLYPORT__V1__POLICY_EDIT__EDIT_REGISTER_RESOURCE;
    message->register_resource = resource;
    return SP_OK;
}

/* The creator's share is marked, as it is when the creator registers the resource. */
static bool is_creators_share(const struct sp_policy *want, const struct sp_policy_share *share) {
    const struct sp_policy_resource *resource = sp_policy_find_resource(want, share->resource);
    return !share->to_group && resource != NULL && resource->creator != NULL &&
           strcmp(resource->creator, share->subject) == 0;
}

static enum sp_status put_share(const struct sp_policy_edit *edit, const struct sp_policy *want, struct sp_arena *arena,
                                Sallyport__V1__PolicyEdit *message) {
    const struct sp_policy_share *entry = edit->after != NULL ? edit->after : edit->before;
    Sallyport__V1__Grant *grant = new_message(arena, &sallyport__v1__grant__descriptor);
    Sallyport__V1__Subject *subject = new_message(arena, &sallyport__v1__subject__descriptor);
    if (grant == NULL || subject == NULL)
        return SP_ERR_MEMORY;
    grant->resource = new_ref(arena, entry->resource);
    if (grant->resource == NULL)
        return SP_ERR_MEMORY;
    subject->kind_case = entry->to_group ? SALLYPORT__V1__SUBJECT__KIND_GROUP : SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
    subject->principal = borrow_policy_text(entry->subject);
    grant->subject = subject;
    grant->role = (Sallyport__V1__Role)entry->role;
    grant->creator = edit->after != NULL && is_creators_share(want, entry);
    message->edit_case =
        edit->after == NULL ? SALLYPORT__V1__POLICY_EDIT__EDIT_UNSHARE : SALLYPORT__V1__POLICY_EDIT__EDIT_SHARE;
    message->share = grant;
    return SP_OK;
}

static enum sp_status fill_edit(const struct sp_policy_edit *edit, const struct sp_policy *want, struct sp_arena *arena,
                                Sallyport__V1__PolicyEdit *message) {
    switch (edit->kind) {
    case SP_POLICY_PRINCIPAL:
        return put_principal_edit(edit, arena, message);
    case SP_POLICY_GROUP:
        return put_group(edit, arena, message);
    case SP_POLICY_MEMBER:
        return put_member_edit(edit, arena, message);
    case SP_POLICY_RESOURCE:
        return put_resource(edit, arena, message);
    case SP_POLICY_SHARE:
        return put_share(edit, want, arena, message);
    case SP_POLICY_KINDS:
        break;
    }
    return SP_ERR_INTERNAL;
}

enum sp_status sp_policy_edit_message(const struct sp_policy_edit *edit, const struct sp_policy *want,
                                      struct sp_arena *arena, Sallyport__V1__PolicyEdit **ret_message) {
    Sallyport__V1__PolicyEdit *message = new_message(arena, &sallyport__v1__policy_edit__descriptor);
    if (message == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = fill_edit(edit, want, arena, message);
    if (status == SP_OK)
        *ret_message = message;
    return status;
}
