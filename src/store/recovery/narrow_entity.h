/* Inside the store: taking back, from an entity as a backup holds it, what a later state of it
 * no longer gave. Pure.
 *
 * The result never allows more than the backup's state nor, in what a revocation can touch, more
 * than the later one; except that a later allowlist which lacks addresses of the backup's
 * replaces it, with those that it added. */
#ifndef SP_STORE_RECOVERY_NARROW_ENTITY_H
#define SP_STORE_RECOVERY_NARROW_ENTITY_H

#include "base/arena.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/layout.h"

struct sp_narrowing {
    struct sp_arena *arena;                           /* for what the narrowed entity newly points to */
    const Sallyport__Store__V1__StoredSchema *schema; /* numbers the permissions */
    bool changed;                                     /* the entity was narrowed in place */
    bool deleted;                                     /* the entity is to go */
    char what[512];                                   /* "disabled, role lowered to viewer" */
};

/* Narrows a stored message of the kind by its last later change. `changed`, `deleted` and `what`
 * are reset first. The message borrows from `later`. SP_ERR_INVALID: the change is of another
 * kind; SP_ERR_MEMORY; SP_ERR_CORRUPT. */
enum sp_status sp_narrow(struct sp_narrowing *narrowing, enum sp_kind kind, ProtobufCMessage *stored,
                         const Sallyport__V1__EntityChange *later) SP_MUST_USE;

/* The stored schema with the later text, if that lost a name, made an action stricter or has
 * other routes; otherwise NULL. */
enum sp_status sp_narrow_schema(struct sp_narrowing *narrowing, const Sallyport__Store__V1__StoredSchema *stored,
                                const char *later_yaml, Sallyport__Store__V1__StoredSchema **ret_narrowed) SP_MUST_USE;

#endif
