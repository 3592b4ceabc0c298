#include "support/gateway_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

const char gateway_routes[] = "routes:\n"
                              "  POST /v1/text-to-speech/{voice_id}: use voice/{voice_id}\n"
                              "  PATCH /v1/voices/{voice_id}: edit voice/{voice_id}\n"
                              "  GET /v1/previews: preview voice\n";

void gateway_world_make(struct programs *programs, struct caller *ret_admin,
                        char ret_user_key[static PROGRAMS_KEY_BYTES], char ret_near_key[static PROGRAMS_KEY_BYTES]) {
    char schema[4096], admin_key[PROGRAMS_KEY_BYTES];
    snprintf(schema, sizeof(schema), "%s%s", programs_schema, gateway_routes);
    programs_start_with(programs, schema);
    programs_workspace(programs, "w1", admin_key);
    operator_ok(programs, "Admin/UpdateWorkspace",
                "{'workspace': {'id': 'w1', 'plan': 'PLAN_ENTERPRISE', 'features': ['FEATURE_IP_ALLOWLIST']}, "
                "'updateMask': ['plan', 'features']}");
    assert_true(caller_open(ret_admin, programs->sync_target, admin_key));
    programs_user(ret_admin, "u1", ret_user_key);
    operator_ok(programs, "Admin/RegisterResource", "{'workspace': 'w1', 'resource': {'type': 'voice', 'id': 'v1'}}");
    caller_ok(ret_admin, "Admin/ShareResource",
              "{'resource': {'type': 'voice', 'id': 'v1'}, 'subject': {'principal': 'u1'}, 'role': 'ROLE_VIEWER'}");
    caller_ok(ret_admin, "Admin/CreateApiKey",
              "{'principal': 'u1', 'id': 'near', 'name': 'N', 'permissions': {'all': true}, "
              "'allowedIps': {'entries': ['203.0.113.0/24']}}");
    snprintf(ret_near_key, PROGRAMS_KEY_BYTES, "%s", caller_text(ret_admin, "secret"));
}
