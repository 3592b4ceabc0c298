/* What is to change from one policy to another, in which order. */
#include "models.h"
#include "policy/diff.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* "+kind name " of each edit. */
static void describe(const struct sp_policy_edits *edits, char *out, size_t room) {
    static const char signs[] = {'+', '~', '-'};
    static const char *const kinds[] = {"principal", "group", "member", "resource", "share"};
    out[0] = '\0';
    for (size_t i = 0; i < edits->count; i++) {
        const struct sp_policy_edit *edit = &edits->list[i];
        const void *entry = edit->after != NULL ? edit->after : edit->before;
        const char *name;
        memcpy(&name, entry, sizeof(name)); /* the text that each begins with */
        const char *second = edit->kind == SP_POLICY_MEMBER  ? ((const struct sp_policy_member *)entry)->principal
                             : edit->kind == SP_POLICY_SHARE ? ((const struct sp_policy_share *)entry)->subject
                                                             : NULL;
        size_t used = strlen(out);
        snprintf(out + used, room - used, "%s%c%s %s%s%s", used == 0 ? "" : ", ", signs[edit->operation],
                 kinds[edit->kind], name, second == NULL ? "" : " ", second == NULL ? "" : second);
    }
}

static const struct {
    const char *have, *want;
    bool prune;
    const char *edits;
    size_t kept;
} rows[] = {
    {"users: {ann: {}}", "users: {ann: {}}", true, "", 0},
    {"users: {ann: {}}", "users: {ann: {name: Ann}}", true, "~principal ann", 0},
    {"users: {ann: {}}", "users: {}", true, "-principal ann", 0},
    {"users: {ann: {}}", "users: {}", false, "", 1},
    /* kinds that no file mentions */
    {"users: {ann: {}}\nservice_accounts: {bot: {}}\nresources: {v/1: {}}\nshares: {v/1: {principals: {ann: viewer}}}",
     "users: {ann: {}}", true, "", 0},
    {"users: {ann: {}}\nservice_accounts: {bot: {}}", "service_accounts: {}", true, "-principal bot", 0},
    /* what goes with something else is no edit */
    {"users: {ann: {}}\ngroups: {g: {members: [ann]}}\nresources: {v/1: {}}\nshares: {v/1: {groups: {g: viewer}, "
     "principals: {ann: viewer}}}",
     "users: {}\ngroups: {}\nresources: {}\nshares: {}", true, "-resource v/1, -group g, -principal ann", 0},
    /* but a share on what stays is; so is one on an id that was never registered */
    {"users: {ann: {}}\nresources: {v/1: {}}\nshares: {v/1: {principals: {ann: viewer}}, n/1: {principals: {ann: "
     "viewer}}}",
     "users: {ann: {}}\nresources: {}\nshares: {}", true, "-share n/1 ann, -resource v/1", 0},
    /* things before what refers to them */
    {"",
     "shares: {v/1: {groups: {g: viewer}, principals: {ann: admin}}}\nresources: {v/1: {}}\ngroups: {g: {members: "
     "[ann]}}\nusers: {ann: {}}",
     true, "+principal ann, +group g, +member g ann, +resource v/1, +share v/1 g, +share v/1 ann", 0},
    /* seats are given back before others are taken, but an admin goes when another one is there */
    {"users: {old: {role: admin}, x: {}, y: {}}", "users: {new: {role: admin}, x: {disabled: true}, z: {}}", true,
     "~principal x, -principal y, +principal new, -principal old, +principal z", 0},
    {"users: {a: {role: admin}, b: {}}", "users: {a: {}, b: {role: admin}}", true, "~principal b, ~principal a", 0},
    {"shares: {v/1: {groups: {g: viewer}}}", "shares: {v/1: {groups: {g: editor}, principals: {g: viewer}}}", true,
     "~share v/1 g, +share v/1 g", 0},
    {"groups: {g: {members: [a, b]}}", "groups: {g: {members: [b, c]}}", true, "-member g a, +member g c", 0},
    {"groups: {g: {members: [a, b]}}", "groups: {g: {members: [b, c]}}", false, "+member g c", 1},
    {"resources: {v/1: {creator: ann}}", "resources: {v/1: {}}", true, "", 0},
};

static void finds_edits_in_an_order_in_which_they_can_be_made(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct model have, want;
        struct sp_policy_edits edits;
        char said[1024];
        model_read(&have, rows[i].have);
        model_read(&want, rows[i].want);
        assert_int_equal(sp_policy_diff(&have.policy, &want.policy, rows[i].prune, &edits, &want.errors), SP_OK);
        describe(&edits, said, sizeof(said));
        if (strcmp(said, rows[i].edits) != 0 || edits.kept != rows[i].kept || want.errors.count != 0)
            fail_msg("row %zu: expected %s and %zu kept, got %s and %zu", i, rows[i].edits, rows[i].kept, said,
                     edits.kept);
        model_fini(&have);
        model_fini(&want);
    }
}

static void refuses_what_no_edit_can_do(void **state) {
    static const struct {
        const char *have, *want, *error;
    } refused[] = {
        {"users: {ann: {}}\nservice_accounts: {}", "users: {}\nservice_accounts: {ann: {}}",
         "f.yaml:2:20: ann is a user in the store; ids are never used for something else"},
        {"service_accounts: {ann: {}}", "users: {ann: {}}", "f.yaml:1:9: ann is a service account in the store"},
        {"resources: {v/1: {creator: ann}}", "resources: {v/1: {creator: ben}}",
         "f.yaml:1:13: the store has ann as the creator of v/1, which cannot be changed"},
        {"resources: {v/1: {}}", "resources: {v/1: {creator: ben}}", "the store has nobody as the creator"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct model have, want;
        struct sp_policy_edits edits;
        model_read(&have, refused[i].have);
        model_read(&want, refused[i].want);
        assert_int_equal(sp_policy_diff(&have.policy, &want.policy, true, &edits, &want.errors), SP_OK);
        assert_int_equal(want.errors.count, 1);
        if (strstr(want.errors.texts[0], refused[i].error) == NULL)
            fail_msg("row %zu: %s", i, want.errors.texts[0]);
        model_fini(&have);
        model_fini(&want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_edits_in_an_order_in_which_they_can_be_made),
        cmocka_unit_test(refuses_what_no_edit_can_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
