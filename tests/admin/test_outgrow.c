/* No sequence of calls by a key yields a key that reaches further or longer than it. Somebody holds
 * the texts of two keys and calls at random with these and with all that the calls return; a model
 * says afterwards how far each key may reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/admin_fixture.h"
#include "support/store_world.h"

enum {
    NOW_S = ADMIN_FIXTURE_NOW_S,
    ROUNDS = 60,
    CALLS = 50,
    PERMISSIONS = 5,
    ADDRESSES = 4,
    KEYS_MAX = 200,
    STEP_S = 10, /* ends lie on multiples of it */
    ENDS = 12,
};

static const char *const permissions[PERMISSIONS] = {"workspace_write", "workspace_read", "voices_read",
                                                     "text_to_speech", "api_key_rotate"};
enum { ROTATES = PERMISSIONS - 1 };

/* No two of them join to one range. */
static const char *const addresses[ADDRESSES] = {"203.0.113.9", "203.0.113.33", "203.0.113.65", "203.0.113.129"};
static const char *const principals[] = {"w1-admin", "boss", "ann", "bot"};

/* How far a key reaches, as the API shows it. */
struct extent {
    bool known;
    bool all;
    bool permissions[PERMISSIONS];
    bool registers;
    bool admin;    /* its owner is an ADMIN */
    bool disabled; /* or its owner */
    bool anywhere;
    bool addresses[ADDRESSES];
    int64_t expires_at_s;
    int64_t not_after_s;
};

struct seen_key {
    char id[64];
    char rotated_from[64];
    struct extent at_first; /* not known: made in the round */
    struct extent now;
};

struct siege {
    struct admin_fixture fixture;
    uint64_t seed;
    const char *owner; /* the key of the admin who sets the scene */
    const char *held[KEYS_MAX];
    size_t held_count;
    struct seen_key keys[KEYS_MAX];
    size_t key_count;
    size_t accepted;
};

static size_t pick(struct siege *siege, size_t count) {
    return (size_t)(world_random(&siege->seed) % count);
}

/* ---- the model ---- */

static int64_t last_end(const struct extent *extent) {
    bool rotates = extent->permissions[ROTATES] && (extent->expires_at_s == 0 || extent->not_after_s != 0);
    return rotates ? extent->not_after_s : extent->expires_at_s;
}

static bool ends_by(const struct extent *inner, const struct extent *outer) {
    return last_end(outer) == 0 || (last_end(inner) != 0 && last_end(inner) <= last_end(outer));
}

/* api_key_rotate is any admin's to give, so it only counts in how long a key lasts. */
static bool is_within(const struct extent *inner, const struct extent *outer) {
    for (size_t i = 0; i < ROTATES; i++)
        if ((inner->all || inner->permissions[i]) && !(outer->all || outer->permissions[i]))
            return false;
    for (size_t i = 0; i < ADDRESSES; i++)
        if ((inner->anywhere || inner->addresses[i]) && !(outer->anywhere || outer->addresses[i]))
            return false;
    return (!inner->admin || outer->admin) && (!inner->all || outer->all) && (!inner->anywhere || outer->anywhere) &&
           ends_by(inner, outer);
}

static struct extent read_extent(const json_t *key) {
    struct extent extent = {.known = true,
                            .disabled = json_is_true(json_object_get(key, "disabled")),
                            .all = json_is_true(json_object_get(json_object_get(key, "permissions"), "all"))};
    const json_t *names = json_object_get(json_object_get(key, "permissions"), "names");
    const json_t *ips = json_object_get(key, "allowedIps");
    size_t at = 0;
    const json_t *item = NULL;
    json_array_foreach(names, at, item) {
        for (size_t i = 0; i < PERMISSIONS; i++)
            extent.permissions[i] |= strcmp(json_string_value(item), permissions[i]) == 0;
        extent.registers |= strcmp(json_string_value(item), "resource_register") == 0;
    }
    extent.anywhere = json_array_size(ips) == 0;
    json_array_foreach(ips, at, item) {
        for (size_t i = 0; i < ADDRESSES; i++)
            extent.addresses[i] |= strncmp(json_string_value(item), addresses[i], strlen(addresses[i])) == 0;
    }
    extent.expires_at_s = strtoll(json_string_value(json_object_get(key, "expiresAt")), NULL, 10);
    extent.not_after_s = strtoll(json_string_value(json_object_get(key, "notAfter")), NULL, 10);
    return extent;
}

