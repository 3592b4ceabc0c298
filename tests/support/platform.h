/* Calls to both programs (programs.h) as messages, with one client per key. For tests that compare
 * thousands of answers. Every helper asserts, so a failed call ends the test, unless it returns a
 * status. */
#ifndef TEST_SUPPORT_PLATFORM_H
#define TEST_SUPPORT_PLATFORM_H

#include "sallyport/v1/admin.pb-c.h"
#include "support/programs.h"

struct platform {
    struct sp_arena arena; /* for replies; the test resets it */
    struct programs programs;
    struct sp_rpc_client *check_client;
};

/* Makes a store, starts both programs and waits until both are SERVING. `schema_yaml` NULL: the
 * default schema. */
void platform_start(struct platform *platform, const char *schema_yaml);

/* Closes the clients and ends both programs (programs_stop). */
void platform_stop(struct platform *platform);

/* Calls an admin method with a key's text ("" for none). The request is the method's message;
 * *ret_reply becomes the reply's message, in the arena. */
enum sp_status platform_admin_call(struct platform *platform, const char *key, const char *method, const void *request,
                                   void *ret_reply, struct sp_error *ret_error) SP_MUST_USE;

/* Sends one batch of an import as the operator. */
Sallyport__V1__ImportResponse *platform_import(struct platform *platform, Sallyport__V1__ImportRecord **records,
                                               size_t count);

/* One Check; empty texts are left out. */
Sallyport__V1__CheckResponse *platform_check(struct platform *platform, const char *key, const char *ip,
                                             const char *type, const char *resource, const char *action,
                                             const char *workspace);

/* Messages in the arena, from fixed-width tables of texts. */
Sallyport__V1__Permissions *platform_permissions(struct platform *platform, bool all, char (*names)[72], size_t count);
char **platform_texts(struct platform *platform, const void *table, size_t width, size_t count);

#endif
