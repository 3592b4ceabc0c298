/* Both programs, with what gateways are asked about: workspace w1, which may have allowlists, with
 * the routes
 *
 *   POST /v1/text-to-speech/{voice_id}   use voice
 *   PATCH /v1/voices/{voice_id}          edit voice
 *   GET /v1/previews                     preview voice
 *
 * User u1 may use voice v1: with one key from anywhere, with the key "near" only from
 * 203.0.113.0/24. */
#ifndef TEST_SUPPORT_GATEWAY_WORLD_H
#define TEST_SUPPORT_GATEWAY_WORLD_H

#include "support/programs.h"

/* The end of the schema, from "routes:" on. */
extern const char gateway_routes[];

/* Settings are the environment's. The caller acts as the workspace's ADMIN; close it. */
void gateway_world_make(struct programs *programs, struct caller *ret_admin,
                        char ret_user_key[static PROGRAMS_KEY_BYTES], char ret_near_key[static PROGRAMS_KEY_BYTES]);

#endif
