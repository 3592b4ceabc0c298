#include "admin/key_secret.h"

#include "base/random.h"
#include "store/records/key_forms.h"
#include "store/records/settings.h"

enum sp_status sp_admin_make_secret(struct sp_view *view, char ret_secret[static SP_KEY_TEXT_BYTES]) {
    struct sp_key_forms forms = {0};
    uint8_t random[SP_KEY_RANDOM_BYTES];
    enum sp_status status = sp_view_key_forms(view, &forms);
    if (status != SP_OK)
        return status;
    if (forms.prefix_count == 0)
        return SP_ERR_CORRUPT;
    status = sp_random_fill(random, sizeof(random));
    if (status != SP_OK)
        return status;
    sp_key_text_make(forms.prefixes[0], random, ret_secret);
    explicit_bzero(random, sizeof(random));
    return SP_OK;
}
