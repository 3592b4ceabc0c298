/* The forms of a store's keys, and how meta keeps their prefixes. Pure. Read and changed through
 * settings.h. */
#ifndef SP_STORE_RECORDS_KEY_FORMS_H
#define SP_STORE_RECORDS_KEY_FORMS_H

#include "core/key_text.h"

enum {
    SP_STORE_MAX_PREFIXES = 16,
    SP_FORMS_TEXT_BYTES = SP_STORE_MAX_PREFIXES * (SP_KEY_PREFIX_MAX_BYTES + 1), /* the longest list of prefixes */
};

struct sp_key_forms {
    struct sp_str prefixes[SP_STORE_MAX_PREFIXES]; /* the first is for new keys */
    size_t prefix_count;
    bool accept_foreign; /* keys were imported by digest */
};

/* Splits a list of prefixes, each ended by 00; they are borrowed from it. SP_ERR_CORRUPT. */
enum sp_status sp_key_forms_split(struct sp_bytes list, struct sp_key_forms *ret_forms) SP_MUST_USE;

bool sp_key_forms_have_prefix(const struct sp_key_forms *forms, struct sp_str prefix);

#endif
