#include "store/records/places.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/lmdb/environment.h"
#include "store/records/head.h"

static void forget_places(struct sp_places *places, size_t transaction_id, unsigned mapping) {
    places->transaction_id = transaction_id;
    places->mapping = mapping;
    if (++places->generation != 0)
        return;
    memset(places->keys, 0, sizeof(places->keys));
    memset(places->principals, 0, sizeof(places->principals));
    memset(places->resources, 0, sizeof(places->resources));
    places->generation = 1;
}

/* Counts a look-up; the last one of a trial or of a rest begins the other. */
static void count_look_up(struct sp_places *places) {
    if (++places->looked < (places->resting ? SP_PLACES_REST : SP_PLACES_TRIAL))
        return;
    places->resting = !places->resting && places->found < SP_PLACES_TRIAL / SP_PLACES_WORTH;
    places->looked = places->found = 0;
}

/* NULL: a write, or they rest. */
static struct sp_places *find_places(struct sp_view *view) {
    struct sp_places *places = view->memory->places;
    if (view->writing || places == NULL || places->resting)
        return NULL;
    size_t transaction_id = mdb_txn_id(view->txn);
    unsigned mapping = sp_turns_mapping(&view->store->turns);
    if (places->generation == 0 || places->transaction_id != transaction_id || places->mapping != mapping)
        forget_places(places, transaction_id, mapping);
    return places;
}

static struct sp_places *begin_look_up(struct sp_view *view) {
    if (!view->writing && view->memory->places != NULL)
        count_look_up(view->memory->places);
    return find_places(view);
}

bool sp_places_find_bucket(struct sp_view *view, uint64_t number, struct sp_bytes *ret_bucket) {
    struct sp_places *places = begin_look_up(view);
    if (places == NULL)
        return false;
    const struct sp_key_place *place = &places->keys[number % SP_KEY_PLACES];
    if (place->generation != places->generation || place->number != number)
        return false;
    places->found++;
    *ret_bucket = (struct sp_bytes){place->bucket, place->bucket_bytes};
    return true;
}

void sp_places_keep_bucket(struct sp_view *view, uint64_t number, struct sp_bytes bucket) {
    struct sp_places *places = find_places(view);
    if (places == NULL || bucket.size > UINT32_MAX)
        return;
    places->keys[number % SP_KEY_PLACES] =
        (struct sp_key_place){number, bucket.data, (uint32_t)bucket.size, places->generation};
}

static struct sp_list_place *find_list_place(struct sp_places *places, enum sp_kept_cursor which, struct sp_bytes key) {
    uint64_t hash = XXH3_64bits(key.data, key.size);
    return which == SP_CURSOR_PRINCIPAL ? &places->principals[hash % SP_PRINCIPAL_PLACES]
                                        : &places->resources[hash % SP_RESOURCE_PLACES];
}

bool sp_places_find_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key,
                          struct sp_edges *ret_edges) {
    struct sp_places *places = begin_look_up(view);
    if (places == NULL)
        return false;
    const struct sp_list_place *place = find_list_place(places, which, key);
    if (place->generation != places->generation || place->key_bytes != key.size ||
        memcmp(place->key, key.data, key.size) != 0)
        return false;
    places->found++;
    *ret_edges = (struct sp_edges){place->edges, place->edge_count};
    return true;
}

void sp_places_keep_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key, struct sp_edges edges) {
    struct sp_places *places = find_places(view);
    if (places == NULL || key.size == 0 || key.size > UINT16_MAX || edges.count > UINT16_MAX)
        return;
    *find_list_place(places, which, key) =
        (struct sp_list_place){key.data, edges.records, (uint16_t)key.size, (uint16_t)edges.count, places->generation};
}
