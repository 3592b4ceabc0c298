#include "server/authzen/context.h"

#include <inttypes.h>

#include "core/role.h"
#include "decide/disclosure.h"
#include "store/records/head.h"

json_t *sp_authzen_revision(struct sp_revision revision) {
    return json_sprintf("%" PRIu64 ":%" PRIu64, revision.epoch, revision.number);
}

static void add_context_text(json_t *context, const char *name, struct sp_str text) {
    if (text.size > 0)
        (void)json_object_set_new(context, name, json_stringn(text.data, text.size));
}

json_t *sp_authzen_context(const struct sp_answer *answer, const char *decision_id) {
    const struct sp_disclosure key = sp_answer_disclose(answer);
    json_t *context = json_pack("{s:s, s:i, s:s, s:o}", "reason", sp_reason_name(answer->reason), "http_status",
                                (int)sp_reason_http_status(answer->reason), "decision_id", decision_id, "revision",
                                sp_authzen_revision(answer->revision));
    if (context == NULL)
        return NULL;
    add_context_text(context, "workspace", key.workspace);
    add_context_text(context, "principal", key.principal);
    add_context_text(context, "key_id", key.key_id);
    if (key.role != SP_ROLE_NONE)
        add_context_text(context, "role", sp_str_from(sp_role_name(key.role)));
    return context;
}
