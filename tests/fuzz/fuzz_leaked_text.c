/* Every candidate lies within its bounds, and there are few for the size of the text, whatever it
 * is. */
#include <stdlib.h>

#include "core/key_text.h"
#include "core/leaked_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static enum sp_status count_candidate(void *context, struct sp_str candidate, bool complete) {
    size_t *count = context;
    require(candidate.size >= 1 && candidate.size <= SP_KEY_PRESENTED_MAX_BYTES);
    require(complete == sp_key_text_is_complete(candidate));
    (*count)++;
    return SP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    size_t count = 0;
    if (size == 0 || size > SP_LEAKED_TEXT_MAX_BYTES)
        return 0;
    require(sp_arena_init(&arena, 4096, 1 << 20) == SP_OK);
    require(sp_leaked_text_walk((struct sp_str){(const char *)data, size}, &arena, count_candidate, &count) == SP_OK);
    require(count <= 4 * SP_LEAKED_TEXT_MAX_BYTES);
    sp_arena_fini(&arena);
    return 0;
}
