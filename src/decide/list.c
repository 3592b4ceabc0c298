#include "decide/list.h"

#include "base/text.h"
#include "decide/lookup.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/granted_resources.h"
#include "store/records/head.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"

enum {
    SCRATCH_BYTES = 2 * 1024,
    ENTITY_BUDGET_BYTES = 64 * 1024,
    LISTS_BUDGET_BYTES = 64 * 1024 * 1024, /* one entry for each group of the principal */
};

_Static_assert((int)SP_LIST_ID_MAX_BYTES == (int)SP_RESOURCE_ID_MAX_BYTES, "a place holds any id");

struct step {
    struct sp_view *view;
    struct sp_query ask; /* of a known key; the resource or the key changes with each candidate */
    struct sp_key key;
    struct sp_action action;
    const struct sp_list_limits *limits;
    sp_list_visit *visit;
    void *context;
    struct sp_list_place place;
    size_t results, looked_at;
    struct sp_arena scratch; /* of one entity */
};

static bool is_full(const struct step *step) {
    return step->results >= step->limits->results || step->looked_at >= step->limits->looked_at;
}

static struct sp_str after(const struct sp_list_place *place) {
    return (struct sp_str){place->after, place->size};
}

static enum sp_status move_on(struct step *step, struct sp_str id) {
    if (id.size > sizeof(step->place.after))
        return SP_ERR_CORRUPT;
    memcpy(step->place.after, id.data, id.size);
    step->place.size = id.size;
    step->looked_at++;
    return SP_OK;
}

/* Asks about one candidate, which is listed if it is allowed. */
static enum sp_status offer(struct step *step, struct sp_str id, uint8_t principal_kind) {
    struct sp_answer answer;
    enum sp_status status = sp_check(step->view, &step->ask, &answer);
    if (status != SP_OK || !answer.allowed)
        return status;
    step->results++;
    return step->visit(step->context, id, principal_kind);
}

static enum sp_status begin(struct step *step) {
    return sp_arena_init(&step->scratch, SCRATCH_BYTES, ENTITY_BUDGET_BYTES);
}

static void finish(struct step *step, bool complete, struct sp_list_place *place, struct sp_list_end *end) {
    *place = step->place;
    end->complete = complete;
}

/* ---- the resources of a subject ---- */

static enum sp_status offer_resource(struct step *step, struct sp_str id) {
    enum sp_status status = move_on(step, id);
    step->ask.resource_id = id;
    return status == SP_OK ? offer(step, id, 0) : status;
}

/* What needs a role from grants: only what is shared can be allowed. */
static enum sp_status list_shared(struct step *step, struct sp_arena *lists, bool *ret_complete) {
    struct sp_shared *shared = NULL;
    uint64_t scope = step->action.workspace_scoped ? step->key.workspace_number : 0;
    enum sp_status status = sp_shared_open(step->view, step->key.principal_number, step->action.type_number, scope,
                                           after(&step->place), lists, &shared);
    if (status != SP_OK)
        return status;
    while (status == SP_OK && !is_full(step)) {
        struct sp_str id;
        status = sp_shared_next(shared, &id);
        if (status == SP_OK)
            status = offer_resource(step, id);
    }
    sp_shared_close(shared);
    *ret_complete = status == SP_ERR_NOT_FOUND;
    return *ret_complete ? SP_OK : status;
}

/* The first registered resource after some id. */
struct registered {
    struct step *step;
    size_t prefix_size;
    bool found;
    bool of_this_type; /* else of one of the same name that was removed from the schema */
    struct sp_str id;
};

static enum sp_status take_registered(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct registered *registered = context;
    struct step *step = registered->step;
    ProtobufCMessage *message;
    sp_arena_reset(&step->scratch);
    enum sp_status status = sp_entity_decode(key, value, &step->scratch, &message);
    if (status != SP_OK)
        return status;
    registered->found = true;
    registered->of_this_type =
        ((const Sallyport__Store__V1__StoredResource *)message)->type_number == step->action.type_number;
    registered->id =
        (struct sp_str){(const char *)key.data + registered->prefix_size, key.size - registered->prefix_size};
    return SP_WALK_END;
}

