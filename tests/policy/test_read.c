/* Policy files: what they say, and every error of a file with its place. */
#include "models.h"

#include "policy/check.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void reads_every_section(void **state) {
    struct model model;
    (void)state;
    model_read(&model, "workspace: acme\n"
                       "users:\n"
                       "  ann: {name: Ann, role: admin}\n"
                       "  ben: {disabled: true}\n"
                       "service_accounts:\n"
                       "  builder: {name: Builder}\n"
                       "groups:\n"
                       "  studio: {name: Studio, members: [builder, ann]}\n"
                       "resources:\n"
                       "  voice/rachel: {creator: ann}\n"
                       "  \"voice/a: b/c\": {}\n"
                       "shares:\n"
                       "  voice/rachel:\n"
                       "    groups: {studio: viewer}\n"
                       "    principals: {ann: admin}\n");
    const struct sp_policy *policy = &model.policy;
    assert_string_equal(policy->workspace, "acme");
    assert_int_equal(policy->principal_count, 3);
    const struct sp_policy_principal *ann = sp_policy_find_principal(policy, "ann");
    assert_true(ann->admin && !ann->disabled && !ann->service_account);
    assert_string_equal(ann->name, "Ann");
    assert_int_equal(ann->place.line, 3);
    assert_int_equal(ann->place.column, 3);
    const struct sp_policy_principal *ben = sp_policy_find_principal(policy, "ben");
    assert_true(ben->disabled && !ben->admin);
    assert_string_equal(ben->name, "ben");
    assert_true(sp_policy_find_principal(policy, "builder")->service_account);
    assert_int_equal(policy->member_count, 2);
    assert_string_equal(policy->members[0].principal, "ann");
    assert_string_equal(sp_policy_find_resource(policy, "voice/rachel")->creator, "ann");
    assert_null(sp_policy_find_resource(policy, "voice/a: b/c")->creator);
    assert_int_equal(policy->share_count, 2);
    assert_true(policy->shares[0].to_group);
    assert_int_equal(policy->shares[0].role, SP_ROLE_VIEWER);
    assert_int_equal(policy->shares[1].role, SP_ROLE_ADMIN);
    model_fini(&model);
}

static void takes_any_layout_of_files_and_documents(void **state) {
    struct model model;
    (void)state;
    model_init(&model);
    model_add(&model, "a.yaml", "# nothing but a comment\n");
    model_add(&model, "b.yaml", "");
    model_add(&model, "c.yaml",
              "shares: {voice/1: {principals: {ann: viewer}}}\n---\nshares: {voice/1: {principals: {ben: "
              "viewer}}}\nusers: {ann: {}}\n...\n---\nusers: {ben: {}}\n");
    model_add(&model, "d.yaml", "service_accounts: {}\nusers: {cat: {}}\n");
    sp_policy_check(&model.policy, &model.errors);
    assert_int_equal(model.errors.count, 0);
    assert_int_equal(model.policy.share_count, 2);
    assert_int_equal(model.policy.principal_count, 3);
    assert_true(model.policy.has[SP_POLICY_SERVICE_ACCOUNTS]);
    assert_false(model.policy.has[SP_POLICY_GROUPS]);
    model_fini(&model);
}

