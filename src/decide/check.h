/* The question, answered from a snapshot: the lookups of store/records/index.h between the tests of core/decision.h.
 *
 * One thread per snapshot; no allocation, no system call but those of LMDB. */
#ifndef SP_DECIDE_CHECK_H
#define SP_DECIDE_CHECK_H

#include "core/decision.h"
#include "store/lmdb/store.h"
#include "store/records/head.h"

enum sp_credential_kind {
    SP_CREDENTIAL_TEXT,   /* `credential` is what the client presented */
    SP_CREDENTIAL_SHA256, /* `credential` is the 32 bytes of its single SHA-256; step 1 is skipped */
    SP_CREDENTIAL_KNOWN,  /* `known_key` is given: for explanations by key id; steps 1 and 2 pass */
};

/* Remembers whose the last credential was, for questions that share one. Zeroed at first; good for one acquire of a snapshot and for as
 * long as the credentials' bytes stay where they are. */
struct sp_check_memo {
    bool used;
    enum sp_credential_kind kind;
    enum sp_reason reason;
    struct sp_bytes credential;
    struct sp_key key;
};

/* A question. Borrowed; lengths were checked by the caller. */
struct sp_query {
    enum sp_credential_kind credential_kind;
    struct sp_bytes credential;
    const struct sp_key *known_key;
    const struct sp_ip *ip; /* NULL: not known */
    struct sp_str resource_type;
    struct sp_str resource_id;
    struct sp_str action;
    struct sp_str workspace; /* asserted; empty: none */
    int64_t now_s;
    bool stale;                 /* step 0, judged by the server */
    struct sp_check_memo *memo; /* NULL: every credential is looked up */
};

/* The answer. Texts are borrowed from the snapshot: use them before it is released. Zeroed: DENY. */
struct sp_answer {
    bool allowed;
    enum sp_reason reason;
    enum sp_role role;
    bool key_found; /* the fields below are set; they may be revealed */
    uint8_t principal_kind;
    struct sp_str workspace;
    struct sp_str principal;
    struct sp_str key_id;
    struct sp_revision revision;
};

/* Answers `query` at the revision of `view`. On an error *ret_answer is untouched, and there is no answer: deny.
 * SP_ERR_CORRUPT, SP_ERR_IO. */
enum sp_status sp_check(struct sp_view *view, const struct sp_query *query, struct sp_answer *ret_answer) SP_MUST_USE;

/* Steps 1 to 6 only: who presents the credential, from where. SP_REASON_NONE when all pass. *ret_key is set (and its
 * texts borrowed) when step 2 passed, *ret_principal when the principal was looked up. */
struct sp_presented {
    enum sp_reason reason;
    bool key_found;
    struct sp_key key;
    struct sp_principal_state principal;
};
enum sp_status sp_check_credential(struct sp_view *view, const struct sp_query *query,
                                   struct sp_presented *ret_presented) SP_MUST_USE;

#endif
