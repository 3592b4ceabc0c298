/* Who a connection has proven to be: by the certificate that it showed, or as the kernel knows it
 * on a Unix socket. */
#ifndef SP_HTTP_IDENTITY_H
#define SP_HTTP_IDENTITY_H

#include "base/identity.h"

struct sp_http_exchange;

/* Names are in the exchange's arena. */
void sp_http_identity(struct sp_http_exchange *exchange, struct sp_identity *ret_identity);

#endif
