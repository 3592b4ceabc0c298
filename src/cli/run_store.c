/* backup (from the running service) and restore (offline). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/special.h"
#include "sallyport/v1/admin.pb-c.h"
#include "store/maintain.h"
#include "wire/wire.h"

static enum sp_status write_all(int fd, const uint8_t *data, size_t size, struct sp_error *error) {
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
    if (status == SP_OK)
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
    cli_progress("backup", received->bytes, received->total, false);
    return write_all(fd, chunk->data.data, chunk->data.len, error);
}

static enum sp_status receive_backup(struct sp_rpc_client *client, int fd, struct received *received,
                                     struct sp_error *error) {
    struct sp_arena arena;
    struct sp_rpc_stream *stream = NULL;
    if (sp_arena_init(&arena, 1 << 20, 16 << 20) != SP_OK)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = sp_rpc_stream_open(client, "/sallyport.v1.Admin/Backup", &stream, error);
    if (status == SP_OK)
        status = sp_rpc_stream_send(stream, (struct sp_bytes){0}, error);
    if (status == SP_OK)
        status = sp_rpc_stream_done_sending(stream, error);
    while (status == SP_OK)
        status = receive_chunk(stream, fd, &arena, received, error);
    sp_rpc_stream_close(stream);
    sp_arena_fini(&arena);
    cli_progress("backup", 0, 0, true);
    if (status == SP_ERR_OUT_OF_RANGE)
        status = received->bytes == received->total && received->total > 0
                     ? SP_OK
                     : sp_error_set(error, SP_ERR_IO, "the backup ended early: %" PRIu64 " of %" PRIu64 " bytes came",
                                    received->bytes, received->total);
    return status;
}

int cli_run_backup(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    struct received received = {0};
    const char *path = cli_local(call, "file");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum sp_status status = fd >= 0 ? cli_open_admin(call, &client, &error)
                                    : sp_error_set(&error, SP_ERR_IO, "cannot make %s: %s", path, strerror(errno));
    if (status == SP_OK)
        status = receive_backup(client, fd, &received, &error);
    if (status == SP_OK && fsync(fd) != 0)
        status = sp_error_set(&error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    sp_rpc_client_close(client);
    if (fd >= 0 && close(fd) != 0 && status == SP_OK)
        status = sp_error_set(&error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0 && status != SP_OK)
        (void)unlink(path);
    if (status != SP_OK)
        return cli_complain(call, &error);
    (void)printf("%s: %" PRIu64 " bytes at revision %" PRIu64 ":%" PRIu64 "\n", path, received.bytes, received.epoch,
                 received.number);
    return CLI_OK;
}

static void report(void *context, const char *finding) {
    (void)context;
    (void)printf("%s\n", finding);
}

int cli_run_restore(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_revision revision = {0};
    struct sp_restore_options options = {
        .backup_file = cli_local(call, "file"),
        .store_path = cli_local(call, "store"),
        .replace = cli_local_flag(call, "replace"),
        .changes_file = cli_local(call, "changes"),
        .later_store = cli_local(call, "later-store"),
        .accept_revival = cli_local_flag(call, "accept-revival"),
        .now_s = (int64_t)time(NULL),
    };
    if (sp_store_restore(&options, report, NULL, &revision, &error) != SP_OK)
        return cli_complain(call, &error);
    (void)printf("%s: restored, at revision %" PRIu64 ":%" PRIu64 "\n", options.store_path, revision.epoch,
                 revision.number);
    return CLI_OK;
}
