/* Who may call what: every admin method against every kind of caller, over the
 * real programs. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/platform.h"
#include "wire/json_read.h"
#include "wire/json_text.h"

enum acting {
    OPERATOR,
    ADMIN,
    OTHER_ADMIN, /* of another workspace, naming this one */
    PLAIN_USER,  /* a MEMBER; the key's permissions are all */
    SERVICE_ACCOUNT,
    WITHOUT_PERMISSION, /* an ADMIN user's key with text_to_speech only */
    DISABLED,
    EXPIRED,
    WRONG_ADDRESS, /* an ADMIN user's key that works from elsewhere only */
    NO_KEY,
    CALLERS
};

static const char *const caller_names[CALLERS] = {
    "an operator",    "the workspace's admin", "another workspace's admin",
    "a plain user",   "a service account",     "a key without the permission",
    "a disabled key", "an expired key",        "a key from a wrong address",
    "no key"};

/* One letter for each caller: K ok, N not found, P permission denied, U
 * unauthenticated. */
#define OPERATORS_ONLY "KPPPPPUUPU"
#define OPERATORS_FIND_NONE "NPPPPPUUPU"
#define ADMIN_WRITES "PKNPPPUUPU"
#define ADMIN_READS "KKNPPPUUPU"
#define ANY_ADMIN_READS "KKKPPPUUPU"
#define OPERATORS_BY_WORKSPACE "KPNPPPUUPU" /* as OPERATORS_ONLY, and the workspace is looked up before */
#define ANY_KEY "KKKKKKUUPU"

struct row {
    const char *method;
    const char *request; /* JSON with ' for " and # for an id that no other cell uses */
    const char *expected;
    /* Made by the admin (or, where the name begins with '!', by the operator)
   * before each cell. */
    const char *setup_method[2];
    const char *setup_request[2];
};

