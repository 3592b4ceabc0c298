#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/decision.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define EXPECT_REASON(got, wanted) assert_string_equal(sp_reason_name(got), sp_reason_name(wanted))

static void step_3_a_key_lives_until_disabled_or_expired(void **state) {
    (void)state;
    static const struct {
        bool disabled;
        int64_t expires_at_s;
        int64_t now_s;
        enum sp_reason reason;
    } cases[] = {
        {false, 0, 0, SP_REASON_NONE},
        {false, 0, INT64_MAX, SP_REASON_NONE},
        {false, 100, 99, SP_REASON_NONE},
        {false, 100, 100, SP_REASON_KEY_EXPIRED},
        {false, 100, 101, SP_REASON_KEY_EXPIRED},
        {false, -1, 0, SP_REASON_KEY_EXPIRED},
        {false, INT64_MAX, 0, SP_REASON_NONE},
        {true, 0, 0, SP_REASON_KEY_DISABLED},
        {true, 100, 101, SP_REASON_KEY_DISABLED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_key key = {.disabled = cases[i].disabled, .expires_at_s = cases[i].expires_at_s};
        EXPECT_REASON(sp_step_key_live(&key, cases[i].now_s), cases[i].reason);
    }
}

static void step_4_workspace_and_principal_must_be_there_and_enabled(void **state) {
    (void)state;
    static const struct {
        struct sp_workspace_state workspace;
        struct sp_principal_state principal;
        enum sp_reason reason;
    } cases[] = {
        {{.found = true}, {.found = true, .workspace_number = 7}, SP_REASON_NONE},
        {{.found = true}, {.found = true, .workspace_number = 7, .workspace_admin = true}, SP_REASON_NONE},
        {{.found = false}, {.found = true, .workspace_number = 7}, SP_REASON_WORKSPACE_UNKNOWN},
        {{.found = true, .disabled = true}, {.found = true, .workspace_number = 7}, SP_REASON_WORKSPACE_DISABLED},
        {{.found = true, .disabled = true}, {.found = false}, SP_REASON_WORKSPACE_DISABLED},
        {{.found = true}, {.found = false, .workspace_number = 7}, SP_REASON_PRINCIPAL_UNKNOWN},
        {{.found = true}, {.found = true, .workspace_number = 8}, SP_REASON_PRINCIPAL_UNKNOWN},
        {{.found = true}, {.found = true, .disabled = true, .workspace_number = 7}, SP_REASON_PRINCIPAL_DISABLED},
    };
    struct sp_key key = {.workspace_number = 7};
    for (size_t i = 0; i < COUNT(cases); i++)
        EXPECT_REASON(sp_step_owners_enabled(&key, &cases[i].workspace, &cases[i].principal), cases[i].reason);
}

static void step_5_the_asserted_workspace_is_compared_whole(void **state) {
    (void)state;
    static const struct {
        const char *asserted;
        enum sp_reason reason;
    } cases[] = {
        {"", SP_REASON_NONE},
        {"ws_1", SP_REASON_NONE},
        {"ws_", SP_REASON_WORKSPACE_MISMATCH},
        {"ws_11", SP_REASON_WORKSPACE_MISMATCH},
        {"WS_1", SP_REASON_WORKSPACE_MISMATCH},
        {"ws_2", SP_REASON_WORKSPACE_MISMATCH},
    };
    struct sp_key key = {.workspace = SP_STR_LITERAL("ws_1")};
    for (size_t i = 0; i < COUNT(cases); i++)
        EXPECT_REASON(sp_step_workspace(&key, sp_str_from(cases[i].asserted)), cases[i].reason);
    EXPECT_REASON(sp_step_workspace(&key, (struct sp_str){"ws_1\0", 5}), SP_REASON_WORKSPACE_MISMATCH);
}

static void step_6_a_list_needs_an_address_inside(void **state) {
    (void)state;
    static const uint8_t range[32] = {[15] = 2, [31] = 4};
    static const struct {
        bool has_allowlist;
        size_t size;
        int last_byte; /* of the address; -1: none given */
        enum sp_reason reason;
    } cases[] = {
        {false, 0, -1, SP_REASON_NONE},
        {false, 0, 9, SP_REASON_NONE},
        {true, 32, 1, SP_REASON_IP_NOT_ALLOWED},
        {true, 32, 2, SP_REASON_NONE},
        {true, 32, 4, SP_REASON_NONE},
        {true, 32, 5, SP_REASON_IP_NOT_ALLOWED},
        {true, 32, -1, SP_REASON_IP_NOT_ALLOWED},
        {true, 0, 3, SP_REASON_IP_NOT_ALLOWED},
        {true, 31, 3, SP_REASON_IP_NOT_ALLOWED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_key key = {.has_allowlist = cases[i].has_allowlist, .allowed_ranges = {range, cases[i].size}};
        struct sp_ip ip = {.bytes = {[15] = (uint8_t)cases[i].last_byte}};
        EXPECT_REASON(sp_step_address(&key, cases[i].last_byte < 0 ? NULL : &ip), cases[i].reason);
    }
}

static void step_7_the_action_must_be_known(void **state) {
    (void)state;
    EXPECT_REASON(sp_step_action(&(struct sp_action){.found = true}), SP_REASON_NONE);
    EXPECT_REASON(sp_step_action(&(struct sp_action){.found = false}), SP_REASON_ACTION_UNKNOWN);
}

static void step_8_the_permission_must_be_in_the_set(void **state) {
    (void)state;
    for (unsigned held = 0; held < SP_PERMISSIONS_MAX; held++) {
        struct sp_key key = {0};
        sp_permission_set_add(&key.permissions, (uint8_t)held);
        for (unsigned needed = 0; needed < SP_PERMISSIONS_MAX; needed++) {
            struct sp_action action = {.found = true, .needs_permission = true, .permission = (uint8_t)needed};
            EXPECT_REASON(sp_step_permission(&key, &action),
                          held == needed ? SP_REASON_NONE : SP_REASON_PERMISSION_MISSING);
        }
    }
    struct sp_action needs = {.needs_permission = true, .permission = 255};
    struct sp_action needs_none = {.needs_permission = false, .permission = 255};
    struct sp_action claims = {.needs_permission = true, .claiming = true, .permission = 255};
    struct sp_key all_but_claims = {.permissions.all = true};
    EXPECT_REASON(sp_step_permission(&all_but_claims, &needs), SP_REASON_NONE);
    EXPECT_REASON(sp_step_permission(&all_but_claims, &claims), SP_REASON_PERMISSION_MISSING);
    sp_permission_set_add(&all_but_claims.permissions, 255);
    EXPECT_REASON(sp_step_permission(&all_but_claims, &claims), SP_REASON_NONE);
    EXPECT_REASON(sp_step_permission(&(struct sp_key){0}, &needs_none), SP_REASON_NONE);
}

static void step_9_a_global_id_must_be_the_workspaces(void **state) {
    (void)state;
    static const struct {
        bool workspace_scoped;
        bool id_given;
        uint64_t key_workspace;
        uint64_t owner;
        enum sp_reason reason;
    } cases[] = {
        {false, true, 7, 7, SP_REASON_NONE},
        {false, true, 7, 8, SP_REASON_RESOURCE_UNKNOWN},
        {false, true, 7, 0, SP_REASON_RESOURCE_UNKNOWN},
        {false, true, 0, 0, SP_REASON_RESOURCE_UNKNOWN},
        {false, false, 7, 0, SP_REASON_NONE},
        {true, true, 7, 0, SP_REASON_NONE},
        {true, false, 7, 0, SP_REASON_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_key key = {.workspace_number = cases[i].key_workspace};
        struct sp_action action = {.found = true, .workspace_scoped = cases[i].workspace_scoped};
        EXPECT_REASON(sp_step_resource(&key, &action, cases[i].id_given, cases[i].owner), cases[i].reason);
    }
}

static void step_10_the_role_must_reach(void **state) {
    (void)state;
    for (unsigned needed = SP_ROLE_NONE; needed <= SP_ROLE_ADMIN; needed++) {
        for (unsigned held = SP_ROLE_NONE; held <= SP_ROLE_ADMIN; held++) {
            struct sp_action action = {.found = true, .role = (enum sp_role)needed};
            enum sp_reason wanted = held >= needed         ? SP_REASON_NONE
                                    : held == SP_ROLE_NONE ? SP_REASON_NOT_SHARED
                                                           : SP_REASON_ROLE_TOO_LOW;
            EXPECT_REASON(sp_step_role(&action, (enum sp_role)held), wanted);
        }
    }
}

static void roles_have_names_and_read_only_these(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum sp_role role; /* SP_ROLE_NONE: refused */
    } cases[] = {
        {"viewer", SP_ROLE_VIEWER}, {"commenter", SP_ROLE_COMMENTER},
        {"editor", SP_ROLE_EDITOR}, {"admin", SP_ROLE_ADMIN},
        {"none", SP_ROLE_NONE},     {"", SP_ROLE_NONE},
        {"Viewer", SP_ROLE_NONE},   {"viewe", SP_ROLE_NONE},
        {"viewers", SP_ROLE_NONE},  {"owner", SP_ROLE_NONE},
        {"1", SP_ROLE_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum sp_role role = SP_ROLE_NONE;
        struct sp_error error = {0};
        enum sp_status status = sp_role_parse(sp_str_from(cases[i].text), &role, &error);
        assert_int_equal(role, cases[i].role);
        assert_int_equal(status, cases[i].role == SP_ROLE_NONE ? SP_ERR_INVALID : SP_OK);
        if (status == SP_OK)
            assert_string_equal(sp_role_name(role), cases[i].text);
        else
            assert_string_equal(error.message, "role: must be one of viewer, commenter, editor, admin");
    }
    assert_string_equal(sp_role_name(SP_ROLE_NONE), "none");
    assert_string_equal(sp_role_name((enum sp_role)99), "none");
}

static void a_set_holds_what_was_added_in_the_stored_layout(void **state) {
    (void)state;
    struct sp_permission_set set = {0};
    static const uint8_t numbers[] = {0, 7, 8, 255};
    for (size_t i = 0; i < COUNT(numbers); i++)
        sp_permission_set_add(&set, numbers[i]);
    for (unsigned n = 0; n < SP_PERMISSIONS_MAX; n++)
        assert_int_equal(sp_permission_set_has(&set, (uint8_t)n, n % 2 == 0), n == 0 || n == 7 || n == 8 || n == 255);
    assert_int_equal(set.bits[0], 0x81);
    assert_int_equal(set.bits[1], 0x01);
    assert_int_equal(set.bits[31], 0x80);
    assert_true(sp_permission_set_has(&(struct sp_permission_set){.all = true}, 200, false));
    /* Claiming permissions are in a set only by their bit. */
    assert_false(sp_permission_set_has(&(struct sp_permission_set){.all = true}, 200, true));
    assert_true(sp_permission_set_has(&(struct sp_permission_set){.all = true, .bits = {[25] = 1}}, 200, true));
}

static struct sp_permission_set set_of(const char *text) {
    struct sp_permission_set set = {.all = strcmp(text, "all") == 0};
    for (; !set.all && *text != '\0'; text++)
        sp_permission_set_add(&set, (uint8_t)(*text * 2));
    return set;
}

static void covers_means_no_more_than(void **state) {
    (void)state;
    static const struct {
        const char *outer;
        const char *inner;
        bool covered;
    } cases[] = {
        {"", "", true},       {"a", "", true},    {"", "a", false},         {"ab", "a", true}, {"a", "ab", false},
        {"ab", "ba", true},   {"ab", "c", false}, {"abyz", "az", true},     {"all", "", true}, {"all", "abz", true},
        {"all", "all", true}, {"", "all", false}, {"abcxyz", "all", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sp_permission_set outer = set_of(cases[i].outer);
        struct sp_permission_set inner = set_of(cases[i].inner);
        assert_int_equal(sp_permission_set_covers(&outer, &inner), cases[i].covered);
    }
    /* A full list is not `all`: that includes permissions that come later. */
    struct sp_permission_set full = {.bits = {0}};
    for (unsigned n = 0; n < SP_PERMISSIONS_MAX; n++)
        sp_permission_set_add(&full, (uint8_t)n);
    assert_false(sp_permission_set_covers(&full, &(struct sp_permission_set){.all = true}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_3_a_key_lives_until_disabled_or_expired),
        cmocka_unit_test(step_4_workspace_and_principal_must_be_there_and_enabled),
        cmocka_unit_test(step_5_the_asserted_workspace_is_compared_whole),
        cmocka_unit_test(step_6_a_list_needs_an_address_inside),
        cmocka_unit_test(step_7_the_action_must_be_known),
        cmocka_unit_test(step_8_the_permission_must_be_in_the_set),
        cmocka_unit_test(step_9_a_global_id_must_be_the_workspaces),
        cmocka_unit_test(step_10_the_role_must_reach),
        cmocka_unit_test(roles_have_names_and_read_only_these),
        cmocka_unit_test(a_set_holds_what_was_added_in_the_stored_layout),
        cmocka_unit_test(covers_means_no_more_than),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) == 0 ? 0 : 1;
}
