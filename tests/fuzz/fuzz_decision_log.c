/* Lines of decision logs: what the quick reader makes of one is what the JSON library makes of it,
 * but for a name said twice that no reader looks at. */
#include <stdlib.h>

#include "trial/log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char scratch[2][SP_TRIAL_LOG_LINE_BYTES];
    struct sp_trial_log_line quick, other;
    if (size > SP_TRIAL_LOG_LINE_BYTES)
        return 0;
    struct sp_str text = {(const char *)data, size};
    bool read = sp_trial_log_line_read(text, scratch[0], &quick);
    bool read_json = sp_trial_log_line_read_json(text, scratch[1], &other);
    require(read || !read_json);
    if (!read_json)
        return 0;
    require(quick.workspaces == other.workspaces);
    for (size_t i = 0; i < SP_TRIAL_LOG_TEXTS; i++)
        require(sp_str_equal(quick.texts[i], other.texts[i]));
    return 0;
}
