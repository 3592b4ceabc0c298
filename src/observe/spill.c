#include "observe/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, AT_PAGE = 8, AT_RINGS = 12, AT_RING_BYTES = 16, RINGS_MAX = 4096 };

static const char magic[8] = {'S', 'P', 'S', 'P', 'I', 'L', 'L', '1'};

static size_t choose_rings_offset(unsigned rings) {
    size_t ends = rings * sizeof(struct sp_ring_ends);
    return PAGE_BYTES + (ends + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

struct sp_ring_ends *sp_spill_ends(const struct sp_spill *spill, unsigned ring) {
    return (struct sp_ring_ends *)(void *)(spill->map + PAGE_BYTES) + ring;
}

uint8_t *sp_spill_ring(const struct sp_spill *spill, unsigned ring) {
    return spill->map + choose_rings_offset(spill->rings) + ring * spill->ring_bytes;
}

static uint64_t count_ring_bytes(const struct sp_spill *spill, unsigned ring) {
    const struct sp_ring_ends *ends = sp_spill_ends(spill, ring);
    uint64_t tail = atomic_load(&ends->tail);
    return atomic_load(&ends->head) - tail;
}

uint64_t sp_spill_waiting(const struct sp_spill *spill) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < spill->rings; i++)
        bytes += count_ring_bytes(spill, i);
    return bytes;
}

double sp_spill_fullness(const struct sp_spill *spill) {
    uint64_t most = 0;
    for (unsigned i = 0; i < spill->rings; i++) {
        uint64_t bytes = count_ring_bytes(spill, i);
        most = bytes > most ? bytes : most;
    }
    return spill->ring_bytes == 0 ? 0 : (double)most / (double)spill->ring_bytes;
}

/* ---- files ---- */

