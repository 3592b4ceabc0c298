#include "cli/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/folder_sync.h"
#include "core/key_text.h"

static void warn_of_readers(const char *path, int fd) {
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 077) != 0)
        (void)fprintf(stderr, "sallyport: warning: other users can read %s; run chmod 600 on it\n", path);
}

/* On a terminal: asks for the key and stops echoing it. */
static bool hide_typing(struct termios *ret_before) {
    if (isatty(STDIN_FILENO) == 0 || tcgetattr(STDIN_FILENO, ret_before) != 0)
        return false;
    struct termios quiet = *ret_before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return false;
    (void)fputs("Key: ", stderr);
    return true;
}

static void show_typing(const struct termios *before) {
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
    (void)fputc('\n', stderr);
}

/* Reads until the end of the first line, the end of the file, or the end of the room. The number of
 * bytes; -1: cannot be read. */
static ssize_t read_first_line(int fd, char *text, size_t room) {
    size_t used = 0;
    while (used < room && memchr(text, '\n', used) == NULL) {
        ssize_t got = read(fd, text + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)used;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

enum sp_status sp_cli_read_key_file(const char *path, struct sp_arena *arena, struct sp_str *ret_key,
                                    struct sp_error *error) {
    bool standard_input = strcmp(path, "-") == 0;
    if (sp_key_text_is_complete(sp_str_from(path)))
        return sp_error_set(error, SP_ERR_INVALID, "%s is a key itself; name a file that holds it", path);
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read the key file %s: %s", path, strerror(errno));
    if (!standard_input)
        warn_of_readers(path, fd);
    enum { ROOM = SP_KEY_PRESENTED_MAX_BYTES + 2 };
    char *text = sp_arena_alloc(arena, ROOM);
    struct termios before;
    bool hidden = standard_input && hide_typing(&before);
    ssize_t used = text != NULL ? read_first_line(fd, text, ROOM) : -1;
    if (hidden)
        show_typing(&before);
    if (!standard_input)
        (void)close(fd);
    if (used < 0)
        return sp_error_set(error, SP_ERR_IO, "cannot read the key file %s", path);
    size_t size = 0;
    while (size < (size_t)used && text[size] != '\n' && text[size] != '\r')
        size++;
    if (size == 0 || size > SP_KEY_PRESENTED_MAX_BYTES)
        return sp_error_set(error, SP_ERR_INVALID, "the first line of the key file %s must be a key", path);
    *ret_key = (struct sp_str){text, size};
    return SP_OK;
}

enum sp_status sp_cli_make_secret_file(const char *path, int *ret_fd, struct sp_error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        enum sp_status status = errno == EEXIST ? SP_ERR_EXISTS : SP_ERR_IO;
        if (errno == ENOENT)
            status = SP_ERR_NOT_FOUND; /* the folder */
        return sp_error_set(error, status, "cannot create %s: %s", path, strerror(errno));
    }
    enum sp_status status = sp_folder_keep_made(path, fd, error);
    if (status != SP_OK)
        return status;
    *ret_fd = fd;
    return SP_OK;
}

enum sp_status sp_cli_write_secret(int fd, const char *path, const char *secret, struct sp_error *error) {
    if (dprintf(fd, "%s\n", secret) == (int)strlen(secret) + 1 && (fsync(fd) == 0 || errno == EINVAL))
        return SP_OK;
    return sp_error_set(error, SP_ERR_IO, "cannot write %s: %s", path, strerror(errno));
}
