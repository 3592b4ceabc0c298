#include "rpc/reflection.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rpc/call.h"
#include "sallyport/descriptor/v1/descriptor.pb-c.h"
#include "wire/wire.h"

/* Both versions of the protocol are the same on the wire, so v1's messages serve both. */
typedef Grpc__Reflection__V1__ServerReflectionRequest request_message;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_message;

enum { INDEX_BUDGET_BYTES = 64 * 1024 * 1024, MAX_NESTING = 16 };

struct symbol {
    const char *name;
    size_t file;
};

struct reflection {
    struct sp_arena arena; /* everything below, but the arrays that grow */
    Sallyport__Descriptor__V1__FileSet *set;
    Sallyport__Descriptor__V1__File **files;
    size_t file_count;
    struct symbol *symbols; /* sorted by name */
    size_t symbol_count, symbol_capacity;
    char **services;
    size_t service_count, service_capacity;
};

/* ---- indexing ---- */

static enum sp_status add_symbol(struct reflection *reflection, const char *scope, const char *name, size_t file,
                                 const char **ret_full) {
    struct symbol *symbols =
        sp_array_reserve(reflection->symbols, reflection->symbol_count, &reflection->symbol_capacity, sizeof(*symbols));
    if (symbols == NULL)
        return SP_ERR_MEMORY;
    reflection->symbols = symbols;
    const char *full = sp_arena_printf(&reflection->arena, "%s%s%s", scope, scope[0] == '\0' ? "" : ".", name);
    if (full == NULL)
        return SP_ERR_MEMORY;
    reflection->symbols[reflection->symbol_count++] = (struct symbol){full, file};
    *ret_full = full;
    return SP_OK;
}

