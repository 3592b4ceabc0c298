#include "source/shared/signature.h"

#include "store/replica/source_head.h"
#include "wire/wire.h"

enum { TRIES = 3 };

static const char purpose[] = "sallyport etcd head 1"; /* with its NUL */

enum sp_status sp_source_check_signer(struct sp_signing_keys *keys, const Sallyport__Store__V1__SourceHead *before,
                                      struct sp_error *error) {
    uint8_t id[SP_SIGNING_KEY_ID_BYTES];
    bool accepted = false;
    if (!sp_signing_keys_can_verify(keys) && (before == NULL || before->key_id.len == 0))
        return SP_OK;
    if (!sp_signing_keys_can_sign(keys))
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "heads in etcd are signed, but this instance has no signing key: give it "
                            "--source-signing-key, or use an instance that has one");
    sp_signing_keys_own_id(keys, id, &accepted);
    if (sp_signing_keys_can_verify(keys) && !accepted)
        return sp_error_set(
            error, SP_ERR_PRECONDITION,
            "the public key of --source-signing-key is not in --source-verify-keys: add it there first, "
            "at every instance");
    return SP_OK;
}

bool sp_source_has_own_signature(struct sp_signing_keys *keys, const Sallyport__Store__V1__SourceHead *head) {
    uint8_t id[SP_SIGNING_KEY_ID_BYTES];
    bool accepted;
    if (!sp_signing_keys_can_sign(keys))
        return true;
    sp_signing_keys_own_id(keys, id, &accepted);
    return sp_bytes_equal(sp_wire_bytes(head->key_id), (struct sp_bytes){id, sizeof(id)});
}

/* What is signed: the head is packed without its signature. */
static enum sp_status make_signed_bytes(struct sp_str prefix, const Sallyport__Store__V1__SourceHead *head,
                                        struct sp_arena *arena, struct sp_bytes *ret_bytes) {
    Sallyport__Store__V1__SourceHead bare = *head;
    struct sp_bytes packed;
    bare.signature = (ProtobufCBinaryData){0, NULL};
    enum sp_status status = sp_wire_pack(&bare.base, arena, &packed);
    if (status != SP_OK)
        return status;
    size_t size = sizeof(purpose) + 4 + prefix.size + packed.size;
    uint8_t *bytes = sp_arena_alloc(arena, size);
    if (bytes == NULL)
        return SP_ERR_MEMORY;
    memcpy(bytes, purpose, sizeof(purpose));
    sp_store_be32(bytes + sizeof(purpose), (uint32_t)prefix.size);
    memcpy(bytes + sizeof(purpose) + 4, prefix.data, prefix.size);
    memcpy(bytes + sizeof(purpose) + 4 + prefix.size, packed.data, packed.size);
    *ret_bytes = (struct sp_bytes){bytes, size};
    return SP_OK;
}

/* The head's id and signature are in `arena`. SP_ERR_NOT_FOUND: the key was reloaded meanwhile. */
static enum sp_status sign_head(struct sp_signing_keys *keys, struct sp_str prefix,
                                Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena) {
    struct sp_bytes bytes;
    bool accepted;
    uint8_t *id = sp_arena_alloc(arena, SP_SIGNING_KEY_ID_BYTES);
    uint8_t *signature = sp_arena_alloc(arena, SP_SIGNATURE_BYTES);
    if (id == NULL || signature == NULL)
        return SP_ERR_MEMORY;
    sp_signing_keys_own_id(keys, id, &accepted);
    head->key_id = (ProtobufCBinaryData){SP_SIGNING_KEY_ID_BYTES, id};
    enum sp_status status = make_signed_bytes(prefix, head, arena, &bytes);
    if (status != SP_OK)
        return status;
    status = sp_signing_keys_sign(keys, id, bytes, signature);
    if (status != SP_OK)
        return status;
    head->signature = (ProtobufCBinaryData){SP_SIGNATURE_BYTES, signature};
    return SP_OK;
}

enum sp_status sp_source_pack_head(struct sp_signing_keys *keys, struct sp_str prefix,
                                   Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                   struct sp_bytes *ret_packed, struct sp_error *error) {
    enum sp_status status = sp_signing_keys_can_sign(keys) ? SP_ERR_NOT_FOUND : SP_OK;
    head->key_id = (ProtobufCBinaryData){0, NULL};
    head->signature = (ProtobufCBinaryData){0, NULL};
    for (int tries = 0; status == SP_ERR_NOT_FOUND && tries < TRIES; tries++)
        status = sign_head(keys, prefix, head, arena);
    if (status == SP_ERR_INTERNAL || status == SP_ERR_NOT_FOUND)
        return sp_error_set(error, SP_ERR_INTERNAL, "cannot sign the head for etcd");
    if (status != SP_OK || sp_wire_pack(&head->base, arena, ret_packed) != SP_OK)
        return sp_error_set(error, SP_ERR_EXHAUSTED, "the change exceeds the memory limit of one change");
    return SP_OK;
}

enum sp_status sp_source_verify_head(struct sp_signing_keys *keys, struct sp_str prefix,
                                     const Sallyport__Store__V1__SourceHead *head, struct sp_arena *arena,
                                     struct sp_error *error) {
    struct sp_bytes bytes;
    if (!sp_signing_keys_can_verify(keys))
        return SP_OK;
    if (sp_replica_is_old_head(head) || head->key_id.len == 0)
        return sp_error_set(error, SP_ERR_PRECONDITION, "it is not signed");
    if (make_signed_bytes(prefix, head, arena, &bytes) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    switch ((int)sp_signing_keys_verify(keys, sp_wire_bytes(head->key_id), bytes, sp_wire_bytes(head->signature))) {
    case SP_OK:
        return SP_OK;
    case SP_ERR_NOT_FOUND:
        return sp_error_set(error, SP_ERR_PRECONDITION, "it is signed by a key that is not in --source-verify-keys");
    default:
        return sp_error_set(error, SP_ERR_PRECONDITION, "its signature is invalid");
    }
}
