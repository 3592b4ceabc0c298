/* Making keys, and the parts of a key that creating and updating one have in common. */
#ifndef SP_ADMIN_KEY_H
#define SP_ADMIN_KEY_H

#include "admin/context.h"
#include "sallyport/store/v1/records.pb-c.h"

/* Sets key's allowed_ips to the joined list. INVALID_ARGUMENT; FAILED_PRECONDITION if the
 * workspace may not have any. */
enum sp_status sp_admin_set_allowlist(struct sp_admin_context *ctx, char *const *given, size_t count,
                                      Sallyport__V1__ApiKey *key) SP_MUST_USE;

/* Sets key's permissions, which it borrows, and their bits by the schema as it is now.
 * INVALID_ARGUMENT, also for NULL. PERMISSION_DENIED for resource_register from anybody but an
 * operator, unless `had_register`. */
enum sp_status sp_admin_set_permissions(struct sp_admin_context *ctx, Sallyport__V1__Permissions *permissions,
                                        bool had_register, Sallyport__Store__V1__StoredKey *key) SP_MUST_USE;

/* The key's expiry must not be after its not_after, and a key that expires and lists api_key_rotate
 * needs a not_after. INVALID_ARGUMENT. */
enum sp_status sp_admin_check_key_end(struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) SP_MUST_USE;

/* PERMISSION_DENIED if an operator acts and the principal is no ADMIN user: operators give first
 * and recovery keys. */
enum sp_status sp_admin_check_operator_reach(struct sp_admin_context *ctx,
                                             const Sallyport__V1__Principal *principal) SP_MUST_USE;

/* Puts the key into the changes. */
enum sp_status sp_admin_put_key(struct sp_admin_context *ctx,
                                const Sallyport__Store__V1__StoredKey *stored) SP_MUST_USE;

/* Sets an earlier expiry, which is meant: the key cannot rotate itself past it either. */
void sp_admin_bring_key_forward(Sallyport__V1__ApiKey *key, int64_t expires_at_s);

/* The principal that the key belongs to. SP_ERR_CORRUPT: there is none. */
enum sp_status sp_admin_load_key_owner(struct sp_admin_context *ctx, const Sallyport__Store__V1__StoredKey *stored,
                                       Sallyport__Store__V1__StoredPrincipal **ret_owner) SP_MUST_USE;

/* A new key for a principal. */
struct sp_admin_new_key {
    const char *id; /* NULL or empty: generated */
    const Sallyport__Store__V1__StoredPrincipal *principal;
    /* Has name, permissions, allowed_ips (as given), expires_at, not_after and
     * holder_may_not_disable; in an import also hint, disabled, disabled_reason, created_at (0:
     * now), rotated_from and created_by_key. */
    const Sallyport__V1__ApiKey *template;
    /* Permissions and allowlist are copied verbatim from this key, on any plan; NULL: they are the
     * template's. */
    const Sallyport__Store__V1__StoredKey *carried;
    bool within_actor;              /* refuse what the acting key may not give, and end with it */
    bool imported;                  /* its history is the template's, and no policy binds it */
    const uint8_t *imported_sha256; /* NULL: a new text is made */
    uint64_t unflushed;             /* keys of the workspace that were added to the changes and not flushed */
};

/* Makes text, digest and entity, and adds the key to the changes. Checks form, quota, allowlist
 * rule and permissions. *ret_secret is NULL for an imported key. Both in the arena; ret_key may be
 * NULL. */
enum sp_status sp_admin_add_key(struct sp_admin_context *ctx, const struct sp_admin_new_key *new_key,
                                Sallyport__V1__ApiKey **ret_key, char **ret_secret) SP_MUST_USE;

#endif
