#include "core/route_build.h"

#include "base/array.h"

void *sp_route_list_add(struct sp_route_build *build, struct sp_route_list *list, size_t item_size) {
    void *items = sp_array_reserve_in(build->arena, list->items, list->count, &list->capacity, item_size);
    if (items == NULL)
        return NULL;
    list->items = items;
    return (char *)items + list->count++ * item_size;
}

enum sp_status sp_route_refuse_memory(const struct sp_route_build *build) {
    return sp_error_set(build->error, SP_ERR_MEMORY, "out of memory");
}

enum sp_status sp_route_refuse_pair(const struct sp_route_build *build, const struct sp_route *a,
                                    const struct sp_route *b, const char *what) {
    const struct sp_route *first = a < b ? a : b, *later = a < b ? b : a;
    return sp_error_set(build->error, SP_ERR_INVALID, "line %zu, column %zu: %.*s %.*s %s line %zu: %.*s %.*s",
                        later->line, later->column, SP_STR_ARG(later->method), SP_STR_ARG(later->path), what,
                        first->line, SP_STR_ARG(first->method), SP_STR_ARG(first->path));
}
