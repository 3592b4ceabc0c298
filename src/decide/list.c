#include "decide/list.h"

#include "base/clock.h"
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
    CLOCK_EVERY = 16,                      /* candidates */
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
    bool complete;           /* no candidate is left */
    int64_t until_ms;        /* sp_clock_thread_ms; 0: no limit */
    struct sp_arena scratch; /* of one entity */
};

static bool is_step_late(const struct step *step) {
    return step->until_ms != 0 && step->looked_at % CLOCK_EVERY == CLOCK_EVERY - 1 &&
           sp_clock_thread_ms() >= step->until_ms;
}

/* No more may be looked at; the next step goes on from the place. */
static bool is_step_full(const struct step *step) {
    return step->results >= step->limits->results || step->looked_at >= step->limits->looked_at || is_step_late(step);
}

static int64_t choose_step_end_ms(const struct sp_list_limits *limits) {
    return limits->most_ms == 0 ? 0 : sp_clock_thread_ms() + limits->most_ms;
}

/* Why a complete list is empty; `of_none` if there was no candidate. */
static enum sp_reason choose_end_reason(const struct step *step, enum sp_reason of_none) {
    if (!step->complete || step->place.listed)
        return SP_REASON_ALLOWED;
    return step->place.nearest != SP_REASON_NONE ? step->place.nearest : of_none;
}

static struct step begin_step(struct sp_view *view, const struct sp_query *query, const struct sp_list_limits *limits,
                              sp_list_visit *visit, void *context, const struct sp_list_place *place) {
    return (struct step){.view = view,
                         .ask = *query,
                         .limits = limits,
                         .visit = visit,
                         .context = context,
                         .place = *place,
                         .until_ms = choose_step_end_ms(limits)};
}

static struct sp_str get_place(const struct sp_list_place *place) {
    return (struct sp_str){place->after, place->size};
}

static enum sp_status pass_candidate(struct step *step, struct sp_str id) {
    if (id.size > sizeof(step->place.after))
        return SP_ERR_CORRUPT;
    memcpy(step->place.after, id.data, id.size);
    step->place.size = id.size;
    step->looked_at++;
    return SP_OK;
}

/* Asks about one candidate, which is listed if it is allowed. */
static enum sp_status offer_candidate(struct step *step, struct sp_str id, uint8_t principal_kind) {
    struct sp_answer answer;
    enum sp_status status = sp_check(step->view, &step->ask, &answer);
    if (status != SP_OK)
        return status;
    if (!answer.allowed) {
        /* The tests that a candidate can fail have their order as numbers. */
        if (answer.reason > step->place.nearest)
            step->place.nearest = answer.reason;
        return SP_OK;
    }
    step->place.listed = true;
    step->results++;
    return step->visit(step->context, id, principal_kind);
}

/* ---- the resources of a subject ---- */

static enum sp_status offer_resource(struct step *step, struct sp_str id) {
    enum sp_status status = pass_candidate(step, id);
    if (status != SP_OK)
        return status;
    step->ask.resource_id = id;
    return offer_candidate(step, id, 0);
}

static enum sp_status offer_next_shared(struct step *step, struct sp_shared *shared) {
    struct sp_str id;
    enum sp_status status = sp_shared_next(shared, &id);
    if (status == SP_ERR_NOT_FOUND) {
        step->complete = true;
        return SP_OK;
    }
    if (status != SP_OK)
        return status;
    return offer_resource(step, id);
}

