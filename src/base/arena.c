#include "base/arena.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct sp_arena_block {
    struct sp_arena_block *next;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

enum { LARGE_BYTES = 64 * 1024 };

static atomic_size_t large_bytes;

static struct sp_arena_block *create_block(size_t size) {
    struct sp_arena_block *block = malloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    *block = (struct sp_arena_block){.size = size};
    if (size >= LARGE_BYTES)
        atomic_fetch_add_explicit(&large_bytes, size, memory_order_relaxed);
    return block;
}

enum sp_status sp_arena_init(struct sp_arena *arena, size_t first_block_bytes, size_t budget_bytes) {
    struct sp_arena_block *first = create_block(first_block_bytes);
    if (first == NULL)
        return SP_ERR_MEMORY;
    *arena = (struct sp_arena){.first = first, .current = first, .budget_bytes = budget_bytes};
    return SP_OK;
}

static void free_blocks(struct sp_arena_block *block) {
    while (block != NULL) {
        struct sp_arena_block *next = block->next;
        if (block->size >= LARGE_BYTES)
            atomic_fetch_sub_explicit(&large_bytes, block->size, memory_order_relaxed);
        free(block);
        block = next;
    }
}

size_t sp_arena_large_bytes(void) {
    return atomic_load_explicit(&large_bytes, memory_order_relaxed);
}

void sp_arena_fini(struct sp_arena *arena) {
    free_blocks(arena->first);
    *arena = (struct sp_arena){0};
}

void sp_arena_reset(struct sp_arena *arena) {
    if (arena->first == NULL)
        return;
    free_blocks(arena->first->next);
    arena->first->next = NULL;
    arena->first->used = 0;
    arena->current = arena->first;
    arena->used_bytes = 0;
}

void sp_arena_wipe(struct sp_arena *arena) {
    for (struct sp_arena_block *block = arena->first; block != NULL; block = block->next)
        explicit_bzero(block->data, block->used);
    sp_arena_reset(arena);
}

/* A block for at least `size` bytes, as large as all before it if the budget allows that. */
static struct sp_arena_block *add_block(struct sp_arena *arena, size_t size) {
    size_t wanted = arena->used_bytes > arena->first->size ? arena->used_bytes : arena->first->size;
    size_t left = arena->budget_bytes - arena->used_bytes;
    if (wanted > left)
        wanted = left;
    struct sp_arena_block *block = create_block(wanted > size ? wanted : size);
    if (block == NULL)
        return NULL;
    arena->current->next = block;
    arena->current = block;
    return block;
}

void *sp_arena_alloc(struct sp_arena *arena, size_t size) {
    const size_t mask = alignof(max_align_t) - 1;
    if (size > arena->budget_bytes)
        return NULL;
    size = size == 0 ? mask + 1 : (size + mask) & ~mask;
    if (size > arena->budget_bytes - arena->used_bytes)
        return NULL;
    struct sp_arena_block *block = arena->current;
    if (block->size < size || block->size - size < block->used)
        block = add_block(arena, size);
    if (block == NULL)
        return NULL;
    void *result = block->data + block->used;
    block->used += size;
    arena->used_bytes += size;
    return result;
}

void *sp_arena_calloc(struct sp_arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *result = sp_arena_alloc(arena, count * size);
    if (result != NULL)
        memset(result, 0, count * size);
    return result;
}

char *sp_arena_strdup(struct sp_arena *arena, struct sp_str text) {
    if (text.size == SIZE_MAX)
        return NULL;
    char *copy = sp_arena_alloc(arena, text.size + 1);
    if (copy == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

char *sp_arena_printf(struct sp_arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = length < 0 ? NULL : sp_arena_alloc(arena, (size_t)length + 1);
    if (text != NULL && vsnprintf(text, (size_t)length + 1, format, again) != length)
        text = NULL;
    va_end(again);
    va_end(arguments);
    return text;
}