static struct seen_key *see_key(struct siege *siege, const char *id) {
    for (size_t i = 0; i < siege->key_count; i++)
        if (strcmp(siege->keys[i].id, id) == 0)
            return &siege->keys[i];
    assert_true(siege->key_count < KEYS_MAX);
    struct seen_key *key = &siege->keys[siege->key_count++];
    *key = (struct seen_key){.at_first = {.known = false}};
    (void)snprintf(key->id, sizeof(key->id), "%s", id);
    return key;
}

/* What the owner is counts for its keys. */
static void look_at_owner(struct siege *siege, const char *principal, struct extent *extent) {
    struct admin_fixture *fixture = &siege->fixture;
    admin_ok(fixture, fixture->operator_key, "GetPrincipal",
             admin_format(fixture, "{'workspace': 'w1', 'id': '%s'}", principal));
    extent->admin = strcmp(admin_text(fixture, "role"), "WORKSPACE_ROLE_ADMIN") == 0;
    extent->disabled |= admin_flag(fixture, "disabled");
}

static void look_at_keys(struct siege *siege, bool first) {
    struct admin_fixture *fixture = &siege->fixture;
    fixture->address = "203.0.113.9";
    admin_ok(fixture, fixture->operator_key, "ListApiKeys", "{'workspace': 'w1', 'pageSize': 1000}");
    json_t *keys = json_incref(admin_at(fixture, "apiKeys"));
    size_t at = 0;
    const json_t *key = NULL;
    json_array_foreach(keys, at, key) {
        struct seen_key *seen = see_key(siege, json_string_value(json_object_get(key, "id")));
        seen->now = read_extent(key);
        look_at_owner(siege, json_string_value(json_object_get(key, "principal")), &seen->now);
        (void)snprintf(seen->rotated_from, sizeof(seen->rotated_from), "%s",
                       json_string_value(json_object_get(key, "rotatedFrom")));
        if (first)
            seen->at_first = seen->now;
    }
    json_decref(keys);
}

/* ---- what is asked for ---- */

static const char *random_permissions(struct siege *siege) {
    char text[256];
    size_t size = 0;
    if (pick(siege, 8) == 0)
        return pick(siege, 2) == 0 ? "{'all': true}" : "{'all': true, 'names': ['api_key_rotate']}";
    text[0] = '\0';
    for (size_t i = 0; i < PERMISSIONS; i++)
        if (pick(siege, 3) != 0)
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s'%s'", size > 0 ? ", " : "", permissions[i]);
    return admin_format(&siege->fixture, "{'names': [%s]}", size > 0 ? text : "'voices_read'");
}

static const char *random_addresses(struct siege *siege) {
    char text[256];
    size_t size = 0;
    if (pick(siege, 3) == 0)
        return "";
    text[0] = '\0';
    for (size_t i = 0; i < ADDRESSES; i++)
        if (pick(siege, 4) != 0)
            size += (size_t)snprintf(text + size, sizeof(text) - size, "%s'%s'", size > 0 ? ", " : "", addresses[i]);
    return admin_format(&siege->fixture, ", 'allowedIps': {'entries': [%s]}", size > 0 ? text : "'203.0.113.9'");
}

static long long random_end(struct siege *siege) {
    return pick(siege, 4) == 0 ? 0 : (long long)(NOW_S + (1 + (int64_t)pick(siege, ENDS)) * STEP_S);
}

static const char *random_key_id(struct siege *siege) {
    return siege->keys[pick(siege, siege->key_count)].id;
}

static const char *random_principal(struct siege *siege) {
    return principals[pick(siege, sizeof(principals) / sizeof(*principals))];
}

