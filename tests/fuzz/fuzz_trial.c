/* Any file of tests is read or refused with a place. */
#include <stdlib.h>
#include <string.h>

#include "trial/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    struct sp_error error = {0};
    if (sp_arena_init(&arena, 65536, 64 << 20) != SP_OK)
        abort();
    struct sp_trial_spec spec = {.arena = &arena, .file = "fuzz"};
    enum sp_status status = sp_trial_read_spec((struct sp_str){(const char *)data, size}, &spec, &error);
    if (status == SP_ERR_INVALID && strncmp(error.message, "fuzz:", 5) != 0)
        abort();
    for (size_t i = 0; status == SP_OK && i < spec.question_count; i++)
        if (spec.questions[i].test >= spec.test_count || spec.questions[i].key == NULL)
            abort();
    sp_arena_fini(&arena);
    return 0;
}
