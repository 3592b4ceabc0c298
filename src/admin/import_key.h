/* Keys among the records of an import. There may be millions, so they are flushed together: what
 * they need to know of each other (ids, digests, how many) is in the import's table. */
#ifndef SP_ADMIN_IMPORT_KEY_H
#define SP_ADMIN_IMPORT_KEY_H

#include "admin/import_state.h"
#include "core/digest.h"

/* Enters the key's workspace, and reads the digest that its record gives: *ret_sha256 is `room`, or
 * NULL for a new key. SP_ERR_INVALID; SP_ERR_NOT_FOUND: there is no such workspace. */
enum sp_status sp_admin_import_open_key(struct sp_admin_import_state *import, const Sallyport__V1__ImportApiKey *record,
                                        uint8_t room[static SP_DIGEST_BYTES], const uint8_t **ret_sha256) SP_MUST_USE;

/* Adds the key, and the text of a new one to the response. */
enum sp_status sp_admin_import_key(struct sp_admin_import_state *import,
                                   const Sallyport__V1__ImportApiKey *record) SP_MUST_USE;

#endif