static const char *random_update(struct siege *siege) {
    const char *id = random_key_id(siege);
    switch (pick(siege, 6)) {
    case 0:
        return admin_format(&siege->fixture, "{'id': '%s', 'updateMask': ['permissions'], 'permissions': %s}", id,
                            random_permissions(siege));
    case 1:
        return admin_format(&siege->fixture, "{'id': '%s', 'clearAllowedIps': true}", id);
    case 2:
        return admin_format(&siege->fixture,
                            "{'id': '%s', 'updateMask': ['allowed_ips'], 'allowedIps': {'entries': ['%s', '%s']}}", id,
                            addresses[pick(siege, 2)], addresses[2 + pick(siege, 2)]);
    case 3:
        return admin_format(&siege->fixture, "{'id': '%s', 'updateMask': ['expires_at'], 'expiresAt': '%lld'}", id,
                            random_end(siege));
    case 4:
        return admin_format(&siege->fixture, "{'id': '%s', 'updateMask': ['not_after'], 'notAfter': '%lld'}", id,
                            random_end(siege));
    default:
        return admin_format(&siege->fixture,
                            "{'id': '%s', 'updateMask': ['expires_at', 'not_after', 'permissions'], 'expiresAt': "
                            "'%lld', 'notAfter': '%lld', 'permissions': %s}",
                            id, random_end(siege), random_end(siege), random_permissions(siege));
    }
}

static const char *random_principal_update(struct siege *siege) {
    static const char *const changes[] = {
        "'role': 'WORKSPACE_ROLE_ADMIN'}, 'updateMask': ['role']", "'disabled': false}, 'updateMask': ['disabled']",
        "'disabled': true}, 'updateMask': ['disabled']", "'role': 'WORKSPACE_ROLE_MEMBER'}, 'updateMask': ['role']"};
    return admin_format(&siege->fixture, "{'principal': {'id': '%s', %s}", principals[1 + pick(siege, 3)],
                        changes[pick(siege, 4)]);
}

/* One call with a key that is held, from an address that suits it or not. */
static void call_at_random(struct siege *siege) {
    struct admin_fixture *fixture = &siege->fixture;
    const char *held = siege->held[pick(siege, siege->held_count)];
    const char *method = "RotateApiKey";
    const char *request = "{}";
    fixture->address = addresses[pick(siege, ADDRESSES)];
    switch (pick(siege, 10)) {
    case 0:
    case 1:
    case 2:
        method = "CreateApiKey";
        request = admin_format(fixture,
                               "{'principal': '%s', 'name': 'x', 'permissions': %s, 'expiresAt': '%lld', 'notAfter': "
                               "'%lld'%s}",
                               random_principal(siege), random_permissions(siege), random_end(siege), random_end(siege),
                               random_addresses(siege));
        break;
    case 3:
    case 4:
    case 5:
        method = "UpdateApiKey";
        request = random_update(siege);
        break;
    case 6:
        request = admin_format(fixture, "{'id': '%s', 'expiresAt': '%lld', 'notAfter': '%lld', 'graceS': %zu}",
                               random_key_id(siege), random_end(siege), random_end(siege), pick(siege, 30));
        break;
    case 7:
        break; /* rotates itself */
    case 8:
        method = pick(siege, 2) == 0 ? "EnableApiKey" : "DisableApiKey";
        request = admin_format(fixture, "{'id': '%s'}", random_key_id(siege));
        break;
    default:
        method = "UpdatePrincipal";
        request = random_principal_update(siege);
        break;
    }
    if (siege->held_count == KEYS_MAX || admin_call(fixture, held, method, request) != SP_OK)
        return;
    siege->accepted++;
    if (json_object_get(fixture->reply, "secret") != NULL && admin_text(fixture, "secret")[0] != '\0') {
        siege->held[siege->held_count++] = admin_keep(fixture, admin_text(fixture, "secret"));
        (void)see_key(siege, admin_text(fixture, "apiKey.id"));
    }
}

/* ---- a round ---- */

static void hold_key(struct siege *siege, const char *id, const char *principal) {
    struct admin_fixture *fixture = &siege->fixture;
    for (;;) {
        const char *request = admin_format(
            fixture,
            "{'id': '%s', 'principal': '%s', 'name': 'x', 'permissions': %s, 'expiresAt': '%lld', "
            "'notAfter': '%lld'%s}",
            id, principal, random_permissions(siege), random_end(siege), random_end(siege), random_addresses(siege));
        if (admin_call(fixture, siege->owner, "CreateApiKey", request) == SP_OK)
            break;
    }
    siege->held[siege->held_count++] = admin_keep(fixture, admin_text(fixture, "secret"));
}

