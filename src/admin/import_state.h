/* What an import knows of the records before, so that each can build on them before the store shows
 * them. */
#ifndef SP_ADMIN_IMPORT_STATE_H
#define SP_ADMIN_IMPORT_STATE_H

#include "admin/batch_map.h"
#include "admin/context.h"
#include "admin/import_refusals.h"
#include "base/text.h"
#include "sallyport/store/v1/records.pb-c.h"

/* A workspace that records belong to. */
struct sp_admin_import_home {
    Sallyport__Store__V1__StoredWorkspace *stored;
    struct sp_str id;
    uint64_t unflushed_keys; /* since the flush with this number */
    uint64_t flush;
};

struct sp_admin_import_state {
    struct sp_admin_context ctx;
    struct sp_batch_map known; /* kind of thing and its name → home, principal, or just that it is taken */
    struct sp_admin_import_home *home;
    uint64_t flushes;
    bool unflushed;
    uint64_t line;
    bool skip_equal;
    uint64_t skipped;
    struct sp_admin_import_refusals *refusals;
    Sallyport__V1__ImportResponse *response;
};

/* The kinds of things that an import knows by name. */
enum sp_admin_import_kind {
    SP_IMPORT_WORKSPACE = 'w',
    SP_IMPORT_PRINCIPAL = 'p',
    SP_IMPORT_KEY = 'k',
    SP_IMPORT_DIGEST = 'd',
    SP_IMPORT_KEYS_OF = 'o', /* a principal's keys */
    SP_IMPORT_NEW_KEY = 'n', /* a record of one without an id, by its SHA-256 */
};

enum { SP_IMPORT_NAME_MAX_BYTES = 1 + SP_ID_MAX_BYTES + 1 + SP_PRINCIPAL_ID_MAX_BYTES };

/* The name under which a thing is known, in `buffer`. Ids must have been checked for their
 * length. */
struct sp_bytes sp_admin_import_name(enum sp_admin_import_kind kind, struct sp_str workspace, struct sp_str id,
                                     uint8_t buffer[static SP_IMPORT_NAME_MAX_BYTES]);

/* Lets the store show the records before. */
enum sp_status sp_admin_import_flush(struct sp_admin_import_state *import) SP_MUST_USE;

/* Makes the context's workspace the home, and remembers it. */
enum sp_status sp_admin_import_remember_home(struct sp_admin_import_state *import) SP_MUST_USE;
/* Makes a workspace the home. SP_ERR_INVALID, SP_ERR_NOT_FOUND; SP_ERR_PRECONDITION: it is being
 * deleted. */
enum sp_status sp_admin_import_enter_home(struct sp_admin_import_state *import, const char *workspace) SP_MUST_USE;

/* A principal of the home. SP_ERR_INVALID, SP_ERR_NOT_FOUND. */
enum sp_status sp_admin_import_find_principal(struct sp_admin_import_state *import, const char *id,
                                              Sallyport__Store__V1__StoredPrincipal **ret_principal) SP_MUST_USE;

/* SP_ERR_INVALID with `why` as the message. */
enum sp_status sp_admin_import_refuse(struct sp_admin_import_state *import, const char *why);

/* A time that a record brings along; 0 is now. SP_ERR_INVALID: it is in the future. */
enum sp_status sp_admin_import_check_time(struct sp_admin_import_state *import, const char *field,
                                          int64_t time_s) SP_MUST_USE;

#endif
