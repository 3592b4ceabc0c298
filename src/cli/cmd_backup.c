/* sallyport backup */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/folder_sync.h"
#include "cli/command_rows.h"
#include "cli/connection.h"
#include "cli/print.h"
#include "cli/report.h"
#include "sallyport/v1/admin.pb-c.h"
#include "wire/wire.h"

static enum sp_status write_backup(int fd, const uint8_t *data, size_t size, struct sp_error *error) {
    while (size > 0) {
        ssize_t wrote = write(fd, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return sp_error_set(error, SP_ERR_IO, "cannot write the backup: %s", strerror(errno));
        data += wrote;
        size -= (size_t)wrote;
    }
    return SP_OK;
}

struct received {
    uint64_t bytes, total, epoch, number;
};

static enum sp_status receive_chunk(struct sp_rpc_stream *stream, int fd, struct sp_arena *arena,
                                    struct received *received, struct sp_error *error) {
    struct sp_bytes bytes;
    ProtobufCMessage *message;
    sp_arena_reset(arena);
    enum sp_status status = sp_rpc_stream_receive(stream, arena, &bytes, error);
    if (status != SP_OK)
        return status;
    status = sp_wire_unpack(&sallyport__v1__backup_chunk__descriptor, bytes, arena, &message, error);
    if (status != SP_OK)
        return status;
    const Sallyport__V1__BackupChunk *chunk = (const Sallyport__V1__BackupChunk *)message;
    if (chunk->revision != NULL) {
        received->total = chunk->total_bytes;
        received->epoch = chunk->revision->epoch;
        received->number = chunk->revision->number;
    }
    received->bytes += chunk->data.len;
    sp_cli_progress("backup", received->bytes, received->total, false);
    return write_backup(fd, chunk->data.data, chunk->data.len, error);
}

static enum sp_status receive_backup(struct sp_rpc_client *client, int fd, struct received *received,
                                     struct sp_error *error) {
    struct sp_arena arena;
    struct sp_rpc_stream *stream = NULL;
    json_t *request = json_object();
    if (request == NULL || sp_arena_init(&arena, 1 << 20, 16 << 20) != SP_OK) {
        json_decref(request);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    enum sp_status status = sp_cli_open_stream(client, "Admin/Backup", request, &stream, error);
    if (status != SP_OK)
        goto out;
    do
        status = receive_chunk(stream, fd, &arena, received, error);
    while (status == SP_OK);
    sp_cli_progress("backup", 0, 0, true);
    if (status != SP_STREAM_END)
        goto out;
    status = SP_OK;
    if (received->bytes != received->total || received->total == 0)
        status = sp_error_set(error, SP_ERR_IO, "the backup ended after %" PRIu64 " of %" PRIu64 " bytes",
                              received->bytes, received->total);
out:
    sp_rpc_stream_close(stream);
    sp_arena_fini(&arena);
    json_decref(request);
    return status;
}

/* The file gets its name only once it is complete; an interrupted backup leaves FILE.partial, which
 * the next one replaces. */
static enum sp_status open_partial_backup(const char *path, char partial[static PATH_MAX], int *ret_fd,
                                          struct sp_error *error) {
    int length = snprintf(partial, PATH_MAX, "%s.partial", path);
    if (length < 0 || length >= PATH_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "%s: the name is too long", path);
    if (access(path, F_OK) == 0)
        return sp_error_set(error, SP_ERR_EXISTS, "cannot create %s: %s", path, strerror(EEXIST));
    /* Not truncated: after a crash it may be a second name of a complete backup. */
    (void)unlink(partial);
    int fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot create %s: %s", partial, strerror(errno));
    *ret_fd = fd;
    return SP_OK;
}

/* link, not rename: it never replaces another file. */
static enum sp_status publish_backup(int fd, const char *partial, const char *path, struct sp_error *error) {
    if (fsync(fd) != 0 || link(partial, path) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return sp_folder_sync_parent(path, error);
}

static int run_backup(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    struct received received = {0};
    const char *path = sp_cli_local(call, "file");
    char partial[PATH_MAX];
    int fd = -1, result = CLI_ERROR;
    if (open_partial_backup(path, partial, &fd, &error) != SP_OK)
        return sp_cli_report_error(call, &error);
    if (sp_cli_open_admin(call, &client, &error) != SP_OK || receive_backup(client, fd, &received, &error) != SP_OK ||
        publish_backup(fd, partial, path, &error) != SP_OK) {
        (void)sp_cli_report_error(call, &error);
        goto out;
    }
    (void)printf("%s: %" PRIu64 " bytes at revision %" PRIu64 ":%" PRIu64 "\n", path, received.bytes, received.epoch,
                 received.number);
    result = CLI_OK;
out:
    sp_rpc_client_close(client);
    (void)close(fd);
    (void)unlink(partial);
    return result;
}

const struct cli_command sp_cli_store_commands[] = {
    {.noun = "backup",
     .summary = "Write a consistent copy of the store to a new file, while the service runs.",
     .details = "Restore it with `sallyport-sync restore`.",
     .method = "Backup",
     .example = "  sallyport backup sallyport-$(date +%F).mdb",
     .positionals = {{.name = "file", .kind = CLI_LOCAL, .value = "FILE", .help = "file to create", .required = true}},
     .run = run_backup},
    {.noun = NULL},
};
