#include "store/replica/entity_sum.h"

#include "store/records/edit.h"
#include "store/records/entity_set.h"
#include "store/replica/unreadable.h"

enum sp_status sp_view_sum_entities(struct sp_view *view, struct sp_multiset_hash *ret_set) {
    struct sp_multiset_hash set = {.lanes = {0}};
    enum sp_status status = sp_view_add_entities(view, &set);
    if (status != SP_OK)
        return status;
    struct sp_expander *expander = sp_expander_create();
    if (expander == NULL)
        return SP_ERR_MEMORY;
    status = sp_view_add_unreadable(view, expander, &set);
    sp_expander_free(expander);
    if (status != SP_OK)
        return status;
    *ret_set = set;
    return SP_OK;
}

enum sp_status sp_view_check_entity_set(struct sp_view *view, bool *ret_fits) {
    struct sp_multiset_hash sum;
    struct sp_multiset_hash kept;
    enum sp_status status = sp_view_sum_entities(view, &sum);
    if (status != SP_OK)
        return status;
    status = sp_view_entity_set(view, &kept);
    if (status != SP_OK && status != SP_ERR_CORRUPT)
        return status;
    *ret_fits = status == SP_OK && memcmp(&sum, &kept, sizeof(sum)) == 0;
    return SP_OK;
}

enum sp_status sp_write_recount_entities(struct sp_write *write) {
    struct sp_multiset_hash set;
    struct sp_head head;
    enum sp_status status = sp_view_sum_entities(&write->transaction.view, &set);
    if (status != SP_OK)
        return status;
    status = sp_view_head(&write->transaction.view, &head);
    if (status != SP_OK)
        return status;
    status = sp_write_entity_set(write, &set, &head);
    if (status != SP_OK)
        return status;
    return sp_write_head(write, &head);
}
