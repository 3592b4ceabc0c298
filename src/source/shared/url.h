/* The URL of a source. Pure. */
#ifndef SP_SOURCE_SHARED_URL_H
#define SP_SOURCE_SHARED_URL_H

#include "base/bytes.h"
#include "base/status.h"

enum { SP_SOURCE_NAME_BYTES = 512 };

/* Reads "etcd://host:port,host:port/prefix/". *ret_endpoints and *ret_prefix point into the URL;
 * without a prefix it is "/sallyport/v1/". SP_ERR_INVALID: the message gives the right form, and
 * repeats nothing that may be a password. */
enum sp_status sp_source_read_url(const char *url, struct sp_str *ret_endpoints, struct sp_str *ret_prefix,
                                  struct sp_error *error) SP_MUST_USE;

/* What a store records about the source it follows: "etcd:" and the prefix, because endpoints
 * may change. SP_ERR_INVALID. */
enum sp_status sp_source_make_name(const char *url, char ret_name[static SP_SOURCE_NAME_BYTES],
                                   struct sp_error *error) SP_MUST_USE;

#endif
