#include "store/records/epoch.h"

#include "sallyport/v1/entities.pb-c.h"
#include "store/records/change_record.h"
#include "store/records/edit.h"
#include "store/records/write.h"

static uint64_t choose_epoch(uint64_t above, int64_t now_s) {
    uint64_t epoch = above + 1;
    if (now_s > 0 && epoch < (uint64_t)now_s)
        epoch = (uint64_t)now_s;
    return epoch;
}

static enum sp_status pack_epoch_entry(const struct sp_head *head, const char *command, const char *method,
                                       int64_t now_s, struct sp_arena *arena, struct sp_bytes *ret_packed,
                                       uint8_t ret_hash[static SP_CHANGE_HASH_BYTES]) {
    Sallyport__V1__Actor actor = SALLYPORT__V1__ACTOR__INIT;
    Sallyport__V1__Change change = SALLYPORT__V1__CHANGE__INIT;
    Sallyport__V1__Revision revision = SALLYPORT__V1__REVISION__INIT;
    actor.kind = SALLYPORT__V1__ACTOR_KIND__ACTOR_OFFLINE;
    actor.id = sp_arena_strdup(arena, sp_str_from(command));
    change.method = sp_arena_strdup(arena, sp_str_from(method));
    if (actor.id == NULL || change.method == NULL)
        return SP_ERR_MEMORY;
    change.actor = &actor;
    change.time = now_s;
    revision.epoch = head->revision.epoch;
    revision.number = head->revision.number;
    change.revision = &revision;
    return sp_change_pack(&change, NULL, 0, head->last_hash, arena, ret_packed, ret_hash);
}

enum sp_status sp_write_begin_epoch(struct sp_write *write, uint64_t above, const char *command, const char *method,
                                    int64_t now_s, struct sp_arena *arena) {
    struct sp_head head;
    struct sp_bytes packed;
    uint8_t hash[SP_CHANGE_HASH_BYTES];
    enum sp_status status = sp_view_head(sp_write_view(write), &head);
    if (status != SP_OK)
        return status;
    head.revision.epoch = choose_epoch(above > head.revision.epoch ? above : head.revision.epoch, now_s);
    head.revision.number++;
    status = pack_epoch_entry(&head, command, method, now_s, arena, &packed, hash);
    if (status != SP_OK)
        return status;
    status = sp_write_put(write, SP_DB_CHANGE, sp_number_key(&head.revision.number), packed, 0);
    if (status != SP_OK)
        return status;
    memcpy(head.last_hash, hash, sizeof(hash));
    return sp_write_head(write, &head);
}
