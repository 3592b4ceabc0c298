/* Inside cli/openapi: what is read of an OpenAPI document and of a mapping file. */
#ifndef SP_CLI_OPENAPI_DOCUMENT_H
#define SP_CLI_OPENAPI_DOCUMENT_H

#include "config/yaml.h"

/* Where an operation leads, and who says so. */
struct openapi_hint {
    struct sp_yaml_scalar target; /* no text: nobody says */
    const char *file;
};

struct openapi_operation {
    struct openapi_operation *next;
    const char *method; /* "GET" */
    bool is_reference;  /* a $ref instead: the path's operations are elsewhere; the method is "*" */
    struct sp_yaml_scalar path, id;
    struct openapi_hint hint;
};

struct openapi_document {
    const char *name;
    struct sp_str server; /* the first one's URL; empty: none */
    struct openapi_operation *first, *last;
    bool is_version_3;
    const struct sp_yaml_scalar *path; /* while it is read */
};

struct openapi_mapping {
    struct openapi_mapping *next;
    struct sp_yaml_scalar key, target;
    bool used;
};

/* SP_ERR_INVALID with "FILE: line L, column C: …"; SP_ERR_MEMORY. */
enum sp_status sp_openapi_read_document(struct sp_str text, const char *name, struct sp_arena *arena,
                                        struct openapi_document *ret_document, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_openapi_read_map(struct sp_str text, const char *name, struct sp_arena *arena,
                                   struct openapi_mapping **ret_first, struct sp_error *error) SP_MUST_USE;

#endif
