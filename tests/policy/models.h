/* Models from texts, for the tests of this folder. Everything asserts. */
#ifndef TEST_POLICY_MODELS_H
#define TEST_POLICY_MODELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/check.h"
#include "policy/read.h"

struct model {
    struct sp_arena arena;
    struct sp_policy policy;
    struct sp_policy_errors errors;
};

static inline void model_init(struct model *model) {
    *model = (struct model){0};
    assert_int_equal(sp_arena_init(&model->arena, 65536, (size_t)1 << 30), SP_OK);
    model->policy.arena = model->errors.arena = &model->arena;
}

static inline void model_add(struct model *model, const char *file, const char *text) {
    assert_int_equal(sp_policy_read(&model->policy, file, sp_str_from(text), &model->errors), SP_OK);
}

/* For a text without errors. */
static inline void model_read(struct model *model, const char *text) {
    model_init(model);
    model_add(model, "f.yaml", text);
    sp_policy_check(&model->policy, &model->errors);
    if (model->errors.count > 0)
        fail_msg("%s", model->errors.texts[0]);
}

static inline void model_fini(struct model *model) {
    sp_arena_fini(&model->arena);
}

#endif
