#include "source/write/room.h"

#include "base/clock.h"
#include "etcd/kv.h"

enum { ROOM_EVERY_MS = 1000, UNTOLD_EVERY_MS = 60000, RESERVE_SHARE = 32 /* of the quota */ };

void sp_source_measure_room(const struct sp_source_link *link, int64_t *due_ms) {
    uint64_t size_bytes = 0;
    uint64_t quota_bytes = 0;
    struct sp_error error = {0};
    int64_t now_ms = sp_clock_monotonic_ms();
    if (now_ms < *due_ms)
        return;
    *due_ms = now_ms + UNTOLD_EVERY_MS;
    if (sp_etcd_get_room(link->etcd, &size_bytes, &quota_bytes, &error) != SP_OK || quota_bytes == 0)
        return;
    *due_ms = now_ms + ROOM_EVERY_MS;
    sp_source_note_room(link->shared, size_bytes, quota_bytes, size_bytes + quota_bytes / RESERVE_SHARE >= quota_bytes);
}
