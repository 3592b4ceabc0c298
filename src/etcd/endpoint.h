/* The endpoints of etcd, as a person writes them. Pure. */
#ifndef SP_ETCD_ENDPOINT_H
#define SP_ETCD_ENDPOINT_H

#include "base/bytes.h"
#include "base/status.h"

/* Takes the first endpoint off a list "HOST:PORT,HOST:PORT", with the comma after it. The host is a
 * name, an IPv4 address, or an IPv6 address in brackets; the port 1 to 65535. *list is empty after
 * the last; a list that ends in a comma is refused. SP_ERR_INVALID: the message names the endpoint
 * and what is wrong with it, but repeats nothing before an "@", which may hold a password. */
enum sp_status sp_etcd_take_endpoint(struct sp_str *list, struct sp_str *ret_endpoint,
                                     struct sp_error *error) SP_MUST_USE;

#endif
