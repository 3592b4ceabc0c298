/* The store's settings, read through what a snapshot keeps of them, and changed. */
#ifndef SP_STORE_RECORDS_SETTINGS_H
#define SP_STORE_RECORDS_SETTINGS_H

#include "store/records/key_forms.h"

struct sp_view;
struct sp_write;

/* Borrowed from the view; of a write, until the next change of them. SP_ERR_CORRUPT. */
enum sp_status sp_view_key_forms(struct sp_view *view, struct sp_key_forms *ret_forms) SP_MUST_USE;
/* The same without a copy: *ret_forms is in the snapshot, or in `spare`. */
enum sp_status sp_view_key_forms_in_place(struct sp_view *view, struct sp_key_forms *spare,
                                          const struct sp_key_forms **ret_forms) SP_MUST_USE;

/* As they are stored: the prefixes, borrowed from the map, and whether foreign keys are accepted.
 * SP_ERR_CORRUPT. */
enum sp_status sp_view_stored_key_forms(struct sp_view *view, struct sp_bytes *ret_prefixes,
                                        bool *ret_foreign) SP_MUST_USE;

/* SP_OK also if the store has the prefix already. SP_ERR_INVALID: it is not the prefix of a key;
 * SP_ERR_EXHAUSTED: there are SP_STORE_MAX_PREFIXES. */
enum sp_status sp_write_add_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) SP_MUST_USE;
/* The prefix of a store that is being made. SP_ERR_INVALID. */
enum sp_status sp_write_first_prefix(struct sp_write *write, struct sp_str prefix, struct sp_error *error) SP_MUST_USE;

enum sp_status sp_write_accept_foreign(struct sp_write *write) SP_MUST_USE;

#endif
