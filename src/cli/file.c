#include "cli/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum sp_status sp_cli_open_file(const char *path, FILE **ret_file, struct sp_error *error) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL)
        return sp_error_set(error, SP_ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
    *ret_file = file;
    return SP_OK;
}

void sp_cli_close(FILE *file) {
    if (file != NULL && file != stdin)
        (void)fclose(file);
}

enum sp_status sp_cli_read_file(const char *path, size_t max_bytes, char **ret_text, size_t *ret_size,
                                struct sp_error *error) {
    FILE *file = NULL;
    enum sp_status status = sp_cli_open_file(path, &file, error);
    if (status != SP_OK)
        return status;
    char *text = malloc(max_bytes + 2);
    if (text == NULL) {
        sp_cli_close(file);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    size_t size = fread(text, 1, max_bytes + 1, file);
    if (ferror(file) != 0)
        status = sp_error_set(error, SP_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    else if (size > max_bytes)
        status = sp_error_set(error, SP_ERR_INVALID, "%s is larger than %zu bytes", path, max_bytes);
    sp_cli_close(file);
    if (status != SP_OK) {
        free(text);
        return status;
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = size;
    return SP_OK;
}

enum sp_status sp_cli_refuse_utf16(const char *path, struct sp_str text, struct sp_error *error) {
    if (!sp_text_is_utf16(text))
        return SP_OK;
    return sp_error_set(error, SP_ERR_INVALID, "%s is in UTF-16; convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8",
                        strcmp(path, "-") == 0 ? "standard input" : path);
}