static enum sp_status find_registered(struct step *step, struct registered *ret_registered) {
    struct sp_entity_key prefix, last;
    struct sp_str parts[] = {step->ask.resource_type, {NULL, 0}};
    *ret_registered = (struct registered){.step = step};
    enum sp_status status = sp_entity_key_make(SP_KIND_RESOURCE, step->key.workspace, parts, 2, &prefix);
    parts[1] = after(&step->place);
    if (status == SP_OK)
        status = sp_entity_key_make(SP_KIND_RESOURCE, step->key.workspace, parts, 2, &last);
    ret_registered->prefix_size = prefix.size;
    if (status == SP_OK)
        status = sp_entity_walk(step->view, (struct sp_bytes){prefix.bytes, prefix.size}, &last, take_registered,
                                ret_registered);
    return status;
}

/* The first shared one of a type with ids of the workspace; a registered one is found by its registration. */
static enum sp_status find_shared(struct step *step, bool *ret_found, struct sp_str *ret_id) {
    enum sp_status status = SP_ERR_NOT_FOUND;
    if (step->action.workspace_scoped)
        status = sp_shared_any_after(step->view, step->action.type_number, step->key.workspace_number,
                                     after(&step->place), ret_id);
    *ret_found = status == SP_OK;
    return status == SP_ERR_NOT_FOUND ? SP_OK : status;
}

