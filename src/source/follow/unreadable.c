#include "source/follow/unreadable.h"

#include "base/log.h"
#include "source/shared/keys.h"
#include "store/replica/unreadable.h"

void sp_source_log_unreadable(void *context, struct sp_bytes entity_key, const char *why) {
    char name[SP_SOURCE_KEY_TEXT_BYTES];
    (void)context;
    sp_source_show_key(entity_key, name);
    sp_log(SP_LOG_ERROR, "leaving out an entity from etcd; whatever depends on it is denied: kind %d, %s: %s",
           entity_key.size > 0 ? entity_key.data[0] : 0, name, why);
}

void sp_source_count_unreadable(struct sp_source_shared *shared, struct sp_view *view) {
    size_t count = 0;
    if (sp_view_unreadable(view, &count) == SP_OK)
        sp_source_set_unreadable(shared, count);
}
