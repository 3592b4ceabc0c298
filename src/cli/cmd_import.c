/* sallyport import */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/file.h"
#include "cli/print.h"
#include "cli/report.h"
#include "cli/secret_file.h"
#include "sallyport/v1/admin.pb-c.h"
#include "wire/json_read.h"
#include "wire/json_text.h"
#include "wire/json_write.h"
#include "wire/wire.h"

enum { BATCH_DEFAULT = 2000, BATCH_MAX = 10000, BATCH_MAX_BYTES = 3 << 20, BAD_LINES_MAX = 20 };

struct import {
    struct sp_rpc_stream *stream;
    FILE *file, *secrets;
    const char *path; /* of the file; "-": standard input */
    uint64_t total_bytes, read_bytes, line, applied, skipped;
    json_t *revision;        /* of the last reply */
    size_t batch, bad_lines; /* bad_lines: that were printed */
    bool dry_run, goes_on, began, ended;
    bool met_line; /* that is not blank */
    char *text;    /* of the current line */
    size_t room;
    const char *secrets_path; /* a file that this command made; NULL: stdout */
    bool kept_secrets;
    struct sp_arena arena; /* of a batch */
    Sallyport__V1__ImportRecord **records;
    size_t count, bytes;
};

/* ---- lines to records ---- */

static enum sp_status parse_record(struct import *import, struct sp_str text, Sallyport__V1__ImportRecord **ret_record,
                                   struct sp_error *error) {
    json_t *json = NULL;
    ProtobufCMessage *message = NULL;
    enum sp_status status = sp_json_parse_line(text, &json, error);
    if (status != SP_OK)
        return status;
    status = sp_json_to_message(&sallyport__v1__import_record__descriptor, json, &import->arena, &message, error);
    json_decref(json);
    if (status != SP_OK)
        return status;
    Sallyport__V1__ImportRecord *record = (Sallyport__V1__ImportRecord *)message;
    if (record->record_case == SALLYPORT__V1__IMPORT_RECORD__RECORD__NOT_SET)
        return sp_error_set(error, SP_ERR_INVALID,
                            "must hold one of workspace, principal, group, membership, resource, grant, apiKey");
    *ret_record = record;
    return SP_OK;
}

/* The JSON of a line. Files that were joined have byte order marks in the middle. */
static enum sp_status find_line_text(const struct import *import, size_t size, struct sp_str *ret_text,
                                     struct sp_error *error) {
    struct sp_str line = {import->text, size}, text = sp_text_skip_bom(line);
    if (import->line != 1 && text.size != line.size)
        return sp_error_set(error, SP_ERR_INVALID, "begins with a byte order mark; remove it");
    *ret_text = text;
    return SP_OK;
}

/* Shown at once; the import's error is the last line. */
static void print_bad_line(struct import *import, uint64_t line, const char *why) {
    (void)fprintf(stderr, "line %" PRIu64 ": ", line);
    sp_cli_put_text(why, stderr);
    (void)fputc('\n', stderr);
    import->bad_lines++;
}

static enum sp_status add_line_as_record(struct import *import, ssize_t size, struct sp_error *error) {
    Sallyport__V1__ImportRecord *record = NULL;
    struct sp_error why = {0};
    struct sp_str text;
    enum sp_status status = import->line == 1
                                ? sp_cli_refuse_utf16(import->path, (struct sp_str){import->text, (size_t)size}, error)
                                : SP_OK;
    if (status != SP_OK)
        return status;
    status = find_line_text(import, (size_t)size, &text, &why);
    if (status == SP_OK)
        status = parse_record(import, text, &record, &why);
    if (status == SP_ERR_INVALID && !import->met_line && sp_json_is_spread_over_lines(text))
        return sp_error_set(error, status, "line %" PRIu64 ": %s", import->line, why.message);
    import->met_line = true;
    if (status == SP_ERR_INVALID) {
        print_bad_line(import, import->line, why.message);
        return SP_OK;
    }
    if (status != SP_OK || record == NULL)
        return sp_error_set(error, status, "line %" PRIu64 ": %s", import->line, why.message);
    record->line = import->line;
    import->records[import->count++] = record;
    import->bytes += (size_t)size;
    return SP_OK;
}