/* What needs a role from grants: only what is shared with the principal can be allowed. */
static enum sp_status list_shared(struct step *step) {
    struct sp_arena lists;
    struct sp_shared *shared = NULL;
    uint64_t scope = step->action.workspace_scoped ? step->key.workspace_number : 0;
    enum sp_status status = sp_arena_init(&lists, SCRATCH_BYTES, LISTS_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = sp_shared_open(step->view, step->key.principal_number, step->action.type_number, scope,
                            get_place(&step->place), &lists, &shared);
    if (status != SP_OK)
        goto out;
    while (!step->complete && !is_step_full(step)) {
        status = offer_next_shared(step, shared);
        if (status != SP_OK)
            goto out;
    }
out:
    sp_shared_close(shared);
    sp_arena_fini(&lists);
    return status;
}

/* The first registered resource after some id. */
struct registered {
    struct step *step;
    size_t prefix_size;
    bool found;
    bool of_this_type; /* else of one of the same name that was removed from the schema */
    struct sp_str id;
};

static enum sp_status keep_registered(void *context, struct sp_bytes key, struct sp_bytes value) {
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
    struct sp_entity_key prefix;
    struct sp_entity_key last;
    const struct sp_str first_parts[] = {step->ask.resource_type, {NULL, 0}};
    const struct sp_str last_parts[] = {step->ask.resource_type, get_place(&step->place)};
    enum sp_status status = sp_entity_key_make(SP_KIND_RESOURCE, step->key.workspace, first_parts, 2, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_make(SP_KIND_RESOURCE, step->key.workspace, last_parts, 2, &last);
    if (status != SP_OK)
        return status;
    *ret_registered = (struct registered){.step = step, .prefix_size = prefix.size};
    return sp_entity_walk(step->view, (struct sp_bytes){prefix.bytes, prefix.size}, &last, keep_registered,
                          ret_registered);
}

/* The first shared resource, if the type's ids belong to workspaces; one of a global type is found
 * as registered. */
static enum sp_status find_shared(struct step *step, bool *ret_found, struct sp_str *ret_id) {
    *ret_found = false;
    if (!step->action.workspace_scoped)
        return SP_OK;
    enum sp_status status = sp_shared_any_after(step->view, step->action.type_number, step->key.workspace_number,
                                                get_place(&step->place), ret_id);
    if (status == SP_ERR_NOT_FOUND)
        return SP_OK;
    if (status != SP_OK)
        return status;
    *ret_found = true;
    return SP_OK;
}

/* A resource that the workspace knows: registered, or shared. */
struct known {
    struct sp_str id;
    bool of_this_type; /* else of one of the same name that was removed from the schema */
};

static enum sp_status find_known(struct step *step, bool *ret_found, struct known *ret_known) {
    struct registered registered;
    bool shared_found = false;
    struct sp_str shared = {NULL, 0};
    enum sp_status status = find_registered(step, &registered);
    if (status != SP_OK)
        return status;
    status = find_shared(step, &shared_found, &shared);
    if (status != SP_OK)
        return status;
    *ret_found = registered.found || shared_found;
    if (shared_found && (!registered.found || sp_str_compare(shared, registered.id) <= 0))
        *ret_known = (struct known){shared, true};
    else
        *ret_known = (struct known){registered.id, registered.of_this_type};
    return SP_OK;
}

static enum sp_status offer_next_known(struct step *step) {
    struct known known;
    bool found = false;
    enum sp_status status = find_known(step, &found, &known);
    if (status != SP_OK)
        return status;
    if (!found) {
        step->complete = true;
        return SP_OK;
    }
    return known.of_this_type ? offer_resource(step, known.id) : pass_candidate(step, known.id);
}

/* What needs no role, or is asked by an ADMIN of the workspace. */
static enum sp_status list_known(struct step *step) {
    while (!step->complete && !is_step_full(step)) {
        enum sp_status status = offer_next_known(step);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status list_allowed_resources(struct step *step, bool every_known) {
    enum sp_status status = sp_arena_init(&step->scratch, SCRATCH_BYTES, ENTITY_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = every_known ? list_known(step) : list_shared(step);
    sp_arena_fini(&step->scratch);
    return status;
}

/* Asks about no resource in particular: what fails before the resource matters fails for every
 * one. */
static enum sp_status judge_subject(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) {
    struct sp_query open = *query;
    open.resource_id = (struct sp_str){NULL, 0};
    enum sp_status status = sp_check(view, &open, ret_answer);
    if (status != SP_OK)
        return status;
    if (ret_answer->reason == SP_REASON_NOT_SHARED)
        ret_answer->reason =
            SP_REASON_ALLOWED; /* a role on a resource is needed: on which, is what the list finds out */
    return SP_OK;
}

/* The subject's key, and whether every known resource may be allowed. */
static enum sp_status find_listing_key(struct step *step, const struct sp_query *query, bool *ret_every_known) {
    enum sp_reason reason = SP_REASON_NONE;
    struct sp_principal_state principal;
    enum sp_status status = sp_find_presented_key(step->view, query, &step->key, &reason);
    if (status != SP_OK)
        return status;
    if (reason != SP_REASON_NONE)
        return SP_ERR_INTERNAL; /* it was found a moment ago, in this view */
    status = sp_index_principal(step->view, step->key.principal_number, &principal);
    if (status != SP_OK)
        return status;
    status = sp_index_action(step->view, query->resource_type, query->action, &step->action);
    if (status != SP_OK)
        return status;
    *ret_every_known = principal.workspace_admin || step->action.role == SP_ROLE_NONE;
    return SP_OK;
}

enum sp_status sp_list_resources(struct sp_view *view, const struct sp_query *query,
                                 const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                 struct sp_list_place *place, struct sp_list_end *ret_end) {
    struct step step = begin_step(view, query, limits, visit, context, place);
    struct sp_answer open;
    bool every_known = false;
    enum sp_status status = judge_subject(view, query, &open);
    if (status != SP_OK)
        return status;
    struct sp_list_end end = {.reason = open.reason, .complete = true, .revision = open.revision};
    if (open.reason != SP_REASON_ALLOWED) {
        *ret_end = end;
        return SP_OK;
    }
    status = find_listing_key(&step, query, &every_known);
    if (status != SP_OK)
        return status;
    step.ask.credential_kind = SP_CREDENTIAL_KNOWN;
    step.ask.known_key = &step.key;
    status = list_allowed_resources(&step, every_known);
    if (status != SP_OK)
        return status;
    end.complete = step.complete;
    end.more_than_listed = every_known && step.action.workspace_scoped;
    if (!end.more_than_listed)
        end.reason = choose_end_reason(&step, every_known ? SP_REASON_RESOURCE_UNKNOWN : SP_REASON_NOT_SHARED);
    *place = step.place;
    *ret_end = end;
    return SP_OK;
}

/* ---- the principals of a resource ---- */

static const struct sp_key of_nobody = {.permissions = {.all = true}};

static enum sp_status find_workspace_number(struct sp_view *view, struct sp_str workspace, struct sp_arena *scratch,
                                            uint64_t *ret_number) {
    struct sp_entity_key key;
    ProtobufCMessage *message;
    enum sp_status status = sp_entity_key_make(SP_KIND_WORKSPACE, workspace, NULL, 0, &key);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_ERR_NOT_FOUND : status; /* text that cannot be an id names nothing */
    status = sp_entity_get(view, &key, scratch, &message);
    if (status != SP_OK)
        return status;
    *ret_number = ((const Sallyport__Store__V1__StoredWorkspace *)message)->number;
    return SP_OK;
}

/* What fails for every principal alike. */
static enum sp_status judge_target(struct step *step, enum sp_reason *ret_reason) {
    const struct sp_query *ask = &step->ask;
    struct sp_workspace_state workspace = {.found = false};
    uint64_t owner = 0;
    *ret_reason = SP_REASON_STALE;
    if (ask->stale)
        return SP_OK;
    *ret_reason = SP_REASON_WORKSPACE_UNKNOWN;
    enum sp_status status =
        find_workspace_number(step->view, ask->workspace, &step->scratch, &step->key.workspace_number);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_OK : status;
    status = sp_index_workspace(step->view, step->key.workspace_number, &workspace);
    if (status != SP_OK || !workspace.found)
        return status;
    *ret_reason = SP_REASON_WORKSPACE_DISABLED;
    if (workspace.disabled)
        return SP_OK;
    *ret_reason = SP_REASON_ACTION_UNKNOWN;
    status = sp_index_action(step->view, ask->resource_type, ask->action, &step->action);
    if (status != SP_OK || !step->action.found)
        return status;
    uint8_t bytes[SP_RESOURCE_KEY_MAX_BYTES];
    size_t size = sp_resource_key(step->action.type_number, 0, ask->resource_id, bytes);
    if (!step->action.workspace_scoped && size > 0) {
        status = sp_index_owner(step->view, (struct sp_bytes){bytes, size}, &owner);
        if (status != SP_OK)
            return status;
    }
    *ret_reason = sp_step_resource(&step->key, &step->action, ask->resource_id.size > 0, owner);
    if (*ret_reason == SP_REASON_NONE && step->action.role != SP_ROLE_NONE && ask->resource_id.size == 0)
        *ret_reason = SP_REASON_NOT_SHARED;
    return SP_OK;
}

struct principals {
    struct step *step;
    uint8_t kind; /* 0: either */
};

/* Entities carry no seals, and a number that was damaged would be another principal's: the index
 * that leads from numbers back to entities must know it as this one. */
static enum sp_status take_identity(struct sp_view *view, struct sp_bytes entity,
                                    const Sallyport__Store__V1__StoredPrincipal *stored, struct sp_str id,
                                    struct sp_key *key) {
    struct sp_entity_key known;
    if (stored->principal == NULL)
        return SP_ERR_CORRUPT;
    enum sp_status status = sp_index_subject(view, stored->number, &known);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    if (!sp_bytes_equal((struct sp_bytes){known.bytes, known.size}, entity))
        return SP_ERR_CORRUPT;
    key->principal = id;
    key->principal_number = stored->number;
    key->principal_kind = (uint8_t)stored->principal->kind;
    return SP_OK;
}

static enum sp_status offer_principal(void *context, struct sp_bytes key, struct sp_bytes value) {
    const struct principals *principals = context;
    struct step *step = principals->step;
    ProtobufCMessage *message;
    struct sp_entity_name name;
    if (is_step_full(step))
        return SP_WALK_END;
    sp_arena_reset(&step->scratch);
    enum sp_status status = sp_entity_decode(key, value, &step->scratch, &message);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_read(key, &name);
    if (status != SP_OK)
        return status;
    status = pass_candidate(step, name.parts[0]);
    if (status != SP_OK)
        return status;
    status = take_identity(step->view, key, (const Sallyport__Store__V1__StoredPrincipal *)message, name.parts[0],
                           &step->key);
    if (status != SP_OK || (principals->kind != 0 && principals->kind != step->key.principal_kind))
        return status;
    return offer_candidate(step, name.parts[0], step->key.principal_kind);
}

static enum sp_status list_allowed_principals(struct step *step, uint8_t principal_kind) {
    struct principals principals = {step, principal_kind};
    struct sp_entity_key prefix;
    struct sp_entity_key last;
    enum sp_status status = sp_entity_key_make(SP_KIND_PRINCIPAL, step->ask.workspace, NULL, 0, &prefix);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_1(SP_KIND_PRINCIPAL, step->ask.workspace, get_place(&step->place), &last);
    if (status != SP_OK)
        return status;
    status =
        sp_entity_walk(step->view, (struct sp_bytes){prefix.bytes, prefix.size}, &last, offer_principal, &principals);
    if (status != SP_OK)
        return status;
    step->complete = !is_step_full(step);
    return SP_OK;
}

static enum sp_status judge_and_list(struct step *step, uint8_t principal_kind, struct sp_list_end *end) {
    enum sp_status status = judge_target(step, &end->reason);
    if (status != SP_OK || end->reason != SP_REASON_NONE)
        return status;
    status = list_allowed_principals(step, principal_kind);
    end->complete = step->complete;
    end->reason = choose_end_reason(step, SP_REASON_PRINCIPAL_UNKNOWN);
    return status;
}

enum sp_status sp_list_principals(struct sp_view *view, const struct sp_query *query, uint8_t principal_kind,
                                  const struct sp_list_limits *limits, sp_list_visit *visit, void *context,
                                  struct sp_list_place *place, struct sp_list_end *ret_end) {
    struct step step = begin_step(view, query, limits, visit, context, place);
    struct sp_list_end end = {.complete = true};
    step.key = of_nobody;
    step.key.workspace = query->workspace;
    step.ask.credential_kind = SP_CREDENTIAL_KNOWN;
    step.ask.known_key = &step.key;
    step.ask.ip = NULL;
    enum sp_status status = sp_view_revision(view, &end.revision);
    if (status != SP_OK)
        return status;
    status = sp_arena_init(&step.scratch, SCRATCH_BYTES, ENTITY_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = judge_and_list(&step, principal_kind, &end);
    sp_arena_fini(&step.scratch);
    if (status != SP_OK)
        return status;
    *place = step.place;
    *ret_end = end;
    return SP_OK;
}

/* ---- a principal as such ---- */

static enum sp_status fill_principal_key(struct sp_view *view, uint8_t principal_kind, struct sp_arena *scratch,
                                         struct sp_key *key) {
    struct sp_entity_key entity;
    ProtobufCMessage *message;
    enum sp_status status = find_workspace_number(view, key->workspace, scratch, &key->workspace_number);
    if (status != SP_OK)
        return status;
    status = sp_entity_key_1(SP_KIND_PRINCIPAL, key->workspace, key->principal, &entity);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_ERR_NOT_FOUND : status;
    status = sp_entity_get(view, &entity, scratch, &message);
    if (status != SP_OK)
        return status;
    const Sallyport__Store__V1__StoredPrincipal *stored = (const Sallyport__Store__V1__StoredPrincipal *)message;
    struct sp_key found = *key;
    status = take_identity(view, (struct sp_bytes){entity.bytes, entity.size}, stored, key->principal, &found);
    if (status != SP_OK)
        return status;
    if (principal_kind == 0 || principal_kind == found.principal_kind)
        *key = found;
    return SP_OK;
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
    status = fill_principal_key(view, principal_kind, &scratch, &key);
    sp_arena_fini(&scratch);
    if (status != SP_OK && status != SP_ERR_NOT_FOUND)
        return status;
    *ret_key = key;
    return SP_OK;
}
