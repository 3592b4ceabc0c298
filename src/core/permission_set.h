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
 * given later. */
struct sp_permission_set {
    bool all;
    uint8_t bits[SP_PERMISSION_SET_BYTES]; /* meaningless if `all` */
};

void sp_permission_set_add(struct sp_permission_set *set, uint8_t number);
bool sp_permission_set_has(const struct sp_permission_set *set, uint8_t number);

/* Whether everything in `inner` is in `outer`; an `all` is contained only in an `all`. */
bool sp_permission_set_covers(const struct sp_permission_set *outer, const struct sp_permission_set *inner);

#endif
