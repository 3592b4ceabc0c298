/* Arrays that grow: room for one more item in an array whose owner keeps the pointer, the count and
 * the capacity.
 *
 *   struct item *items = sp_array_reserve(list->items, list->count, &list->capacity, sizeof(*items));
 *   if (items == NULL)
 *       return SP_ERR_MEMORY;
 *   list->items = items;
 *   list->items[list->count++] = item;
 *
 * An empty array is NULL with a count and a capacity of 0. Items may move, and new room is not
 * cleared. Thread-safe: no state but the caller's. */
#ifndef SP_BASE_ARRAY_H
#define SP_BASE_ARRAY_H

#include <stddef.h>

#include "base/arena.h"

/* The array with room for at least one item after `count`, from malloc: free it with free. NULL
 * when out of memory or when the size would overflow; the old array and *capacity are then as they
 * were. */
void *sp_array_reserve(void *items, size_t count, size_t *capacity, size_t item_size) SP_MUST_USE;

/* The same in an arena, which keeps the memory of smaller arrays until it is reset: about as much
 * again as the array has. */
void *sp_array_reserve_in(struct sp_arena *arena, void *items, size_t count, size_t *capacity,
                          size_t item_size) SP_MUST_USE;

#endif
