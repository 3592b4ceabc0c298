#include "sync/expiring.h"

#include <stdlib.h>
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
    REPLACED_MAX = 1 << 20, /* 8 MiB; keys beyond it count as if they had no successor */
};

struct piece {
    struct sp_expiring *expiring;
    struct sp_view *view;
    struct sp_arena *scratch;
    int64_t now_s;
    size_t keys;
};

static bool expires_soon(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    return key != NULL && !key->disabled && key->expires_at > now_s && key->expires_at <= now_s + SOON_S;
}

static bool outlasts_week(const Sallyport__V1__ApiKey *key, int64_t now_s) {
    return !key->disabled && (key->expires_at == 0 || key->expires_at > now_s + SOON_S);
}

/* FNV-1a: the bytes are ours, and a collision makes the count one too small. */
static uint64_t hash_entity_key(const struct sp_entity_key *key) {
    struct sp_bytes bytes = sp_entity_key_bytes(key);
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * 1099511628211U;
    return hash;
}

static void note_replaced_key(struct sp_expiring *expiring, const struct sp_entity_key *key) {
    if (expiring->replaced_count == expiring->replaced_capacity) {
        size_t capacity = expiring->replaced_capacity == 0 ? 64 : expiring->replaced_capacity * 2;
        uint64_t *grown = capacity > REPLACED_MAX ? NULL : realloc(expiring->replaced, capacity * sizeof(*grown));
        if (grown == NULL)
            return;
        expiring->replaced = grown;
        expiring->replaced_capacity = capacity;
    }
    expiring->replaced[expiring->replaced_count++] = hash_entity_key(key);
}

/* Where `successor` goes on and the key that it was rotated from is one of those that expire
 * soon. */
static void look_up_rotated_key(struct piece *piece, const Sallyport__V1__ApiKey *successor) {
    struct sp_entity_key key;
    ProtobufCMessage *message = NULL;
    if (successor == NULL || successor->rotated_from[0] == '\0' || !outlasts_week(successor, piece->now_s))
        return;
    if (sp_entity_key_1(SP_KIND_KEY, sp_str_from(successor->workspace), sp_str_from(successor->rotated_from), &key) !=
            SP_OK ||
        sp_entity_get(piece->view, &key, piece->scratch, &message) != SP_OK)
        return;
    if (expires_soon(((const Sallyport__Store__V1__StoredKey *)message)->key, piece->now_s))
        note_replaced_key(piece->expiring, &key);
}

static int compare_hashes(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static uint64_t count_replaced_keys(struct sp_expiring *expiring) {
    uint64_t count = 0;
    if (expiring->replaced_count > 0)
        qsort(expiring->replaced, expiring->replaced_count, sizeof(*expiring->replaced), compare_hashes);
    for (size_t i = 0; i < expiring->replaced_count; i++)
        count += i == 0 || expiring->replaced[i] != expiring->replaced[i - 1];
    return count;
}

static enum sp_status count_expiring_key(void *context, struct sp_bytes key, struct sp_bytes value) {
    struct piece *piece = context;
    struct sp_expiring *expiring = piece->expiring;
    ProtobufCMessage *message = NULL;
    if (piece->keys == PIECE_KEYS || sp_entity_key_copy(key, &expiring->after) != SP_OK)
        return SP_WALK_END;
    piece->keys++;
    if (sp_entity_decode(key, value, piece->scratch, &message) == SP_OK) {
        const Sallyport__V1__ApiKey *found = ((const Sallyport__Store__V1__StoredKey *)message)->key;
        expiring->found += expires_soon(found, piece->now_s);
        look_up_rotated_key(piece, found);
    }
    sp_arena_wipe(piece->scratch);
    return SP_OK;
}

static enum sp_status walk_piece(struct sp_store *store, struct piece *piece) {
    static const uint8_t kind = SP_KIND_KEY;
    const struct sp_entity_key *after = piece->expiring->walking ? &piece->expiring->after : NULL;
    struct sp_snapshot *snapshot = NULL;
    enum sp_status status = sp_snapshot_begin(store, &snapshot);
    if (status != SP_OK)
        return status;
    piece->view = sp_snapshot_view(snapshot);
    status = sp_entity_walk(piece->view, (struct sp_bytes){&kind, 1}, after, count_expiring_key, piece);
    sp_snapshot_end(snapshot);
    return status;
}

bool sp_expiring_step(struct sp_expiring *expiring, struct sp_store *store, struct sp_arena *scratch,
                      uint64_t *ret_keys) {
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < expiring->due_ms)
        return false;
    if (!expiring->walking) {
        expiring->found = 0;
        expiring->replaced_count = 0;
    }
    struct piece piece = {.expiring = expiring, .scratch = scratch, .now_s = sp_clock_now_s()};
    enum sp_status status = walk_piece(store, &piece);
    expiring->walking = status == SP_OK && piece.keys == PIECE_KEYS;
    expiring->due_ms = now_ms + (expiring->walking ? PIECE_EVERY_MS : WALK_EVERY_MS);
    if (status != SP_OK || expiring->walking)
        return false;
    /* Keys may change between two pieces of a walk. */
    uint64_t replaced = count_replaced_keys(expiring);
    *ret_keys = expiring->found > replaced ? expiring->found - replaced : 0;
    return true;
}

void sp_expiring_fini(struct sp_expiring *expiring) {
    free(expiring->replaced);
    memset(expiring, 0, sizeof(*expiring));
}
