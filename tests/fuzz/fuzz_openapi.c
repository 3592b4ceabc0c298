/* An OpenAPI document and, behind a line "---map", a mapping file: what is written is a part of a
 * schema, in which nothing of the document's texts is taken for anything but a comment or a
 * route. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/openapi_routes.h"
#include "core/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* The line, from 1. */
static const char *find_line(const char *text, size_t line) {
    for (size_t at = 1; at < line; at++) {
        text = strchr(text, '\n');
        require(text != NULL);
        text++;
    }
    return text;
}

/* Whatever a schema refuses in it is a route: its type is not there, or it conflicts with
 * another. */
static void check_written(const char *text, struct sp_arena *arena) {
    static struct sp_schema_findings findings;
    struct sp_schema schema;
    enum sp_status status = sp_schema_check(sp_str_from(text), arena, &findings, &schema);
    require(status == SP_OK || status == SP_ERR_INVALID || status == SP_ERR_MEMORY);
    for (size_t i = 0; i < findings.count && i < SP_SCHEMA_FINDINGS_MAX; i++) {
        const char *line = find_line(text, findings.items[i].line);
        require(strncmp(line, "  ", 2) == 0 && line[2] != '#');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char cut[] = "\n---map\n";
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_openapi_import import = {.document_name = "document", .arena = &arena};
    const char *map = size == 0 ? NULL : memmem(data, size, cut, sizeof(cut) - 1);
    char *written = NULL, *errors = NULL;
    size_t written_size, errors_size;
    FILE *out = open_memstream(&written, &written_size), *err = open_memstream(&errors, &errors_size);
    require(out != NULL && err != NULL && sp_arena_init(&arena, 1 << 16, 64 << 20) == SP_OK);
    import.document = (struct sp_str){(const char *)data, map == NULL ? size : (size_t)(map - (const char *)data) + 1};
    if (map != NULL) {
        import.map_name = "map";
        import.map = (struct sp_str){map + sizeof(cut) - 1, size - import.document.size - sizeof(cut) + 2};
    }
    enum sp_status status = sp_cli_import_openapi(&import, out, err, &error);
    require(fclose(out) == 0 && fclose(err) == 0);
    require(status == SP_OK || error.message[0] != '\0');
    require((status == SP_OK) == (written_size > 0));
    if (status == SP_OK)
        check_written(written, &arena);
    free(written);
    free(errors);
    sp_arena_fini(&arena);
    return 0;
}
