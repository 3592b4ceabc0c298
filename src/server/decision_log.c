#include "server/decision_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/text_out.h"
#include "core/route.h"
#include "decide/disclosure.h"
#include "http/server.h"
#include "observe/ring_log.h"
#include "observe/trace.h"
#include "rpc/server.h"
#include "server/worker_slots.h"
#include "store/records/head.h"

enum { RING_BYTES = 1024 * 1024, SAMPLE_MAX = 1000000000 };

/* Texts of a record, in the order in which they stand behind it. */
enum text {
    DECISION_ID,
    WORKSPACE,
    PRINCIPAL,
    KEY_ID,
    ACTION,
    RESOURCE_TYPE,
    RESOURCE_ID,
    ASSERTED_WORKSPACE,
    LOG_WHAT,
    ROUTE_METHOD,
    ROUTE_PATH,
    TEXTS
};

/* Those of a route become one member. */
static const char *const text_names[ROUTE_METHOD] = {
    "decision_id",   "workspace",   "principal",          "key_id",  "action",
    "resource_type", "resource_id", "asserted_workspace", "log_what"};

/* A decision on its way from a worker to the log's thread. */
struct record {
    int64_t at_s;
    uint32_t at_ns;
    uint32_t latency_us;
    struct sp_revision revision;
    uint8_t transport, reason, allowed, has_ip, has_trace, via;
    uint8_t workspaces; /* how many the log is kept to */
    uint16_t sizes[TEXTS];
    struct sp_ip ip;
    struct sp_trace trace;
    char texts[];
};

/* What a worker puts together where the record is to be a line already. */
enum { RECORD_BYTES = SP_RING_LOG_RECORD_BYTES };

struct sp_decision_log {
    struct sp_decision_log_settings settings;
    unsigned workers; /* of gRPC */
    struct sp_ring_log *ring;
};

/* ---- a line, on the log's thread ---- */

/* "POST /v1/text-to-speech/{voice_id}": a route's name is what the schema has. */
static void put_route(struct sp_str method, struct sp_str path, struct sp_text_out *out) {
    char name[SP_ROUTE_TEMPLATE_MAX_BYTES + SP_ROUTE_METHOD_MAX_BYTES + 1];
    if (method.size == 0 || method.size + 1 + path.size > sizeof(name))
        return;
    memcpy(name, method.data, method.size);
    name[method.size] = ' ';
    memcpy(name + method.size + 1, path.data, path.size);
    sp_json_text(out, "route", (struct sp_str){name, method.size + 1 + path.size});
}

static void put_texts(const struct record *record, struct sp_text_out *out) {
    struct sp_str texts[TEXTS];
    const char *at = record->texts;
    for (size_t i = 0; i < TEXTS; i++) {
        texts[i] = (struct sp_str){at, record->sizes[i]};
        at += record->sizes[i];
    }
    for (size_t i = 0; i < ROUTE_METHOD; i++)
        if (texts[i].size > 0)
            sp_json_text(out, text_names[i], texts[i]);
    put_route(texts[ROUTE_METHOD], texts[ROUTE_PATH], out);
}

static void format_record(const void *bytes, size_t size, struct sp_text_out *out) {
    const struct record *record = bytes;
    char ip[SP_CIDR_TEXT_BYTES];
    (void)size;
    out->room -= 1; /* of the line feed */
    sp_json_open(out);
    sp_json_time(out, "time", record->at_s, record->at_ns);
    sp_json_text(out, "decision", sp_str_from(record->allowed != 0 ? "allow" : "deny"));
    sp_json_text(out, "reason", sp_str_from(sp_reason_name((enum sp_reason)record->reason)));
    put_texts(record, out);
    if (record->has_ip != 0) {
        sp_ip_format(&record->ip, ip);
        sp_json_text(out, "ip", sp_str_from(ip));
    }
    sp_json_text(out, "via", sp_str_from(sp_via_name((enum sp_via)record->via)));
    sp_json_text(out, "transport", sp_str_from(sp_transport_name((enum sp_transport)record->transport)));
    sp_json_number(out, "latency_us", record->latency_us);
    sp_json_number(out, "epoch", record->revision.epoch);
    sp_json_number(out, "revision", record->revision.number);
    if (record->workspaces > 0)
        sp_json_number(out, "log_workspaces", record->workspaces);
    if (record->has_trace != 0) {
        sp_json_text(out, "trace_id", (struct sp_str){record->trace.trace_id, SP_TRACE_ID_BYTES});
        sp_json_text(out, "span_id", (struct sp_str){record->trace.span_id, SP_SPAN_ID_BYTES});
    }
    sp_json_close(out);
    out->room += 1;
    sp_text_put(out, SP_STR_LITERAL("\n"));
}

