/* Imports that go on where an earlier one ended: whether the store has the key of a record. */
#ifndef SP_ADMIN_IMPORT_KEY_EQUAL_H
#define SP_ADMIN_IMPORT_KEY_EQUAL_H

#include "admin/import_state.h"

/* Whether the key that the record names is there and is what importing the record would make, but
 * for times that the record does not give and the text of a new key. `import` is in the key's
 * workspace. A record names its key by the id; without one by `sha256`, that of the key's text; and
 * without both (NULL) by the principal and the name, so that records of new keys which are alike
 * count as one. SP_ERR_EXISTS, naming the field, if the key is there and differs; SP_ERR_INVALID if
 * the principal has too many keys to look for a name. A record that is refused anyway is not
 * equal. */
enum sp_status sp_admin_import_is_key_equal(struct sp_admin_import_state *import, const Sallyport__V1__ApiKey *record,
                                            const uint8_t *sha256, bool *ret_equal) SP_MUST_USE;

#endif
