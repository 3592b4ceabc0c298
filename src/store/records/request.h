/* Idempotency records, and their order of expiry. They are not policy: no revision, no audit
 * entry. */
#ifndef SP_STORE_RECORDS_REQUEST_H
#define SP_STORE_RECORDS_REQUEST_H

#include "base/arena.h"
#include "sallyport/store/v1/records.pb-c.h"

struct sp_view;
struct sp_write;

/* SP_ERR_NOT_FOUND for an unknown or expired one. */
enum sp_status sp_request_get(struct sp_view *view, const uint8_t id[static 32], int64_t now_s, struct sp_arena *arena,
                              Sallyport__Store__V1__StoredRequest **ret_request) SP_MUST_USE;
enum sp_status sp_request_put(struct sp_write *write, const uint8_t id[static 32],
                              const Sallyport__Store__V1__StoredRequest *request) SP_MUST_USE;
/* SP_OK even if there is none. */
enum sp_status sp_request_remove(struct sp_write *write, const uint8_t id[static 32]) SP_MUST_USE;
/* Removes at most `limit` expired ones. */
enum sp_status sp_request_expire(struct sp_write *write, int64_t now_s, size_t limit, size_t *ret_removed) SP_MUST_USE;

#endif