static const struct row rows[] = {
    {"CreateWorkspace", "{'id':'#','name':'W'}", OPERATORS_ONLY, {0}, {0}},
    {"ListWorkspaces", "{}", OPERATORS_ONLY, {0}, {0}},
    {"UpdateWorkspace",
     "{'workspace':{'id':'acme','name':'#'},'updateMask':['name']}",
     OPERATORS_BY_WORKSPACE,
     {0},
     {0}},
    {"DeleteWorkspace",
     "{'workspace':'#'}",
     OPERATORS_ONLY,
     {"!CreateWorkspace", "!UpdateWorkspace"},
     {"{'id':'#','name':'W'}", "{'workspace':{'id':'#','disabled':true},'updateMask':['disabled']}"}},
    {"PutSchema", "{'yaml':'version: 1','dryRun':true}", OPERATORS_ONLY, {0}, {0}},
    {"GetWorkspace", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"CreateUser", "{'workspace':'acme','id':'#','name':'U'}", ADMIN_WRITES, {0}, {0}},
    {"CreateServiceAccount", "{'workspace':'acme','id':'#','name':'S'}", ADMIN_WRITES, {0}, {0}},
    {"GetPrincipal", "{'workspace':'acme','id':'bot'}", ADMIN_READS, {0}, {0}},
    {"ListPrincipals", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"UpdatePrincipal",
     "{'principal':{'workspace':'acme','id':'bot','name':'#'},'updateMask':['"
     "name']}",
     ADMIN_WRITES,
     {0},
     {0}},
    {"DeletePrincipal",
     "{'workspace':'acme','id':'#'}",
     ADMIN_WRITES,
     {"CreateServiceAccount"},
     {"{'workspace':'acme','id':'#','name':'S'}"}},
    {"CreateGroup", "{'workspace':'acme','id':'#','name':'G'}", ADMIN_WRITES, {0}, {0}},
    {"GetGroup", "{'workspace':'acme','id':'team'}", ADMIN_READS, {0}, {0}},
    {"ListGroups", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"UpdateGroup", "{'workspace':'acme','id':'team','name':'#'}", ADMIN_WRITES, {0}, {0}},
    {"DeleteGroup",
     "{'workspace':'acme','id':'#'}",
     ADMIN_WRITES,
     {"CreateGroup"},
     {"{'workspace':'acme','id':'#','name':'G'}"}},
    {"AddGroupMembers", "{'workspace':'acme','group':'team','principals':['bot']}", ADMIN_WRITES, {0}, {0}},
    {"RemoveGroupMembers", "{'workspace':'acme','group':'team','principals':['plain']}", ADMIN_WRITES, {0}, {0}},
    {"ListGroupMembers", "{'workspace':'acme','group':'team'}", ADMIN_READS, {0}, {0}},
    {"RegisterResource", "{'workspace':'acme','resource':{'type':'voice','id':'#'}}", OPERATORS_BY_WORKSPACE, {0}, {0}},
    {"DeleteResource",
     "{'workspace':'acme','resource':{'type':'voice','id':'#'}}",
     ADMIN_READS,
     {"!RegisterResource"},
     {"{'workspace':'acme','resource':{'type':'voice','id':'#'}}"}},
    {"GetResource", "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}", ADMIN_READS, {0}, {0}},
    {"ListResources", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"ShareResource",
     "{'workspace':'acme','resource':{'type':'voice','id':'v1'},'subject':{'"
     "group':'team'},'role':'ROLE_EDITOR'}",
     ADMIN_WRITES,
     {0},
     {0}},
    {"UnshareResource",
     "{'workspace':'acme','resource':{'type':'voice','id':'v1'},'subject':{'"
     "group':'team'}}",
     ADMIN_WRITES,
     {"ShareResource"},
     {"{'workspace':'acme','resource':{'type':'voice','id':'v1'},'subject':{'"
      "group':'team'},'role':'ROLE_VIEWER'}"}},
    {"UpdateShares",
     "{'workspace':'acme','updates':[{'resource':{'type':'voice','id':'v1'},'"
     "subject':{'group':'team'}}]}",
     ADMIN_WRITES,
     {0},
     {0}},
    {"ListShares", "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}", ADMIN_READS, {0}, {0}},
    {"ExportPolicy", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"ApplyPolicy", "{'workspace':'acme','edits':[{'createGroup':{'id':'#','name':'G'}}]}", ADMIN_WRITES, {0}, {0}},
    {"CreateApiKey",
     "{'workspace':'acme','id':'#','principal':'boss','name':'K','permissions':"
     "{'all':true}}",
     ADMIN_READS, /* operators: first and recovery keys of ADMIN users */
     {0},
     {0}},
    {"CreateApiKey",
     "{'workspace':'acme','id':'#','principal':'bot','name':'K','permissions':{"
     "'all':true}}",
     ADMIN_WRITES,
     {0},
     {0}},
    {"GetApiKey", "{'workspace':'acme','id':'bot_key'}", ADMIN_READS, {0}, {0}},
    {"ListApiKeys", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
    {"UpdateApiKey", "{'workspace':'acme','id':'bot_key','name':'#','updateMask':['name']}", ADMIN_WRITES, {0}, {0}},
    {"RotateApiKey",
     "{'workspace':'acme','id':'#'}",
     ADMIN_WRITES,
     {"CreateApiKey"},
     {"{'workspace':'acme','id':'#','principal':'bot','name':'K','permissions':"
      "{'all':true}}"}},
    {"DisableApiKey", "{'workspace':'acme','id':'spare','reason':'test'}", ADMIN_READS, {0}, {0}},
    {"EnableApiKey", "{'workspace':'acme','id':'spare'}", ADMIN_WRITES, {0}, {0}},
    {"DeleteApiKey",
     "{'workspace':'acme','id':'#'}",
     ADMIN_READS,
     {"CreateApiKey"},
     {"{'workspace':'acme','id':'#','principal':'boss','name':'K','permissions'"
      ":{'all':true}}"}},
    {"FindKey", "{'apiKey':'%'}", ADMIN_READS, {0}, {0}},
    {"GetKeyUsage", "{'workspace':'acme','id':'bot_key'}", ADMIN_READS, {0}, {0}},
    {"ListServers", "{}", OPERATORS_ONLY, {0}, {0}},
    {"RetireServer", "{'id':'#'}", OPERATORS_FIND_NONE, {0}, {0}},
    {"ListOperators", "{}", OPERATORS_ONLY, {0}, {0}},
    {"RevokeOperator", "{'name':'#'}", OPERATORS_FIND_NONE, {0}, {0}},
    {"GetSchema", "{}", ANY_ADMIN_READS, {0}, {0}},
    {"ExplainKey",
     "{'workspace':'acme','keyId':'bot_key','resource':{'type':'voice','id':'"
     "v1'},'action':'use'}",
     ADMIN_READS,
     {0},
     {0}},
    {"WhoAmI", "{}", ANY_KEY, {0}, {0}},
    {"ListChanges", "{'workspace':'acme'}", ADMIN_READS, {0}, {0}},
};

struct fixture {
    struct platform platform;
    char keys[CALLERS][96];
    char bot_key[96];
    unsigned next_id;
};

/* The template with ' as ", # as `id` and % as `key`. */
static char *fill_in(struct platform *platform, const char *template, const char *id, const char *key) {
    char *text = sp_arena_alloc(&platform->arena, 4096);
    assert_non_null(text);
    size_t used = 0;
    for (const char *at = template; *at != '\0'; at++) {
        const char *insert = *at == '#' ? id : *at == '%' ? key : NULL;
        if (insert != NULL) {
            used += (size_t)snprintf(text + used, 4096 - used, "%s", insert);
        } else {
            text[used++] = *at == '\'' ? '"' : *at;
        }
        assert_true(used < 4000);
    }
    text[used] = '\0';
    return text;
}

static enum sp_status call_json(struct fixture *fixture, const char *key, const char *method, const char *text,
                                void *ret_reply, struct sp_error *ret_error) {
    struct platform *platform = &fixture->platform;
    const ProtobufCMethodDescriptor *found =
        protobuf_c_service_descriptor_get_method_by_name(&sallyport__v1__admin__descriptor, method);
    assert_non_null(found);
    json_t *json;
    ProtobufCMessage *request;
    if (sp_json_parse(sp_str_from(text), &json, ret_error) != SP_OK ||
        sp_json_to_message(found->input, json, &platform->arena, &request, ret_error) != SP_OK)
        fail_msg("%s %s: %s", method, text, ret_error->message);
    json_decref(json);
    return platform_admin_call(platform, key, method, request, ret_reply, ret_error);
}

static void must(struct fixture *fixture, const char *key, const char *method, const char *template, const char *id,
                 void *ret_reply) {
    struct sp_error error = {0};
    if (call_json(fixture, key, method, fill_in(&fixture->platform, template, id, fixture->bot_key), ret_reply,
                  &error) != SP_OK)
        fail_msg("%s %s: %s: %s", method, template, sp_status_name(error.status), error.message);
}

static void new_key(struct fixture *fixture, enum acting caller, const char *template) {
    Sallyport__V1__ApiKeySecretResponse *reply;
    must(fixture, fixture->keys[ADMIN], "CreateApiKey", template, "", &reply);
    snprintf(fixture->keys[caller], sizeof(fixture->keys[caller]), "%s", reply->secret);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    *state = fixture;
    platform_start(&fixture->platform, NULL);
    snprintf(fixture->keys[OPERATOR], sizeof(fixture->keys[OPERATOR]), "%s", fixture->platform.programs.operator_key);
    void *ignored;
    Sallyport__V1__CreateWorkspaceResponse *made;
    must(fixture, fixture->keys[OPERATOR], "CreateWorkspace",
         "{'id':'acme','name':'Acme','plan':'PLAN_ENTERPRISE','seats':1000,'"
         "features':['FEATURE_IP_ALLOWLIST'],"
         "'quotas':{'serviceAccounts':1000},'adminId':'boss'}",
         "", &made);
    snprintf(fixture->keys[ADMIN], sizeof(fixture->keys[ADMIN]), "%s", made->secret);
    must(fixture, fixture->keys[OPERATOR], "CreateWorkspace", "{'id':'other','name':'Other','seats':5}", "", &made);
    snprintf(fixture->keys[OTHER_ADMIN], sizeof(fixture->keys[OTHER_ADMIN]), "%s", made->secret);
    const char *admin = fixture->keys[ADMIN];
    must(fixture, admin, "CreateUser", "{'id':'plain','name':'Plain'}", "", &ignored);
    must(fixture, admin, "CreateServiceAccount", "{'id':'bot','name':'Bot'}", "", &ignored);
    must(fixture, admin, "CreateGroup", "{'id':'team','name':'Team'}", "", &ignored);
    must(fixture, fixture->keys[OPERATOR], "RegisterResource",
         "{'workspace':'acme','resource':{'type':'voice','id':'v1'}}", "", &ignored);
    must(fixture, admin, "CreateApiKey", "{'id':'spare','principal':'boss','name':'K','permissions':{'all':true}}", "",
         &ignored);
    new_key(fixture, PLAIN_USER, "{'principal':'plain','name':'K','permissions':{'all':true}}");
    new_key(fixture, SERVICE_ACCOUNT,
            "{'id':'bot_key','principal':'bot','name':'K','permissions':{'all':"
            "true}}");
    snprintf(fixture->bot_key, sizeof(fixture->bot_key), "%s", fixture->keys[SERVICE_ACCOUNT]);
    new_key(fixture, WITHOUT_PERMISSION,
            "{'principal':'boss','name':'K','permissions':{'names':['text_to_"
            "speech']}}");
    new_key(fixture, DISABLED, "{'id':'off','principal':'boss','name':'K','permissions':{'all':true}}");
    must(fixture, admin, "DisableApiKey", "{'id':'off','reason':'test'}", "", &ignored);
    new_key(fixture, WRONG_ADDRESS,
            "{'principal':'boss','name':'K','permissions':{'all':true},'"
            "allowedIps':{'entries':['203.0.113.0/24']}}");
    char template[160];
    int64_t expires_at = (int64_t)time(NULL) + 2;
    snprintf(template, sizeof(template),
             "{'principal':'boss','name':'K','permissions':{'all':true},'"
             "expiresAt':'%lld'}",
             (long long)expires_at);
    new_key(fixture, EXPIRED, template);
    while ((int64_t)time(NULL) < expires_at)
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    platform_stop(&fixture->platform);
    free(fixture);
    return 0;
}

static enum sp_status status_of_letter(char letter) {
    switch (letter) {
    case 'K':
        return SP_OK;
    case 'N':
        return SP_ERR_NOT_FOUND;
    case 'P':
        return SP_ERR_PERMISSION;
    default:
        return SP_ERR_UNAUTHENTICATED;
    }
}

static bool cell_holds(struct fixture *fixture, const struct row *row, enum acting caller) {
    struct platform *platform = &fixture->platform;
    char id[32];
    snprintf(id, sizeof(id), "t%u", ++fixture->next_id);
    void *ignored;
    for (size_t i = 0; i < 2 && row->setup_method[i] != NULL; i++) {
        bool as_operator = row->setup_method[i][0] == '!';
        must(fixture, fixture->keys[as_operator ? OPERATOR : ADMIN], row->setup_method[i] + as_operator,
             row->setup_request[i], id, &ignored);
    }
    struct sp_error error = {0};
    enum sp_status status = call_json(fixture, fixture->keys[caller], row->method,
                                      fill_in(platform, row->request, id, fixture->bot_key), &ignored, &error);
    enum sp_status expected = status_of_letter(row->expected[caller]);
    if (status != expected)
        print_message("%s by %s: expected %s, got %s: %s\n", row->method, caller_names[caller],
                      sp_status_name(expected), sp_status_name(status), error.message);
    sp_arena_reset(&platform->arena);
    return status == expected;
}

static void every_method_answers_every_caller_as_the_table_says(void **state) {
    struct fixture *fixture = *state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (enum acting caller = 0; caller < CALLERS; caller++)
            wrong += cell_holds(fixture, &rows[i], caller) ? 0 : 1;
    }
    assert_int_equal(wrong, 0);
}

