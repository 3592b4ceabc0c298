/* Inside the store: naming stored things in messages. Never a digest. */
#ifndef SP_STORE_RECORDS_ENTITY_DESCRIPTION_H
#define SP_STORE_RECORDS_ENTITY_DESCRIPTION_H

#include "store/records/layout.h"

enum { SP_DESCRIPTION_BYTES = 640 };

/* "api key w1/k7", "grant w1/voice/v3/pu5"; for what is no entity key "an entity with a damaged key". */
void sp_entity_describe(struct sp_bytes entity_key, char ret_text[static SP_DESCRIPTION_BYTES]);

#endif
