#include "decide/routes.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/schema.h"
#include "store/records/head.h"
#include "store/records/index.h"

enum { FIRST_BLOCK_BYTES = 64 * 1024, BUDGET_BYTES = 64 * 1024 * 1024 };

/* A schema that was compiled. Immutable but for its references, which the source's lock guards. */
struct sp_route_schema {
    size_t references; /* of readers, and of the source for its newest */
    uint64_t mark;     /* of the text (store/records/index.h) */
    struct sp_arena arena;
    const struct sp_routes *routes;
};

struct sp_route_source {
    pthread_mutex_t lock; /* held while a schema is compiled, so that only one thread does it */
    struct sp_route_schema *newest;
};

enum sp_status sp_route_source_create(struct sp_route_source **ret_source) {
    struct sp_route_source *source = calloc(1, sizeof(*source));
    if (source == NULL)
        return SP_ERR_MEMORY;
    if (pthread_mutex_init(&source->lock, NULL) != 0) {
        free(source);
        return SP_ERR_MEMORY;
    }
    *ret_source = source;
    return SP_OK;
}

/* Under the lock. */
static void drop_route_schema(struct sp_route_schema *schema) {
    if (schema == NULL || --schema->references > 0)
        return;
    sp_arena_fini(&schema->arena);
    free(schema);
}

void sp_route_source_free(struct sp_route_source *source) {
    if (source == NULL)
        return;
    drop_route_schema(source->newest);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

void sp_route_reader_close(struct sp_route_source *source, struct sp_route_reader *reader) {
    if (reader->held == NULL)
        return;
    pthread_mutex_lock(&source->lock);
    drop_route_schema(reader->held);
    pthread_mutex_unlock(&source->lock);
    *reader = (struct sp_route_reader){0};
}

static enum sp_status compile_routes(struct sp_view *view, struct sp_route_schema *made) {
    struct sp_str yaml;
    struct sp_schema schema = {0};
    enum sp_status status = sp_index_schema_text(view, &made->arena, &yaml);
    if (status != SP_OK)
        return status;
    status = sp_schema_parse_stored(yaml, &made->arena, &schema, NULL);
    if (status != SP_OK)
        return status == SP_ERR_INVALID ? SP_ERR_CORRUPT : status; /* it was checked before it was stored */
    made->routes = schema.matcher;
    return SP_OK;
}

static enum sp_status read_route_schema(struct sp_view *view, uint64_t mark, struct sp_route_schema **ret_schema) {
    struct sp_route_schema *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return SP_ERR_MEMORY;
    made->references = 1;
    made->mark = mark;
    enum sp_status status = sp_arena_init(&made->arena, FIRST_BLOCK_BYTES, BUDGET_BYTES);
    if (status == SP_OK)
        status = compile_routes(view, made);
    if (status != SP_OK) {
        drop_route_schema(made);
        return status;
    }
    *ret_schema = made;
    return SP_OK;
}

/* Lets the source's newest be the schema with the mark. Under the lock. A thread whose snapshot is
 * older than another's puts the older schema back for a moment, which costs time and nothing else:
 * readers hold their own. */
static enum sp_status renew_newest(struct sp_route_source *source, struct sp_view *view, uint64_t mark) {
    struct sp_route_schema *made = NULL;
    if (source->newest != NULL && source->newest->mark == mark)
        return SP_OK;
    enum sp_status status = read_route_schema(view, mark, &made);
    if (status != SP_OK)
        return status;
    drop_route_schema(source->newest);
    source->newest = made;
    return SP_OK;
}

/* The settings moved: perhaps the schema did. */
static enum sp_status refresh_reader(struct sp_route_source *source, struct sp_route_reader *reader,
                                     struct sp_view *view) {
    uint64_t mark = 0;
    enum sp_status status = sp_index_schema_mark(view, &mark);
    if (status != SP_OK || (reader->held != NULL && reader->held->mark == mark))
        return status;
    pthread_mutex_lock(&source->lock);
    status = renew_newest(source, view, mark);
    if (status == SP_OK) {
        drop_route_schema(reader->held);
        reader->held = source->newest;
        reader->held->references++;
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

enum sp_status sp_routes_at(struct sp_route_source *source, struct sp_route_reader *reader, struct sp_view *view,
                            const struct sp_routes **ret_routes) {
    struct sp_revision version;
    enum sp_status status = sp_view_settings_version(view, &version);
    if (status != SP_OK)
        return status;
    if (reader->held == NULL || version.number != reader->version.number || version.epoch != reader->version.epoch) {
        status = refresh_reader(source, reader, view);
        if (status != SP_OK)
            return status;
        reader->version = version;
    }
    *ret_routes = reader->held->routes;
    return SP_OK;
}
