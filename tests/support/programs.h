/* Both programs over a store in a temporary folder, on free ports, and short ways to fill it
 * through the real admin API. Every helper asserts. */
#ifndef TEST_SUPPORT_PROGRAMS_H
#define TEST_SUPPORT_PROGRAMS_H

#include "support/caller.h"
#include "support/process.h"

enum { PROGRAMS_KEY_BYTES = 96, PROGRAMS_TARGET_BYTES = 64 };

struct programs {
    char folder[64];
    char store[96];
    char operator_key[PROGRAMS_KEY_BYTES];
    struct process sync, server;
    char sync_target[PROGRAMS_TARGET_BYTES], server_target[PROGRAMS_TARGET_BYTES];
    struct caller operator_caller; /* to the admin API, with the operator's key */
    struct caller checker;         /* to the server */
};

/* The schema of the tests: type "voice" (global ids; use: text_to_speech and viewer; edit:
 * voices_write and editor; share: voices_write and admin; preview: nothing). */
extern const char programs_schema[];

/* Makes a store and starts both. `map_size`: as --map-size takes it; NULL: the default. */
void programs_start(struct programs *programs, const char *map_size);
/* The same with another schema; NULL: the default one. */
void programs_start_with(struct programs *programs, const char *schema_yaml);
/* Ends the programs gracefully, asserts status 0, verifies the store, and removes everything. */
void programs_stop(struct programs *programs);

/* Parts of it. */
void programs_make_store(struct programs *programs, const char *map_size);
void programs_start_sync(struct programs *programs);
void programs_start_server(struct programs *programs);
/* Waits until a target has the given health. */
void programs_wait_for_health(const char *target, bool serving);
void programs_verify(struct programs *programs);

/* Asserts that a call of the operator succeeds; the reply is in operator_caller. */
void operator_ok(struct programs *programs, const char *method, const char *format, ...) SP_PRINTF(3, 4);
/* The same for any caller. */
void caller_ok(struct caller *caller, const char *method, const char *format, ...) SP_PRINTF(3, 4);

/* Makes a workspace `id` with 1,000 seats and an ADMIN user, and gives that user's key. */
void programs_workspace(struct programs *programs, const char *id, char ret_key[static PROGRAMS_KEY_BYTES]);
/* Makes a user with a key that has all permissions; `admin` acts. */
void programs_user(struct caller *admin, const char *id, char ret_key[static PROGRAMS_KEY_BYTES]);

/* One Check without an address. Returns the name of the reason, or of the error's status; valid
 * until the next one. */
const char *check_reason(struct caller *checker, const char *key, const char *type, const char *resource,
                         const char *action);

/* Flips bits in the index record of the key with the digest, in the data file below running
 * programs. A second call undoes it. */
void programs_damage_key(const char *store, const uint8_t digest[static 32]);

#endif
