#include "decide/explain.h"

#include "base/mask.h"
#include "decide/explain_words.h"
#include "decide/lookup.h"
#include "decide/response.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/effective_role.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/index.h"
#include "store/records/index_walk.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"
#include "store/records/store_time.h"

enum {
    MAX_GRANTS = 100,
    SCRATCH_BYTES = 4 * 1024,
    SCRATCH_BUDGET_BYTES = 8 * 1024 * 1024, /* a stored schema with all its names */
};

/* ---- gathering ---- */

static void note_step(struct sp_facts *facts, enum sp_step step, enum sp_reason reason) {
    facts->tested[step] = true;
    facts->reasons[step] = reason;
}

static enum sp_status gather_key(struct sp_view *view, struct sp_facts *facts) {
    enum sp_reason reason;
    enum sp_status status = sp_find_presented_key(view, facts->query, &facts->key, &reason);
    if (status != SP_OK)
        return status;
    note_step(facts, SP_STEP_KEY_TEXT, reason == SP_REASON_KEY_MALFORMED ? reason : SP_REASON_NONE);
    if (reason == SP_REASON_KEY_MALFORMED)
        return SP_OK;
    note_step(facts, SP_STEP_KEY_KNOWN, reason);
    if (reason != SP_REASON_NONE)
        return SP_OK;
    status = sp_index_workspace(view, facts->key.workspace_number, &facts->workspace);
    if (status != SP_OK)
        return status;
    status = sp_index_principal(view, facts->key.principal_number, &facts->principal);
    if (status != SP_OK)
        return status;
    facts->has_key = true;
    return SP_OK;
}

static void judge_key(struct sp_facts *facts) {
    const struct sp_query *query = facts->query;
    const struct sp_key *key = &facts->key;
    note_step(facts, SP_STEP_KEY_LIVE, sp_step_key_live(key, query->now_s));
    note_step(facts, SP_STEP_OWNERS_ENABLED, sp_step_owners_enabled(key, &facts->workspace, &facts->principal));
    note_step(facts, SP_STEP_WORKSPACE, sp_step_workspace(key, query->workspace));
    note_step(facts, SP_STEP_ADDRESS, sp_step_address(key, query->ip));
}

/* The name that the schema gave the number; untouched if it gave none. */
static enum sp_status name_permission_number(struct sp_view *view, uint8_t number, struct sp_arena *scratch,
                                             struct sp_arena *arena, const char **ret_name) {
    struct sp_entity_key key;
    ProtobufCMessage *message;
    enum sp_status status = sp_entity_key_make(SP_KIND_SCHEMA, (struct sp_str){0}, NULL, 0, &key);
    if (status != SP_OK)
        return status;
    status = sp_entity_get(view, &key, scratch, &message);
    if (status != SP_OK)
        return status == SP_ERR_MEMORY ? status : SP_ERR_CORRUPT;
    const Sallyport__Store__V1__StoredSchema *schema = (const Sallyport__Store__V1__StoredSchema *)message;
    for (size_t i = 0; i < schema->n_permissions; i++) {
        if (schema->permissions[i]->number != number)
            continue;
        *ret_name = sp_arena_strdup(arena, sp_str_from(schema->permissions[i]->name));
        return *ret_name == NULL ? SP_ERR_MEMORY : SP_OK;
    }
    return SP_OK;
}

static enum sp_status gather_action(struct sp_view *view, struct sp_arena *arena, struct sp_facts *facts) {
    const struct sp_query *query = facts->query;
    enum sp_status status = sp_index_action(view, query->resource_type, query->action, &facts->action);
    if (status != SP_OK)
        return status;
    note_step(facts, SP_STEP_ACTION, sp_step_action(&facts->action));
    if (!facts->action.found || !facts->action.needs_permission)
        return SP_OK;
    struct sp_arena scratch;
    status = sp_arena_init(&scratch, SCRATCH_BYTES, SCRATCH_BUDGET_BYTES);
    if (status != SP_OK)
        return status;
    status = name_permission_number(view, facts->action.permission, &scratch, arena, &facts->permission);
    sp_arena_fini(&scratch);
    return status;
}