/* ---- a record, on a worker's thread ---- */

static bool wants_workspace(const struct sp_option_texts *wanted, struct sp_str workspace) {
    for (size_t i = 0; i < wanted->count; i++)
        if (sp_str_equal(workspace, sp_str_from(wanted->values[i])))
            return true;
    return wanted->count == 0;
}

static bool wants_decision(struct sp_decision_log *log, const struct sp_answer *answer, uint64_t decisions) {
    switch (log->settings.what) {
    case SP_DECISION_LOG_ALL:
        return true;
    case SP_DECISION_LOG_ALLOWS:
        return answer->allowed;
    case SP_DECISION_LOG_DENIALS:
        return !answer->allowed;
    case SP_DECISION_LOG_SAMPLE:
        return decisions % log->settings.every == 0;
    }
    return true;
}

/* False if there is none, or several, or it is not valid. The trace of the request that a
 * gateway asks about goes before that of the gateway's call. */
static bool find_trace(const struct sp_asking *asking, struct sp_trace *ret_trace) {
    size_t count = 0;
    struct sp_str text = {NULL, 0};
    if (asking->trace.size > 0)
        return sp_trace_parse(asking->trace, ret_trace);
    if (asking->rpc != NULL)
        text = sp_rpc_call_metadata(asking->rpc, "traceparent", &count);
    else if (asking->http != NULL)
        text = sp_http_header(asking->http, "traceparent", &count);
    return count == 1 && sp_trace_parse(text, ret_trace);
}

static void fill_record(struct record *record, const struct sp_asking *asking, const struct sp_query *query,
                        const struct sp_answer *answer) {
    const struct timespec at = sp_clock_now();
    uint64_t took_ns = sp_asking_elapsed_ns(asking);
    record->at_s = at.tv_sec;
    record->at_ns = (uint32_t)at.tv_nsec;
    record->latency_us = took_ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(took_ns / 1000);
    record->revision = answer->revision;
    record->transport = (uint8_t)asking->transport;
    record->reason = (uint8_t)answer->reason;
    record->allowed = answer->allowed;
    record->has_ip = query != NULL && query->ip != NULL;
    if (record->has_ip != 0)
        record->ip = *query->ip;
    record->has_trace = find_trace(asking, &record->trace);
}

static void put_record(const struct sp_decision_log *log, struct record *record, const struct sp_asking *asking,
                       const struct sp_query *query, const struct sp_answer *answer, enum sp_via via,
                       const struct sp_str texts[static TEXTS]) {
    fill_record(record, asking, query, answer);
    record->via = (uint8_t)via;
    record->workspaces = (uint8_t)log->settings.workspaces.count;
    char *at = record->texts;
    for (size_t i = 0; i < TEXTS; i++) {
        record->sizes[i] = (uint16_t)texts[i].size;
        if (texts[i].size > 0)
            memcpy(at, texts[i].data, texts[i].size);
        at += texts[i].size;
    }
}

/* The rings of a spill file are those of the threads that there are. */
static unsigned find_ring(const struct sp_decision_log *log, unsigned slot) {
    if (log->settings.spill == NULL || slot < SP_SERVER_MAX_WORKERS)
        return slot;
    if (slot < SP_SERVER_BULK_WORKER)
        return log->workers + (slot == SP_SERVER_CONNECT_WORKER);
    return log->workers + 2 + slot - SP_SERVER_BULK_WORKER;
}

/* As a line, which the next release can write too. */
static void spill_record(struct sp_decision_log *log, unsigned ring, const struct record *record, size_t size) {
    char line[SP_RING_LOG_LINE_BYTES];
    struct sp_text_out out;
    sp_text_out_init(&out, line, sizeof(line));
    format_record(record, size, &out);
    char *room = sp_ring_log_reserve(log->ring, ring, out.used);
    if (room == NULL)
        return;
    memcpy(room, line, out.used);
    sp_ring_log_commit(log->ring, ring, out.used);
}

