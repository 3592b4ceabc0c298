/* Inside the store: whether a volume is full, and what must stay free on it. */
#ifndef SP_STORE_LMDB_VOLUME_ROOM_H
#define SP_STORE_LMDB_VOLUME_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a file in the folder could not grow by a piece. It tries, with a file without a name, so
 * that quotas count too. */
bool sp_volume_is_full(const char *folder);

/* Whether `size` more bytes in the file leave room for changes of the store in `folder`: 64 MiB, or
 * a sixteenth of a smaller volume. True if the file is on another volume, or is not a regular
 * file. */
bool sp_volume_leaves_room(int fd, size_t size, const char *folder);

#endif