/* Steps 8 to 10, of a key and an action that were found. */
static enum sp_status judge_resource_steps(struct sp_view *view, struct sp_bytes resource_key, struct sp_facts *facts) {
    const struct sp_key *key = &facts->key;
    const struct sp_action *action = &facts->action;
    uint64_t owner = 0;
    note_step(facts, SP_STEP_PERMISSION, sp_step_permission(key, action));
    if (!action->workspace_scoped && resource_key.size > 0) {
        enum sp_status status = sp_index_owner(view, resource_key, &owner);
        if (status != SP_OK)
            return status;
    }
    enum sp_reason reason = sp_step_resource(key, action, facts->query->resource_id.size > 0, owner);
    note_step(facts, SP_STEP_RESOURCE, reason);
    bool at_home = facts->principal.found && facts->principal.workspace_number == key->workspace_number;
    if (reason != SP_REASON_NONE || !at_home)
        return SP_OK;
    if (action->role != SP_ROLE_NONE) {
        struct sp_found_role found;
        enum sp_status status = sp_find_role(view, key, &facts->principal, resource_key, &found);
        if (status != SP_OK)
            return status;
        facts->role = found.role;
    }
    note_step(facts, SP_STEP_ROLE, sp_step_role(action, facts->role));
    return SP_OK;
}

/* ---- grants ---- */

struct considered {
    size_t count;
    bool truncated;
    uint64_t subjects[MAX_GRANTS];
    enum sp_role roles[MAX_GRANTS];
};

static void remember_grant(void *context, uint64_t subject_number, enum sp_role role) {
    struct considered *considered = context;
    if (considered->count == MAX_GRANTS) {
        considered->truncated = true;
        return;
    }
    considered->subjects[considered->count] = subject_number;
    considered->roles[considered->count++] = role;
}

static enum sp_status name_subject(struct sp_view *view, uint64_t number, struct sp_arena *arena,
                                   Sallyport__V1__Subject *subject) {
    struct sp_entity_key key;
    struct sp_entity_name name;
    enum sp_status status = sp_index_subject(view, number, &key);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND ? SP_ERR_CORRUPT : status;
    status = sp_entity_key_read(sp_entity_key_bytes(&key), &name);
    if (status != SP_OK)
        return status;
    if (name.part_count != 1)
        return SP_ERR_CORRUPT;
    char *copy = sp_arena_strdup(arena, name.parts[0]);
    if (copy == NULL)
        return SP_ERR_MEMORY;
    if (name.kind == SP_KIND_GROUP) {
        subject->kind_case = SALLYPORT__V1__SUBJECT__KIND_GROUP;
        subject->group = copy;
    } else {
        subject->kind_case = SALLYPORT__V1__SUBJECT__KIND_PRINCIPAL;
        subject->principal = copy;
    }
    return SP_OK;
}

static enum sp_status append_considered(struct sp_view *view, uint64_t number, enum sp_role role,
                                        struct sp_arena *arena, Sallyport__V1__ExplainResponse *response) {
    Sallyport__V1__ConsideredGrant *grant = sp_arena_alloc(arena, sizeof(*grant));
    Sallyport__V1__Subject *subject = sp_arena_alloc(arena, sizeof(*subject));
    if (grant == NULL || subject == NULL)
        return SP_ERR_MEMORY;
    sallyport__v1__considered_grant__init(grant);
    sallyport__v1__subject__init(subject);
    grant->subject = subject;
    grant->role = (Sallyport__V1__Role)role;
    response->grants[response->n_grants++] = grant;
    return name_subject(view, number, arena, subject);
}