void sp_decision_log_note(struct sp_decision_log *log, const struct sp_asking *asking, const struct sp_query *query,
                          const struct sp_answer *answer, const char *decision_id) {
    static const struct sp_query nothing;
    static const struct sp_route nowhere;
    static _Thread_local uint64_t decisions;
    if (!wants_decision(log, answer, decisions++))
        return;
    const struct sp_query *asked = query == NULL ? &nothing : query;
    const struct sp_route *route = asking->route == NULL ? &nowhere : asking->route;
    const struct sp_disclosure disclosure = sp_answer_disclose(answer);
    if (!wants_workspace(&log->settings.workspaces, disclosure.workspace))
        return;
    const struct sp_str texts[TEXTS] = {
        [DECISION_ID] = sp_str_from(decision_id),
        [WORKSPACE] = disclosure.workspace,
        [PRINCIPAL] = disclosure.principal,
        [KEY_ID] = disclosure.key_id,
        [ACTION] = asked->action,
        [RESOURCE_TYPE] = asked->resource_type,
        [RESOURCE_ID] = asked->resource_id,
        [ASSERTED_WORKSPACE] = asked->workspace,
        [LOG_WHAT] = sp_str_from(log->settings.what_text),
        [ROUTE_METHOD] = route->method,
        [ROUTE_PATH] = route->path,
    };
    size_t size = sizeof(struct record);
    for (size_t i = 0; i < TEXTS; i++)
        size += texts[i].size;
    unsigned ring = find_ring(log, asking->worker);
    if (log->settings.spill != NULL && size <= RECORD_BYTES) {
        _Alignas(struct record) char bytes[RECORD_BYTES];
        struct record *record = (struct record *)(void *)bytes;
        put_record(log, record, asking, query, answer, disclosure.via, texts);
        spill_record(log, ring, record, size);
        return;
    }
    struct record *record = sp_ring_log_reserve(log->ring, ring, size);
    if (record == NULL)
        return;
    put_record(log, record, asking, query, answer, disclosure.via, texts);
    sp_ring_log_commit(log->ring, ring, size);
}

/* ---- life ---- */

static bool read_sample_rate(const char *text, uint64_t *ret_every) {
    char *end;
    errno = 0;
    unsigned long long every = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '1' || text[0] > '9' || *end != '\0' || every > SAMPLE_MAX)
        return false;
    *ret_every = every;
    return true;
}

void sp_decision_log_option_rows(struct sp_decision_log_options *options,
                                 struct sp_option rows[static SP_DECISION_LOG_OPTION_ROWS]) {
    const struct sp_option table[SP_DECISION_LOG_OPTION_ROWS] = {
        {.name = "decision-log",
         .kind = SP_OPTION_TEXT,
         .target = &options->path,
         .environment = "SALLYPORTD_DECISION_LOG",
         .default_text = "none",
         .argument = "FILE",
         .help = "file to log decisions to, \"-\" for stdout, or \"none\"; reopened on SIGHUP"},
        {.name = "decision-log-what",
         .kind = SP_OPTION_TEXT,
         .target = &options->what,
         .environment = "SALLYPORTD_DECISION_LOG_WHAT",
         .default_text = "denials",
         .argument = "WHAT",
         .help = "all, allows, denials, or sample:N for one decision in N"},
        {.name = "decision-log-workspace",
         .kind = SP_OPTION_TEXTS,
         .target = &options->workspaces,
         .environment = "SALLYPORTD_DECISION_LOG_WORKSPACES",
         .argument = "ID",
         .help = "log only decisions about keys of this workspace (default: all decisions)"},
        {.name = "decision-log-spill",
         .kind = SP_OPTION_TEXT,
         .target = &options->spill,
         .environment = "SALLYPORTD_DECISION_LOG_SPILL",
         .argument = "FILE",
         .help = "file for decisions that are not written yet, so that a crash loses none and each is written at least "
                 "once; best on a tmpfs that outlives the process"},
        {.name = "decision-log-spill-bytes",
         .kind = SP_OPTION_SIZE,
         .target = &options->spill_bytes,
         .environment = "SALLYPORTD_DECISION_LOG_SPILL_BYTES",
         .default_text = "64M",
         .argument = "BYTES",
         .least = (uint64_t)1 << 20,
         .most = (uint64_t)1 << 36,
         .help = "size of that file, reserved at the start; decisions that do not fit are dropped and counted"},
    };
    memcpy(rows, table, sizeof(table));
}

