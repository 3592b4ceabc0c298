/* Sets of permissions as 256 bits, one for each permission number that a schema may give. Pure. */
#ifndef SP_CORE_PERMISSION_SET_H
#define SP_CORE_PERMISSION_SET_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SP_PERMISSIONS_MAX = 256, /* numbers 0 to 255 */
    SP_PERMISSION_SET_BYTES = 32,
};

/* Bit n of the set is bit n % 8 of byte n / 8: the layout of the store. `all` includes numbers
 * given later, but no claiming permission (core/schema.h): those are in a set only by their bit. */
struct sp_permission_set {
    bool all;
    uint8_t bits[SP_PERMISSION_SET_BYTES]; /* beside `all`, only those of claiming permissions matter */
};

void sp_permission_set_add(struct sp_permission_set *set, uint8_t number);
bool sp_permission_set_is_empty(const struct sp_permission_set *set);

/* `claiming`: whether the number is that of a claiming permission. */
bool sp_permission_set_has(const struct sp_permission_set *set, uint8_t number, bool claiming);

/* Whether everything in `inner` is in `outer`, leaving claiming permissions aside: an `all` is
 * contained only in an `all`, and contains every set. Sets without `all` are compared by all their
 * bits. */
bool sp_permission_set_covers(const struct sp_permission_set *outer, const struct sp_permission_set *inner);

#endif
