#include "trial/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20 };

struct log_block {
    int fd;
    const char *path;
    size_t most;
    sp_trial_log_visit *visit;
    void *context;
    uint64_t number;
    bool skipping; /* the rest of a line that is too long and was visited */
    char *bytes;   /* of most + 1 + BLOCK_BYTES: the beginning of a line, and a block after it */
    size_t held;
};

static enum sp_status visit_block_line(struct log_block *block, struct sp_str line) {
    if (block->skipping) {
        block->skipping = false;
        return SP_OK;
    }
    block->number++;
    return block->visit(block->context, line, block->number);
}

/* The lines that are complete. The beginning of the next stays, unless it is too long. */
static enum sp_status visit_block_lines(struct log_block *block) {
    const char *at = block->bytes, *end = block->bytes + block->held, *feed;
    while ((feed = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        size_t size = (size_t)(feed - at);
        enum sp_status status =
            visit_block_line(block, (struct sp_str){at, size > block->most ? block->most + 1 : size});
        if (status != SP_OK)
            return status;
        at = feed + 1;
    }
    block->held = (size_t)(end - at);
    if (block->held > block->most) {
        enum sp_status status = visit_block_line(block, (struct sp_str){at, block->most + 1});
        if (status != SP_OK)
            return status;
        block->skipping = true;
        block->held = 0;
    }
    memmove(block->bytes, at, block->held);
    return SP_OK;
}

static enum sp_status read_log_blocks(struct log_block *block, struct sp_error *error) {
    for (;;) {
        ssize_t size = read(block->fd, block->bytes + block->held, BLOCK_BYTES);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return sp_error_set(error, SP_ERR_IO, "cannot read %s: %s", block->path, strerror(errno));
        if (size == 0)
            break;
        block->held += (size_t)size;
        enum sp_status status = visit_block_lines(block);
        if (status != SP_OK)
            return status;
    }
    return block->held == 0 ? SP_OK : visit_block_line(block, (struct sp_str){block->bytes, block->held});
}

enum sp_status sp_trial_log_file_read(const char *path, size_t most, sp_trial_log_visit *visit, void *context,
                                      struct sp_error *error) {
    bool standard = strcmp(path, "-") == 0;
    struct log_block block = {.path = standard ? "standard input" : path,
                              .most = most,
                              .visit = visit,
                              .context = context,
                              .fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    if (block.fd < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    enum sp_status status = SP_OK;
    block.bytes = malloc(most + 1 + BLOCK_BYTES);
    if (block.bytes == NULL)
        status = sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    else
        status = read_log_blocks(&block, error);
    free(block.bytes);
    if (!standard)
        close(block.fd);
    return status;
}
