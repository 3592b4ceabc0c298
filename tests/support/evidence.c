#include "support/evidence.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_MIN_BYTES = 20, KEY_MAX_BYTES = 512, OUTS_MAX = 256, OUT_BYTES = 128 };

/* One write per call, so that the output of parallel tests does not mix. */
static void append(const char *name, const char *head, const char *text, size_t size) {
    char path[512];
    const char *folder = getenv("SP_TEST_EVIDENCE");
    if (folder == NULL || folder[0] == '\0')
        return;
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *line = malloc(strlen(head) + size + 2);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (line != NULL && fd >= 0) {
        size_t head_size = strlen(head);
        memcpy(line, head, head_size);
        memcpy(line + head_size, text, size);
        line[head_size + size] = '\n';
        if (write(fd, line, head_size + size + 1) < 0)
            perror(path);
    }
    if (fd >= 0)
        close(fd);
    free(line);
}

void evidence_key(const char *key) {
    size_t size = key == NULL ? 0 : strlen(key);
    if (size >= KEY_MIN_BYTES && size <= KEY_MAX_BYTES)
        append("keys", "", key, size);
}

/* The prefix, then 43 random characters and 6 of the checksum. */
void evidence_keys_in(const char *text) {
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { RANDOM_AND_CHECKSUM = 49, PREFIX = 3 };
    for (const char *at = strstr(text, "sp_"); at != NULL; at = strstr(at + 1, "sp_"))
        if (strspn(at + PREFIX, letters) == RANDOM_AND_CHECKSUM)
            append("keys", "", at, PREFIX + RANDOM_AND_CHECKSUM);
}

void evidence_said(const char *what, const char *text, size_t size) {
    char head[600];
    snprintf(head, sizeof(head), "==== %s\n", what);
    append("said", head, text, size);
}

void evidence_file(const char *path) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size == 0) {
        if (fd >= 0)
            close(fd);
        return;
    }
    char *text = malloc((size_t)about.st_size);
    ssize_t got = text == NULL ? -1 : read(fd, text, (size_t)about.st_size);
    if (got > 0)
        evidence_said(path, text, (size_t)got);
    free(text);
    close(fd);
}

static char outs[OUTS_MAX][OUT_BYTES];
static size_t out_count;

void evidence_stdout(const char *path) {
    if (out_count < OUTS_MAX)
        snprintf(outs[out_count++], OUT_BYTES, "%s", path);
}

static bool is_out(const char *path) {
    for (size_t i = 0; i < out_count; i++)
        if (strcmp(outs[i], path) == 0)
            return true;
    return false;
}

static int look_at(const char *path, const struct stat *about, int type, struct FTW *where) {
    (void)about;
    (void)where;
    size_t size = strlen(path);
    const char *end = size > 4 ? path + size - 4 : "";
    if (type == FTW_F && (strcmp(end, ".err") == 0 || strcmp(end, ".log") == 0 || is_out(path)))
        evidence_file(path);
    return 0;
}

void evidence_folder(const char *folder) {
    const char *wanted = getenv("SP_TEST_EVIDENCE");
    if (wanted != NULL && wanted[0] != '\0')
        (void)nftw(folder, look_at, 16, FTW_PHYS);
}