/* From a bad line on, nothing is sent any more: the rest of the file is read for others. */
static bool takes_lines(const struct import *import) {
    if (import->bad_lines > 0)
        return import->bad_lines < BAD_LINES_MAX;
    return import->count < import->batch && import->bytes < BATCH_MAX_BYTES;
}

static void forget_records(struct import *import) {
    sp_arena_wipe(&import->arena);
    import->count = import->bytes = 0;
}

static enum sp_status read_line_batch(struct import *import, struct sp_error *error) {
    forget_records(import);
    while (takes_lines(import)) {
        if (import->bad_lines > 0)
            forget_records(import);
        ssize_t size = getline(&import->text, &import->room, import->file);
        if (size < 0) {
            import->ended = true;
            return ferror(import->file) == 0
                       ? SP_OK
                       : sp_error_set(error, SP_ERR_IO, "cannot read the file: %s", strerror(errno));
        }
        import->line++;
        import->read_bytes += (uint64_t)size;
        if (strspn(import->text, " \t\r\n") == (size_t)size)
            continue;
        enum sp_status status = add_line_as_record(import, size, error);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status refuse_bad_lines(const struct import *import, struct sp_error *error) {
    if (import->bad_lines >= BAD_LINES_MAX)
        return sp_error_set(error, SP_ERR_INVALID,
                            "%d lines are wrong, and there may be more; correct them, and run the "
                            "command again",
                            BAD_LINES_MAX);
    return sp_error_set(error, SP_ERR_INVALID, "%zu line%s wrong; correct %s, and run the command again",
                        import->bad_lines, import->bad_lines == 1 ? " is" : "s are",
                        import->bad_lines == 1 ? "it" : "them");
}

/* ---- batches ---- */

static enum sp_status keep_secrets(struct import *import, const Sallyport__V1__ImportResponse *response,
                                   struct sp_error *error) {
    for (size_t i = 0; i < response->n_secrets && !import->dry_run; i++) {
        json_t *json = sp_json_from_message(&response->secrets[i]->base, false);
        bool good =
            json != NULL && json_dumpf(json, import->secrets, JSON_COMPACT) == 0 && fputc('\n', import->secrets) != EOF;
        json_decref(json);
        if (!good)
            return sp_error_set(error, SP_ERR_IO, "cannot write the new keys: %s", strerror(errno));
        import->kept_secrets = true;
    }
    if (fflush(import->secrets) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot write the new keys: %s", strerror(errno));
    return SP_OK;
}

/* If the server ended the call, its error comes with the receive, not with the send. */
static enum sp_status exchange_batch(struct import *import, struct sp_bytes packed, struct sp_bytes *ret_reply,
                                     struct sp_error *error) {
    struct sp_error why_sent = {0}, why = {0};
    enum sp_status sent = sp_rpc_stream_send(import->stream, packed, &why_sent);
    enum sp_status received = sp_rpc_stream_receive(import->stream, &import->arena, ret_reply, &why);
    if (received == SP_STREAM_END)
        return sp_error_set(error, SP_ERR_IO, "the server ended the import early");
    if (received != SP_OK || sent != SP_OK) {
        *error = why.status != SP_OK ? why : why_sent;
        return received != SP_OK ? received : sent;
    }
    return SP_OK;
}

static enum sp_status send_batch(struct import *import, struct sp_error *error) {
    Sallyport__V1__ImportRequest request;
    struct sp_bytes packed, reply;
    ProtobufCMessage *message = NULL;
    sallyport__v1__import_request__init(&request);
    request.dry_run = import->dry_run && !import->began;
    request.skip_equal = import->goes_on;
    request.max_refusals = BAD_LINES_MAX;
    request.records = import->records;
    request.n_records = import->count;
    import->began = true;
    enum sp_status status = sp_wire_pack(&request.base, &import->arena, &packed);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = exchange_batch(import, packed, &reply, error);
    if (status != SP_OK)
        return status;
    status = sp_wire_unpack(&sallyport__v1__import_response__descriptor, reply, &import->arena, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__ImportResponse *response = (const Sallyport__V1__ImportResponse *)message;
    import->applied = response->applied;
    import->skipped = response->skipped;
    if (response->revision != NULL) {
        json_decref(import->revision);
        import->revision = sp_json_from_message(&response->revision->base, true);
    }
    for (size_t i = 0; i < response->n_refusals; i++)
        print_bad_line(import, response->refusals[i]->line, response->refusals[i]->message);
    return response->n_refusals > 0 ? refuse_bad_lines(import, error) : keep_secrets(import, response, error);
}

/* In bytes of a file; in records of a pipe, whose size is unknown. */
static void show_import_progress(const struct import *import) {
    const char *what = import->dry_run ? "checking" : "importing";
    if (import->total_bytes > 0)
        sp_cli_progress(what, import->read_bytes, import->total_bytes, false);
    else
        sp_cli_progress(what, import->applied, 0, false);
}

static enum sp_status send_file(struct import *import, struct sp_error *error) {
    enum sp_status status = SP_OK;
    while (!import->ended) {
        status = read_line_batch(import, error);
        if (status != SP_OK)
            break;
        if (import->bad_lines > 0)
            status = refuse_bad_lines(import, error);
        else if (import->count > 0)
            status = send_batch(import, error);
        if (status != SP_OK)
            break;
        show_import_progress(import);
    }
    sp_cli_progress("", 0, 0, true);
    return status;
}

static enum sp_status end_import_stream(struct import *import, struct sp_error *error) {
    struct sp_bytes none;
    struct sp_error why = {0};
    enum sp_status status = sp_rpc_stream_done_sending(import->stream, error);
    if (status != SP_OK)
        return status;
    if (sp_rpc_stream_receive(import->stream, &import->arena, &none, &why) != SP_STREAM_END)
        return sp_error_set(error, SP_ERR_IO, "the server did not confirm the end of the import: %s", why.message);
    return SP_OK;
}

/* ---- setting up ---- */

static enum sp_status open_secrets(struct cli_call *call, struct import *import, struct sp_error *error) {
    const char *path = sp_cli_local(call, "secrets-file");
    import->secrets = stdout;
    if (path == NULL)
        return SP_OK;
    int fd = -1;
    enum sp_status status = sp_cli_make_secret_file(path, &fd, error);
    if (status != SP_OK)
        return status;
    import->secrets_path = path;
    import->secrets = fdopen(fd, "w");
    if (import->secrets != NULL)
        return SP_OK;
    (void)close(fd);
    return sp_error_set(error, SP_ERR_IO, "cannot create %s: %s", path, strerror(errno));
}

static enum sp_status open_import(struct cli_call *call, struct import *import, struct sp_rpc_client **ret_client,
                                  struct sp_error *error) {
    json_t *batch = json_object_get(call->local, "batch");
    struct stat about;
    import->batch = batch != NULL ? (size_t)json_integer_value(batch) : BATCH_DEFAULT;
    if (import->batch < 1 || import->batch > BATCH_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "--batch: must be 1 to %d", BATCH_MAX);
    import->dry_run = sp_cli_local_flag(call, "dry-run");
    import->goes_on = sp_cli_local_flag(call, "continue");
    import->records = calloc(import->batch, sizeof(*import->records));
    if (import->records == NULL || sp_arena_init(&import->arena, 4 << 20, (size_t)256 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    import->path = sp_cli_local(call, "file");
    enum sp_status status = sp_cli_open_file(import->path, &import->file, error);
    if (status != SP_OK)
        return status;
    if (fstat(fileno(import->file), &about) == 0 && S_ISREG(about.st_mode))
        import->total_bytes = (uint64_t)about.st_size;
    status = sp_cli_open_admin(call, ret_client, error);
    if (status != SP_OK)
        return status;
    status = sp_rpc_stream_open(*ret_client, "/sallyport.v1.Admin/Import", &import->stream, error);
    if (status != SP_OK)
        return status;
    return open_secrets(call, import, error);
}

/* An empty file of secrets that nobody needs would only be in the way of the next try. */
static void close_import(struct import *import, struct sp_rpc_client *client, bool failed) {
    sp_rpc_stream_close(import->stream);
    sp_rpc_client_close(client);
    sp_cli_close(import->file);
    if (import->secrets != NULL && import->secrets != stdout)
        (void)fclose(import->secrets);
    if (import->secrets_path != NULL && !import->kept_secrets && (failed || import->dry_run))
        (void)unlink(import->secrets_path);
    if (import->arena.first != NULL) {
        sp_arena_wipe(&import->arena);
        sp_arena_fini(&import->arena);
    }
    json_decref(import->revision);
    free(import->records);
    free(import->text);
}

/* For people on stderr; for programs on stdout, behind the lines of new keys. */
static enum sp_status show_import_result(const struct cli_call *call, const struct import *import,
                                         struct sp_error *error) {
    (void)fprintf(stderr, "%" PRIu64 " record%s %s\n", import->applied, import->applied == 1 ? "" : "s",
                  import->dry_run ? "valid; nothing was changed." : "imported.");
    if (import->skipped > 0)
        (void)fprintf(stderr, "%" PRIu64 " %s there already.\n", import->skipped,
                      import->skipped == 1 ? "was" : "were");
    if (strcmp(call->output, "table") == 0)
        return SP_OK;
    json_t *result =
        json_pack("{s:I, s:I, s:b, s:O*}", "applied", (json_int_t)import->applied, "skipped",
                  (json_int_t)import->skipped, "dryRun", (int)import->dry_run, "revision", import->revision);
    if (result == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    sp_cli_print_reply(import->kept_secrets && import->secrets == stdout ? "ndjson" : call->output, result, stdout);
    json_decref(result);
    return SP_OK;
}

static int run_import_command(struct cli_call *call) {
    struct sp_error error = {0};
    struct import import = {0};
    struct sp_rpc_client *client = NULL;
    int result = CLI_ERROR;
    if (open_import(call, &import, &client, &error) != SP_OK || send_file(&import, &error) != SP_OK ||
        end_import_stream(&import, &error) != SP_OK) {
        (void)sp_cli_report_error(call, &error);
        if (!import.dry_run && (import.began || import.bad_lines > 0))
            (void)fprintf(stderr, "Records imported before the error, and kept: %" PRIu64 "%s\n", import.applied,
                          import.applied > 0 ? "; resume with --continue" : "");
        goto out;
    }
    result = show_import_result(call, &import, &error) == SP_OK ? CLI_OK : sp_cli_report_error(call, &error);
out:
    close_import(&import, client, result != CLI_OK);
    return result;
}

const struct cli_command sp_cli_import_commands[] = {
    {.noun = "import",
     .summary = "Import entities from a file of JSON lines.",
     .details = "With -o json or ndjson, the last thing on standard output is the result: "
                "{\"applied\":…,\"skipped\":…,\"dryRun\":…}.",
     .method = "Import",
     .example = "  sallyport import world.ndjson --dry-run\n"
                "  sallyport import world.ndjson --secrets-file new-keys.ndjson\n"
                "  sallyport import - <<< '{\"workspace\":{\"id\":\"acme\",\"name\":\"Acme\",\"seats\":3}}'",
     .positionals =
         {{.name = "file",
           .kind = CLI_LOCAL,
           .value = "FILE",
           .help = "one {\"workspace\":…}, {\"principal\":…}, {\"group\":…}, {\"membership\":…}, {\"resource\":…}, "
                   "{\"grant\":…} or {\"apiKey\":{\"key\":…,\"sha256\":\"…\"}} per line; - for standard input",
           .required = true}},
     .options = {{.name = "dry-run",
                  .kind = CLI_LOCAL_FLAG,
                  .fills = "dry_run",
                  .help = "check all records against a copy of the store, without changing it"},
                 {.name = "continue",
                  .kind = CLI_LOCAL_FLAG,
                  .fills = "skip_equal",
                  .help = "skip records that the store already has, and refuse those that differ from the stored ones"},
                 {.name = "batch",
                  .kind = CLI_NUMBER,
                  .value = "N",
                  .help = "records per transaction, 1 to 10,000 (default: 2,000)"},
                 {.name = "secrets-file",
                  .kind = CLI_LOCAL,
                  .value = "FILE",
                  .help = "write the new keys' texts to this new file (mode 0600) instead of showing them"}},
     .run = run_import_command},
    {.noun = NULL},
};
