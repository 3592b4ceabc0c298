#include "trial/whatif_example.h"

enum { ARENA_FIRST_BYTES = 1 << 16, ARENA_BUDGET_BYTES = 64 << 20 };

static enum sp_status read_flip_example(struct sp_trial_replay *replay, const struct sp_trial_flip_group *group,
                                        struct sp_arena *arena, struct sp_trial_whatif_example *ret_example) {
    struct sp_trial_whatif_example example = {.before = NULL};
    int64_t time_s = 0;
    char *memory = sp_arena_alloc(arena, group->example.size);
    if (memory == NULL)
        return SP_ERR_MEMORY;
    if (!sp_trial_log_line_read(group->example, memory, &example.line) ||
        !sp_moment_parse(example.line.texts[SP_TRIAL_LOG_TIME], &time_s))
        return SP_ERR_INTERNAL; /* it was read before */
    sp_moment_format(time_s, example.time);
    enum sp_status status = sp_trial_replay_explain(replay, &example.line, arena, &example.before, &example.after);
    if (status != SP_OK)
        return status;
    *ret_example = example;
    return SP_OK;
}

enum sp_status sp_trial_whatif_visit_groups(struct sp_trial_replay *replay, struct sp_trial_flips *flips,
                                            sp_trial_whatif_visit *visit, void *context, struct sp_error *error) {
    struct sp_arena arena;
    size_t count = 0;
    struct sp_trial_flip_group *const *groups = sp_trial_flips_sort(flips, &count);
    enum sp_status status = SP_OK;
    if (sp_arena_init(&arena, ARENA_FIRST_BYTES, ARENA_BUDGET_BYTES) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    for (size_t i = 0; status == SP_OK && i < count; i++) {
        struct sp_trial_whatif_example example;
        sp_arena_reset(&arena);
        status = read_flip_example(replay, groups[i], &arena, &example);
        if (status == SP_OK)
            status = visit(context, groups[i], &example);
    }
    sp_arena_fini(&arena);
    return status == SP_OK ? SP_OK
                           : sp_error_set(error, status, "cannot explain a decision: %s", sp_status_name(status));
}
