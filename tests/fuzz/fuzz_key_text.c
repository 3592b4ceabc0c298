/* A text is judged by its bytes alone; what is judged valid has a prefix, a body and the checksum
 * that belongs to them. */
#include <stdlib.h>

#include "core/key_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct sp_str prefixes[] = {SP_STR_LITERAL("sp_"), SP_STR_LITERAL("s"), SP_STR_LITERAL("acme-live_")};
    struct sp_str text = {(const char *)data, size};
    char hint[SP_KEY_HINT_BYTES];
    uint8_t random[SP_KEY_RANDOM_BYTES] = {0};
    char made[SP_KEY_TEXT_BYTES];

    enum sp_key_form closed = sp_key_text_judge(text, prefixes, 3, false);
    enum sp_key_form open = sp_key_text_judge(text, prefixes, 3, true);
    require(closed != SP_KEY_FORM_FOREIGN);
    require((closed == SP_KEY_FORM_VALID) == (open == SP_KEY_FORM_VALID));
    sp_key_hint(text, hint);
    require(strlen(hint) < SP_KEY_HINT_BYTES && strlen(hint) <= size / 4);
    if (closed == SP_KEY_FORM_VALID)
        require(size > SP_KEY_BODY_CHARS + SP_KEY_CHECK_CHARS && size < SP_KEY_TEXT_BYTES);

    /* The input as random bytes: what is made of them is valid, and nothing longer or shorter
     * is. */
    memcpy(random, data, size < sizeof(random) ? size : sizeof(random));
    sp_key_text_make(prefixes[size % 3], random, made);
    struct sp_str whole = sp_str_from(made);
    require(sp_key_text_judge(whole, prefixes, 3, false) == SP_KEY_FORM_VALID);
    whole.size--;
    require(sp_key_text_judge(whole, prefixes, 3, false) == SP_KEY_FORM_MALFORMED);
    return 0;
}
