#include "store/lmdb/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/lmdb/environment.h"
#include "store/lmdb/lmdb_status.h"
#include "store/lmdb/view.h"

enum { FREE_LIST = 0 }; /* LMDB's own database of free pages: a transaction's id → how many, and which */

/* ---- free pages ---- */

/* A line of mdb_reader_list: "pid thread txnid", or "-" for a reader that reads nothing. */
static int note_oldest_reader(const char *line, void *context) {
    uint64_t *oldest = context;
    const char *last = strrchr(line, ' ');
    char *end;
    if (last == NULL || last[1] < '0' || last[1] > '9')
        return 0;
    errno = 0;
    unsigned long long id = strtoull(last + 1, &end, 10);
    if (errno == 0 && id < *oldest)
        *oldest = id;
    return 0;
}

/* What transactions freed that no reader can see any more, and the next one can use. */
static int count_reusable_pages(MDB_txn *txn, uint64_t oldest, uint64_t *ret_pages) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t pages = 0;
    int code = mdb_cursor_open(txn, FREE_LIST, &cursor);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (code == MDB_SUCCESS) {
        size_t id;
        size_t count;
        if (key.mv_size != sizeof(id) || value.mv_size < sizeof(count))
            break;
        memcpy(&id, key.mv_data, sizeof(id));
        memcpy(&count, value.mv_data, sizeof(count));
        if (id >= oldest)
            break;
        pages += count;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        return code;
    *ret_pages = pages;
    return MDB_SUCCESS;
}

/* ---- the disk ---- */

static enum sp_status measure_disk(MDB_env *env, uint64_t *ret_bytes) {
    const char *path = NULL;
    struct statvfs about;
    if (mdb_env_get_path(env, &path) != MDB_SUCCESS || statvfs(path, &about) != 0)
        return SP_ERR_IO;
    *ret_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    return SP_OK;
}

enum sp_status sp_store_allocate_ahead(struct sp_store *store, uint64_t end_bytes) {
    mdb_filehandle_t fd;
    if (mdb_env_get_fd(store->env, &fd) != MDB_SUCCESS)
        return SP_ERR_IO;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)end_bytes) == 0)
        return SP_OK;
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SP_ERR_EXHAUSTED;
    case EOPNOTSUPP:
    case ENOSYS:
        return SP_ERR_UNIMPLEMENTED;
    default:
        return SP_ERR_IO;
    }
}

/* ---- all ---- */

enum sp_status sp_view_room(struct sp_view *view, struct sp_room *ret_room) {
    MDB_env *env = view->store->env;
    MDB_envinfo info;
    MDB_stat about;
    uint64_t oldest = mdb_txn_id(view->txn);
    uint64_t pages = 0;
    uint64_t disk_bytes = 0;
    int code = mdb_env_info(env, &info);
    if (code == MDB_SUCCESS)
        code = mdb_stat(view->txn, view->store->databases[SP_DB_META], &about);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    if (mdb_reader_list(env, note_oldest_reader, &oldest) < 0)
        return SP_ERR_IO;
    code = count_reusable_pages(view->txn, oldest, &pages);
    if (code != MDB_SUCCESS)
        return sp_lmdb_status(code);
    enum sp_status status = measure_disk(env, &disk_bytes);
    if (status != SP_OK)
        return status;
    uint64_t end_bytes = (uint64_t)(info.me_last_pgno + 1) * about.ms_psize;
    *ret_room = (struct sp_room){
        .end_bytes = end_bytes,
        .map_bytes = info.me_mapsize > end_bytes ? info.me_mapsize - end_bytes : 0,
        .free_bytes = pages * about.ms_psize,
        .disk_bytes = disk_bytes,
    };
    return SP_OK;
}