static void no_method_is_missing_from_the_table(void **state) {
    (void)state;
    /* Streams are tested with the programs; DisableSelf ends the key that calls
   * it, so it has a test of its own. */
    static const char *const elsewhere[] = {"WatchChanges", "Backup", "Import", "DisableSelf"};
    const ProtobufCServiceDescriptor *service = &sallyport__v1__admin__descriptor;
    for (unsigned i = 0; i < service->n_methods; i++) {
        bool found = false;
        for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++)
            found = found || strcmp(rows[row].method, service->methods[i].name) == 0;
        for (size_t other = 0; other < sizeof(elsewhere) / sizeof(*elsewhere); other++)
            found = found || strcmp(elsewhere[other], service->methods[i].name) == 0;
        if (!found)
            fail_msg("%s is in no row", service->methods[i].name);
    }
}

static void another_workspaces_things_look_the_same_whether_they_exist_or_not(void **state) {
    struct fixture *fixture = *state;
    static const char *const there = "{'workspace':'acme','id':'team'}", *const not_there =
                                                                             "{'workspace':'acme','id':'nope'}";
    static const char *const nowhere = "{'workspace':'void','id':'team'}";
    struct sp_error exists = {0}, missing = {0}, no_workspace = {0};
    void *ignored;
    struct platform *platform = &fixture->platform;
    const char *key = fixture->keys[OTHER_ADMIN];
    assert_int_equal(call_json(fixture, key, "GetGroup", fill_in(platform, there, "", ""), &ignored, &exists),
                     SP_ERR_NOT_FOUND);
    assert_int_equal(call_json(fixture, key, "GetGroup", fill_in(platform, not_there, "", ""), &ignored, &missing),
                     SP_ERR_NOT_FOUND);
    assert_int_equal(call_json(fixture, key, "GetGroup", fill_in(platform, nowhere, "", ""), &ignored, &no_workspace),
                     SP_ERR_NOT_FOUND);
    assert_string_equal(exists.message, missing.message);
    char *name = strstr(exists.message, "acme");
    if (name != NULL)
        memcpy(name, "void", 4);
    assert_string_equal(exists.message, no_workspace.message);
    sp_arena_reset(&platform->arena);
}

