/* Last use of keys: what is known of a key, in words too, and the servers that tell it. */
#include <inttypes.h>
#include <time.h>

#include "admin/internal.h"
#include "base/text.h"
#include "store/usage/reports.h"

#define SECONDS_A_DAY INT64_C(86400)

enum { WINDOW_DEFAULT_DAYS = 30, WINDOW_MAX_DAYS = 400, TIME_BYTES = 32 };

/* The core's numbers are the API's numbers. */
_Static_assert((int)SP_KEY_SAFE == (int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_SAFE, "safety");
_Static_assert((int)SP_KEY_IN_USE == (int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_IN_USE, "safety");
_Static_assert((int)SALLYPORT__V1__KEY_SAFETY__KEY_SAFETY_UNKNOWN == 0, "the zero value promises nothing");

/* ---- words ---- */

static const char *time_text(struct sp_admin_context *ctx, int64_t at_s) {
    char text[TIME_BYTES] = "";
    time_t at = (time_t)at_s;
    struct tm parts;
    if (gmtime_r(&at, &parts) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return sp_arena_strdup(ctx->arena, sp_str_from(text));
}

static const char *duration_text(struct sp_admin_context *ctx, int64_t duration_s) {
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

static const char *lost_text(struct sp_admin_context *ctx, const struct sp_usage_coverage *coverage) {
    bool own = strcmp(coverage->loser, SP_USAGE_ADMIN_ID) == 0;
    return sp_arena_printf(ctx->arena,
                           "%s %s lost some of what it saw before %s: ask for a shorter window, or an operator accepts "
                           "the loss (sallyport server retire %s)",
                           own ? "the admin instance" : "server", coverage->loser,
                           time_text(ctx, coverage->lost_until_s), coverage->loser);
}

static const char *silent_text(struct sp_admin_context *ctx, const struct sp_usage_coverage *coverage) {
    if (strcmp(coverage->behind, SP_USAGE_ADMIN_ID) == 0)
        return "the admin instance itself cannot write what it sees: its log says why";
    if (coverage->until_s == 0)
        return sp_arena_printf(ctx->arena, "server %s has not finished its first report", coverage->behind);
    return sp_arena_printf(ctx->arena,
                           "what server %s saw is known only until %s: if it is gone for good, an operator retires it "
                           "(sallyport server retire %s)",
                           coverage->behind, time_text(ctx, coverage->until_s), coverage->behind);
}

/* NULL when out of memory. */
static const char *why_text(struct sp_admin_context *ctx, const struct sp_admin_usage_reading *reading,
                            const struct sp_usage_question *question, enum sp_key_safety_why why) {
    const struct sp_usage_coverage *coverage = &reading->coverage;
    if (reading->damaged)
        return "what is kept of last uses cannot be read: the admin instance's log says why";
    switch (why) {
    case SP_WHY_NOT_KEPT:
        return "this instance keeps no last use of keys";
    case SP_WHY_USED:
        return sp_arena_printf(ctx->arena, "used within the last %s", duration_text(ctx, question->window_s));
    case SP_WHY_UNUSED:
        return sp_arena_printf(ctx->arena, "not used on any server for %s before %s",
                               duration_text(ctx, question->window_s), time_text(ctx, coverage->until_s));
    case SP_WHY_KEY_YOUNG:
        return sp_arena_printf(ctx->arena, "it was made less than %s ago: whoever is to use it may not have begun",
                               duration_text(ctx, question->window_s));
    case SP_WHY_KEPT_SINCE:
        return sp_arena_printf(ctx->arena, "last use is kept only since %s: ask for a shorter window than %s",
                               time_text(ctx, question->kept_since_s), duration_text(ctx, question->window_s));
    case SP_WHY_JUST_STARTED:
        return sp_arena_printf(ctx->arena,
                               "the admin instance runs for less than %s: a server may not have reported yet",
                               duration_text(ctx, question->grace_s));
    case SP_WHY_NO_SERVER:
        return "no server reports: start each sallyportd with --report-to";
    case SP_WHY_SERVER_SILENT:
        return silent_text(ctx, coverage);
    case SP_WHY_SERVER_LOST:
        return lost_text(ctx, coverage);
    }
    return NULL;
}

/* ---- a key ---- */

static enum sp_status add_source(void *context, const struct sp_usage_source *source) {
    sp_usage_coverage_add(context, source);
    return SP_OK;
}

/* What cannot be read leaves everything unknown, and the call goes on. */
static void read_coverage(const struct sp_admin_usage *usage, struct sp_admin_usage_reading *reading) {
    sp_usage_coverage_begin(&reading->coverage);
    if (usage == NULL || usage->store == NULL)
        return;
    enum sp_status status = sp_usage_view_begin(usage->store, &reading->view);
    if (status == SP_OK)
        status = sp_usage_view_sources(reading->view, add_source, &reading->coverage);
    reading->damaged = status != SP_OK;
}

enum sp_status sp_admin_usage_begin(struct sp_admin_context *ctx, const char *field, uint64_t window_s,
                                    struct sp_admin_usage_reading *ret_reading) {
    *ret_reading = (struct sp_admin_usage_reading){.window_s = WINDOW_DEFAULT_DAYS * SECONDS_A_DAY};
    if (window_s > WINDOW_MAX_DAYS * SECONDS_A_DAY)
        return sp_error_set(ctx->error, SP_ERR_INVALID, "%s: at most %d days", field, WINDOW_MAX_DAYS);
    if (window_s > 0)
        ret_reading->window_s = (int64_t)window_s;
    read_coverage(ctx->caller->usage, ret_reading);
    return SP_OK;
}

void sp_admin_usage_end(struct sp_admin_usage_reading *reading) {
    sp_usage_view_end(reading->view);
    reading->view = NULL;
}

static char *ip_text(struct sp_admin_context *ctx, const struct sp_usage_moment *moment) {
    char text[SP_CIDR_TEXT_BYTES] = "";
    if (moment->at_s != 0 && moment->has_ip)
        sp_ip_format(&moment->ip, text);
    return sp_arena_strdup(ctx->arena, sp_str_from(text));
}

static struct sp_usage_question question_of(const struct sp_admin_context *ctx,
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

static bool tell_use(struct sp_admin_context *ctx, const struct sp_key_use *use, Sallyport__V1__KeyUsage *message) {
    const char *reason = use->rejected.at_s != 0 ? sp_reason_name(use->reason) : "";
    message->last_used_at = use->accepted.at_s;
    message->last_rejected_at = use->rejected.at_s;
    message->last_used_ip = ip_text(ctx, &use->accepted);
    message->last_rejected_ip = ip_text(ctx, &use->rejected);
    message->last_rejected_reason = sp_arena_strdup(ctx->arena, sp_str_from(reason));
    return message->last_used_ip != NULL && message->last_rejected_ip != NULL && message->last_rejected_reason != NULL;
}

static bool tell_verdict(struct sp_admin_context *ctx, const struct sp_admin_usage_reading *reading,
                         const struct sp_usage_question *question, Sallyport__V1__KeyUsage *message) {
    enum sp_key_safety_why why;
    message->safe_to_delete = (Sallyport__V1__KeySafety)sp_usage_judge(question, &reading->coverage, &why);
    const char *text = why_text(ctx, reading, question, why);
    message->why = text != NULL ? sp_arena_strdup(ctx->arena, sp_str_from(text)) : NULL;
    message->known_since = question->kept_since_s;
    if (question->kept_since_s != 0 && reading->coverage.until_s != INT64_MAX)
        message->known_until = reading->coverage.until_s;
    message->window_s = (uint64_t)question->window_s;
    return message->why != NULL;
}

/* The key that asks is in use, also before that is written. */
static bool is_acting(const struct sp_admin_context *ctx, const Sallyport__V1__ApiKey *key) {
    return !ctx->is_operator && sp_str_equal(ctx->key.workspace, sp_str_from(key->workspace)) &&
           sp_str_equal(ctx->key.id, sp_str_from(key->id));
}

static struct sp_usage_moment acting_now(const struct sp_admin_context *ctx) {
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
    if (is_acting(ctx, key))
        use.accepted = acting_now(ctx);
    struct sp_usage_question question = question_of(ctx, reading, key, &use);
    return tell_use(ctx, &use, message) && tell_verdict(ctx, reading, &question, message) ? message : NULL;
}

enum sp_status sp_admin_get_key_usage(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__GetKeyUsageRequest *request = (const void *)message;
    Sallyport__Store__V1__StoredKey *stored = NULL;
    struct sp_admin_usage_reading reading;
    enum sp_status status = sp_admin_load_key(ctx, request->id, &stored);
    if (status == SP_OK)
        status = sp_admin_usage_begin(ctx, "window_s", request->window_s, &reading);
    if (status != SP_OK)
        return status;
    Sallyport__V1__KeyUsage *usage = sp_admin_usage_of(ctx, &reading, stored->key);
    sp_admin_usage_end(&reading);
    if (usage == NULL)
        return SP_ERR_MEMORY;
    *ret_reply = &usage->base;
    return SP_OK;
}

/* ---- servers ---- */

static enum sp_status require_kept(struct sp_admin_context *ctx) {
    const struct sp_admin_usage *usage = ctx->caller->usage;
    if (usage != NULL && usage->store != NULL)
        return SP_OK;
    return sp_error_set(ctx->error, SP_ERR_UNAVAILABLE,
                        "this instance keeps no last use of keys: its log says why, if it should");
}

struct server_list {
    struct sp_admin_context *ctx;
    Sallyport__V1__ListServersResponse *response;
    size_t size;
    struct sp_entity_key after; /* id 00 instance(8) of the last one of the page before */
    struct sp_entity_key last;
    bool more;
};

static struct sp_entity_key token_of(const struct sp_usage_source *source) {
    struct sp_entity_key token = {.size = (uint16_t)(strlen(source->id) + 1 + sizeof(uint64_t))};
    memcpy(token.bytes, source->id, token.size - sizeof(uint64_t));
    sp_store_be64(token.bytes + token.size - sizeof(uint64_t), source->instance);
    return token;
}

static bool is_behind(const struct sp_entity_key *key, const struct sp_entity_key *after) {
    size_t common = key->size < after->size ? key->size : after->size;
    int order = memcmp(key->bytes, after->bytes, common);
    return order > 0 || (order == 0 && key->size > after->size);
}

static Sallyport__V1__ServerState state_of(const struct sp_admin_context *ctx, const struct sp_usage_source *source) {
    if (source->ended)
        return SALLYPORT__V1__SERVER_STATE__SERVER_STATE_ENDED;
    int64_t late_s = ctx->now_s - ctx->caller->usage->grace_s;
    if (source->last_report_s < late_s)
        return SALLYPORT__V1__SERVER_STATE__SERVER_STATE_SILENT;
    return source->until_s < late_s ? SALLYPORT__V1__SERVER_STATE__SERVER_STATE_BEHIND
                                    : SALLYPORT__V1__SERVER_STATE__SERVER_STATE_REPORTING;
}

static Sallyport__V1__ReportingServer *tell_server(struct sp_admin_context *ctx, const struct sp_usage_source *source) {
    Sallyport__V1__ReportingServer *server =
        SP_ADMIN_NEW(ctx, Sallyport__V1__ReportingServer, sallyport__v1__reporting_server);
    if (server == NULL)
        return NULL;
    server->id = sp_arena_strdup(ctx->arena, sp_str_from(source->id));
    server->instance = sp_arena_printf(ctx->arena, "%016" PRIx64, source->instance);
    server->state = state_of(ctx, source);
    server->first_reported_at = source->first_report_s;
    server->last_reported_at = source->last_report_s;
    server->known_until = source->until_s;
    server->lost_until = source->lost_until_s;
    return server->id != NULL && server->instance != NULL ? server : NULL;
}

/* One that said goodbye and lost nothing is remembered for a while, and is nobody's business; nor is the admin instance itself
 * unless it lost something. */
static bool is_shown(const struct sp_usage_source *source) {
    bool own = strcmp(source->id, SP_USAGE_ADMIN_ID) == 0;
    return source->lost_until_s != 0 || (!own && !source->ended);
}

static enum sp_status keep_server(void *context, const struct sp_usage_source *source) {
    struct server_list *list = context;
    struct sp_entity_key token = token_of(source);
    if (!is_shown(source) || (list->after.size > 0 && !is_behind(&token, &list->after)))
        return SP_OK;
    if (list->response->n_servers == list->size) {
        list->more = true;
        return SP_WALK_END;
    }
    Sallyport__V1__ReportingServer *server = tell_server(list->ctx, source);
    if (server == NULL)
        return SP_ERR_MEMORY;
    list->response->servers[list->response->n_servers++] = server;
    list->last = token;
    return SP_OK;
}

static enum sp_status list_servers(struct server_list *list) {
    struct sp_usage_view *view = NULL;
    enum sp_status status = sp_usage_view_begin(list->ctx->caller->usage->store, &view);
    if (status != SP_OK)
        return status;
    status = sp_usage_view_sources(view, keep_server, list);
    sp_usage_view_end(view);
    if (status != SP_OK || !list->more)
        return status;
    return sp_admin_token_encode(list->ctx, (struct sp_bytes){list->last.bytes, list->last.size},
                                 &list->response->next_page_token);
}

enum sp_status sp_admin_list_servers(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                     ProtobufCMessage **ret_reply) {
    const Sallyport__V1__ListServersRequest *request = (const void *)message;
    struct server_list list = {
        .ctx = ctx,
        .response = SP_ADMIN_NEW(ctx, Sallyport__V1__ListServersResponse, sallyport__v1__list_servers_response)};
    enum sp_status status = require_kept(ctx);
    if (status == SP_OK)
        status = sp_admin_page_size(ctx, request->page_size, &list.size);
    if (status == SP_OK)
        status = sp_admin_token_decode(ctx, request->page_token, &list.after);
    if (status != SP_OK)
        return status;
    if (list.response != NULL)
        list.response->servers = sp_arena_calloc(ctx->arena, list.size, sizeof(*list.response->servers));
    if (list.response == NULL || list.response->servers == NULL)
        return SP_ERR_MEMORY;
    status = list_servers(&list);
    if (status == SP_OK)
        *ret_reply = &list.response->base;
    return status;
}

/* Waits for the disk, on the thread of the call: operators do it seldom. */
static enum sp_status retire(struct sp_admin_context *ctx, const char *id, size_t *ret_count) {
    struct sp_usage_batch *batch = NULL;
    const struct sp_admin_usage *usage = ctx->caller->usage;
    enum sp_status status = sp_usage_batch_begin(usage->store, &batch, ctx->error);
    if (status != SP_OK)
        return status;
    status = sp_usage_batch_retire(batch, sp_str_from(id), ctx->now_s - usage->grace_s, ret_count);
    if (status == SP_OK)
        return sp_usage_batch_commit(batch, ctx->error);
    sp_usage_batch_abort(batch);
    return status;
}

enum sp_status sp_admin_retire_server(struct sp_admin_context *ctx, const ProtobufCMessage *message,
                                      ProtobufCMessage **ret_reply) {
    const Sallyport__V1__RetireServerRequest *request = (const void *)message;
    size_t count = 0;
    Sallyport__V1__RetireServerResponse *response =
        SP_ADMIN_NEW(ctx, Sallyport__V1__RetireServerResponse, sallyport__v1__retire_server_response);
    if (response == NULL)
        return SP_ERR_MEMORY;
    enum sp_status status = require_kept(ctx);
    if (status == SP_OK && strcmp(request->id, SP_USAGE_ADMIN_ID) != 0)
        status = sp_text_check_id(sp_str_from(request->id), "id", ctx->error);
    if (status == SP_OK)
        status = retire(ctx, request->id, &count);
    if (status != SP_OK)
        return status;
    if (count == 0)
        return sp_error_set(ctx->error, SP_ERR_NOT_FOUND, "server %s not found", request->id);
    ctx->caller->usage->retired(ctx->caller->usage->user, ctx->operator_name, request->id);
    response->retired = (uint32_t)count;
    *ret_reply = &response->base;
    return SP_OK;
}