static enum sp_status append_all_considered(struct sp_view *view, const struct sp_facts *facts,
                                            struct sp_bytes resource_key, struct sp_arena *arena,
                                            Sallyport__V1__ExplainResponse *response) {
    if (!facts->tested[SP_STEP_ROLE] || resource_key.size == 0)
        return SP_OK;
    struct considered considered = {0};
    enum sp_status status =
        sp_index_visit_considered(view, resource_key, facts->key.principal_number, remember_grant, &considered);
    if (status != SP_OK)
        return status;
    response->grants = sp_arena_calloc(arena, considered.count, sizeof(*response->grants));
    if (response->grants == NULL)
        return SP_ERR_MEMORY;
    response->grants_truncated = considered.truncated;
    for (size_t i = 0; i < considered.count; i++) {
        status = append_considered(view, considered.subjects[i], considered.roles[i], arena, response);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

/* ---- the reply ---- */

static enum sp_status add_answer(const struct sp_answer *answer, struct sp_arena *arena,
                                 Sallyport__V1__ExplainResponse *response) {
    Sallyport__V1__CheckResponse *reply = sp_arena_alloc(arena, sizeof(*reply));
    Sallyport__V1__Revision *revision = sp_arena_alloc(arena, sizeof(*revision));
    if (reply == NULL || revision == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = sp_response_from_answer(answer, arena, reply);
    if (status != SP_OK)
        return status;
    *revision = sp_response_revision(answer->revision);
    reply->revision = revision;
    response->answer = reply;
    return SP_OK;
}

/* A copy in which keys that were given as ids are masked. */
static char *copy_words(const char *words, struct sp_arena *arena) {
    char *copy = words == NULL ? NULL : sp_arena_strdup(arena, sp_str_from(words));
    if (copy != NULL)
        sp_mask_text(copy);
    return copy;
}

static Sallyport__V1__ExplainStep *make_step(const struct sp_facts *facts, enum sp_step number,
                                             struct sp_arena *arena) {
    Sallyport__V1__ExplainStep *step = sp_arena_alloc(arena, sizeof(*step));
    char *test = sp_arena_strdup(arena, sp_str_from(sp_explain_test(number)));
    char *evidence = copy_words(sp_explain_evidence(facts, number, arena), arena);
    if (step == NULL || test == NULL || evidence == NULL)
        return NULL;
    sallyport__v1__explain_step__init(step);
    step->number = number;
    step->test = test;
    step->evidence = evidence;
    step->reason = (Sallyport__V1__Reason)facts->reasons[number];
    step->outcome = !facts->tested[number]                     ? SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__NOT_TESTED
                    : facts->reasons[number] == SP_REASON_NONE ? SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__PASSED
                                                               : SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__FAILED;
    return step;
}

static enum sp_status add_steps(const struct sp_facts *facts, struct sp_arena *arena,
                                Sallyport__V1__ExplainResponse *response) {
    response->steps = sp_arena_calloc(arena, SP_STEP_COUNT, sizeof(*response->steps));
    response->changes_needed = sp_arena_calloc(arena, SP_STEP_COUNT, sizeof(*response->changes_needed));
    if (response->steps == NULL || response->changes_needed == NULL)
        return SP_ERR_MEMORY;
    for (unsigned i = 0; i < SP_STEP_COUNT; i++) {
        Sallyport__V1__ExplainStep *step = make_step(facts, (enum sp_step)i, arena);
        if (step == NULL)
            return SP_ERR_MEMORY;
        response->steps[response->n_steps++] = step;
        if (step->outcome != SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__FAILED)
            continue;
        char *change = copy_words(sp_explain_change(facts, (enum sp_step)i, arena), arena);
        if (change == NULL)
            return SP_ERR_MEMORY;
        response->changes_needed[response->n_changes_needed++] = change;
    }
    return SP_OK;
}

static enum sp_status fill_explanation(struct sp_view *view, struct sp_facts *facts, struct sp_arena *arena,
                                       Sallyport__V1__ExplainResponse *response) {
    struct sp_answer answer;
    enum sp_status status = sp_check(view, facts->query, &answer);
    if (status != SP_OK)
        return status;
    status = add_answer(&answer, arena, response);
    if (status != SP_OK)
        return status;
    status = gather_key(view, facts);
    if (status != SP_OK)
        return status;
    status = gather_action(view, arena, facts);
    if (status != SP_OK)
        return status;
    note_step(facts, SP_STEP_FRESH, facts->query->stale ? SP_REASON_STALE : SP_REASON_NONE);
    uint8_t bytes[SP_RESOURCE_KEY_MAX_BYTES];
    struct sp_bytes resource_key = {bytes, 0};
    if (facts->has_key)
        judge_key(facts);
    if (facts->has_key && facts->action.found) {
        uint64_t scope = facts->action.workspace_scoped ? facts->key.workspace_number : 0;
        resource_key.size = sp_resource_key(facts->action.type_number, scope, facts->query->resource_id, bytes);
        status = judge_resource_steps(view, resource_key, facts);
        if (status != SP_OK)
            return status;
    }
    status = append_all_considered(view, facts, resource_key, arena, response);
    if (status != SP_OK)
        return status;
    return add_steps(facts, arena, response);
}

enum sp_status sp_explain(struct sp_view *view, const struct sp_query *query, struct sp_arena *arena,
                          Sallyport__V1__ExplainResponse **ret_explanation) {
    Sallyport__V1__ExplainResponse *response = sp_arena_alloc(arena, sizeof(*response));
    if (response == NULL)
        return SP_ERR_MEMORY;
    sallyport__v1__explain_response__init(response);
    struct sp_query asked = *query;
    struct sp_facts facts = {.query = &asked};
    enum sp_status status = sp_view_floor_time(view, query->now_s, &asked.now_s);
    if (status != SP_OK)
        return status;
    status = fill_explanation(view, &facts, arena, response);
    if (status != SP_OK)
        return status;
    *ret_explanation = response;
    return SP_OK;
}