static void another_workspaces_global_resource_looks_like_none(void **state) {
    struct fixture *fixture = *state;
    const char *key = fixture->keys[OTHER_ADMIN];
    static const char *const ids[] = {"v1", "never_registered"};
    for (size_t i = 0; i < 2; i++) {
        Sallyport__V1__CheckResponse *answer = platform_check(&fixture->platform, key, "", "voice", ids[i], "use", "");
        assert_int_equal(answer->decision, SALLYPORT__V1__DECISION__DENY);
        assert_int_equal(answer->reason, SALLYPORT__V1__REASON__RESOURCE_UNKNOWN);
        assert_int_equal(answer->role, SALLYPORT__V1__ROLE__ROLE_UNSPECIFIED);
    }
    sp_arena_reset(&fixture->platform.arena);
}

static void a_key_disables_itself_and_can_not_come_back(void **state) {
    struct fixture *fixture = *state;
    void *ignored;
    Sallyport__V1__ApiKeySecretResponse *made;
    must(fixture, fixture->keys[ADMIN], "CreateApiKey",
         "{'id':'self','principal':'plain','name':'K','permissions':{'names':['"
         "text_to_speech']}}",
         "", &made);
    char key[96];
    snprintf(key, sizeof(key), "%s", made->secret);
    must(fixture, key, "DisableSelf", "{'reason':'leaked'}", "", &ignored);
    struct sp_error error = {0};
    assert_int_equal(call_json(fixture, key, "WhoAmI", "{}", &ignored, &error), SP_ERR_UNAUTHENTICATED);
    Sallyport__V1__CheckResponse *answer = platform_check(&fixture->platform, key, "", "voice", "v1", "use", "");
    assert_int_equal(answer->reason, SALLYPORT__V1__REASON__KEY_DISABLED);
    sp_arena_reset(&fixture->platform.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_answers_every_caller_as_the_table_says),
        cmocka_unit_test(no_method_is_missing_from_the_table),
        cmocka_unit_test(another_workspaces_things_look_the_same_whether_they_exist_or_not),
        cmocka_unit_test(another_workspaces_global_resource_looks_like_none),
        cmocka_unit_test(a_key_disables_itself_and_can_not_come_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down) == 0 ? 0 : 1;
}
