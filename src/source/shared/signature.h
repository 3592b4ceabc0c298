/* Signatures of the heads in etcd: those that may change the store hold a private key, and whoever
 * follows checks with public keys that only a holder of one put a head. So writing to etcd is not
 * enough to change what stores hold.
 *
 * A signature is Ed25519 over
 *
 *   "sallyport etcd head 1" 00   size of the prefix (4)   prefix   the head, packed without signature
 *
 * so it binds the place in etcd, the store's id, epoch, number, the hash of the newest change, the
 * digest of the set of entities, the ids of this head and of the one that it replaced, the anchor,
 * key forms, next numbers and any staged change. It does not bind etcd's revision, which nobody
 * knows before etcd has made the transaction; the id of the replaced head stands for the place in
 * the sequence instead: no store takes a head after another one than it was signed for.
 *
 * `keys` may be NULL everywhere: heads are neither signed nor checked. Any thread. */
#ifndef SP_SOURCE_SHARED_SIGNATURE_H
#define SP_SOURCE_SHARED_SIGNATURE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "tls/signing_keys.h"

/* Whether this instance may put a head in place of `before` (may be NULL). SP_ERR_PRECONDITION:
 * heads are signed, and it has no key, or one that it would not accept itself. */
enum sp_status sp_source_check_signer(struct sp_signing_keys *keys, const Sallyport__Store__V1__SourceHead *before,
                                      struct sp_error *error) SP_MUST_USE;

/* Whether this instance's key signed the head, or there is none to sign it with. */
bool sp_source_has_own_signature(struct sp_signing_keys *keys, const Sallyport__Store__V1__SourceHead *head);

/* Signs the head if there is a key, and packs it into `arena`. SP_ERR_EXHAUSTED: out of memory. */
enum sp_status sp_source_pack_head(struct sp_signing_keys *keys, struct sp_str prefix,
                                   Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                   struct sp_bytes *ret_packed, struct sp_error *error) SP_MUST_USE;

/* SP_ERR_PRECONDITION: heads must be signed, and this one's signature is missing or wrong;
 * SP_ERR_MEMORY. */
enum sp_status sp_source_verify_head(struct sp_signing_keys *keys, struct sp_str prefix,
                                     const Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                     struct sp_error *error) SP_MUST_USE;

#endif
