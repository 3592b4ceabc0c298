/* A page token that is taken is one that would be given: encoding what it decodes to gives it
 * back. */
#include <stdlib.h>

#include "admin/page.h"
#include "store/records/entity_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    struct sp_error error = {0};
    require(sp_arena_init(&arena, 4096, 1 << 20) == SP_OK);
    struct sp_admin_context ctx = {.arena = &arena, .error = &error};
    char *text = sp_arena_strdup(&arena, (struct sp_str){(const char *)data, size});
    struct sp_entity_key key = {0};
    if (text == NULL) {
        sp_arena_fini(&arena);
        return 0;
    }
    enum sp_status status = sp_admin_token_decode(&ctx, text, &key);
    require(status == SP_OK || (status == SP_ERR_INVALID && error.message[0] != '\0'));
    if (status == SP_OK) {
        char *again = NULL;
        require(key.size <= SP_ENTITY_KEY_MAX_BYTES);
        require(sp_admin_token_encode(&ctx, (struct sp_bytes){key.bytes, key.size}, &again) == SP_OK);
        require(strcmp(text, again) == 0);
    }
    sp_arena_fini(&arena);
    return 0;
}
