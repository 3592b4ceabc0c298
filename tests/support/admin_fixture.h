/* A real store in a temporary folder and admin calls to it, with requests and replies as JSON.
 * Single quotes stand for double ones, so that tables of requests stay readable: "{'id': 'u1',
 * 'name': 'Ann'}". Every helper asserts.
 *
 * Each call runs in a write or snapshot of its own, like in the sync program. A refused mutation
 * that is not dirty is committed anyway: it must have written nothing. */
#ifndef TEST_SUPPORT_ADMIN_FIXTURE_H
#define TEST_SUPPORT_ADMIN_FIXTURE_H

#include <jansson.h>

#include "admin/admin.h"
#include "core/key_text.h"
#include "store/lmdb/environment.h"

enum { ADMIN_FIXTURE_NOW_S = 1700000000 };

struct admin_fixture {
    char folder[64];
    struct sp_store *store;
    struct sp_arena arena;                /* for calls; each call resets it */
    struct sp_arena kept;                 /* of admin_keep */
    char operator_key[SP_KEY_TEXT_BYTES]; /* of the operator "root" */
    int64_t now_s;                        /* of the next calls; ADMIN_FIXTURE_NOW_S at first */
    const char *address;                  /* of the next calls; NULL: unknown; first "203.0.113.9" */
    const struct sp_admin_usage *usage;   /* of the next calls; NULL at first */

    /* From the last call. */
    json_t *reply; /* with default values; NULL if the call failed */
    struct sp_error error;
    bool narrowed; /* of a mutation */
};

/* Makes a store with the schema (NULL: the default one) and the operator "root". */
void admin_fixture_open(struct admin_fixture *fixture, const char *schema_yaml);

/* Verifies every index of the store against its entities, and removes it. */
void admin_fixture_close(struct admin_fixture *fixture);

/* Calls a method with a key's text (NULL: none), and leaves reply or error in the fixture. */
enum sp_status admin_call(struct admin_fixture *fixture, const char *key, const char *method, const char *request);

/* The same; asserts that it succeeds, and returns the reply (borrowed until the next call). */
json_t *admin_ok(struct admin_fixture *fixture, const char *key, const char *method, const char *request);

/* The same; asserts the status, and that the message contains `fragment` (NULL: any message). */
void admin_fails(struct admin_fixture *fixture, const char *key, const char *method, const char *request,
                 enum sp_status status, const char *fragment);

/* The value in the last reply at a path such as "apiKey.permissions.names.0"; NULL if there is
 * none. */
json_t *admin_at(const struct admin_fixture *fixture, const char *path);
/* The same as text, which it must be. Valid until the next call. */
const char *admin_text(const struct admin_fixture *fixture, const char *path);
/* The same as a number, even if JSON has it as text. */
int64_t admin_number(const struct admin_fixture *fixture, const char *path);
bool admin_flag(const struct admin_fixture *fixture, const char *path);
size_t admin_length(const struct admin_fixture *fixture, const char *path);

/* A copy of a text, valid as long as the fixture. */
const char *admin_keep(struct admin_fixture *fixture, const char *text);
/* Formatted text, valid as long as the fixture. For requests with single quotes. */
const char *admin_format(struct admin_fixture *fixture, const char *format, ...) SP_PRINTF(2, 3);

/* A workspace "w1" (any id) of the enterprise plan with allowlists and 5 seats, with the ADMIN user
 * "<id>-admin". Returns that user's key with all permissions, which lives as long as the
 * fixture. */
const char *admin_workspace(struct admin_fixture *fixture, const char *id);

/* A fixture with the workspace "w1" and its admin's key: what most tests begin with. */
struct admin_scene {
    struct admin_fixture fixture;
    const char *admin;
};

/* As admin_fixture_open; admin_scene_tear_down, a cmocka tear-down, closes what *state is. */
struct admin_scene *admin_scene_open(const char *schema_yaml);
int admin_scene_tear_down(void **state);

/* Makes a key for a principal, acting with `key`. `rest`: more fields of the request, each with a
 * leading comma, or "". Returns its text, valid as long as the fixture. */
const char *admin_new_key(struct admin_fixture *fixture, const char *key, const char *principal,
                          const char *permissions, const char *rest);

/* Makes a key for a principal that lists resource_register, which an operator adds to it, and
 * workspace_read. Returns its text, valid as long as the fixture. */
const char *admin_registrar(struct admin_fixture *fixture, const char *key, const char *workspace,
                            const char *principal);

/* The store's revision number. */
uint64_t admin_revision(struct admin_fixture *fixture);

#endif
