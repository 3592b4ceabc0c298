#include "store/lmdb/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/lmdb/databases.h"
#include "store/lmdb/raw_tree.h"

enum {
    PATH_BYTES = 4096,
    /* A page's head, then the meta record: offsets from the start of a page (LMDB's data version 1,
     * 64 bits). */
    AT_PAGE_FLAGS = 10,
    AT_MAGIC = 16,
    AT_VERSION = 20,
    AT_MAP_BYTES = 32,
    AT_PAGE_BYTES = 40,
    AT_FREE_ROOT = 80,
    AT_MAIN_ROOT = 128,
    AT_LAST_PAGE = 136,
    AT_TRANSACTION = 144,
    META_BYTES = 152,

    META_PAGE_FLAG = 0x08,
    DATA_VERSION = 1,

    /* LMDB 1.0 has a transaction id in the head of each page. */
    NEW_AT_PAGE_FLAGS = 18,
    NEW_AT_MAGIC = 24,
    NEW_AT_VERSION = 28,
    NEW_DATA_VERSION = 3,
    PAGE_MIN = 4096,
    PAGE_MAX = SP_RAW_PAGE_MAX,

    TRIES = 100, /* commits may come between two readings */
    TRIES_OF_DAMAGED = 3,
    TRY_AGAIN_MS = 5,
};
#define META_MAGIC UINT32_C(0xbeefc0de)
#define NO_PAGE UINT64_MAX
#define MAP_MAX_BYTES (UINT64_C(1) << 47)

_Static_assert(sizeof(size_t) == 8, "the offsets are those of 64-bit systems");

struct meta_page {
    uint64_t map_bytes;
    uint64_t page_bytes;
    uint64_t free_root;
    uint64_t main_root;
    uint64_t last_page;
    uint64_t transaction_id;
};

struct data_file {
    int fd;
    bool accept_altered;
    char path[PATH_BYTES];
    struct sp_error *error;
};

static enum sp_status refuse_damaged(const struct data_file *file, const char *what) {
    return sp_error_set(file->error, SP_ERR_CORRUPT, "%s is damaged: %s; restore a backup", file->path, what);
}

static uint64_t load_native_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static uint32_t load_native_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static bool is_page_size(uint64_t bytes) {
    return bytes >= PAGE_MIN && bytes <= PAGE_MAX && (bytes & (bytes - 1)) == 0;
}

static bool is_meta_of(const uint8_t bytes[static META_BYTES], size_t at_flags, size_t at_magic) {
    return (bytes[at_flags] & META_PAGE_FLAG) != 0 && load_native_u32(bytes + at_magic) == META_MAGIC;
}

/* A file of another LMDB is intact: a backup need not be restored because of it. */
static enum sp_status refuse_newer_lmdb(const struct data_file *file, uint32_t version) {
    return sp_error_set(
        file->error, SP_ERR_PRECONDITION,
        "%s was written by %s (data format %u), and Sallyport reads the format of LMDB 0.9 only; use the "
        "programs of a system with LMDB 0.9, or restore a backup there",
        file->path, version == NEW_DATA_VERSION ? "LMDB 1.0" : "a version of LMDB newer than 0.9", version);
}

static enum sp_status read_meta_page(const struct data_file *file, uint64_t offset, struct meta_page *ret_meta) {
    uint8_t bytes[META_BYTES];
    ssize_t size = pread(file->fd, bytes, sizeof(bytes), (off_t)offset);
    if (size < 0)
        return sp_error_set(file->error, SP_ERR_IO, "cannot read %s: %s", file->path, strerror(errno));
    if (size != META_BYTES)
        return refuse_damaged(file, "it is truncated within its first two pages");
    if (is_meta_of(bytes, NEW_AT_PAGE_FLAGS, NEW_AT_MAGIC))
        return refuse_newer_lmdb(file, load_native_u32(bytes + NEW_AT_VERSION));
    if (!is_meta_of(bytes, AT_PAGE_FLAGS, AT_MAGIC) || load_native_u32(bytes + AT_VERSION) != DATA_VERSION)
        return refuse_damaged(file, "its first two pages are not those of an LMDB file");
    ret_meta->map_bytes = load_native_u64(bytes + AT_MAP_BYTES);
    ret_meta->page_bytes = load_native_u32(bytes + AT_PAGE_BYTES);
    ret_meta->free_root = load_native_u64(bytes + AT_FREE_ROOT);
    ret_meta->main_root = load_native_u64(bytes + AT_MAIN_ROOT);
    ret_meta->last_page = load_native_u64(bytes + AT_LAST_PAGE);
    ret_meta->transaction_id = load_native_u64(bytes + AT_TRANSACTION);
    if (!is_page_size(ret_meta->page_bytes))
        return refuse_damaged(file, "its page size is not one that LMDB uses");
    return SP_OK;
}

