/* Whatever text is accepted must be a schema as its header promises; whatever is refused must say
 * where, and a check, which goes on behind errors, must judge it alike. */
#include <stdlib.h>

#include "core/permission_set.h"
#include "core/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static void check_type(const struct sp_schema *schema, const struct sp_schema_type *type) {
    require(sp_schema_find_type(schema, type->name) == type);
    require(type->action_count > 0);
    for (size_t i = 0; i < type->action_count; i++) {
        const struct sp_schema_action *action = &type->actions[i];
        require(sp_schema_find_action(type, action->name) == action);
        require(action->permission < schema->permission_count);
        require(action->role <= SP_ROLE_ADMIN);
    }
}

static void check_route(const struct sp_schema *schema, const struct sp_route *route) {
    const struct sp_schema_type *type = sp_schema_find_type(schema, route->type);
    require(type != NULL && sp_schema_find_action(type, route->action) != NULL);
    require(sp_schema_find_route(schema, route->method, route->path) == route);
    require(route->line > 0 && route->column > 0);
}

static void check_alike(struct sp_str text, enum sp_status parsed) {
    static struct sp_schema_findings findings;
    struct sp_arena arena;
    struct sp_schema schema = {0};
    require(sp_arena_init(&arena, 4096, 64 << 20) == SP_OK);
    enum sp_status status = sp_schema_check(text, &arena, &findings, &schema);
    require(status == parsed || status == SP_ERR_MEMORY); /* what is read behind the first error may be large */
    require(status == SP_ERR_MEMORY || (findings.error_count > 0) == (parsed == SP_ERR_INVALID));
    for (size_t i = 0; i < findings.count && i < SP_SCHEMA_FINDINGS_MAX; i++)
        require(findings.items[i].line > 0 && findings.items[i].column > 0 && findings.items[i].what[0] != '\0');
    sp_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sp_arena arena;
    struct sp_error error = {0};
    struct sp_schema schema = {0};
    require(sp_arena_init(&arena, 4096, 16 << 20) == SP_OK);
    enum sp_status status = sp_schema_parse((struct sp_str){(const char *)data, size}, &arena, &schema, &error);
    require(status == SP_OK || (status == SP_ERR_INVALID && memcmp(error.message, "line ", 5) == 0));
    if (status == SP_OK) {
        require(schema.permission_count >= 4 && schema.permission_count <= SP_PERMISSIONS_MAX);
        for (size_t i = 0; i < schema.permission_count; i++)
            require(sp_schema_find_permission(&schema, schema.permissions[i].name) == &schema.permissions[i]);
        for (size_t i = 0; i < schema.type_count; i++)
            check_type(&schema, &schema.types[i]);
        for (size_t i = 0; i < schema.route_count; i++)
            check_route(&schema, &schema.routes[i]);
        require(schema.matcher != NULL);
    }
    sp_arena_fini(&arena);
    check_alike((struct sp_str){(const char *)data, size}, status);
    return 0;
}
