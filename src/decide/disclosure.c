#include "decide/disclosure.h"

struct sp_disclosure sp_answer_disclose(const struct sp_answer *answer) {
    if (!answer->key_found)
        return (struct sp_disclosure){.role = SP_ROLE_NONE};
    return (struct sp_disclosure){
        .workspace = answer->workspace,
        .principal = answer->principal,
        .key_id = answer->key_id,
        .principal_kind = answer->principal_kind,
        .role = answer->role,
        .via = answer->via,
    };
}
