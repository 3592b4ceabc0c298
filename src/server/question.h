/* From a request's fields to a question: the checks of DESIGN section 3 that make a caller's
 * mistake INVALID_ARGUMENT. Pure.
 *
 * The checks of the wire format (UTF-8, NUL, enums) were made before. A question borrows
 * everything from the request. */
#ifndef SP_SERVER_QUESTION_H
#define SP_SERVER_QUESTION_H

#include "decide/check.h"
#include "sallyport/v1/authorization.pb-c.h"

/* A question and the address that it points to: do not copy by value after it was filled. */
struct sp_question {
    struct sp_query query;
    struct sp_ip ip;
};

/* What all items of a batch have in common; every part may be missing. */
struct sp_question_common {
    bool has_credential;
    enum sp_credential_kind credential_kind;
    struct sp_bytes credential;
    bool has_ip;
    struct sp_ip ip;
    struct sp_str workspace;
};

/* SP_ERR_INVALID with a message that begins with the field. */
enum sp_status sp_question_from_check(const Sallyport__V1__CheckRequest *request, struct sp_question *ret_question,
                                      struct sp_error *error) SP_MUST_USE;

/* The same for a batch: first what is common, then each item, whose fields are named
 * "items[i].…". */
enum sp_status sp_question_common_from_batch(const Sallyport__V1__CheckBatchRequest *request,
                                             struct sp_question_common *ret_common, struct sp_error *error) SP_MUST_USE;
enum sp_status sp_question_from_item(const Sallyport__V1__CheckItem *item, size_t i,
                                     const struct sp_question_common *common, struct sp_question *ret_question,
                                     struct sp_error *error) SP_MUST_USE;

/* For lists. If the subject is a principal, *ret_principal is set and the question has no
 * credential; otherwise it is NULL. */
enum sp_status sp_question_from_list_resources(const Sallyport__V1__ListAllowedResourcesRequest *request,
                                               struct sp_question *ret_question,
                                               const Sallyport__V1__PrincipalRef **ret_principal,
                                               struct sp_error *error) SP_MUST_USE;
enum sp_status sp_question_from_list_subjects(const Sallyport__V1__ListAllowedSubjectsRequest *request,
                                              struct sp_question *ret_question, struct sp_error *error) SP_MUST_USE;

#endif