static int compare(struct sp_str a, struct sp_str b) {
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* The next known resource of the workspace. SP_ERR_NOT_FOUND past the last. */
static enum sp_status find_known(struct step *step, struct sp_str *ret_id, bool *ret_of_this_type) {
    struct registered registered;
    bool shared_found = false;
    struct sp_str shared = {NULL, 0};
    enum sp_status status = find_registered(step, &registered);
    if (status == SP_OK)
        status = find_shared(step, &shared_found, &shared);
    if (status != SP_OK)
        return status;
    if (!registered.found && !shared_found)
        return SP_ERR_NOT_FOUND;
    bool take_shared = shared_found && (!registered.found || compare(shared, registered.id) <= 0);
    *ret_id = take_shared ? shared : registered.id;
    *ret_of_this_type = take_shared || registered.of_this_type;
    return SP_OK;
}

/* What needs no role, or is asked by an ADMIN of the workspace. */
static enum sp_status list_known(struct step *step, bool *ret_complete) {
    enum sp_status status = SP_OK;
    while (status == SP_OK && !is_full(step)) {
        struct sp_str id;
        bool of_this_type;
        status = find_known(step, &id, &of_this_type);
        if (status == SP_OK)
            status = of_this_type ? offer_resource(step, id) : move_on(step, id);
    }
    *ret_complete = status == SP_ERR_NOT_FOUND;
    return *ret_complete ? SP_OK : status;
}

static enum sp_status list_resources(struct step *step, bool every_known, bool *ret_complete) {
    struct sp_arena lists;
    enum sp_status status = begin(step);
    if (status != SP_OK)
        return status;
    if (every_known) {
        status = list_known(step, ret_complete);
    } else {
        status = sp_arena_init(&lists, SCRATCH_BYTES, LISTS_BUDGET_BYTES);
        if (status == SP_OK) {
            status = list_shared(step, &lists, ret_complete);
            sp_arena_fini(&lists);
        }
    }
    sp_arena_fini(&step->scratch);
    return status;
}

/* Asks about no resource in particular: whatever fails before the resource matters, fails for all of them. */
static enum sp_status judge_subject(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) {
    struct sp_query open = *query;
    open.resource_id = (struct sp_str){NULL, 0};
    enum sp_status status = sp_check(view, &open, ret_answer);
    if (status == SP_OK && ret_answer->reason == SP_REASON_NOT_SHARED)
        ret_answer->reason = SP_REASON_ALLOWED; /* a role is needed, on a resource: that is what is to be found out */
    return status;
}

/* The subject's key, and whether every known resource may be allowed. */
static enum sp_status find_subject(struct step *step, const struct sp_query *query, bool *ret_every_known) {
    enum sp_reason reason = SP_REASON_NONE;
    struct sp_principal_state principal;
    enum sp_status status = sp_find_presented_key(step->view, query, &step->key, &reason);
    if (status == SP_OK && reason != SP_REASON_NONE)
        status = SP_ERR_INTERNAL; /* it was found a moment ago, in this view */
    if (status == SP_OK)
        status = sp_index_principal(step->view, step->key.principal_number, &principal);
    if (status == SP_OK)
        status = sp_index_action(step->view, query->resource_type, query->action, &step->action);
    if (status == SP_OK)
        *ret_every_known = principal.workspace_admin || step->action.role == SP_ROLE_NONE;
    return status;
}

enum sp_status sp_list_resources(struct sp_view *view, const struct sp_query *query,
                                 const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                 struct sp_list_place *place, struct sp_list_end *ret_end) {
    struct step step = {
        .view = view, .ask = *query, .limits = limits, .visit = visit, .context = context, .place = *place};
    struct sp_answer open;
    bool every_known = false;
    bool complete = false;
    enum sp_status status = judge_subject(view, query, &open);
    if (status != SP_OK)
        return status;
    struct sp_list_end end = {.reason = open.reason, .complete = true, .revision = open.revision};
    if (open.reason != SP_REASON_ALLOWED) {
        *ret_end = end;
        return SP_OK;
    }
    status = find_subject(&step, query, &every_known);
    step.ask.credential_kind = SP_CREDENTIAL_KNOWN;
    step.ask.known_key = &step.key;
    if (status == SP_OK)
        status = list_resources(&step, every_known, &complete);
    if (status != SP_OK)
        return status;
    end.more_than_listed = every_known && step.action.workspace_scoped;
    finish(&step, complete, place, &end);
    *ret_end = end;
    return SP_OK;
}

/* ---- the principals of a resource ---- */

static const struct sp_key of_nobody = {.permissions = {.all = true}};

static enum sp_status find_workspace(struct sp_view *view, struct sp_str workspace, struct sp_arena *scratch,
                                     uint64_t *ret_number) {
    struct sp_entity_key key;
    ProtobufCMessage *message;
    enum sp_status status = sp_entity_key_make(SP_KIND_WORKSPACE, workspace, NULL, 0, &key);
    if (status == SP_OK)
        status = sp_entity_get(view, &key, scratch, &message);
    if (status == SP_OK)
        *ret_number = ((const Sallyport__Store__V1__StoredWorkspace *)message)->number;
    /* Text that cannot be an id names nothing. */
    return status == SP_ERR_INVALID ? SP_ERR_NOT_FOUND : status;
}

/* What fails for every principal alike. */
static enum sp_status judge_target(struct step *step, enum sp_reason *ret_reason) {
    const struct sp_query *ask = &step->ask;
    struct sp_workspace_state workspace = {.found = false};
    uint64_t owner = 0;
    *ret_reason = SP_REASON_STALE;
    if (ask->stale)
        return SP_OK;
    enum sp_status status = find_workspace(step->view, ask->workspace, &step->scratch, &step->key.workspace_number);
    if (status == SP_OK)
        status = sp_index_workspace(step->view, step->key.workspace_number, &workspace);
    *ret_reason = SP_REASON_WORKSPACE_DISABLED;
    if (status != SP_OK || !workspace.found || workspace.disabled)
        return status == SP_ERR_NOT_FOUND ? SP_OK : status;
    status = sp_index_action(step->view, ask->resource_type, ask->action, &step->action);
    *ret_reason = SP_REASON_ACTION_UNKNOWN;
    if (status != SP_OK || !step->action.found)
        return status;
    uint8_t bytes[SP_RESOURCE_KEY_MAX_BYTES];
    size_t size = sp_resource_key(step->action.type_number, 0, ask->resource_id, bytes);
    if (!step->action.workspace_scoped && size > 0)
        status = sp_index_owner(step->view, (struct sp_bytes){bytes, size}, &owner);
    *ret_reason = sp_step_resource(&step->key, &step->action, ask->resource_id.size > 0, owner);
    if (*ret_reason == SP_REASON_NONE && step->action.role != SP_ROLE_NONE && ask->resource_id.size == 0)
        *ret_reason = SP_REASON_NOT_SHARED;
    return status;
}

struct principals {
    struct step *step;
    uint8_t kind; /* 0: either */
};

/* Entities carry no seals, and a number that was damaged would be another principal's: the index that leads from numbers
 * back to entities must know it as this one. */
static enum sp_status stand_for(struct sp_view *view, struct sp_bytes entity,
                                const Sallyport__Store__V1__StoredPrincipal *stored, struct sp_str id,
                                struct sp_key *key) {
    struct sp_entity_key known;
    if (stored->principal == NULL)
        return SP_ERR_CORRUPT;
    enum sp_status status = sp_index_subject(view, stored->number, &known);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    if (known.size != entity.size || memcmp(known.bytes, entity.data, entity.size) != 0)
        return SP_ERR_CORRUPT;
    key->principal = id;
    key->principal_number = stored->number;
    key->principal_kind = (uint8_t)stored->principal->kind;
    return SP_OK;
}

static enum sp_status take_principal(void *context, struct sp_bytes key, struct sp_bytes value) {
    const struct principals *principals = context;
    struct step *step = principals->step;
    ProtobufCMessage *message;
    if (is_full(step))
        return SP_WALK_END;
    sp_arena_reset(&step->scratch);
    enum sp_status status = sp_entity_decode(key, value, &step->scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredPrincipal *stored = (const Sallyport__Store__V1__StoredPrincipal *)message;
    size_t prefix_size = 1 + step->ask.workspace.size + 1;
    if (key.size <= prefix_size)
        return SP_ERR_CORRUPT;
    struct sp_str id = {(const char *)key.data + prefix_size, key.size - prefix_size};
    status = move_on(step, id);
    if (status == SP_OK)
        status = stand_for(step->view, key, stored, id, &step->key);
    if (status != SP_OK || (principals->kind != 0 && principals->kind != step->key.principal_kind))
        return status;
    return offer(step, id, step->key.principal_kind);
}

static enum sp_status list_principals(struct step *step, uint8_t principal_kind, bool *ret_complete) {
    struct principals principals = {step, principal_kind};
    struct sp_entity_key prefix, last;
    enum sp_status status = sp_entity_key_make(SP_KIND_PRINCIPAL, step->ask.workspace, NULL, 0, &prefix);
    if (status == SP_OK)
        status = sp_entity_key_1(SP_KIND_PRINCIPAL, step->ask.workspace, after(&step->place), &last);
    if (status == SP_OK)
        status = sp_entity_walk(step->view, (struct sp_bytes){prefix.bytes, prefix.size}, &last, take_principal,
                                &principals);
    *ret_complete = !is_full(step);
    return status;
}

enum sp_status sp_list_principals(struct sp_view *view, const struct sp_query *query, uint8_t principal_kind,
                                  const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                  struct sp_list_place *place, struct sp_list_end *ret_end) {
    struct step step = {
        .view = view, .ask = *query, .limits = limits, .visit = visit, .context = context, .place = *place};
    struct sp_list_end end = {.complete = true};
    step.key = of_nobody;
    step.key.workspace = query->workspace;
    step.ask.credential_kind = SP_CREDENTIAL_KNOWN;
    step.ask.known_key = &step.key;
    step.ask.ip = NULL;
    enum sp_status status = sp_view_revision(view, &end.revision);
    if (status == SP_OK)
        status = begin(&step);
    if (status != SP_OK)
        return status;
    status = judge_target(&step, &end.reason);
    if (status == SP_OK && end.reason == SP_REASON_NONE) {
        bool complete = false;
        end.reason = SP_REASON_ALLOWED;
        status = list_principals(&step, principal_kind, &complete);
        finish(&step, complete, place, &end);
    }
    sp_arena_fini(&step.scratch);
    if (status == SP_OK)
        *ret_end = end;
    return status;
}

/* ---- a principal as such ---- */

static enum sp_status find_principal(struct sp_view *view, uint8_t principal_kind, struct sp_arena *scratch,
                                     struct sp_key *key) {
    struct sp_entity_key entity;
    ProtobufCMessage *message;
    enum sp_status status = find_workspace(view, key->workspace, scratch, &key->workspace_number);
    if (status == SP_OK)
        status = sp_entity_key_1(SP_KIND_PRINCIPAL, key->workspace, key->principal, &entity);
    if (status == SP_ERR_INVALID)
        return SP_ERR_NOT_FOUND;
    if (status == SP_OK)
        status = sp_entity_get(view, &entity, scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredPrincipal *stored = (const Sallyport__Store__V1__StoredPrincipal *)message;
    struct sp_key found = *key;
    status = stand_for(view, (struct sp_bytes){entity.bytes, entity.size}, stored, key->principal, &found);
    if (status == SP_OK && (principal_kind == 0 || principal_kind == found.principal_kind))
        *key = found;
    return status;
}

enum sp_status sp_principal_key(struct sp_view *view, struct sp_str workspace, struct sp_str principal,
                                uint8_t principal_kind, struct sp_key *ret_key) {
    struct sp_key key = of_nobody;
    struct sp_arena scratch;
    enum sp_status status = sp_arena_init(&scratch, SCRATCH_BYTES, ENTITY_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    key.workspace = workspace;
    key.principal = principal;
    status = find_principal(view, principal_kind, &scratch, &key);
    sp_arena_fini(&scratch);
    if (status == SP_ERR_NOT_FOUND)
        status = SP_OK;
    if (status == SP_OK)
        *ret_key = key;
    return status;
}