static enum sp_status refuse_errno(const char *path, const char *what, struct sp_error *error) {
    enum sp_status status = errno == ENOSPC || errno == EDQUOT ? SP_ERR_EXHAUSTED : SP_ERR_IO;
    return sp_error_set(error, status, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Lines in it will be written as this process's own. */
static enum sp_status open_own_file(const char *path, int flags, int *ret_fd, struct sp_error *error) {
    struct stat about;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0)
        return refuse_errno(path, "open", error);
    bool own = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
               (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    if (!own) {
        close(fd);
        return sp_error_set(error, SP_ERR_PRECONDITION,
                            "%s must be a regular file of this process's user that nobody else can write", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return sp_error_set(error, SP_ERR_PRECONDITION, "another process uses %s: give each a file of its own", path);
    }
    *ret_fd = fd;
    return SP_OK;
}

static enum sp_status map_spill(const char *path, struct sp_spill *spill, struct sp_error *error) {
    spill->map_bytes = choose_rings_offset(spill->rings) + spill->rings * spill->ring_bytes;
    int failed = posix_fallocate(spill->fd, 0, (off_t)spill->map_bytes);
    if (failed != 0) {
        errno = failed;
        return refuse_errno(path, "take the room for", error);
    }
    spill->map = mmap(NULL, spill->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, spill->fd, 0);
    if (spill->map == MAP_FAILED) {
        spill->map = NULL;
        return refuse_errno(path, "map", error);
    }
    return SP_OK;
}

void sp_spill_close(struct sp_spill *spill) {
    if (spill->map != NULL)
        (void)munmap(spill->map, spill->map_bytes);
    if (spill->fd >= 0)
        close(spill->fd);
    *spill = (struct sp_spill){.fd = -1};
}

/* ---- what is in a file ---- */

/* Does nothing without a mapped file. */
static void write_header(struct sp_spill *spill) {
    if (spill->map == NULL)
        return;
    uint32_t page = PAGE_BYTES, rings = spill->rings;
    uint64_t ring_bytes = spill->ring_bytes;
    memcpy(spill->map + AT_PAGE, &page, sizeof(page));
    memcpy(spill->map + AT_RINGS, &rings, sizeof(rings));
    memcpy(spill->map + AT_RING_BYTES, &ring_bytes, sizeof(ring_bytes));
    memcpy(spill->map, magic, sizeof(magic));
}

/* Reads the header of the open file. *ret_there false: the file is new. */
static enum sp_status read_header(const char *path, struct sp_spill *spill, bool *ret_there, struct sp_error *error) {
    uint8_t bytes[AT_RING_BYTES + 8] = {0};
    uint32_t page, rings;
    uint64_t ring_bytes;
    struct stat about;
    if (fstat(spill->fd, &about) != 0 || pread(spill->fd, bytes, sizeof(bytes), 0) < 0)
        return refuse_errno(path, "read", error);
    static const uint8_t nothing[sizeof(magic)];
    *ret_there = about.st_size > 0 && memcmp(bytes, nothing, sizeof(nothing)) != 0; /* the header is written last */
    if (!*ret_there)
        return SP_OK;
    memcpy(&page, bytes + AT_PAGE, sizeof(page));
    memcpy(&rings, bytes + AT_RINGS, sizeof(rings));
    memcpy(&ring_bytes, bytes + AT_RING_BYTES, sizeof(ring_bytes));
    bool good = memcmp(bytes, magic, sizeof(magic)) == 0 && page == PAGE_BYTES && rings > 0 && rings <= RINGS_MAX &&
                ring_bytes >= SP_SPILL_RING_MIN_BYTES && (ring_bytes & (ring_bytes - 1)) == 0 &&
                ring_bytes <= (uint64_t)about.st_size &&
                choose_rings_offset(rings) + rings * ring_bytes == (uint64_t)about.st_size;
    if (!good)
        return sp_error_set(error, SP_ERR_PRECONDITION, "%s is not a spill file, or is damaged: move it away", path);
    spill->rings = rings;
    spill->ring_bytes = (size_t)ring_bytes;
    return SP_OK;
}

/* The next line from `at` on, before `head`. False: what lies there is no record. A skip has size
 * 0. */
static bool read_record(const uint8_t *ring, size_t capacity, uint64_t at, uint64_t head, size_t *ret_size,
                        size_t *ret_step) {
    size_t offset = (size_t)(at & (capacity - 1)), left = capacity - offset;
    size_t size = sp_ring_size_at(ring + offset);
    size_t step = size == 0 ? left : sp_ring_padded(size);
    if (size > SP_RING_RECORD_BYTES || step > left || step > head - at)
        return false;
    if (size > 0 && ring[offset + SP_RING_HEAD_BYTES + size - 1] != '\n')
        return false;
    *ret_size = size;
    *ret_step = step;
    return true;
}

/* Cuts what cannot be read off; true: something was. */
static bool cut_torn_record(const struct sp_spill *spill, unsigned which) {
    struct sp_ring_ends *ends = sp_spill_ends(spill, which);
    const uint8_t *ring = sp_spill_ring(spill, which);
    uint64_t head = atomic_load(&ends->head), tail = atomic_load(&ends->tail), at = tail;
    size_t size, step;
    bool good = head >= tail && head - tail <= spill->ring_bytes && head % SP_RING_HEAD_BYTES == 0 &&
                tail % SP_RING_HEAD_BYTES == 0;
    if (!good) {
        atomic_store(&ends->head, 0);
        atomic_store(&ends->tail, 0);
        return true;
    }
    while (at != head && read_record(ring, spill->ring_bytes, at, head, &size, &step))
        at += step;
    atomic_store(&ends->head, at);
    return at != head;
}

static uint64_t cut_torn_records(const struct sp_spill *spill) {
    uint64_t lost = 0;
    for (unsigned i = 0; i < spill->rings; i++)
        lost += cut_torn_record(spill, i);
    return lost;
}

/* ---- carrying lines over to another shape ---- */

/* False: the ring is full. */
static bool append_line(const struct sp_spill *spill, unsigned which, const uint8_t *line, size_t size) {
    struct sp_ring_ends *ends = sp_spill_ends(spill, which);
    uint8_t *ring = sp_spill_ring(spill, which);
    uint64_t head = atomic_load(&ends->head);
    size_t left = spill->ring_bytes - (size_t)(head & (spill->ring_bytes - 1)), wanted = sp_ring_padded(size);
    if (wanted > left || head + wanted - atomic_load(&ends->tail) > spill->ring_bytes)
        return false;
    uint8_t *at = ring + (head & (spill->ring_bytes - 1));
    sp_ring_set_size(at, size);
    memcpy(at + SP_RING_HEAD_BYTES, line, size);
    atomic_store(&ends->head, head + wanted);
    return true;
}

/* The lines that did not fit. */
static uint64_t carry_lines(const struct sp_spill *from, const struct sp_spill *to) {
    uint64_t lost = 0;
    unsigned into = 0;
    for (unsigned i = 0; i < from->rings; i++) {
        const uint8_t *ring = sp_spill_ring(from, i);
        uint64_t head = atomic_load(&sp_spill_ends(from, i)->head), at = atomic_load(&sp_spill_ends(from, i)->tail);
        size_t size, step;
        for (; at != head && read_record(ring, from->ring_bytes, at, head, &size, &step); at += step) {
            const uint8_t *line = ring + (at & (from->ring_bytes - 1)) + SP_RING_HEAD_BYTES;
            if (size == 0)
                continue;
            while (into < to->rings && !append_line(to, into, line, size))
                into++;
            lost += into == to->rings;
        }
    }
    return lost;
}

/* Beside the old file, so that a crash leaves one of them intact. */
static enum sp_status replace_spill(const char *path, struct sp_spill *old, struct sp_spill *made, uint64_t *ret_lost,
                                    struct sp_error *error) {
    char beside[PATH_MAX];
    int size = snprintf(beside, sizeof(beside), "%s.new", path);
    if (size <= 0 || size >= (int)sizeof(beside))
        return sp_error_set(error, SP_ERR_INVALID, "the path %s is too long", path);
    enum sp_status status = open_own_file(beside, O_TRUNC, &made->fd, error);
    if (status != SP_OK)
        return status;
    status = map_spill(beside, made, error);
    if (status != SP_OK)
        goto out;
    *ret_lost += carry_lines(old, made);
    write_header(made);
    if (rename(beside, path) != 0)
        status = refuse_errno(path, "replace", error);
out:
    if (status != SP_OK)
        (void)unlink(beside);
    return status;
}

/* ---- opening ---- */

static enum sp_status take_file(const char *path, struct sp_spill *there, struct sp_spill *spill, uint64_t *ret_lost,
                                struct sp_error *error) {
    bool exists = false;
    struct sp_spill wanted = *spill;
    enum sp_status status = read_header(path, there, &exists, error);
    if (status != SP_OK)
        return status;
    if (!exists) {
        there->rings = wanted.rings;
        there->ring_bytes = wanted.ring_bytes;
        if (ftruncate(there->fd, 0) != 0) /* of a process that ended while it made one */
            return refuse_errno(path, "empty", error);
    }
    status = map_spill(path, there, error);
    if (status != SP_OK)
        return status;
    if (!exists)
        write_header(there);
    else
        *ret_lost += cut_torn_records(there);
    if (there->rings == wanted.rings && there->ring_bytes == wanted.ring_bytes) {
        *spill = *there;
        *there = (struct sp_spill){.fd = -1};
        return SP_OK;
    }
    return replace_spill(path, there, spill, ret_lost, error);
}

static size_t choose_ring_bytes(unsigned rings, uint64_t bytes) {
    size_t ring_bytes = SP_SPILL_RING_MIN_BYTES;
    if (bytes / rings < ring_bytes)
        return 0;
    while (ring_bytes <= bytes / rings / 2)
        ring_bytes *= 2;
    return ring_bytes;
}

enum sp_status sp_spill_open(const char *path, unsigned rings, uint64_t bytes, struct sp_spill *ret_spill,
                             uint64_t *ret_lost, struct sp_error *error) {
    struct sp_spill there = {.fd = -1};
    struct sp_spill spill = {.fd = -1, .rings = rings, .ring_bytes = choose_ring_bytes(rings, bytes)};
    uint64_t lost = 0;
    if (spill.ring_bytes == 0)
        return sp_error_set(error, SP_ERR_INVALID, "%s: at least %llu bytes are needed for %u threads", path,
                            (unsigned long long)rings * SP_SPILL_RING_MIN_BYTES, rings);
    enum sp_status status = open_own_file(path, 0, &there.fd, error);
    if (status != SP_OK)
        return status;
    status = take_file(path, &there, &spill, &lost, error);
    sp_spill_close(&there);
    if (status != SP_OK) {
        sp_spill_close(&spill);
        return status;
    }
    *ret_spill = spill;
    *ret_lost = lost;
    return SP_OK;
}
