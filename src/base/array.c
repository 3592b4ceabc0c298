#include "base/array.h"

#include <stdlib.h>

enum { FIRST_ITEMS = 16 };

/* 0 if no memory could be that large. */
static size_t choose_capacity(size_t capacity, size_t item_size) {
    if (capacity > SIZE_MAX / 2)
        return 0;
    size_t larger = capacity == 0 ? FIRST_ITEMS : capacity * 2;
    return larger > SIZE_MAX / item_size ? 0 : larger;
}

void *sp_array_reserve(void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    size_t larger = choose_capacity(*capacity, item_size);
    void *grown = larger == 0 ? NULL : reallocarray(items, larger, item_size);
    if (grown != NULL)
        *capacity = larger;
    return grown;
}

void *sp_array_reserve_in(struct sp_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    size_t larger = choose_capacity(*capacity, item_size);
    void *grown = larger == 0 ? NULL : sp_arena_alloc(arena, larger * item_size);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * item_size);
    *capacity = larger;
    return grown;
}