static enum sp_status read_what(const char *what, struct sp_decision_log_settings *settings, struct sp_error *error) {
    static const char sample[] = "sample:";
    if (strcmp(what, "all") == 0)
        settings->what = SP_DECISION_LOG_ALL;
    else if (strcmp(what, "allows") == 0)
        settings->what = SP_DECISION_LOG_ALLOWS;
    else if (strcmp(what, "denials") == 0)
        settings->what = SP_DECISION_LOG_DENIALS;
    else if (strncmp(what, sample, sizeof(sample) - 1) == 0 &&
             read_sample_rate(what + sizeof(sample) - 1, &settings->every))
        settings->what = SP_DECISION_LOG_SAMPLE;
    else
        return sp_error_set(error, SP_ERR_INVALID,
                            "--decision-log-what: \"%s\" is not all, allows, denials or sample:N (N from 1 to %d)",
                            what, SAMPLE_MAX);
    return SP_OK;
}

enum sp_status sp_decision_log_read_settings(const struct sp_decision_log_options *options,
                                             struct sp_decision_log_settings *ret_settings, struct sp_error *error) {
    struct sp_decision_log_settings settings = {.what_text = options->what,
                                                .workspaces = options->workspaces,
                                                .spill = options->spill,
                                                .spill_bytes = options->spill_bytes};
    if (strcmp(options->path, "none") != 0)
        settings.path = options->path;
    enum sp_status status = read_what(options->what, &settings, error);
    if (status != SP_OK)
        return status;
    for (size_t i = 0; i < options->workspaces.count; i++) {
        status = sp_text_check_id(sp_str_from(options->workspaces.values[i]), "--decision-log-workspace", error);
        if (status != SP_OK)
            return status;
    }
    if (settings.spill != NULL && settings.path == NULL)
        return sp_error_set(error, SP_ERR_INVALID, "--decision-log-spill needs --decision-log");
    *ret_settings = settings;
    return SP_OK;
}

enum sp_status sp_decision_log_open(const struct sp_decision_log_settings *settings, unsigned workers,
                                    unsigned bulk_workers, struct sp_decision_log **ret_log, struct sp_error *error) {
    *ret_log = NULL;
    if (settings->path == NULL)
        return SP_OK;
    struct sp_decision_log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    bool spills = settings->spill != NULL;
    const struct sp_ring_log_options options = {
        .path = settings->path,
        .rings = spills ? workers + 2 + bulk_workers : SP_SERVER_WORKER_SLOTS,
        .ring_bytes = RING_BYTES,
        .spill = settings->spill,
        .spill_bytes = settings->spill_bytes,
        .format = spills ? sp_ring_log_copy_line : format_record,
    };
    log->settings = *settings;
    log->workers = workers;
    enum sp_status status = sp_ring_log_open(&options, &log->ring, error);
    if (status != SP_OK) {
        free(log);
        return status;
    }
    *ret_log = log;
    return SP_OK;
}

void sp_decision_log_close(struct sp_decision_log *log) {
    if (log == NULL)
        return;
    sp_ring_log_close(log->ring);
    free(log);
}

void sp_decision_log_reopen(struct sp_decision_log *log) {
    sp_ring_log_reopen(log->ring);
}

uint64_t sp_decision_log_written(const struct sp_decision_log *log) {
    return sp_ring_log_written(log->ring);
}

uint64_t sp_decision_log_dropped(const struct sp_decision_log *log) {
    return sp_ring_log_dropped(log->ring);
}

uint64_t sp_decision_log_waiting(const struct sp_decision_log *log) {
    return sp_ring_log_waiting(log->ring);
}

double sp_decision_log_fullness(const struct sp_decision_log *log) {
    return sp_ring_log_fullness(log->ring);
}
