#include "cli/change_text.h"

#include <stdlib.h>
#include <string.h>

#include "cli/json_path.h"
#include "cli/print.h"

enum { THINGS_SHOWN = 8 };

/* What the change touched, with "-" before what it deleted. */
static void add_things(json_t *change) {
    char *things = NULL;
    size_t size = 0, i;
    json_t *entity;
    FILE *out = open_memstream(&things, &size);
    if (out == NULL)
        return;
    json_array_foreach(json_object_get(change, "entities"), i, entity) {
        if (i == THINGS_SHOWN) {
            (void)fprintf(out, " and %zu more", json_array_size(json_object_get(change, "entities")) - i);
            break;
        }
        char *kind = sp_cli_text_of(entity, "kind");
        const char *id = json_string_value(json_object_get(entity, "id"));
        (void)fprintf(out, "%s%s%s", i > 0 ? ", " : "", json_is_true(json_object_get(entity, "deleted")) ? "-" : "",
                      kind != NULL ? kind : "");
        if (id != NULL && id[0] != '\0')
            (void)fprintf(out, " %s", id);
        free(kind);
    }
    if (fclose(out) == 0)
        (void)json_object_set_new(change, "things", json_string(things));
    free(things);
}

/* Principals by their id alone. */
static void add_who(json_t *change) {
    const char *kind = json_string_value(sp_cli_at(change, "actor.kind"));
    const char *id = json_string_value(sp_cli_at(change, "actor.id"));
    const char *before = kind == NULL                          ? ""
                         : strcmp(kind, "ACTOR_OPERATOR") == 0 ? "operator:"
                         : strcmp(kind, "ACTOR_OFFLINE") == 0  ? "offline:"
                                                               : "";
    (void)json_object_set_new(change, "who", json_sprintf("%s%s", before, id != NULL ? id : ""));
}

void sp_cli_add_change_texts(json_t *change) {
    add_things(change);
    add_who(change);
}

void sp_cli_print_change(const json_t *change, FILE *out) {
    static const char *const cells[] = {"revision", "time:time", "who:raw", "method:raw", "things:raw"};
    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        char *cell = sp_cli_text_of(change, cells[i]);
        (void)fprintf(out, "%s%s", i > 0 ? "  " : "", cell != NULL ? cell : "");
        free(cell);
    }
    (void)fputc('\n', out);
}
