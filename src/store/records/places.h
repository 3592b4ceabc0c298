/* Inside the store: where a snapshot found records, so that the next decision at the same commit
 * does not descend their trees again.
 *
 * Places are kept, not what was read there: whoever uses one compares keys and verifies seals as if
 * LMDB had just given it. They are good for one transaction of LMDB, whose pages nobody changes
 * while it is the newest, and for one mapping of the file. Nothing is kept of a write, and nothing
 * of what was not found. A snapshot's own: one thread at a time.
 *
 * Looking in vain costs a cache miss or two. Where that is what mostly happens, because far more is
 * asked about than there are places or because commits follow each other closely, they rest for a
 * while. */
#ifndef SP_STORE_RECORDS_PLACES_H
#define SP_STORE_RECORDS_PLACES_H

#include "store/lmdb/view.h"

enum {
    SP_KEY_PLACES = 16384,
    SP_PRINCIPAL_PLACES = 8192,
    SP_RESOURCE_PLACES = 16384,

    SP_PLACES_TRIAL = 65536,               /* look-ups after which they are judged: enough to fill the places */
    SP_PLACES_WORTH = 6,                   /* less than one look-up in so many was found: they rest, */
    SP_PLACES_REST = 64 * SP_PLACES_TRIAL, /* for so many look-ups */
};

struct sp_key_place {
    uint64_t number; /* the key of the bucket */
    const uint8_t *bucket;
    uint32_t bucket_bytes;
    uint32_t generation; /* of the places when it was kept; another one: nothing is kept here */
};

struct sp_list_place {
    const uint8_t *key; /* in the map */
    const uint8_t *edges;
    uint16_t key_bytes;
    uint16_t edge_count;
    uint32_t generation;
};

/* Zeroed at first. */
struct sp_places {
    size_t transaction_id;
    unsigned mapping;
    uint32_t generation; /* 0: nothing was kept yet */
    uint32_t looked;     /* look-ups of the trial or of the rest */
    uint32_t found;      /* of the trial */
    bool resting;
    struct sp_key_place keys[SP_KEY_PLACES];
    struct sp_list_place principals[SP_PRINCIPAL_PLACES];
    struct sp_list_place resources[SP_RESOURCE_PLACES];
};

/* The bucket of keys with the number. False: it is not kept. */
bool sp_places_find_bucket(struct sp_view *view, uint64_t number, struct sp_bytes *ret_bucket);
void sp_places_keep_bucket(struct sp_view *view, uint64_t number, struct sp_bytes bucket);

/* The edges of a principal or a resource, which lie beside each other. False: they are not kept. */
struct sp_edges {
    const uint8_t *records; /* SP_EDGE_BYTES each */
    size_t count;
};
bool sp_places_find_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key,
                          struct sp_edges *ret_edges);
/* `key` is in the map. */
void sp_places_keep_edges(struct sp_view *view, enum sp_kept_cursor which, struct sp_bytes key, struct sp_edges edges);

#endif
