/* Inside the store: which entity an entry of the audit trail is about. */
#ifndef SP_STORE_RECORDS_CHANGE_KEY_H
#define SP_STORE_RECORDS_CHANGE_KEY_H

#include "sallyport/v1/entities.pb-c.h"
#include "store/records/entity.h"

/* The key of the entity that `change` lists. SP_ERR_INVALID: it names none. */
enum sp_status sp_entity_key_of_change(const Sallyport__V1__EntityChange *change,
                                       struct sp_entity_key *ret_key) SP_MUST_USE;

#endif
