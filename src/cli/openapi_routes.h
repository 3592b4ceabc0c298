/* Routes from an OpenAPI 3 document, in YAML or JSON. Pure but for what it prints.
 *
 *   paths:
 *     /voices/{voice_id}:
 *       get:
 *         operationId: getVoice
 *         x-sallyport-route: read voice/{voice_id}    # ACTION TYPE/ID (core/route.h), or none
 *
 * Where an operation leads is said by a mapping file or by its own x-sallyport-route, in this
 * order:
 *
 *   GET /voices/{voice_id}: read voice/{voice_id}     # a method and a path as the document has it
 *   getVoice: read voice/{voice_id}                   # or an operationId
 *
 * What neither names stays a comment with a guess, since a route opens something: nothing is
 * declared that nobody has written down. `none` leaves an operation out on purpose. Names of
 * captures may have letters, digits, '_' and '-' here; any other character of a name in the
 * document becomes '_', in targets too. */
#ifndef SP_CLI_OPENAPI_ROUTES_H
#define SP_CLI_OPENAPI_ROUTES_H

#include <stdio.h>

#include "base/arena.h"

struct sp_openapi_import {
    const char *document_name, *map_name; /* for messages; the latter NULL: there is none */
    struct sp_str document, map;
    const char *prefix; /* before every path; NULL: the path of the first of the document's servers */
    const char *host;   /* before that; NULL: for all hosts */
    struct sp_arena *arena;
};

enum { SP_OPENAPI_MAX_BYTES = 64 * 1024 * 1024 };

/* Writes the routes, as a part of a schema, to `out`. SP_ERR_INVALID: nothing was written, and what
 * is wrong is either in `error` or, if that only counts errors, in lines "FILE:LINE:COLUMN: what"
 * in `errors`; SP_ERR_MEMORY. */
enum sp_status sp_cli_import_openapi(const struct sp_openapi_import *import, FILE *out, FILE *errors,
                                     struct sp_error *error) SP_MUST_USE;

#endif
