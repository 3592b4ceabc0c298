#include "usage/judge.h"

void sp_usage_coverage_begin(struct sp_usage_coverage *ret_coverage) {
    *ret_coverage = (struct sp_usage_coverage){.until_s = INT64_MAX};
}

void sp_usage_coverage_add(struct sp_usage_coverage *coverage, const struct sp_usage_source *source) {
    if (source->lost_until_s > coverage->lost_until_s) {
        coverage->lost_until_s = source->lost_until_s;
        memcpy(coverage->loser, source->id, sizeof(coverage->loser));
    }
    if (source->ended)
        return;
    coverage->servers += strcmp(source->id, SP_USAGE_ADMIN_ID) != 0;
    if (source->until_s < coverage->until_s) {
        coverage->until_s = source->until_s;
        memcpy(coverage->behind, source->id, sizeof(coverage->behind));
    }
}

/* Why no known use since `begin_s` proves nothing; SP_WHY_UNUSED if it proves that there was
 * none. */
static enum sp_key_safety_why find_doubt(const struct sp_usage_question *question,
                                         const struct sp_usage_coverage *coverage, int64_t begin_s) {
    if (question->key_created_s > begin_s)
        return SP_WHY_KEY_YOUNG;
    if (question->kept_since_s > begin_s)
        return SP_WHY_KEPT_SINCE;
    if (question->now_s - question->up_since_s < question->grace_s)
        return SP_WHY_JUST_STARTED;
    if (coverage->servers == 0)
        return SP_WHY_NO_SERVER;
    return coverage->lost_until_s >= begin_s ? SP_WHY_SERVER_LOST : SP_WHY_UNUSED;
}

enum sp_key_safety sp_usage_judge(const struct sp_usage_question *question, const struct sp_usage_coverage *coverage,
                                  enum sp_key_safety_why *ret_why) {
    bool behind = coverage->until_s < question->now_s - question->grace_s;
    int64_t end_s = behind || coverage->until_s > question->now_s ? question->now_s : coverage->until_s;
    int64_t begin_s = end_s - question->window_s;
    if (question->last_used_s > 0 && question->last_used_s >= begin_s) {
        *ret_why = SP_WHY_USED;
        return SP_KEY_IN_USE;
    }
    *ret_why = question->kept_since_s == 0 ? SP_WHY_NOT_KEPT
               : behind                    ? SP_WHY_SERVER_SILENT
                                           : find_doubt(question, coverage, begin_s);
    return *ret_why == SP_WHY_UNUSED ? SP_KEY_SAFE : SP_KEY_UNKNOWN;
}
