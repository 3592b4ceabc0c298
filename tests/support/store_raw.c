#include "support/store_raw.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/digest.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/view.h"
#include "store/records/snapshot.h"

typedef void record_visit(void *context, enum sp_database database, struct sp_bytes key, struct sp_bytes value);

static void each_record(struct sp_view *view, enum sp_database database, record_visit *visit, void *context) {
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    assert_int_equal(sp_view_open_cursor(view, database, &cursor), SP_OK);
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (code == MDB_SUCCESS) {
        visit(context, database, sp_val_bytes(&key), sp_val_bytes(&value));
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    assert_int_equal(code, MDB_NOTFOUND);
    mdb_cursor_close(cursor);
}

/* ---- content ---- */

struct growing {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

static void append(struct growing *all, const void *data, size_t size) {
    if (all->size + size > all->capacity) {
        all->capacity = (all->size + size) * 2;
        all->bytes = realloc(all->bytes, all->capacity);
        assert_non_null(all->bytes);
    }
    memcpy(all->bytes + all->size, data, size);
    all->size += size;
}

static void append_record(void *context, enum sp_database database, struct sp_bytes key, struct sp_bytes value) {
    uint64_t head[3] = {(uint64_t)database, key.size, value.size};
    append(context, head, sizeof(head));
    append(context, key.data, key.size);
    append(context, value.data, value.size);
}

void raw_digest_indexes(struct world *world, uint8_t ret_digest[static 32]) {
    struct growing all = {NULL, 0, 0};
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    for (int database = SP_DB_FIRST_INDEX; database < SP_DATABASES; database++)
        each_record(sp_snapshot_view(snapshot), (enum sp_database)database, append_record, &all);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    sp_sha256(all.bytes, all.size, ret_digest);
    free(all.bytes);
}

/* ---- bytes on disk ---- */

/* Where the data file is mapped, from /proc/self/maps. */
static uintptr_t map_base(const struct world *world) {
    char line[512];
    char path[128];
    uintptr_t base = 0;
    snprintf(path, sizeof(path), "%s/data.mdb", world->path);
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (base == 0 && fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, path) != NULL)
            base = (uintptr_t)strtoull(line, NULL, 16);
    }
    fclose(maps);
    assert_true(base != 0);
    return base;
}

struct places {
    uint64_t *offsets;
    size_t count;
    size_t capacity;
    uintptr_t base;
};

static void note_bytes(struct places *places, struct sp_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        if (places->count == places->capacity) {
            places->capacity = places->capacity * 2 + 1024;
            places->offsets = realloc(places->offsets, places->capacity * sizeof(*places->offsets));
            assert_non_null(places->offsets);
        }
        places->offsets[places->count++] = (uintptr_t)(bytes.data + i) - places->base;
    }
}

static void note_record(void *context, enum sp_database database, struct sp_bytes key, struct sp_bytes value) {
    struct places *places = context;
    (void)database;
    note_bytes(places, value);
    note_bytes(places, key);
}

void raw_each_byte(struct world *world, enum sp_database database, raw_visit *visit, void *context) {
    struct places places = {.base = map_base(world)};
    struct sp_snapshot *snapshot;
    assert_int_equal(sp_snapshot_open(world->store, &snapshot), SP_OK);
    assert_int_equal(sp_snapshot_acquire(snapshot), SP_OK);
    each_record(sp_snapshot_view(snapshot), database, note_record, &places);
    sp_snapshot_release(snapshot);
    sp_snapshot_close(snapshot);
    for (size_t i = 0; i < places.count; i++)
        visit(context, database, places.offsets[i]);
    free(places.offsets);
}

void raw_flip(struct world *world, uint64_t file_offset, uint8_t bits) {
    char path[128];
    uint8_t byte;
    snprintf(path, sizeof(path), "%s/data.mdb", world->path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)file_offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)file_offset), 1);
    close(fd);
}
