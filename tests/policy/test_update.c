/* Files that are written again: every entry stays in its file, and comments stay with their
 * entries. */
#include "models.h"
#include "policy/check.h"
#include "policy/diff.h"
#include "policy/update.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The files `texts`, updated to what `store` says; the texts that they then have are the caller's
 * to free. */
static void update(const char *store, const char *const *texts, size_t count, char **ret_texts) {
    struct model have, files;
    model_read(&have, store);
    for (size_t section = 0; section < SP_POLICY_SECTIONS; section++)
        have.policy.has[section] = true;
    model_init(&files);
    for (size_t i = 0; i < count; i++)
        model_add(&files, "f.yaml", texts[i]);
    sp_policy_check(&files.policy, &files.errors);
    assert_int_equal(files.errors.count, 0);
    assert_int_equal(sp_policy_adopt_places(&have.policy, &files.policy), SP_OK);
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        FILE *out = open_memstream(&ret_texts[i], &size);
        assert_non_null(out);
        assert_int_equal(sp_policy_write_file(&have.policy, &files.policy, (uint16_t)i, sp_str_from(texts[i]), out),
                         SP_OK);
        assert_int_equal(fclose(out), 0);
    }
    model_fini(&have);
    model_fini(&files);
}

static const char people[] = "# yaml-language-server: $schema=policy.schema.json\n"
                             "# Who works here\n"
                             "users:\n"
                             "  # since 2020\n"
                             "  ann: {name: Ann} # the boss\n"
                             "  ben: {name: \"B # no comment\"}\n"
                             "  # gone soon\n"
                             "  cat: {}\n"
                             "\n"
                             "# Teams\n"
                             "groups:\n"
                             "  team:\n"
                             "    name: Team # of all\n"
                             "    members:\n"
                             "      # may not leave\n"
                             "      - ann\n"
                             "      - ben # guest\n"
                             "# The end\n";

static const char notes[] = "workspace: acme\n"
                            "shares:\n"
                            "  # the plan\n"
                            "  note/plan:\n"
                            "    groups: {team: editor} # for now\n"
                            "    principals:\n"
                            "      # asked for it\n"
                            "      ben: viewer\n";

static void comments_stay_with_their_entries(void **state) {
    const char *const texts[] = {people, notes};
    char *now[2], *again[2];
    (void)state;
    update(
        "users: {ann: {name: Anna, role: admin}, ben: {name: 'B # no comment'}, new: {}}\n"
        "service_accounts: {bot: {}}\n"
        "groups: {team: {name: Team, members: [ann, ben, new]}, other: {}}\n"
        "resources: {note/plan: {}}\n"
        "shares: {note/plan: {groups: {team: viewer}, principals: {ben: viewer, new: admin}}, note/a: {groups: {other: "
        "viewer}}}\n",
        texts, 2, now);
    assert_string_equal(now[0], "# yaml-language-server: $schema=policy.schema.json\n"
                                "# Who works here\n"
                                "users:\n"
                                "  # since 2020\n"
                                "  ann: # the boss\n"
                                "    name: Anna\n"
                                "    role: admin\n"
                                "  ben:\n"
                                "    name: \"B # no comment\"\n"
                                "  new:\n"
                                "    name: new\n"
                                "# Teams\n"
                                "groups:\n"
                                "  other:\n"
                                "    name: other\n"
                                "  team: # of all\n"
                                "    name: Team\n"
                                "    members:\n"
                                "      # may not leave\n"
                                "      - ann\n"
                                "      - ben # guest\n"
                                "      - new\n"
                                "# The end\n");
    assert_string_equal(now[1], "workspace: acme\n"
                                "shares:\n"
                                "  note/a:\n"
                                "    groups:\n"
                                "      other: viewer\n"
                                "  # the plan\n"
                                "  note/plan:\n"
                                "    groups:\n"
                                "      team: viewer # for now\n"
                                "    principals:\n"
                                "      # asked for it\n"
                                "      ben: viewer\n"
                                "      new: admin\n");
    update(
        "users: {ann: {name: Anna, role: admin}, ben: {name: 'B # no comment'}, new: {}}\n"
        "groups: {team: {name: Team, members: [ann, ben, new]}, other: {}}\n"
        "shares: {note/plan: {groups: {team: viewer}, principals: {ben: viewer, new: admin}}, note/a: {groups: {other: "
        "viewer}}}\n",
        (const char *const *)now, 2, again);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(again[i], now[i]);
        free(now[i]);
        free(again[i]);
    }
}

