/* Grants: finding one, and putting one into the changes. Who may do so is not checked here. */
#ifndef SP_ADMIN_GRANT_H
#define SP_ADMIN_GRANT_H

#include "admin/target.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity_key.h"

/* A subject of the context's workspace. Borrows the request's text. */
struct sp_admin_subject {
    enum sp_subject_kind kind;
    struct sp_str id;
    uint64_t number; /* only from sp_admin_find_subject */
};

/* Reads who is named, and checks the form of the id. INVALID_ARGUMENT, also for NULL or a subject
 * that names nobody. */
enum sp_status sp_admin_read_subject(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                     struct sp_admin_subject *ret_subject) SP_MUST_USE;

/* The same, and looks it up. NOT_FOUND. */
enum sp_status sp_admin_find_subject(struct sp_admin_context *ctx, const Sallyport__V1__Subject *subject,
                                     struct sp_admin_subject *ret_subject) SP_MUST_USE;

/* INVALID_ARGUMENT unless it is one that a grant can give. */
enum sp_status sp_admin_check_role(struct sp_admin_context *ctx, Sallyport__V1__Role role) SP_MUST_USE;

/* The entity key of a grant in the context's workspace. */
enum sp_status sp_admin_grant_key(struct sp_admin_context *ctx, const Sallyport__V1__ResourceRef *ref,
                                  const Sallyport__V1__Subject *subject, struct sp_entity_key *ret_key) SP_MUST_USE;

/* The stored grant, even one of a type that is gone; NULL for none. */
enum sp_status sp_admin_load_grant(struct sp_admin_context *ctx, const struct sp_entity_key *key,
                                   const Sallyport__Store__V1__StoredGrant **ret_stored) SP_MUST_USE;

/* The grant on the target; NULL for none, or if there is only one of a type that is gone. */
enum sp_status sp_admin_find_grant(struct sp_admin_context *ctx, const struct sp_admin_target *target,
                                   const Sallyport__V1__Subject *subject,
                                   const Sallyport__V1__Grant **ret_grant) SP_MUST_USE;

/* A grant to be put. */
struct sp_admin_new_grant {
    struct sp_admin_target target;
    const Sallyport__V1__Subject *subject;
    Sallyport__V1__Role role;
    bool creator;
    int64_t granted_at_s; /* 0: now */
    uint64_t unflushed;   /* grants that were added to the changes and not flushed */
};

/* Looks up the subject (NOT_FOUND), checks role and quota, and puts the grant. An existing one's
 * role is replaced and its creator mark kept. Does not check the target. */
enum sp_status sp_admin_put_grant(struct sp_admin_context *ctx, const struct sp_admin_new_grant *new_grant,
                                  Sallyport__V1__Grant **ret_grant) SP_MUST_USE;

#endif
