/* ListResources and ListSubjects, read to the end, and what they must contain according to a
 * model. */
#ifndef TEST_SUPPORT_LISTING_H
#define TEST_SUPPORT_LISTING_H

#include "rpc/client.h"
#include "sallyport/v1/authorization.pb-c.h"
#include "support/model.h"

struct listing {
    const char **ids; /* in the arena, like each of them */
    size_t count;
    size_t messages;
    int reason; /* of the last message */
    bool more_than_listed;
    Sallyport__V1__Revision first, last; /* of the first and the last message */
};

/* `request` is a ListAllowedResourcesRequest or a ListAllowedSubjectsRequest. Asserts that ids come
 * in order, each once, and that a list that ends with OK is complete. */
enum sp_status listing_read(struct sp_rpc_client *client, const ProtobufCMessage *request, struct sp_arena *arena,
                            struct listing *ret_listing, struct sp_error *ret_error) SP_MUST_USE;

/* Asks the model about every resource of question->type, or about every principal of
 * question->workspace as if it had a key with all permissions and the text question->key, which no
 * key of the model has. Gives the ids in order; `ret_ids` has room for all. */
size_t listing_expected_resources(const struct model *model, const struct model_question *question, int64_t now_s,
                                  const char **ret_ids);
size_t listing_expected_principals(struct model *model, const struct model_question *question, int64_t now_s,
                                   const char **ret_ids);

/* Whether the list has exactly these ids. */
bool listing_equals(const struct listing *listing, const char *const *ids, size_t count);

#endif
