/* Inside the store: what snapshots remember of the key forms, and meta that only creating writes. */
#ifndef SP_STORE_META_H
#define SP_STORE_META_H

#include "core/key_text.h"
#include "store/store.h"

enum { SP_FORMS_TEXT_BYTES = SP_STORE_MAX_PREFIXES * (SP_KEY_PREFIX_MAX_BYTES + 1) };

struct sp_forms_cache {
    bool valid;
    uint64_t epoch;
    uint64_t version;
    struct sp_key_forms forms; /* points into `text` */
    uint8_t text[SP_FORMS_TEXT_BYTES];
};

struct sp_write;

/* The prefix of a store that is being made. SP_ERR_INVALID. */
enum sp_status sp_write_first_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) SP_MUST_USE;

#endif
