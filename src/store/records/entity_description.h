/* Inside the store: entities named in messages, never with a digest. */
#ifndef SP_STORE_RECORDS_ENTITY_DESCRIPTION_H
#define SP_STORE_RECORDS_ENTITY_DESCRIPTION_H

#include "store/records/layout.h"

enum { SP_DESCRIPTION_BYTES = 640 };

/* "api key w1/k7", "grant w1/voice/v3/pu5"; "an entity with a damaged key" if it is not an
 * entity key. */
void sp_entity_describe(struct sp_bytes entity_key, char ret_text[static SP_DESCRIPTION_BYTES]);

#endif
