/* Scratch memory for one call: allocated piece by piece, released all at once.
 *
 * An arena keeps its first block between resets, so that a call that fits in it costs no malloc. It
 * has a hard budget: what outside bytes can make it allocate is bounded. Not thread-safe: one
 * thread at a time. */
#ifndef SP_BASE_ARENA_H
#define SP_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct sp_arena_block;

struct sp_arena {
    struct sp_arena_block *first; /* kept between resets */
    struct sp_arena_block *current;
    size_t used_bytes;   /* over all blocks */
    size_t budget_bytes; /* never more than this */
};

/* Prepares an arena held by the caller. Allocates its first block of `first_block_bytes` at once;
 * SP_ERR_MEMORY. */
enum sp_status sp_arena_init(struct sp_arena *arena, size_t first_block_bytes, size_t budget_bytes) SP_MUST_USE;

/* What all arenas of the process hold in blocks of 64 KiB and more. Any thread. */
size_t sp_arena_large_bytes(void);

/* Frees everything. The arena may be initialised again. */
void sp_arena_fini(struct sp_arena *arena);

/* Forgets every allocation; keeps the first block. Does not clear what was in it. */
void sp_arena_reset(struct sp_arena *arena);

/* As sp_arena_reset, and overwrites what was used with zeros first: for memory that held
 * secrets. */
void sp_arena_wipe(struct sp_arena *arena);

/* `size` bytes aligned for any type, not cleared, valid until reset; NULL when out of memory or
 * over the budget. */
void *sp_arena_alloc(struct sp_arena *arena, size_t size);

/* As sp_arena_alloc, for `count` elements, all bytes zero; NULL also when the product overflows. */
void *sp_arena_calloc(struct sp_arena *arena, size_t count, size_t size);

/* A copy of the text, NUL-terminated; NULL when out of memory. */
char *sp_arena_strdup(struct sp_arena *arena, struct sp_str text);

/* Formatted text, NUL-terminated; NULL when out of memory. */
char *sp_arena_printf(struct sp_arena *arena, const char *format, ...) SP_PRINTF(2, 3);

#endif