static enum sp_status add_symbols(struct reflection *reflection, const char *scope,
                                  Sallyport__Descriptor__V1__Named *const *named, size_t count, size_t file) {
    for (size_t i = 0; i < count; i++) {
        const char *full;
        enum sp_status status = add_symbol(reflection, scope, named[i]->name, file, &full);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_enums(struct reflection *reflection, const char *scope,
                                Sallyport__Descriptor__V1__Enum *const *enums, size_t count, size_t file) {
    for (size_t i = 0; i < count; i++) {
        const char *full;
        enum sp_status status = add_symbol(reflection, scope, enums[i]->name, file, &full);
        if (status != SP_OK)
            return status;
        /* An enum's values live beside it, not below it. */
        status = add_symbols(reflection, scope, enums[i]->value, enums[i]->n_value, file);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_messages(struct reflection *reflection, const char *scope,
                                   const ProtobufCBinaryData *messages, size_t count, size_t file, int depth);

static enum sp_status add_message(struct reflection *reflection, const char *scope, struct sp_bytes bytes, size_t file,
                                  int depth) {
    ProtobufCMessage *unpacked;
    const char *full;
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__descriptor__v1__message__descriptor, bytes, &reflection->arena, &unpacked);
    if (status != SP_OK)
        return status;
    const Sallyport__Descriptor__V1__Message *message = (const Sallyport__Descriptor__V1__Message *)unpacked;
    status = add_symbol(reflection, scope, message->name, file, &full);
    if (status != SP_OK)
        return status;
    status = add_symbols(reflection, full, message->field, message->n_field, file);
    if (status != SP_OK)
        return status;
    status = add_enums(reflection, full, message->enum_type, message->n_enum_type, file);
    if (status != SP_OK)
        return status;
    return add_messages(reflection, full, message->nested_type, message->n_nested_type, file, depth + 1);
}

static enum sp_status add_messages(struct reflection *reflection, const char *scope,
                                   const ProtobufCBinaryData *messages, size_t count, size_t file, int depth) {
    if (depth > MAX_NESTING)
        return SP_ERR_CORRUPT;
    for (size_t i = 0; i < count; i++) {
        struct sp_bytes bytes = {messages[i].data, messages[i].len};
        enum sp_status status = add_message(reflection, scope, bytes, file, depth);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_service_symbols(struct reflection *reflection, const Sallyport__Descriptor__V1__File *file,
                                          size_t at) {
    for (size_t i = 0; i < file->n_service; i++) {
        const Sallyport__Descriptor__V1__Service *service = file->service[i];
        const char *full;
        enum sp_status status = add_symbol(reflection, file->package, service->name, at, &full);
        if (status != SP_OK)
            return status;
        status = add_symbols(reflection, full, service->method, service->n_method, at);
        if (status != SP_OK)
            return status;
    }
    return SP_OK;
}

static enum sp_status add_file(struct reflection *reflection, size_t at) {
    ProtobufCMessage *unpacked;
    const ProtobufCBinaryData *bytes = &reflection->set->file[at];
    enum sp_status status =
        sp_wire_unpack_trusted(&sallyport__descriptor__v1__file__descriptor, (struct sp_bytes){bytes->data, bytes->len},
                               &reflection->arena, &unpacked);
    if (status != SP_OK)
        return status;
    Sallyport__Descriptor__V1__File *file = (Sallyport__Descriptor__V1__File *)unpacked;
    reflection->files[at] = file;
    status = add_messages(reflection, file->package, file->message_type, file->n_message_type, at, 1);
    if (status != SP_OK)
        return status;
    status = add_enums(reflection, file->package, file->enum_type, file->n_enum_type, at);
    if (status != SP_OK)
        return status;
    return add_service_symbols(reflection, file, at);
}

static int compare_symbols(const void *a, const void *b) {
    return strcmp(((const struct symbol *)a)->name, ((const struct symbol *)b)->name);
}

static enum sp_status build_index(struct reflection *reflection, struct sp_bytes descriptors) {
    ProtobufCMessage *unpacked;
    enum sp_status status = sp_wire_unpack_trusted(&sallyport__descriptor__v1__file_set__descriptor, descriptors,
                                                   &reflection->arena, &unpacked);
    if (status != SP_OK)
        return status;
    reflection->set = (Sallyport__Descriptor__V1__FileSet *)unpacked;
    reflection->file_count = reflection->set->n_file;
    reflection->files =
        sp_arena_calloc(&reflection->arena, reflection->file_count + 1, sizeof(Sallyport__Descriptor__V1__File *));
    if (reflection->files == NULL)
        return SP_ERR_MEMORY;
    for (size_t i = 0; i < reflection->file_count; i++) {
        status = add_file(reflection, i);
        if (status != SP_OK)
            return status;
    }
    if (reflection->symbol_count > 0)
        qsort(reflection->symbols, reflection->symbol_count, sizeof(*reflection->symbols), compare_symbols);
    return SP_OK;
}

enum sp_status sp_rpc_reflection_create(struct sp_bytes descriptors, struct reflection **ret_reflection,
                                        struct sp_error *error) {
    struct reflection *reflection = calloc(1, sizeof(*reflection));
    if (reflection == NULL || sp_arena_init(&reflection->arena, 4096, INDEX_BUDGET_BYTES) != SP_OK) {
        free(reflection);
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    }
    enum sp_status status = build_index(reflection, descriptors);
    if (status != SP_OK) {
        sp_rpc_reflection_free(reflection);
        return sp_error_set(error, status, "the descriptors of this program cannot be read (%s)",
                            sp_status_name(status));
    }
    *ret_reflection = reflection;
    return SP_OK;
}

void sp_rpc_reflection_free(struct reflection *reflection) {
    if (reflection == NULL)
        return;
    sp_arena_fini(&reflection->arena);
    free(reflection->symbols);
    free(reflection->services);
    free(reflection);
}

enum sp_status sp_rpc_reflection_add_service(struct reflection *reflection, struct sp_str name,
                                             struct sp_error *error) {
    for (size_t i = 0; i < reflection->service_count; i++)
        if (sp_str_equal(sp_str_from(reflection->services[i]), name))
            return SP_OK;
    char **services = sp_array_reserve(reflection->services, reflection->service_count, &reflection->service_capacity,
                                       sizeof(char *));
    if (services == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    reflection->services = services;
    char *copy = sp_arena_strdup(&reflection->arena, name);
    if (copy == NULL)
        return sp_error_set(error, SP_ERR_MEMORY, "out of memory");
    services[reflection->service_count++] = copy;
    return SP_OK;
}

/* ---- answering ---- */

static bool find_file_named(const struct reflection *reflection, const char *name, size_t *ret_file) {
    for (size_t i = 0; i < reflection->file_count; i++) {
        if (strcmp(reflection->files[i]->name, name) == 0) {
            *ret_file = i;
            return true;
        }
    }
    return false;
}

static bool find_symbol(const struct reflection *reflection, const char *name, size_t *ret_file) {
    const struct symbol wanted = {name, 0};
    const struct symbol *found = reflection->symbol_count == 0
                                     ? NULL
                                     : bsearch(&wanted, reflection->symbols, reflection->symbol_count,
                                               sizeof(*reflection->symbols), compare_symbols);
    if (found != NULL)
        *ret_file = found->file;
    return found != NULL;
}

/* The file's number and those of all that it imports, each once, the file first. Returns how
 * many. */
static size_t collect_imports(const struct reflection *reflection, size_t file, size_t *numbers, bool *taken) {
    size_t count = 0;
    numbers[count++] = file;
    taken[file] = true;
    for (size_t next = 0; next < count; next++) {
        const Sallyport__Descriptor__V1__File *about = reflection->files[numbers[next]];
        for (size_t i = 0; i < about->n_dependency; i++) {
            size_t import;
            if (find_file_named(reflection, about->dependency[i], &import) && !taken[import]) {
                taken[import] = true;
                numbers[count++] = import;
            }
        }
    }
    return count;
}

static enum sp_status answer_file(const struct reflection *reflection, size_t file, struct sp_arena *arena,
                                  response_message *response) {
    Grpc__Reflection__V1__FileDescriptorResponse *files = sp_arena_alloc(arena, sizeof(*files));
    size_t *numbers = sp_arena_calloc(arena, reflection->file_count, sizeof(*numbers));
    bool *taken = sp_arena_calloc(arena, reflection->file_count, sizeof(*taken));
    ProtobufCBinaryData *bytes = sp_arena_calloc(arena, reflection->file_count, sizeof(*bytes));
    if (files == NULL || numbers == NULL || taken == NULL || bytes == NULL)
        return SP_ERR_MEMORY;
    grpc__reflection__v1__file_descriptor_response__init(files);
    files->n_file_descriptor_proto = collect_imports(reflection, file, numbers, taken);
    files->file_descriptor_proto = bytes;
    for (size_t i = 0; i < files->n_file_descriptor_proto; i++)
        bytes[i] = reflection->set->file[numbers[i]];
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response->file_descriptor_response = files;
    return SP_OK;
}

static enum sp_status answer_services(const struct reflection *reflection, struct sp_arena *arena,
                                      response_message *response) {
    size_t count = reflection->service_count;
    Grpc__Reflection__V1__ListServiceResponse *list = sp_arena_alloc(arena, sizeof(*list));
    Grpc__Reflection__V1__ServiceResponse *services = sp_arena_calloc(arena, count, sizeof(*services));
    Grpc__Reflection__V1__ServiceResponse **pointers =
        sp_arena_calloc(arena, count, sizeof(Grpc__Reflection__V1__ServiceResponse *));
    if (list == NULL || services == NULL || pointers == NULL)
        return SP_ERR_MEMORY;
    grpc__reflection__v1__list_service_response__init(list);
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = reflection->services[i];
        pointers[i] = &services[i];
    }
    list->n_service = count;
    list->service = pointers;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response->list_services_response = list;
    return SP_OK;
}

static enum sp_status answer_error(enum sp_status reason, const char *text, struct sp_arena *arena,
                                   response_message *response) {
    Grpc__Reflection__V1__ErrorResponse *answer = sp_arena_alloc(arena, sizeof(*answer));
    char *copy = sp_arena_strdup(arena, sp_str_from(text));
    if (answer == NULL || copy == NULL)
        return SP_ERR_MEMORY;
    grpc__reflection__v1__error_response__init(answer);
    answer->error_code = sp_status_to_grpc(reason);
    answer->error_message = copy;
    response->message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response->error_response = answer;
    return SP_OK;
}

static enum sp_status fill_response(const struct reflection *reflection, const request_message *request,
                                    struct sp_arena *arena, response_message *response) {
    size_t file;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        return find_file_named(reflection, request->file_by_filename, &file)
                   ? answer_file(reflection, file, arena, response)
                   : answer_error(SP_ERR_NOT_FOUND, "this server has no such file", arena, response);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        return find_symbol(reflection, request->file_containing_symbol, &file)
                   ? answer_file(reflection, file, arena, response)
                   : answer_error(SP_ERR_NOT_FOUND, "this server has no such symbol", arena, response);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return answer_services(reflection, arena, response);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        return answer_error(SP_ERR_NOT_FOUND, "this server has no extensions", arena, response);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__NOT_SET:
    case _GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST__CASE_IS_INT_SIZE:
        break;
    }
    return answer_error(SP_ERR_INVALID, "the request asks for nothing that this server can answer", arena, response);
}

static enum sp_status answer_request(const struct reflection *reflection, struct sp_bytes message,
                                     struct sp_arena *arena, struct sp_bytes *ret_reply, struct sp_error *error) {
    ProtobufCMessage *unpacked;
    enum sp_status status =
        sp_wire_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, message, arena, &unpacked, error);
    if (status != SP_OK)
        return status;
    response_message response;
    grpc__reflection__v1__server_reflection_response__init(&response);
    response.original_request = (request_message *)unpacked;
    response.valid_host = response.original_request->host;
    status = fill_response(reflection, response.original_request, arena, &response);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    status = sp_wire_pack(&response.base, arena, ret_reply);
    if (status != SP_OK)
        return sp_error_set(error, status, "out of memory");
    return SP_OK;
}

/* ---- the stream: a request, its answer, the next ---- */

static void reflection_opened(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void reflection_received(struct sp_rpc_call *call, void *user, struct sp_bytes message) {
    struct sp_arena *arena = sp_rpc_call_arena(call);
    struct sp_bytes reply = {NULL, 0};
    struct sp_error error;
    sp_arena_reset(arena);
    enum sp_status status = answer_request(user, message, arena, &reply, &error);
    if (status != SP_OK) {
        sp_rpc_fail(call, status, error.message);
        return;
    }
    sp_rpc_send(call, reply);
}

static void reflection_sent(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_read(call);
}

static void reflection_half_closed(struct sp_rpc_call *call, void *user) {
    (void)user;
    sp_rpc_finish(call);
}

static const struct sp_rpc_stream_ops info_ops = {
    .opened = reflection_opened,
    .received = reflection_received,
    .half_closed = reflection_half_closed,
    .sent = reflection_sent,
};

size_t sp_rpc_reflection_methods(struct reflection *reflection, struct sp_rpc_method *ret_methods) {
    ret_methods[0] = (struct sp_rpc_method){.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                            .kind = SP_RPC_STREAM,
                                            .stream = &info_ops,
                                            .user = reflection};
    ret_methods[1] = ret_methods[0];
    ret_methods[1].path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    return 2;
}