/* Two keys to hold, and some of others, one of which registers resources. */
static void begin_round(struct siege *siege) {
    struct admin_fixture *fixture = &siege->fixture;
    admin_fixture_open(fixture, NULL);
    siege->held_count = siege->key_count = 0;
    siege->owner = admin_workspace(fixture, "w1");
    admin_ok(fixture, siege->owner, "CreateUser", "{'id': 'boss', 'name': 'Boss', 'role': 'WORKSPACE_ROLE_ADMIN'}");
    admin_ok(fixture, siege->owner, "CreateUser", "{'id': 'ann', 'name': 'Ann'}");
    admin_ok(fixture, siege->owner, "CreateServiceAccount", "{'id': 'bot', 'name': 'Bot'}");
    hold_key(siege, "others1", "ann");
    hold_key(siege, "others2", "bot");
    hold_key(siege, "others3", "boss");
    (void)admin_registrar(fixture, siege->owner, "w1", "bot");
    if (pick(siege, 3) == 0)
        admin_ok(fixture, siege->owner, "UpdateWorkspace",
                 "{'workspace': {'policy': {'keyCreators': 'KEY_CREATORS_HOLDERS'}}, 'updateMask': ['policy']}");
    siege->held_count = 0;
    hold_key(siege, "leaked1", "boss");
    hold_key(siege, "leaked2", pick(siege, 2) == 0 ? "boss" : "ann");
    look_at_keys(siege, true);
}

static bool came_by_rotation_from_a_registrar(struct siege *siege, const struct seen_key *key) {
    while (!key->at_first.known && key->rotated_from[0] != '\0')
        key = see_key(siege, key->rotated_from);
    return key->at_first.registers;
}

static void check_extents(struct siege *siege) {
    const struct extent leaked[] = {see_key(siege, "leaked1")->at_first, see_key(siege, "leaked2")->at_first};
    look_at_keys(siege, false);
    for (size_t i = 0; i < siege->key_count; i++) {
        const struct seen_key *key = &siege->keys[i];
        bool ended = key->now.expires_at_s != 0 && key->now.expires_at_s <= siege->fixture.now_s;
        bool within = is_within(&key->now, &leaked[0]) || is_within(&key->now, &leaked[1]);
        if (!key->now.disabled && !ended && !within && !(key->at_first.known && is_within(&key->now, &key->at_first)))
            fail_msg("key %s outgrew the keys that are held", key->id);
        if (key->now.registers && !came_by_rotation_from_a_registrar(siege, key))
            fail_msg("key %s registers resources", key->id);
    }
}

/* Whatever was made ends with the keys that are held, at the latest. */
static void check_all_has_ended(struct siege *siege) {
    struct admin_fixture *fixture = &siege->fixture;
    int64_t first_s = last_end(&see_key(siege, "leaked1")->at_first);
    int64_t second_s = last_end(&see_key(siege, "leaked2")->at_first);
    if (first_s == 0 || second_s == 0)
        return;
    fixture->now_s = first_s > second_s ? first_s : second_s;
    for (size_t i = 0; i < siege->held_count; i++)
        for (size_t j = 0; j < ADDRESSES; j++) {
            fixture->address = addresses[j];
            if (admin_call(fixture, siege->held[i], "WhoAmI", "{}") == SP_OK)
                fail_msg("key %s outlived the keys that are held", admin_text(fixture, "apiKey.id"));
        }
}

static void no_sequence_of_calls_yields_a_key_that_reaches_further_or_longer(void **state) {
    (void)state;
    struct siege *siege = test_calloc(1, sizeof(*siege));
    siege->seed = world_seed("admin/test_outgrow");
    for (size_t round = 0; round < ROUNDS; round++) {
        begin_round(siege);
        for (size_t i = 0; i < CALLS; i++) {
            call_at_random(siege);
            siege->fixture.now_s += pick(siege, 3) == 0;
        }
        check_extents(siege);
        check_all_has_ended(siege);
        admin_fixture_close(&siege->fixture);
    }
    print_message("%zu of %d calls were accepted\n", siege->accepted, ROUNDS * CALLS);
    assert_true(siege->accepted > ROUNDS * CALLS / 20);
    test_free(siege);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sequence_of_calls_yields_a_key_that_reaches_further_or_longer),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed > 255 ? 255 : failed;
}
