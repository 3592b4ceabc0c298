/* Random bytes from the kernel, and ids made from them. Thread-safe. */
#ifndef SP_BASE_RANDOM_H
#define SP_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Fills `out` from getrandom(2). SP_ERR_IO if the kernel refuses. */
enum sp_status sp_random_fill(uint8_t *out, size_t size) SP_MUST_USE;

enum { SP_RANDOM_ID_BYTES = 32 }; /* with the NUL */

/* A new id: `prefix` ("ws_", "usr_", …, at most 8 bytes), then 20 random characters of 0-9A-Za-z
 * (119 bits). */
enum sp_status sp_random_id(const char *prefix, char ret_id[static SP_RANDOM_ID_BYTES]) SP_MUST_USE;

#endif
