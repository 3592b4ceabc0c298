#include "admin/key_usage.h"

#include <inttypes.h>

#include "admin/message.h"
#include "base/moment.h"
#include "store/usage/usage.h"

#define SECONDS_A_DAY INT64_C(86400)

enum { WINDOW_DEFAULT_DAYS = 30, WINDOW_MAX_DAYS = 400 };

/* The core's numbers are the API's numbers. */
_Static_assert((int)SP_KEY_SAFE == (int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_SAFE, "safety");
_Static_assert((int)SP_KEY_IN_USE == (int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_IN_USE, "safety");
_Static_assert((int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_UNKNOWN == 0, "the zero value promises nothing");

/* ---- words ---- */

static const char *format_time(struct sp_admin_context *ctx, int64_t at_s) {
    char text[SP_MOMENT_TEXT_BYTES];
    sp_moment_format(at_s, text);
    return sp_arena_strdup(ctx->arena, sp_str_from(text));
}

static const char *format_duration(struct sp_admin_context *ctx, int64_t duration_s) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{SECONDS_A_DAY, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t unit = 0;
    while (units[unit].seconds > 1 && duration_s % units[unit].seconds != 0)
        unit++;
    int64_t count = duration_s / units[unit].seconds;
    return sp_arena_printf(ctx->arena, "%" PRId64 " %s%s", count, units[unit].name, count == 1 ? "" : "s");
}

static const char *explain_loss(struct sp_admin_context *ctx, const struct sp_usage_coverage *coverage) {
    bool admin = strcmp(coverage->loser, SP_USAGE_ADMIN_ID) == 0;
    return sp_arena_printf(
        ctx->arena,
        "%s %s lost some uses from before %s: choose a shorter window, or have an operator accept the "
        "loss (sallyport server retire %s)",
        admin ? "the admin instance" : "server", coverage->loser, format_time(ctx, coverage->lost_until_s),
        coverage->loser);
}

static const char *explain_silence(struct sp_admin_context *ctx, const struct sp_usage_coverage *coverage) {
    if (strcmp(coverage->behind, SP_USAGE_ADMIN_ID) == 0)
        return "the admin instance cannot record uses: see its log";
    if (coverage->until_s == 0)
        return sp_arena_printf(ctx->arena, "server %s has not finished its first report", coverage->behind);
    return sp_arena_printf(
        ctx->arena,
        "uses on server %s are known only until %s: if it is gone for good, have an operator retire it "
        "(sallyport server retire %s)",
        coverage->behind, format_time(ctx, coverage->until_s), coverage->behind);
}

/* NULL when out of memory. */
static const char *explain_verdict(struct sp_admin_context *ctx, const struct sp_admin_usage_reading *reading,
                                   const struct sp_usage_question *question, enum sp_key_safety_why why) {
    const struct sp_usage_coverage *coverage = &reading->coverage;
    if (reading->damaged)
        return "cannot read the record of last uses: see the admin instance's log";
    switch (why) {
    case SP_WHY_NOT_KEPT:
        return "this instance does not record key usage";
    case SP_WHY_USED:
        return sp_arena_printf(ctx->arena, "used within the last %s", format_duration(ctx, question->window_s));
    case SP_WHY_UNUSED:
        return sp_arena_printf(ctx->arena, "not used on any server for %s before %s",
                               format_duration(ctx, question->window_s), format_time(ctx, coverage->until_s));
    case SP_WHY_KEY_YOUNG:
        return sp_arena_printf(ctx->arena, "created less than %s ago: it may not be in use yet",
                               format_duration(ctx, question->window_s));
    case SP_WHY_KEPT_SINCE:
        return sp_arena_printf(ctx->arena, "key usage is recorded only since %s: choose a window shorter than %s",
                               format_time(ctx, question->kept_since_s), format_duration(ctx, question->window_s));
    case SP_WHY_JUST_STARTED:
        return sp_arena_printf(ctx->arena,
                               "the admin instance started less than %s ago: some servers may not have reported yet",
                               format_duration(ctx, question->grace_s));
    case SP_WHY_NO_SERVER:
        return "no server reports: start each sallyportd with --report-to";
    case SP_WHY_SERVER_SILENT:
        return explain_silence(ctx, coverage);
    case SP_WHY_SERVER_LOST:
        return explain_loss(ctx, coverage);
    }
    return NULL;
}

/* ---- a key ---- */

static enum sp_status add_coverage(void *context, const struct sp_usage_source *source) {
    sp_usage_coverage_add(context, source);
    return SP_OK;
}

/* What cannot be read leaves everything unknown, and the call goes on. */
static void begin_reading(const struct sp_admin_usage *usage, struct sp_admin_usage_reading *reading) {
    sp_usage_coverage_begin(&reading->coverage);
    if (usage == NULL || usage->store == NULL)
        return;
    reading->damaged = sp_usage_view_begin(usage->store, &reading->view) != SP_OK ||
                       sp_usage_view_sources(reading->view, NULL, add_coverage, &reading->coverage) != SP_OK;
}

enum sp_status sp_admin_usage_begin(struct sp_admin_context *ctx, const char *field, uint64_t window_s,
                                    struct sp_admin_usage_reading *ret_reading) {
    *ret_reading = (struct sp_admin_usage_reading){.window_s = WINDOW_DEFAULT_DAYS * SECONDS_A_DAY};
    if (window_s > WINDOW_MAX_DAYS * SECONDS_A_DAY)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "%s: at most %d days", field, WINDOW_MAX_DAYS);
    if (window_s > 0)
        ret_reading->window_s = (int64_t)window_s;
    begin_reading(ctx->caller->usage, ret_reading);
    return SP_OK;
}

void sp_admin_usage_end(struct sp_admin_usage_reading *reading) {
    sp_usage_view_end(reading->view);
    reading->view = NULL;
}

static char *format_moment_ip(struct sp_admin_context *ctx, const struct sp_usage_moment *moment) {
    char text[SP_CIDR_TEXT_BYTES] = "";
    if (moment->at_s != 0 && moment->has_ip)
        sp_ip_format(&moment->ip, text);
    return sp_arena_strdup(ctx->arena, sp_str_from(text));
}

static struct sp_usage_question pose_question(const struct sp_admin_context *ctx,
                                              const struct sp_admin_usage_reading *reading,
                                              const Sallyport__V1__ApiKey *key, const struct sp_key_use *use) {
    const struct sp_admin_usage *usage = ctx->caller->usage;
    bool kept = reading->view != NULL && !reading->damaged;
    return (struct sp_usage_question){
        .now_s = ctx->now_s,
        .window_s = reading->window_s,
        .grace_s = kept ? usage->grace_s : 0,
        .kept_since_s = kept ? sp_usage_store_since(usage->store) : 0,
        .up_since_s = kept ? usage->up_since_s : ctx->now_s,
        .key_created_s = key->created_at,
        .last_used_s = use->accepted.at_s,
    };
}

static bool fill_uses(struct sp_admin_context *ctx, const struct sp_key_use *use, Sallyport__V1__KeyUsage *message) {
    const char *reason = use->rejected.at_s != 0 ? sp_reason_name(use->reason) : "";
    message->last_used_at = use->accepted.at_s;
    message->last_rejected_at = use->rejected.at_s;
    message->last_used_ip = format_moment_ip(ctx, &use->accepted);
    message->last_rejected_ip = format_moment_ip(ctx, &use->rejected);
    message->last_rejected_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    return message->last_used_ip != NULL && message->last_rejected_ip != NULL && message->last_rejected_reason != NULL;
}

static bool fill_verdict(struct sp_admin_context *ctx, const struct sp_admin_usage_reading *reading,
                         const struct sp_usage_question *question, Sallyport__V1__KeyUsage *message) {
    enum sp_key_safety_why why;
    message->safe_to_delete = (Sallyport__V1__KeySafety)sp_usage_judge(question, &reading->coverage, &why);
    const char *text = explain_verdict(ctx, reading, question, why);
    message->why = text != NULL ? sp_arena_strdup(ctx->arena, sp_str_from(text)) : NULL;
    message->known_since = question->kept_since_s;
    if (question->kept_since_s != 0 && reading->coverage.until_s != INT64_MAX)
        message->known_until = reading->coverage.until_s;
    message->window_s = (uint64_t)question->window_s;
    return message->why != NULL;
}

/* The key that asks is in use, even before that is written. */
static bool is_acting_key(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    return !ctx->is_operator && sp_str_equal(ctx->key.workspace, sp_str_from(key->workspace)) &&
           sp_str_equal(ctx->key.id, sp_str_from(key->id));
}

static struct sp_usage_moment make_moment_of_call(const struct sp_admin_context *ctx) {
    struct sp_usage_moment moment = {.at_s = ctx->now_s, .has_ip = ctx->caller->ip != NULL};
    if (moment.has_ip)
        moment.ip = *ctx->caller->ip;
    return moment;
}

Sallyport__V1__KeyUsage *sp_admin_usage_of(struct sp_admin_context *ctx, struct sp_admin_usage_reading *reading,
                                           const Sallyport__V1__ApiKey *key) {
    struct sp_key_use use = {0};
    Sallyport__V1__KeyUsage *message = SP_ADMIN_NEW(ctx, Sallyport__V1__KeyUsage, sallyport__v1__key_usage);
    if (message == NULL)
        return NULL;
    if (reading->view != NULL && !reading->damaged)
        reading->damaged =
            sp_usage_view_key(reading->view, sp_str_from(key->workspace), sp_str_from(key->id), &use) != SP_OK;
    if (is_acting_key(ctx, key))
        use.accepted = make_moment_of_call(ctx);
    struct sp_usage_question question = pose_question(ctx, reading, key, &use);
    if (!fill_uses(ctx, &use, message) || !fill_verdict(ctx, reading, &question, message))
        return NULL;
    return message;
}
