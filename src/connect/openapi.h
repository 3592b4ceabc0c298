/* Inside src/connect: the OpenAPI 3.1 description of the unary methods, from protobuf-c's
 * descriptors. OpenAPI has no words for frames, so streams are not in it. */
#ifndef SP_CONNECT_OPENAPI_H
#define SP_CONNECT_OPENAPI_H

#include <jansson.h>

#include "connect/call.h"

/* For the caller to decref; NULL when out of memory. Messages that come in requests take no other
 * members than theirs; replies may get more in later versions. */
json_t *sp_connect_openapi(const struct connect_method *methods, size_t count);

#endif
