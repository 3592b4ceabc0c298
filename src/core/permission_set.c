#include "core/permission_set.h"

#include <stddef.h>

void sp_permission_set_add(struct sp_permission_set *set, uint8_t number) {
    set->bits[number / 8] = (uint8_t)(set->bits[number / 8] | 1U << number % 8);
}

bool sp_permission_set_is_empty(const struct sp_permission_set *set) {
    unsigned any = set->all;
    for (size_t i = 0; i < SP_PERMISSION_SET_BYTES; i++)
        any |= set->bits[i];
    return any == 0;
}

bool sp_permission_set_has(const struct sp_permission_set *set, uint8_t number, bool claiming) {
    return (set->all && !claiming) || ((unsigned)set->bits[number / 8] >> number % 8 & 1U) != 0;
}

bool sp_permission_set_covers(const struct sp_permission_set *outer, const struct sp_permission_set *inner) {
    if (outer->all || inner->all)
        return outer->all;
    for (size_t i = 0; i < SP_PERMISSION_SET_BYTES; i++) {
        if ((inner->bits[i] & ~outer->bits[i]) != 0)
            return false;
    }
    return true;
}