/* Each with all of its errors. */
static const struct {
    const char *text;
    const char *errors[8];
} wrong[] = {
    {"colour: red\n",
     {"f.yaml:1:1: unknown key; expected workspace, users, service_accounts, groups, resources or shares"}},
    {"users: [ann]\n", {"f.yaml:1:8: expected a mapping here; write {} if there are none"}},
    {"users:\n", {"f.yaml:1:7: expected a mapping here; write {} if there are none"}},
    {"- users\n", {"f.yaml:1:1: a policy file is a mapping; expected a section, such as 'users:'"}},
    {"users:\n  ann: {nam: A, role: boss, disabled: maybe}\n  -x: {name: ''}\n  ben: Ben\n",
     {"f.yaml:2:9: unknown key; expected name, role or disabled", "f.yaml:2:23: must be member or admin",
      "f.yaml:2:39: must be true or false", "f.yaml:3:3: id: character 1 is not allowed",
      "f.yaml:3:14: name:", "f.yaml:4:8: expected a mapping here; write {} for one without a name"}},
    {"service_accounts:\n  bot: {role: admin}\n", {"f.yaml:2:9: unknown key; expected name or disabled"}},
    {"users:\n  ann: {name: A, name: B}\n", {"f.yaml:2:18: name is given twice"}},
    {"users: {ann: {}}\nservice_accounts: {ann: {}}\n", {"f.yaml:2:20: ann is already listed at f.yaml:1; remove one"}},
    {"groups:\n  g: {members: ann}\n  h: {members: [{a: b}]}\n",
     {"f.yaml:2:16: members must be a list, such as [ann, ben]", "f.yaml:3:17: expected text in this list"}},
    {"groups:\n  g:\n    members:\n      - ann\n      - '!'\n      - ann\n",
     {"f.yaml:5:9: member: character 1 is not allowed", "f.yaml:6:9: ann is already listed at f.yaml:4"}},
    {"resources: {voice: {}, Voice/1: {}, voice/: {}, voice/1: {owner: ann}}\n",
     {"f.yaml:1:13: resource: must be TYPE/ID",
      "f.yaml:1:24: type:", "f.yaml:1:37: id:", "f.yaml:1:59: unknown key; expected creator"}},
    {"shares:\n  voice/1:\n    groups: {g: owner}\n    users: {ann: viewer}\n    principals: viewer\n",
     {"f.yaml:3:17: role: must be one of viewer, commenter, editor, admin",
      "f.yaml:4:5: unknown key; expected groups or principals",
      "f.yaml:5:17: expected roles by id here, such as {studio: viewer}"}},
    {"shares:\n  voice/1: {groups: {g: viewer}}\n  voice/1: {groups: {g: editor}}\n",
     {"f.yaml:3:22: this share is already listed at f.yaml:2"}},
    {"users: {ann: {}}\nservice_accounts: {}\ngroups: {g: {members: [ben]}}\nshares: {voice/1: {groups: {h: viewer}, "
     "principals: {cat: viewer}}}\n",
     {"f.yaml:3:24: ben is not among the users and service accounts; add it there",
      "f.yaml:4:29: h is not among the groups; add it there", "f.yaml:4:54: cat is not among"}},
    {"workspace: acme\n---\nworkspace: other\n", {"f.yaml:3:1: workspace: f.yaml:1 names another workspace, acme"}},
    {"users:\n  ann: {name: &x Ann}\n  ben: {}\n", {"f.yaml:2:15: anchors are not allowed"}},
    {"users:\n  ann: {role: boss}\n  ben: [\n",
     {"f.yaml:2:15: must be member or admin", "f.yaml:3:8: expected a mapping here"}},
    {"users:\n  ? [a, b]\n  : {}\n", {"f.yaml:2:5: a key must be text"}},
    {"users: {ann: {name: \"a\\0b\"}}\n", {"f.yaml:1:21: name:"}},
};

static void finds_all_errors_of_a_file_with_their_places(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct model model;
        size_t expected = 0;
        model_init(&model);
        model_add(&model, "f.yaml", wrong[i].text);
        sp_policy_check(&model.policy, &model.errors);
        for (; wrong[i].errors[expected] != NULL; expected++)
            if (expected >= model.errors.count ||
                strstr(model.errors.texts[expected], wrong[i].errors[expected]) == NULL)
                fail_msg("row %zu: expected %s, got %s", i, wrong[i].errors[expected],
                         expected < model.errors.count ? model.errors.texts[expected] : "nothing");
        if (model.errors.count != expected)
            fail_msg("row %zu: also %s", i, model.errors.texts[expected]);
        model_fini(&model);
    }
}

static void counts_errors_beyond_those_that_it_keeps(void **state) {
    struct model model;
    char text[16384] = "users:\n";
    (void)state;
    for (int i = 0; i < SP_POLICY_ERRORS_MAX + 20; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "  u%d: {role: boss}\n", i);
    model_init(&model);
    model_add(&model, "f.yaml", text);
    assert_int_equal(model.errors.count, SP_POLICY_ERRORS_MAX + 20);
    model_fini(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_section),
        cmocka_unit_test(takes_any_layout_of_files_and_documents),
        cmocka_unit_test(finds_all_errors_of_a_file_with_their_places),
        cmocka_unit_test(counts_errors_beyond_those_that_it_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
