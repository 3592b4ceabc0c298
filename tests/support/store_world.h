/* A real store in a temporary folder, and short ways to fill it, for tests of the store and of the
 * layers above.
 *
 * Names follow from numbers: workspace 3 is "w3", principal 7 "p7", group 9 "g9"; numbers of
 * principals and groups share one sequence. Everything asserts success. */
#ifndef TESTS_SUPPORT_STORE_WORLD_H
#define TESTS_SUPPORT_STORE_WORLD_H

#include "store/lmdb/environment.h"
#include "store/lmdb/options.h"
#include "store/records/edit.h"
#include "store/records/head.h"
#include "store/records/layout.h"
#include "store/records/resource_key.h"

struct world {
    char path[64];
    struct sp_store *store;
    struct sp_arena arena; /* of the open changeset */
    struct sp_write *write;
    struct sp_changeset *set;
};

/* The schema of the tests: types "voice" (global ids, number 2) and "note" (workspace ids, number
 * 1). */
extern const char world_schema[];
enum { WORLD_TYPE_NOTE = 1, WORLD_TYPE_VOICE = 2 };

void world_init(struct world *world);
void world_init_with_map(struct world *world, uint64_t map_size_bytes);
void world_fini(struct world *world);
void world_reopen(struct world *world, const struct sp_store_options *options);

/* One changeset in one write: begin, put and remove, commit. */
void world_begin(struct world *world);
struct sp_revision world_commit(struct world *world);
/* Applies the changeset and aborts; returns the status of applying. */
enum sp_status world_try(struct world *world, struct sp_error *error);

struct world_grant {
    bool voice; /* otherwise a note */
    const char *resource;
    char subject_kind; /* 'p' or 'g' */
    uint64_t subject;
    int role;
};

struct world_key {
    uint64_t number; /* id: "k<number>"; digest: the number's SHA-256 unless given */
    uint64_t principal;
    bool all;
    uint8_t permissions[32];
    const char *const *allowed_ips;
    size_t allowed_ip_count;
    int64_t expires_at_s;
    bool disabled;
    const uint8_t *digest;
};

void world_put_workspace(struct world *world, uint64_t workspace, bool disabled);
void world_put_user(struct world *world, uint64_t workspace, uint64_t number, bool admin, bool disabled);
void world_put_service_account(struct world *world, uint64_t workspace, uint64_t number, bool disabled);
void world_put_group(struct world *world, uint64_t workspace, uint64_t number);
void world_put_member(struct world *world, uint64_t workspace, uint64_t group, uint64_t principal);
void world_put_resource(struct world *world, uint64_t workspace, bool voice, const char *id);
void world_put_grant(struct world *world, uint64_t workspace, const struct world_grant *grant);
void world_put_key(struct world *world, uint64_t workspace, const struct world_key *key);
void world_put_operator(struct world *world, const char *name, const uint8_t digest[static 32]);

void world_delete(struct world *world, enum sp_kind kind, uint64_t workspace, const char *id);
void world_delete_member(struct world *world, uint64_t workspace, uint64_t group, uint64_t principal);
void world_delete_resource(struct world *world, uint64_t workspace, bool voice, const char *id);
void world_delete_grant(struct world *world, uint64_t workspace, const struct world_grant *grant);

void world_digest_of(uint64_t key_number, uint8_t ret_digest[static 32]);
struct sp_bytes world_resource_key(uint64_t workspace, bool voice, const char *id,
                                   uint8_t buffer[static SP_RESOURCE_KEY_MAX_BYTES]);

/* Small random numbers. The seed, from SP_TEST_SEED or the clock, is printed. */
uint64_t world_seed(const char *test);
uint64_t world_random(uint64_t *state);

#endif
