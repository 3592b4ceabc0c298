/* The world that the decision tables are asked about. Workspace w1 has all that is tried; w2 is
 * another tenant; w3 is disabled; w9 does not exist. Keys are named by what is special about them;
 * each is 0-9A-Za-z of its number. */
#ifndef TESTS_DECIDE_DECIDE_WORLD_H
#define TESTS_DECIDE_DECIDE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/allowlist.h"
#include "core/digest.h"
#include "core/key_text.h"
#include "decide/check.h"
#include "store/records/index.h"
#include "store/records/layout.h"
#include "store/records/write.h"
#include "support/store_world.h"

enum { NOW_S = 1700000000 };

/* Principals: 1 ADMIN user, 2 member with grants, 3 disabled, 4 member without grants, all of w1; 5
 * of w2; 6 ADMIN user of w3; 7 disabled in w3; 8 was deleted; group 20 (w1) has member 2. */
enum { ADMIN = 1, MEMBER = 2, OFF = 3, BARE = 4, OTHER = 5, ADMIN_OF_W3 = 6, OFF_OF_W3 = 7, DELETED = 8, GROUP = 20 };

/* How a key may differ from one that never fails. Bits. */
enum {
    DISABLED = 1,
    EXPIRED = 2,
    LISTED = 4,   /* 203.0.113.0/24 and 2001:db8::/32 */
    NO_PERMS = 8, /* an empty list of permissions */
    TTS = 16,     /* text_to_speech only */
    FUTURE = 32,  /* expires one second after NOW_S */
};

struct decide_key {
    uint64_t workspace;
    uint64_t principal;
    unsigned traits;
};

static inline uint64_t decide_key_number(const struct decide_key *key) {
    return key->workspace * 10000 + key->principal * 100 + key->traits;
}

static inline void decide_key_text(const struct decide_key *key, char ret_text[static SP_KEY_TEXT_BYTES]) {
    uint8_t random[SP_KEY_RANDOM_BYTES] = {1, 2, 3};
    sp_store_be64(random + 24, decide_key_number(key));
    sp_key_text_make(SP_STR_LITERAL("sp_"), random, ret_text);
}

static inline uint8_t decide_permission(struct world *world, const char *type, const char *action) {
    struct sp_action found;
    assert_int_equal(sp_index_action(sp_write_view(world->write), sp_str_from(type), sp_str_from(action), &found),
                     SP_OK);
    assert_true(found.found && found.needs_permission);
    return found.permission;
}

static inline void decide_put_key(struct world *world, const struct decide_key *key) {
    static const char *const list[] = {"203.0.113.0/24", "2001:db8::/32"};
    char text[SP_KEY_TEXT_BYTES];
    uint8_t digest[SP_DIGEST_BYTES];
    decide_key_text(key, text);
    sp_key_digest_from_text(sp_str_from(text), digest);
    struct sp_permission_set permissions = {0};
    if ((key->traits & TTS) != 0)
        sp_permission_set_add(&permissions, decide_permission(world, "voice", "use"));
    struct world_key made = {
        .number = decide_key_number(key),
        .principal = key->principal,
        .all = (key->traits & (NO_PERMS | TTS)) == 0,
        .allowed_ips = list,
        .allowed_ip_count = (key->traits & LISTED) != 0 ? 2 : 0,
        .expires_at_s = (key->traits & EXPIRED) != 0  ? NOW_S
                        : (key->traits & FUTURE) != 0 ? NOW_S + 1
                                                      : 0,
        .disabled = (key->traits & DISABLED) != 0,
        .digest = digest,
    };
    memcpy(made.permissions, permissions.bits, sizeof(made.permissions));
    world_put_key(world, key->workspace, &made);
}

static inline void decide_put_people(struct world *world) {
    world_put_workspace(world, 1, false);
    world_put_workspace(world, 2, false);
    world_put_workspace(world, 3, true);
    world_put_user(world, 1, ADMIN, true, false);
    world_put_service_account(world, 1, MEMBER, false);
    world_put_user(world, 1, OFF, true, true);
    world_put_user(world, 1, BARE, false, false);
    world_put_user(world, 2, OTHER, true, false);
    world_put_user(world, 3, ADMIN_OF_W3, true, false);
    world_put_user(world, 3, OFF_OF_W3, true, true);
    world_put_user(world, 1, DELETED, true, false);
    world_put_group(world, 1, GROUP);
    world_put_member(world, 1, GROUP, MEMBER);
}

/* Voices va, vb, vc of w1 and vx of w2; MEMBER is viewer of va itself, editor of vb by the group
 * and viewer of it itself, nothing on vc. Notes na (shared) and nb of w1. */
static inline void decide_put_things(struct world *world) {
    static const struct {
        uint64_t workspace;
        struct world_grant grant;
    } grants[] = {
        {1, {true, "va", 'p', MEMBER, SP_ROLE_VIEWER}}, {1, {true, "vb", 'p', MEMBER, SP_ROLE_VIEWER}},
        {1, {true, "vb", 'g', GROUP, SP_ROLE_EDITOR}},  {1, {false, "na", 'p', MEMBER, SP_ROLE_VIEWER}},
        {2, {true, "vx", 'p', OTHER, SP_ROLE_ADMIN}},   {1, {true, "va", 'p', OFF, SP_ROLE_ADMIN}},
    };
    world_put_resource(world, 1, true, "va");
    world_put_resource(world, 1, true, "vb");
    world_put_resource(world, 1, true, "vc");
    world_put_resource(world, 2, true, "vx");
    for (size_t i = 0; i < sizeof(grants) / sizeof(*grants); i++)
        world_put_grant(world, grants[i].workspace, &grants[i].grant);
}

static inline void decide_world_init(struct world *world) {
    world_init(world);
    world_begin(world);
    decide_put_people(world);
    decide_put_things(world);
    for (uint64_t principal = ADMIN; principal <= DELETED; principal++) {
        uint64_t workspace = principal == OTHER ? 2 : principal == ADMIN_OF_W3 || principal == OFF_OF_W3 ? 3 : 1;
        for (unsigned traits = 0; traits < 64; traits++)
            decide_put_key(world, &(struct decide_key){workspace, principal, traits});
    }
    decide_put_key(world, &(struct decide_key){1, OTHER, 0}); /* a key of w1 that names a principal of w2 */
    decide_put_key(world, &(struct decide_key){9, ADMIN, 0}); /* a key of a workspace that is not there */
    world_commit(world);
    world_begin(world);
    world_delete(world, SP_KIND_PRINCIPAL, 1, "p8");
    world_commit(world);
}

#endif