static enum sp_status read_both_metas(const struct data_file *file, struct meta_page metas[static 2]) {
    enum sp_status status = read_meta_page(file, 0, &metas[0]);
    if (status != SP_OK)
        return status;
    status = read_meta_page(file, metas[0].page_bytes, &metas[1]);
    if (status != SP_OK)
        return status;
    if (metas[1].page_bytes != metas[0].page_bytes)
        return refuse_damaged(file, "its two meta pages disagree about the page size");
    return SP_OK;
}

/* The first meta page holds the even transactions; number 0 is the empty file. */
static bool are_metas_neighbours(const struct meta_page metas[static 2]) {
    uint64_t even = metas[0].transaction_id, odd = metas[1].transaction_id;
    if (even == 0 && metas[0].main_root != NO_PAGE)
        return false;
    if (even == 0 && odd == 0)
        return metas[1].main_root == NO_PAGE;
    return even % 2 == 0 && (even + 1 == odd || odd + 1 == even);
}

static bool is_page_there(uint64_t page, const struct meta_page *meta, uint64_t file_bytes) {
    return page == NO_PAGE || (page >= 2 && page <= meta->last_page && page < file_bytes / meta->page_bytes);
}

/* LMDB need not have written the last pages if they are free. */
static enum sp_status check_newest_meta(const struct data_file *file, const struct meta_page *meta,
                                        uint64_t file_bytes) {
    if (meta->map_bytes > MAP_MAX_BYTES || meta->last_page >= MAP_MAX_BYTES / meta->page_bytes)
        return refuse_damaged(file, "its size in the meta page is impossible");
    if (!is_page_there(meta->free_root, meta, file_bytes) || !is_page_there(meta->main_root, meta, file_bytes))
        return refuse_damaged(file, "it is truncated, or its meta page was altered");
    return SP_OK;
}

/* Whether the state that a meta page leads to was written by the transaction that the page names.
 * A file of another kind or format has no answer; nor has transaction 1, which is also that of a
 * copy. */
static bool is_state_of_meta(const struct data_file *file, const struct meta_page *meta) {
    const struct sp_raw_file raw = {file->fd, meta->page_bytes};
    uint8_t value[SP_RAW_VALUE_MAX];
    size_t size = 0;
    if (meta->transaction_id <= 1 || meta->main_root == NO_PAGE)
        return true;
    enum sp_status status = sp_raw_tree_get(&raw, meta->main_root, "meta", "format", value, &size);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND;
    if (size != 4 || sp_load_be32(value) != SP_STORE_FORMAT)
        return true;
    status = sp_raw_tree_get(&raw, meta->main_root, "meta", "head", value, &size);
    if (status != SP_OK)
        return status == SP_ERR_NOT_FOUND;
    return size >= SP_HEAD_TRANSACTION_END && sp_load_be64(value + SP_HEAD_TRANSACTION_END - 8) == meta->transaction_id;
}

static const struct meta_page *find_newest_meta(const struct meta_page metas[static 2]) {
    return &metas[metas[1].transaction_id > metas[0].transaction_id];
}

