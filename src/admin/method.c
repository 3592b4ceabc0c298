#include "admin/method.h"

#include "admin/method_row.h"

const char *sp_admin_method_name(const struct sp_admin_method *method) {
    return method->name;
}

const char *sp_admin_method_path(const struct sp_admin_method *method) {
    return method->path;
}

enum sp_admin_type sp_admin_method_type(const struct sp_admin_method *method) {
    return method->type;
}

enum sp_admin_stream sp_admin_method_stream(const struct sp_admin_method *method) {
    return method->stream;
}

const ProtobufCMessageDescriptor *sp_admin_method_request(const struct sp_admin_method *method) {
    return method->request;
}

bool sp_admin_method_is_batch(const struct sp_admin_method *method) {
    return method->is_batch;
}

bool sp_admin_method_reads_much(const struct sp_admin_method *method) {
    return method->reads_much;
}

bool sp_admin_method_deletes_in_pieces(const struct sp_admin_method *method) {
    return method->deletes_in_pieces;
}
