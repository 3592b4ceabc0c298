#include "connect/gzip.h"

#include <libdeflate.h>

enum {
    FIRST_TIMES = 4, /* the room that is tried first, and how it grows */
    FIRST_BYTES = 4 * 1024,
    LEVEL = 4,
};

/* As much room as the text needs, by trying: gzip's own length field is the sender's word. */
static enum libdeflate_result inflate_into(struct libdeflate_decompressor *inflater, struct sp_bytes compressed,
                                           size_t room, struct sp_arena *arena, size_t *ret_used, size_t *ret_taken,
                                           struct sp_bytes *ret_bytes) {
    uint8_t *bytes = sp_arena_alloc(arena, room > 0 ? room : 1);
    if (bytes == NULL)
        return LIBDEFLATE_SHORT_OUTPUT; /* which libdeflate never gives here */
    *ret_bytes = (struct sp_bytes){bytes, 0};
    return libdeflate_gzip_decompress_ex(inflater, compressed.data, compressed.size, bytes, room, ret_taken, ret_used);
}

static enum sp_status inflate_growing(struct libdeflate_decompressor *inflater, struct sp_bytes compressed, size_t most,
                                      struct sp_arena *arena, struct sp_bytes *ret_bytes, struct sp_error *error) {
    size_t room = compressed.size < FIRST_BYTES / FIRST_TIMES ? FIRST_BYTES : compressed.size * FIRST_TIMES;
    for (;;) {
        size_t used = 0, taken = 0;
        struct sp_bytes bytes;
        room = room < most ? room : most;
        enum libdeflate_result result = inflate_into(inflater, compressed, room, arena, &used, &taken, &bytes);
        if (result == LIBDEFLATE_SHORT_OUTPUT)
            return sp_error_set(error, SP_ERR_EXHAUSTED, "the message exceeds the memory limit of one call");
        if (result == LIBDEFLATE_SUCCESS && taken == compressed.size) {
            *ret_bytes = (struct sp_bytes){bytes.data, used};
            return SP_OK;
        }
        if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
            return sp_error_set(error, SP_ERR_INVALID, "the message is not valid gzip");
        if (room == most)
            return sp_error_set(error, SP_ERR_EXHAUSTED,
                                "the message is larger than this method accepts (%zu bytes) when it is decompressed",
                                most);
        room = room > most / FIRST_TIMES ? most : room * FIRST_TIMES;
    }
}

enum sp_status sp_connect_gunzip(struct sp_bytes compressed, size_t most, struct sp_arena *arena,
                                 struct sp_bytes *ret_bytes, struct sp_error *error) {
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (inflater == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    enum sp_status status = inflate_growing(inflater, compressed, most, arena, ret_bytes, error);
    libdeflate_free_decompressor(inflater);
    return status;
}

bool sp_connect_gzip(struct sp_bytes bytes, struct sp_arena *arena, struct sp_bytes *ret_compressed) {
    struct libdeflate_compressor *deflater = bytes.size == 0 ? NULL : libdeflate_alloc_compressor(LEVEL);
    uint8_t *out = deflater == NULL ? NULL : sp_arena_alloc(arena, bytes.size);
    size_t used = out == NULL ? 0 : libdeflate_gzip_compress(deflater, bytes.data, bytes.size, out, bytes.size);
    libdeflate_free_compressor(deflater);
    if (used == 0)
        return false;
    *ret_compressed = (struct sp_bytes){out, used};
    return true;
}
