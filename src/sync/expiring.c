#include "sync/expiring.h"

#include <string.h>

#include "base/clock.h"
#include "sallyport/store/v1/records.pb-c.h"
#include "store/records/entity.h"
#include "store/records/entity_key.h"
#include "store/records/layout.h"
#include "store/records/snapshot.h"

enum {
    PIECE_KEYS = 5000,
    PIECE_EVERY_MS = 1000,
    WALK_EVERY_MS = 60 * 1000,
    SOON_S = 7 * 24 * 60 * 60,
};

struct piece {
    struct sp_expiring *expiring;
    struct sp_arena *scratch;
    int64_t now_s;
    size_t keys;
};

static bool expires_soon(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    return key != NULL && !key->disabled && key->expires_at > now_s && key->expires_at <= now_s + SOON_S;
}

static enum sp_status count_expiring_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct piece *piece = context;
    struct sp_expiring *expiring = piece->expiring;
    ProtobufCMessage *message = NULL;
    if (piece->keys == PIECE_KEYS || sp_entity_key_copy(key, &expiring->after) != SP_OK)
        return SP_WALK_END;
    piece->keys++;
    if (sp_entity_decode(key, value, piece->scratch, &message) == SP_OK)
        expiring->found += expires_soon(((const Sallyport__Store__V1__StoredKey *)message)->key, piece->now_s);
    sp_arena_wipe(piece->scratch);
    return SP_OK;
}

static enum sp_status walk_piece(struct sp_store *store, struct piece *piece) {
    static const uint8_t kind = SP_KIND_KEY;
    const struct sp_entity_key *after = piece->expiring->walking ? &piece->expiring->after : NULL;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_open(store, &snapshot);
    if (status != SP_OK)
        return status;
    status = sp_snapshot_acquire(snapshot);
    if (status != SP_OK)
        goto out;
    status = sp_entity_walk(sp_snapshot_view(snapshot), (struct sp_bytes){&kind, 1}, after, count_expiring_key, piece);
    sp_snapshot_release(snapshot);
out:
    sp_snapshot_close(snapshot);
    return status;
}

bool sp_expiring_step(struct sp_expiring *expiring, struct sp_store *store, struct sp_arena *scratch,
                      uint64_t *ret_keys) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < expiring->due_ms)
        return false;
    if (!expiring->walking)
        expiring->found = 0;
    struct piece piece = {.expiring = expiring, .scratch = scratch, .now_s = sp_clock_now_s()};
    enum sp_status status = walk_piece(store, &piece);
    expiring->walking = status == SP_OK && piece.keys == PIECE_KEYS;
    expiring->due_ms = now_ms + (expiring->walking ? PIECE_EVERY_MS : WALK_EVERY_MS);
    if (status != SP_OK || expiring->walking)
        return false;
    *ret_keys = expiring->found;
    return true;
}