/* The size is read after the pages: a commit makes the file longer before it writes one. */
static enum sp_status read_sized_metas(const struct data_file *file, struct meta_page metas[static 2],
                                       uint64_t *ret_file_bytes) {
    struct stat about;
    enum sp_status status = read_both_metas(file, metas);
    if (status != SP_OK)
        return status;
    if (fstat(file->fd, &about) != 0)
        return sp_error_set(file->error, SP_ERR_IO, "cannot stat %s: %s", file->path, strerror(errno));
    *ret_file_bytes = (uint64_t)about.st_size;
    return check_newest_meta(file, find_newest_meta(metas), *ret_file_bytes);
}

static bool are_metas_equal(const struct meta_page a[static 2], const struct meta_page b[static 2]) {
    return a[0].transaction_id == b[0].transaction_id && a[1].transaction_id == b[1].transaction_id;
}

/* Why one of the meta pages cannot be what a commit wrote; NULL: both can. */
static const char *find_altered_meta(const struct data_file *file, const struct meta_page metas[static 2]) {
    if (!are_metas_neighbours(metas))
        return "its two meta pages are not of neighbouring transactions, so one of them was altered";
    if (!is_state_of_meta(file, &metas[0]) || !is_state_of_meta(file, &metas[1]))
        return "one of its meta pages leads to the state of another transaction, so the last change may be missing";
    return NULL;
}

/* Until two readings agree: between them no commit has reused pages of the older state. */
static enum sp_status read_settled_metas(const struct data_file *file, struct meta_page metas[static 2],
                                         uint64_t *ret_file_bytes) {
    const char *altered = NULL;
    for (int tries = 0; tries < TRIES; tries++) {
        struct meta_page again[2];
        enum sp_status status = read_sized_metas(file, metas, ret_file_bytes);
        if (status != SP_OK)
            return status;
        altered = find_altered_meta(file, metas);
        status = read_both_metas(file, again);
        if (status != SP_OK)
            return status;
        if (altered == NULL)
            return SP_OK;
        if (are_metas_equal(metas, again) && tries >= TRIES_OF_DAMAGED)
            break;
        sp_clock_sleep_ms(TRY_AGAIN_MS);
    }
    if (file->accept_altered)
        return SP_OK;
    return sp_error_set(file->error, SP_ERR_CORRUPT,
                        "%s is damaged: %s; restore a backup, or keep what is there with `sallyport-sync reindex "
                        "--accept-altered-state`",
                        file->path, altered);
}

static enum sp_status read_data_file(const struct data_file *file, struct sp_data_file *ret_file) {
    struct meta_page metas[2];
    struct stat about;
    if (fstat(file->fd, &about) != 0)
        return sp_error_set(file->error, SP_ERR_IO, "cannot stat %s: %s", file->path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return sp_error_set(file->error, SP_ERR_PRECONDITION, "%s is not a regular file", file->path);
    if (about.st_size == 0)
        return sp_error_set(file->error, SP_ERR_NOT_FOUND, "%s is empty", file->path);
    uint64_t file_bytes = 0;
    enum sp_status status = read_settled_metas(file, metas, &file_bytes);
    if (status != SP_OK)
        return status;
    const struct meta_page *newest = find_newest_meta(metas);
    *ret_file = (struct sp_data_file){
        .file_bytes = file_bytes,
        .page_bytes = newest->page_bytes,
        .used_pages = newest->last_page + 1,
        .map_bytes = newest->map_bytes,
        .transaction_id = newest->transaction_id,
    };
    return SP_OK;
}

enum sp_status sp_data_file_read(const char *folder, bool accept_altered, struct sp_data_file *ret_file,
                                 struct sp_error *error) {
    struct data_file file = {.accept_altered = accept_altered, .error = error};
    int size = snprintf(file.path, sizeof(file.path), "%s/data.mdb", folder);
    if (size <= 0 || size >= PATH_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the store's path is too long");
    file.fd = open(file.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return sp_error_set(error, SP_ERR_NOT_FOUND, "there is no %s", file.path);
    if (file.fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot open %s: %s", file.path, strerror(errno));
    enum sp_status status = read_data_file(&file, ret_file);
    close(file.fd);
    return status;
}
