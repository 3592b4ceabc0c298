/* Explanations over the world of the decision table: each step's outcome, evidence and remedy, and
 * the same answer as sp_check. */
#include "core/key_text.h"
#include "decide/explain.h"
#include "decide_world.h"
#include "store/records/snapshot.h"

static struct world world;
static struct sp_snapshot *snapshot;
static struct sp_view *view;
static struct sp_arena arena;

static int set_up(void **state) {
    (void)state;
    decide_world_init(&world);
    assert_int_equal(sp_arena_init(&arena, 4096, 1 << 20), SP_OK);
    assert_int_equal(sp_snapshot_open(world.store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    view = sp_snapshot_view(snapshot);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_arena_fini(&arena);
    world_fini(&world);
    return 0;
}

/* What a test asks, with the text that it borrows. */
struct asked {
    char text[SP_KEY_TEXT_BYTES];
    struct sp_ip ip;
    struct sp_query query;
};

static void ask(struct asked *asked, struct decide_key key, const char *type, const char *id, const char *action) {
    decide_key_text(&key, asked->text);
    assert_int_equal(sp_ip_parse(sp_str_from("198.51.100.9"), &asked->ip, NULL), SP_OK);
    asked->query = (struct sp_query){
        .credential_kind = SP_CREDENTIAL_TEXT,
        .credential = {(const uint8_t *)asked->text, strlen(asked->text)},
        .ip = &asked->ip,
        .resource_type = sp_str_from(type),
        .resource_id = sp_str_from(id),
        .action = sp_str_from(action),
        .now_s = NOW_S,
    };
}

static Sallyport__V1__ExplainResponse *explain(const struct sp_query *query) {
    Sallyport__V1__ExplainResponse *response = NULL;
    sp_arena_reset(&arena);
    assert_int_equal(sp_explain(view, query, &arena, &response), SP_OK);
    assert_int_equal(response->n_steps, SP_STEP_COUNT);
    return response;
}

/* One letter a step: + passed, - failed, . not tested. */
static void expect_outcomes(const Sallyport__V1__ExplainResponse *response, const char *wanted) {
    char got[SP_STEP_COUNT + 1] = {0};
    for (size_t i = 0; i < response->n_steps; i++) {
        assert_int_equal(response->steps[i]->number, i);
        got[i] = "?+-."[response->steps[i]->outcome];
    }
    assert_string_equal(got, wanted);
}

static void expect_changes(const Sallyport__V1__ExplainResponse *response, const char *const *wanted) {
    size_t i = 0;
    for (; i < 4 && wanted[i] != NULL; i++) {
        assert_in_range(i + 1, 1, response->n_changes_needed);
        assert_string_equal(response->changes_needed[i], wanted[i]);
    }
    assert_int_equal(response->n_changes_needed, i);
}

static const struct vector {
    const char *name;
    struct decide_key key;
    const char *type;
    const char *id;
    const char *action;
    const char *outcomes;
    const char *changes[4];
} vectors[] = {
    {"an allowed question needs no change", {1, MEMBER, 0}, "voice", "va", "use", "+++++++++++", {NULL}},
    {"an admin needs no grant", {1, ADMIN, 0}, "voice", "vc", "edit", "+++++++++++", {NULL}},
    {"a disabled key is told beside all else",
     {1, BARE, DISABLED | LISTED | NO_PERMS},
     "voice",
     "va",
     "use",
     "+++-++-+-+-",
     {"enable the key k10413, or use another key of p4",
      "send the request from an address in the key's allowlist, or add 198.51.100.9 to the list",
      "give the key the permission text_to_speech", "share voice/va with p4 as viewer or higher"}},
    {"an expired key may live longer",
     {1, MEMBER, EXPIRED},
     "voice",
     "va",
     "use",
     "+++-+++++++",
     {"set a later expiry for the key k10202, or use another key of p2"}},
    {"a disabled workspace and its principal",
     {3, OFF_OF_W3, 0},
     "voice",
     "",
     "preview",
     "++++-++++++",
     {"enable the workspace w3 and its principal p7"}},
    {"a disabled workspace", {3, ADMIN_OF_W3, 0}, "voice", "", "preview", "++++-++++++", {"enable the workspace w3"}},
    {"a disabled principal", {1, OFF, 0}, "voice", "va", "use", "++++-++++++", {"enable the principal p3"}},
    {"a principal of elsewhere has no role to test",
     {1, OTHER, 0},
     "voice",
     "va",
     "use",
     "++++-+++++.",
     {"use another key: the workspace or principal of this one does not exist"}},
    {"an unknown action ends the tests of the resource",
     {1, MEMBER, 0},
     "voice",
     "va",
     "sing",
     "+++++++-...",
     {"use an action that is in the schema, or add sing to the type voice there"}},
    {"a resource that nobody registered",
     {1, MEMBER, 0},
     "voice",
     "vz",
     "use",
     "+++++++++-.",
     {"register voice/vz to workspace w1, and share it with p2 as viewer or higher"}},
    {"another workspace's resource looks the same",
     {1, MEMBER, 0},
     "voice",
     "vx",
     "use",
     "+++++++++-.",
     {"register voice/vx to workspace w1, and share it with p2 as viewer or higher"}},
    {"an admin need not share it",
     {1, ADMIN, 0},
     "voice",
     "vz",
     "use",
     "+++++++++-.",
     {"register voice/vz to workspace w1"}},
    {"a role that is too low",
     {1, MEMBER, 0},
     "voice",
     "va",
     "edit",
     "++++++++++-",
     {"share voice/va with p2 as editor or higher"}},
    {"a role without an id",
     {1, ADMIN, 0},
     "voice",
     "",
     "use",
     "++++++++++-",
     {"name the resource's id: the action needs the role viewer on it"}},
};

enum { VECTOR_COUNT = sizeof(vectors) / sizeof(*vectors) };

/* The first step that failed is the answer, and the answer is the one of sp_check. */
static void expect_same_answer(const struct sp_query *query, const Sallyport__V1__ExplainResponse *response) {
    struct sp_answer answer;
    assert_int_equal(sp_check(view, query, &answer), SP_OK);
    assert_int_equal(response->answer->reason, answer.reason);
    assert_int_equal(response->answer->decision, answer.allowed);
    assert_int_equal(response->answer->http_status, sp_reason_http_status(answer.reason));
    assert_int_equal(response->answer->role, answer.role);
    assert_int_equal(response->answer->revision->number, answer.revision.number);
    assert_int_equal(response->answer->revision->epoch, answer.revision.epoch);
    assert_int_equal(strlen(response->answer->key_id), answer.key_id.size);
    assert_memory_equal(response->answer->key_id, answer.key_id.size == 0 ? "" : answer.key_id.data,
                        answer.key_id.size);
    unsigned first = SP_REASON_ALLOWED;
    for (size_t i = response->n_steps; i-- > 0;) {
        if (response->steps[i]->outcome == SALLYPORT__V1__EXPLAIN_STEP__OUTCOME__FAILED)
            first = response->steps[i]->reason;
    }
    assert_int_equal(response->answer->reason, first);
}

static void explains_as_the_table_says(void **state) {
    const struct vector *vector = *state;
    struct asked asked;
    ask(&asked, vector->key, vector->type, vector->id, vector->action);
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    expect_outcomes(response, vector->outcomes);
    expect_changes(response, vector->changes);
    expect_same_answer(&asked.query, response);
}

static void every_step_has_its_evidence(void **state) {
    (void)state;
    static const char *const evidence[SP_STEP_COUNT] = {
        "this server's copy of the store is as fresh as --max-staleness requires",
        "the text has the form of this store's keys",
        "it is key k10252 of p2 in workspace w1",
        "the key is enabled and expires at 2023-11-14T22:13:21Z; it is 2023-11-14T22:13:20Z now",
        "workspace w1 is enabled; principal p2 is enabled",
        "workspace w2 was asserted; the key belongs to w1",
        "the key's allowlist has 2 separate ranges; 198.51.100.9 is not in it",
        "edit on voice needs the permission voices_write and the role editor",
        "the key's permissions do not include voices_write",
        "voice/va is registered to workspace w1",
        "p2 has the role viewer, directly or through a group; editor is needed",
    };
    struct asked asked;
    ask(&asked, (struct decide_key){1, MEMBER, FUTURE | LISTED | TTS}, "voice", "va", "edit");
    asked.query.workspace = sp_str_from("w2");
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    for (size_t i = 0; i < SP_STEP_COUNT; i++) {
        assert_string_equal(response->steps[i]->evidence, evidence[i]);
        assert_true(strlen(response->steps[i]->test) > 0);
    }
    expect_outcomes(response, "+++++--+-+-");
    assert_string_equal(response->changes_needed[0], "present a key of workspace w2: this one belongs to w1");
}

static void the_grants_considered_are_named(void **state) {
    (void)state;
    struct asked asked;
    ask(&asked, (struct decide_key){1, MEMBER, 0}, "voice", "vb", "use");
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    assert_int_equal(response->n_grants, 2);
    assert_false(response->grants_truncated);
    for (size_t i = 0; i < 2; i++) {
        const Sallyport__V1__ConsideredGrant *grant = response->grants[i];
        bool group = grant->subject->kind_case == SALLYPORT__V1__SUBJECT__KIND_GROUP;
        assert_string_equal(group ? grant->subject->group : grant->subject->principal, group ? "g20" : "p2");
        assert_int_equal(grant->role, group ? SP_ROLE_EDITOR : SP_ROLE_VIEWER);
    }
    assert_int_not_equal(response->grants[0]->subject->kind_case, response->grants[1]->subject->kind_case);
}

static void nothing_is_told_of_a_key_that_is_not_known(void **state) {
    (void)state;
    static const struct {
        bool mistyped;
        const char *outcomes;
        const char *change;
    } cases[] = {
        {true, "+-.....+...", "present the complete text of a key, as shown when the key was created"},
        {false, "++-....+...", "present a key that exists: this one was never created here, or was deleted"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct asked asked;
        ask(&asked, (struct decide_key){77, MEMBER, 0}, "voice", "va", "use");
        if (cases[i].mistyped)
            asked.query.credential.size--;
        Sallyport__V1__ExplainResponse *response = explain(&asked.query);
        expect_outcomes(response, cases[i].outcomes);
        expect_same_answer(&asked.query, response);
        assert_int_equal(response->n_changes_needed, 1);
        assert_string_equal(response->changes_needed[0], cases[i].change);
        assert_int_equal(response->n_grants, 0);
        assert_string_equal(response->answer->workspace, "");
        assert_string_equal(response->answer->principal, "");
    }
}

static void a_stale_store_is_told_first(void **state) {
    (void)state;
    struct asked asked;
    ask(&asked, (struct decide_key){1, MEMBER, 0}, "voice", "va", "use");
    asked.query.stale = true;
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    expect_outcomes(response, "-++++++++++");
    expect_same_answer(&asked.query, response);
}

static void no_text_holds_the_key(void **state) {
    (void)state;
    struct asked asked;
    ask(&asked, (struct decide_key){1, BARE, DISABLED | LISTED | NO_PERMS}, "voice", "va", "use");
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    for (size_t i = 0; i < response->n_steps; i++)
        assert_null(strstr(response->steps[i]->evidence, asked.text));
    for (size_t i = 0; i < response->n_changes_needed; i++)
        assert_null(strstr(response->changes_needed[i], asked.text));
}

static void a_missing_address_is_asked_for(void **state) {
    (void)state;
    struct asked asked;
    ask(&asked, (struct decide_key){1, MEMBER, LISTED}, "voice", "va", "use");
    asked.query.ip = NULL;
    Sallyport__V1__ExplainResponse *response = explain(&asked.query);
    assert_string_equal(response->steps[SP_STEP_ADDRESS]->evidence,
                        "the key's allowlist has 2 separate ranges; an unknown address is not in it");
    assert_string_equal(response->changes_needed[0], "send the client's address: the key has an allowlist");
}

static void more_than_a_hundred_grants_are_cut_and_said_so(void **state) {
    (void)state;
    struct world many;
    struct sp_snapshot *reader;
    world_init(&many);
    world_begin(&many);
    world_put_workspace(&many, 1, false);
    world_put_user(&many, 1, BARE, false, false);
    world_put_resource(&many, 1, true, "va");
    for (uint64_t group = 100; group < 201; group++) {
        world_put_group(&many, 1, group);
        world_put_member(&many, 1, group, BARE);
        world_put_grant(&many, 1, &(struct world_grant){true, "va", 'g', group, SP_ROLE_VIEWER});
    }
    struct decide_key key = {1, BARE, 0};
    decide_put_key(&many, &key);
    world_commit(&many);
    assert_int_equal(sp_snapshot_open(many.store, &reader), SP_OK);
    assert_int_equal(sp_snapshot_acquire(reader), SP_OK);
    struct asked asked;
    ask(&asked, key, "voice", "va", "use");
    Sallyport__V1__ExplainResponse *response = NULL;
    sp_arena_reset(&arena);
    assert_int_equal(sp_explain(sp_snapshot_view(reader), &asked.query, &arena, &response), SP_OK);
    assert_int_equal(response->n_grants, 100);
    assert_true(response->grants_truncated);
    sp_snapshot_release(reader);
    sp_snapshot_close(reader);
    world_fini(&many);
}

static void runs_out_of_memory_cleanly_at_every_allocation(void **state) {
    (void)state;
    struct asked asked;
    ask(&asked, (struct decide_key){1, MEMBER, LISTED | TTS}, "voice", "vb", "edit");
    enum sp_status status = SP_ERR_MEMORY;
    unsigned refused = 0;
    for (size_t budget = 0; status != SP_OK; budget += 16, refused++) {
        struct sp_arena small;
        Sallyport__V1__ExplainResponse *response = NULL;
        assert_int_equal(sp_arena_init(&small, 64, budget), SP_OK);
        status = sp_explain(view, &asked.query, &small, &response);
        assert_true(status == SP_OK || status == SP_ERR_MEMORY);
        assert_int_equal(response != NULL, status == SP_OK);
        sp_arena_fini(&small);
    }
    assert_in_range(refused, 20, 2000);
}

int main(void) {
    struct CMUnitTest tests[VECTOR_COUNT + 8] = {
        cmocka_unit_test(every_step_has_its_evidence),
        cmocka_unit_test(the_grants_considered_are_named),
        cmocka_unit_test(nothing_is_told_of_a_key_that_is_not_known),
        cmocka_unit_test(a_stale_store_is_told_first),
        cmocka_unit_test(no_text_holds_the_key),
        cmocka_unit_test(a_missing_address_is_asked_for),
        cmocka_unit_test(more_than_a_hundred_grants_are_cut_and_said_so),
        cmocka_unit_test(runs_out_of_memory_cleanly_at_every_allocation),
    };
    static struct vector cases[VECTOR_COUNT];
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        cases[i] = vectors[i];
        tests[8 + i] = (struct CMUnitTest){
            .name = vectors[i].name, .test_func = explains_as_the_table_says, .initial_state = &cases[i]};
    }
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
