/* backup, from the running service. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/connection.h"
#include "cli/print.h"
#include "cli/run.h"
#include "sallyport/v1/admin.pb-c.h"
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

/* The file has its name only once it is whole; an interrupted backup leaves FILE.partial, which the next one writes anew. */
static enum sp_status open_partial(const char *path, char partial[static PATH_MAX], int *ret_fd,
                                   struct sp_error *error) {
    int length = snprintf(partial, PATH_MAX, "%s.partial", path);
    if (length < 0 || length >= PATH_MAX)
        return sp_error_set(error, SP_ERR_INVALID, "%s: the name is too long", path);
    if (access(path, F_OK) == 0)
        return sp_error_set(error, SP_ERR_EXISTS, "cannot make %s: %s", path, strerror(EEXIST));
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot make %s: %s", partial, strerror(errno));
    *ret_fd = fd;
    return SP_OK;
}

/* link and not rename: it takes no other file's place. */
static enum sp_status finish_partial(int fd, const char *partial, const char *path, struct sp_error *error) {
    if (fsync(fd) != 0 || link(partial, path) != 0)
        return sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return SP_OK;
}

int cli_run_backup(struct cli_call *call) {
    struct sp_error error = {0};
    struct sp_rpc_client *client = NULL;
    struct received received = {0};
    const char *path = cli_local(call, "file");
    char partial[PATH_MAX];
    int fd = -1;
    enum sp_status status = open_partial(path, partial, &fd, &error);
    if (status == SP_OK)
        status = cli_open_admin(call, &client, &error);
    if (status == SP_OK)
        status = receive_backup(client, fd, &received, &error);
    if (status == SP_OK)
        status = finish_partial(fd, partial, path, &error);
    sp_rpc_client_close(client);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(partial);
    }
    if (status != SP_OK)
        return cli_complain(call, &error);
    (void)printf("%s: %" PRIu64 " bytes at revision %" PRIu64 ":%" PRIu64 "\n", path, received.bytes, received.epoch,
                 received.number);
    return CLI_OK;
}