static const struct {
    const char *store, *file, *now;
} rows[] = {
    /* an empty section stays, and says that there is none */
    {"users: {}", "users: {ann: {}}\n", "users: {}\n"},
    {"users: {ann: {}}", "users: {}\n", "users:\n  ann:\n    name: ann\n"},
    /* what the files leave alone is not written */
    {"users: {ann: {}}\ngroups: {g: {}}\nresources: {n/1: {}}\nshares: {n/1: {groups: {g: viewer}}}", "users: {}\n",
     "users:\n  ann:\n    name: ann\n"},
    {"users: {}", "# only a comment\n", "# only a comment\n"},
    /* a creator is not added to a file that does not say it */
    {"resources: {n/1: {creator: ann}, n/2: {creator: ann}}", "resources: {n/1: {}}\n",
     "resources:\n  n/1: {}\n  n/2:\n    creator: ann\n"},
    /* several documents become one, in the order of export */
    {"users: {ann: {}}\ngroups: {g: {}}", "groups: {g: {}} # G\n---\nusers: {ann: {}} # A\n...\n",
     "users:\n  ann: # A\n    name: ann\ngroups:\n  g: # G\n    name: g\n"},
    {"users: {ann: {}, ben: {}}", "{users: {ann: {}, ben: {}}} # both\n",
     "users:\n  ann: # both\n    name: ann\n  ben:\n    name: ben\n"},
    {"users: {ann: {}}", "users: # people\n  ann: {}\n", "users:\n  # people\n  ann:\n    name: ann\n"},
    /* comments within an entry stay with it, not with the next one */
    {"users: {ann: {name: A, disabled: true}, ben: {}}",
     "users:\n  # above\n  ann:\n    # long name\n    name: Ann # n\n    # on leave\n    disabled: true\n    # tail\n"
     "  # of ben\n  ben: {}\n  # last\n",
     "users:\n  # above\n  # long name\n  # on leave\n  # tail\n  ann: # n\n    name: A\n    disabled: true\n"
     "  # of ben\n  ben:\n    name: ben\n# last\n"},
    {"users: {ann: {}}\ngroups: {g: {members: [ann]}}",
     "groups:\n  g:\n    # short\n    name: g\n    members:\n      # first\n      - ann\n---\nusers:\n  ann:\n"
     "    name: ann\n    # tail\n",
     "users:\n  # tail\n  ann:\n    name: ann\ngroups:\n  # short\n  g:\n    name: g\n    members:\n      # first\n"
     "      - ann\n"},
    {"groups: {g: {}}\nresources: {n/1: {}}\nshares: {n/1: {groups: {g: viewer}}, n/2: {groups: {g: viewer}}}",
     "shares:\n  n/1: {groups: {g: viewer}}\n  n/2:\n    # who\n    groups:\n      g: viewer\n",
     "shares:\n  n/1:\n    groups:\n      g: viewer\n  n/2:\n    groups:\n      # who\n      g: viewer\n"},
};

static void files_say_what_the_store_says(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *now = NULL;
        update(rows[i].store, &rows[i].file, 1, &now);
        assert_string_equal(now, rows[i].now);
        free(now);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comments_stay_with_their_entries),
        cmocka_unit_test(files_say_what_the_store_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
