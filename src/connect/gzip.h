/* gzip (RFC 1952) of bounded size, for messages. Any thread: no state. */
#ifndef SP_CONNECT_GZIP_H
#define SP_CONNECT_GZIP_H

#include <stdbool.h>

#include "base/arena.h"

/* Decompresses into the arena, at most `most` bytes. SP_ERR_INVALID: not gzip, damaged, cut, or
 * followed by something; SP_ERR_EXHAUSTED: it would be larger; SP_ERR_MEMORY. */
enum sp_status sp_connect_gunzip(struct sp_bytes compressed, size_t most, struct sp_arena *arena,
                                 struct sp_bytes *ret_bytes, struct sp_error *error) SP_MUST_USE;

/* Compresses into the arena. False if it would not become smaller, or there is no memory. */
bool sp_connect_gzip(struct sp_bytes bytes, struct sp_arena *arena, struct sp_bytes *ret_compressed);

#endif
