#include "support/listing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/wire.h"

/* ---- reading ---- */

static void add_id(struct listing *listing, struct sp_arena *arena, const char *id) {
    if ((listing->count & (listing->count - 1)) == 0) {
        const char **grown = sp_arena_calloc(arena, listing->count == 0 ? 1 : listing->count * 2, sizeof(*grown));
        assert_non_null(grown);
        if (listing->count > 0)
            memcpy(grown, listing->ids, listing->count * sizeof(*grown));
        listing->ids = grown;
    }
    if (listing->count > 0)
        assert_true(strcmp(listing->ids[listing->count - 1], id) < 0);
    listing->ids[listing->count++] = id;
}

static void note_revision(struct listing *listing, const Sallyport__V1__Revision *revision) {
    assert_non_null(revision);
    if (listing->messages++ == 0)
        listing->first = *revision;
    listing->last = *revision;
}

static bool take_resources(struct listing *listing, struct sp_arena *arena, const ProtobufCMessage *message) {
    const Sallyport__V1__ListAllowedResourcesResponse *response =
        (const Sallyport__V1__ListAllowedResourcesResponse *)message;
    note_revision(listing, response->revision);
    for (size_t i = 0; i < response->n_ids; i++)
        add_id(listing, arena, response->ids[i]);
    listing->reason = (int)response->reason;
    listing->more_than_listed = response->more_than_listed;
    return response->complete;
}

static bool take_subjects(struct listing *listing, struct sp_arena *arena, const ProtobufCMessage *message) {
    const Sallyport__V1__ListAllowedSubjectsResponse *response =
        (const Sallyport__V1__ListAllowedSubjectsResponse *)message;
    note_revision(listing, response->revision);
    for (size_t i = 0; i < response->n_subjects; i++)
        add_id(listing, arena, response->subjects[i]->principal);
    listing->reason = (int)response->reason;
    return response->complete;
}

enum sp_status listing_read(struct sp_rpc_client *client, const ProtobufCMessage *request, struct sp_arena *arena,
                            struct listing *ret_listing, struct sp_error *ret_error) {
    bool subjects = request->descriptor == &sallyport__v1__list_allowed_subjects_request__descriptor;
    const ProtobufCMessageDescriptor *descriptor = subjects
                                                       ? &sallyport__v1__list_allowed_subjects_response__descriptor
                                                       : &sallyport__v1__list_allowed_resources_response__descriptor;
    struct sp_rpc_stream *stream = NULL;
    struct sp_bytes bytes;
    bool complete = false;
    *ret_listing = (struct listing){0};
    assert_int_equal(sp_wire_pack(request, arena, &bytes), SP_OK);
    enum sp_status status = sp_rpc_stream_open(
        client, subjects ? "/sallyport.v1.Authorization/ListSubjects" : "/sallyport.v1.Authorization/ListResources",
        &stream, ret_error);
    if (status == SP_OK)
        status = sp_rpc_stream_send(stream, bytes, ret_error);
    if (status == SP_OK)
        status = sp_rpc_stream_done_sending(stream, ret_error);
    while (status == SP_OK) {
        ProtobufCMessage *message;
        status = sp_rpc_stream_receive(stream, arena, &bytes, ret_error);
        if (status != SP_OK)
            break;
        assert_false(complete); /* nothing follows the end */
        assert_int_equal(sp_wire_unpack(descriptor, bytes, arena, &message, ret_error), SP_OK);
        complete = subjects ? take_subjects(ret_listing, arena, message) : take_resources(ret_listing, arena, message);
    }
    sp_rpc_stream_close(stream);
    if (status != SP_STREAM_END)
        return status;
    assert_true(complete);
    return SP_OK;
}

bool listing_equals(const struct listing *listing, const char *const *ids, size_t count) {
    bool equal = listing->count == count;
    for (size_t i = 0; equal && i < count; i++)
        equal = strcmp(listing->ids[i], ids[i]) == 0;
    return equal;
}

/* ---- what must be listed ---- */

static int compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t sort_once(const char **ids, size_t count) {
    size_t kept = 0;
    if (count > 0)
        qsort(ids, count, sizeof(*ids), compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(ids[kept - 1], ids[i]) != 0)
            ids[kept++] = ids[i];
    return kept;
}

static const struct model_key *key_of(const struct model *model, const char *text) {
    for (size_t i = 0; i < model->key_count; i++)
        if (strcmp(model->keys[i].text, text) == 0)
            return &model->keys[i];
    return NULL;
}

static bool allows(const struct model *model, const struct model_question *question, const char *resource,
                   int64_t now_s) {
    struct model_question asked = *question;
    asked.resource = resource;
    return model_decide(model, &asked, now_s) == 1;
}

size_t listing_expected_resources(const struct model *model, const struct model_question *question, int64_t now_s,
                                  const char **ret_ids) {
    size_t count = 0;
    const struct model_key *key = key_of(model, question->key);
    if (key == NULL)
        return 0;
    for (size_t i = 0; i < model->resource_count; i++) {
        const struct model_resource *resource = &model->resources[i];
        if (strcmp(resource->type, question->type) == 0 && strcmp(resource->workspace, key->workspace) == 0 &&
            allows(model, question, resource->id, now_s))
            ret_ids[count++] = resource->id;
    }
    for (size_t i = 0; i < model->grant_count; i++) {
        const struct model_grant *grant = &model->grants[i];
        if (strcmp(grant->type, question->type) == 0 && strcmp(grant->workspace, key->workspace) == 0 &&
            allows(model, question, grant->resource, now_s))
            ret_ids[count++] = grant->resource;
    }
    return sort_once(ret_ids, count);
}

size_t listing_expected_principals(struct model *model, const struct model_question *question, int64_t now_s,
                                   const char **ret_ids) {
    size_t count = 0;
    for (size_t i = 0; i < model->principal_count; i++) {
        const struct model_principal *principal = &model->principals[i];
        if (strcmp(principal->workspace, question->workspace) != 0)
            continue;
        struct model_key *key = model_append(&model->keys, &model->key_count, sizeof(*key));
        snprintf(key->workspace, sizeof(key->workspace), "%s", principal->workspace);
        snprintf(key->principal, sizeof(key->principal), "%s", principal->id);
        snprintf(key->text, sizeof(key->text), "%s", question->key);
        key->all = true;
        if (model_decide(model, question, now_s) == 1)
            ret_ids[count++] = principal->id;
        model->key_count--;
    }
    return sort_once(ret_ids, count);
}
