#include "store/lmdb/raw_tree.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

/* LMDB's data version 1, 64 bits. A page: number (8) 2 bytes, flags (2) lower (2) upper (2), then
 * the places of its nodes (2 each) up to `lower`. A node: 2 bytes twice, flags (2) key size (2) key
 * data; in a leaf the first four are the data's size, in a branch the first six are a page. */
enum {
    PAGE_AT_FLAGS = 10,
    PAGE_AT_LOWER = 12,
    PAGE_HEAD_BYTES = 16,
    BRANCH_PAGE = 1,
    LEAF_PAGE = 2,
    NODE_AT_FLAGS = 4,
    NODE_AT_KEY_SIZE = 6,
    NODE_HEAD_BYTES = 8,
    NODE_IS_BIG = 1,      /* the data is on pages of its own */
    NODE_IS_DATABASE = 2, /* the data is a database's record */
    DATABASE_BYTES = 48,
    DATABASE_AT_ROOT = 40,
    DEPTH_MAX = 32,
};

struct node {
    const uint8_t *key;
    size_t key_size;
    const uint8_t *data; /* of a leaf */
    size_t data_size;
    unsigned flags;
    uint64_t child; /* of a branch */
};

static unsigned load_native_u16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static enum sp_status read_tree_page(const struct sp_raw_file *file, uint64_t page, uint8_t *ret_bytes) {
    if (page < 2 || page >= (UINT64_C(1) << 47) / file->page_bytes)
        return SP_ERR_CORRUPT;
    ssize_t size = pread(file->fd, ret_bytes, file->page_bytes, (off_t)(page * file->page_bytes));
    if (size < 0)
        return SP_ERR_IO;
    return (size_t)size == file->page_bytes ? SP_OK : SP_ERR_CORRUPT;
}

static bool read_node(const struct sp_raw_file *file, const uint8_t *page, size_t i, struct node *ret_node) {
    size_t at = load_native_u16(page + PAGE_HEAD_BYTES + 2 * i);
    if (at < PAGE_HEAD_BYTES || at + NODE_HEAD_BYTES > file->page_bytes)
        return false;
    const uint8_t *node = page + at;
    size_t room = file->page_bytes - at - NODE_HEAD_BYTES;
    unsigned low = load_native_u16(node), high = load_native_u16(node + 2);
    ret_node->flags = load_native_u16(node + NODE_AT_FLAGS);
    ret_node->key_size = load_native_u16(node + NODE_AT_KEY_SIZE);
    if (ret_node->key_size > room)
        return false;
    ret_node->key = node + NODE_HEAD_BYTES;
    ret_node->data = ret_node->key + ret_node->key_size;
    ret_node->data_size = low | (size_t)high << 16;
    ret_node->child = low | (uint64_t)high << 16 | (uint64_t)ret_node->flags << 32;
    return true;
}

static int compare_to_node(const char *key, const struct node *node) {
    return sp_bytes_compare(sp_bytes_of_str(sp_str_from(key)), (struct sp_bytes){node->key, node->key_size});
}

/* In a branch the last node that is not above the key (the first counts as below all); in a leaf
 * the key's own. */
static enum sp_status find_node_in_page(const struct sp_raw_file *file, const uint8_t *page, const char *key, bool leaf,
                                        struct node *ret_node) {
    size_t lower = load_native_u16(page + PAGE_AT_LOWER);
    if (lower < PAGE_HEAD_BYTES || lower > file->page_bytes)
        return SP_ERR_CORRUPT;
    size_t count = (lower - PAGE_HEAD_BYTES) / 2;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        struct node node;
        if (!read_node(file, page, i, &node))
            return SP_ERR_CORRUPT;
        int order = i == 0 && !leaf ? 1 : compare_to_node(key, &node);
        if (order < 0)
            break;
        if (leaf && order > 0)
            continue;
        *ret_node = node;
        found = true;
    }
    return found ? SP_OK : SP_ERR_NOT_FOUND;
}

/* The node borrows from `page`. */
static enum sp_status find_node_in_tree(const struct sp_raw_file *file, uint64_t root, const char *key, uint8_t *page,
                                        struct node *ret_node) {
    uint64_t at = root;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        enum sp_status status = read_tree_page(file, at, page);
        if (status != SP_OK)
            return status;
        unsigned flags = load_native_u16(page + PAGE_AT_FLAGS);
        bool leaf = (flags & LEAF_PAGE) != 0;
        if (!leaf && (flags & BRANCH_PAGE) == 0)
            return SP_ERR_CORRUPT;
        status = find_node_in_page(file, page, key, leaf, ret_node);
        if (status != SP_OK || leaf)
            return status;
        at = ret_node->child;
    }
    return SP_ERR_CORRUPT;
}

static bool has_data_in_page(const struct sp_raw_file *file, const uint8_t *page, const struct node *node) {
    return (node->flags & NODE_IS_BIG) == 0 && node->data_size <= file->page_bytes - (size_t)(node->data - page);
}

enum sp_status sp_raw_tree_get(const struct sp_raw_file *file, uint64_t main_root, const char *database,
                               const char *key, uint8_t ret_value[static SP_RAW_VALUE_MAX], size_t *ret_size) {
    uint8_t page[SP_RAW_PAGE_MAX];
    struct node node;
    uint64_t root;
    enum sp_status status = find_node_in_tree(file, main_root, database, page, &node);
    if (status != SP_OK)
        return status;
    if ((node.flags & NODE_IS_DATABASE) == 0 || node.data_size != DATABASE_BYTES ||
        !has_data_in_page(file, page, &node))
        return SP_ERR_NOT_FOUND;
    memcpy(&root, node.data + DATABASE_AT_ROOT, sizeof(root));
    if (root == UINT64_MAX)
        return SP_ERR_NOT_FOUND;
    status = find_node_in_tree(file, root, key, page, &node);
    if (status != SP_OK)
        return status;
    if (node.data_size > SP_RAW_VALUE_MAX || !has_data_in_page(file, page, &node))
        return SP_ERR_NOT_FOUND;
    memcpy(ret_value, node.data, node.data_size);
    *ret_size = node.data_size;
    return SP_OK;
}
