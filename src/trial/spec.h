/* Expected decisions, as a file says them. Pure.
 *
 *   schema: schema.yaml         # beside this file; the default. Without one, the built-in example
 *   policy: [.]                 # files and folders, from this file's folder; the default is that folder
 *   keys:                       # shapes of keys, by a name for these tests
 *     ci:
 *       principal: reporter
 *       permissions: [notes_read]             # default: all
 *       allowed_ips: [203.0.113.0/24]
 *       expires: 2030-01-01T00:00:00Z
 *       disabled: true
 *   tests:
 *     ben sees the minutes: {who: ben, resource: note/minutes, action: read, expect: ALLOWED}
 *     only editors edit the plan:
 *       resource: note/plan
 *       action: edit
 *       expect: {ann: ALLOWED, ben: ALLOWED, zoe: NOT_SHARED}
 *     who sees what:
 *       action: [read, edit]
 *       expect:
 *         ben: {note/plan: ALLOWED, note/minutes: DENIED}
 *     CI works from its network alone:
 *       {key: ci, ip: [198.51.100.1], resource: note/plan, action: read, expect: IP_NOT_ALLOWED}
 *     paths: {who: ben, request: GET /v1/notes/plan, expect: ALLOWED}
 *
 * `who` is a principal, asked for as by a key of it with all permissions and without limits; `key`
 * names a shape. Each of who, key, ip, at (RFC 3339; the default is now), resource, action and
 * request ("METHOD PATH", by the schema's routes, or "METHOD HOST/PATH" if those name hosts) may be
 * a list: all combinations are asked. `expect` is ALLOWED, DENIED or a reason, or such words by
 * who, or by who and then by resource. A test has a name of its own, and is counted by its
 * questions. */
#ifndef SP_TRIAL_SPEC_H
#define SP_TRIAL_SPEC_H

#include <stdbool.h>

#include "base/arena.h"
#include "core/decision.h"

enum { SP_TRIAL_QUESTIONS_MAX = 1000000 };

/* Any denial, in sp_trial_question.expected. */
#define SP_TRIAL_DENIED SP_REASON_COUNT

struct sp_trial_key {
    const char *name;      /* of a shape; NULL: of `principal` itself */
    const char *principal; /* NULL: the file does not say */
    const char **permissions;
    size_t permission_count, permission_room; /* 0: all */
    const char **allowed_ips;
    size_t allowed_ip_count, allowed_ip_room;
    int64_t expires_at_s; /* 0: never */
    bool disabled;
    size_t line, column;
};

struct sp_trial_question {
    size_t test;                    /* index in sp_trial_spec.tests */
    const struct sp_trial_key *key; /* of spec.keys */
    const char *ip;                 /* NULL: none */
    const char *resource;           /* "type/id" or "type"; NULL: by request */
    const char *action;
    const char *request; /* "METHOD PATH"; NULL: by resource and action */
    bool has_time;
    int64_t now_s;
    enum sp_reason expected; /* or SP_TRIAL_DENIED */
    size_t line, column;     /* of what is expected */
};

struct sp_trial_test {
    const char *name;
    size_t line, column;
};

/* All of it is in the arena. */
struct sp_trial_spec {
    struct sp_arena *arena;
    const char *file;
    const char *schema; /* NULL: not given */
    const char **policy;
    size_t policy_count, policy_room;
    struct sp_trial_key **keys; /* shapes, and one for each `who` */
    size_t key_count, key_room;
    struct sp_trial_test *tests;
    size_t test_count, test_room;
    struct sp_trial_question *questions;
    size_t question_count, question_room;
};

/* Reads a file's text. `ret_spec` needs arena and file. SP_ERR_INVALID with "FILE:LINE:COLUMN:
 * what". */
enum sp_status sp_trial_read_spec(struct sp_str text, struct sp_trial_spec *ret_spec,
                                  struct sp_error *error) SP_MUST_USE;

#endif
