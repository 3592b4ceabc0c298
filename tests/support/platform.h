/* Both programs, started for real on loopback over a store in a temporary folder, and calls to them as messages. For
 * tests: every helper asserts, so a failed call ends the test unless it returns a status. */
#ifndef TEST_SUPPORT_PLATFORM_H
#define TEST_SUPPORT_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "rpc/client.h"
#include "sallyport/v1/admin.pb-c.h"

struct platform {
    struct sp_arena arena; /* of replies; the test resets it */
    char folder[64];       /* temporary; holds the store */
    char store[96];
    char operator_key[96];
    pid_t sync_pid;
    pid_t server_pid;
    struct sp_rpc_client *check_client;
    char admin_target[64];
    char server_target[64];
};

/* Makes a store, starts both programs and waits until both are SERVING. `schema_yaml` NULL: the default schema. */
void platform_start(struct platform *platform, const char *schema_yaml);

/* Stops both gracefully (exit status 0 is asserted) and removes the folder. */
void platform_stop(struct platform *platform);

/* The parts of it, for tests that kill and restart programs. The first argument is the program's name; its output is appended to a file. */
pid_t platform_spawn(const char *program, const char *log_file, const char *const *arguments);
/* The exit status, or 128 and the signal. */
int platform_wait(pid_t pid);
void platform_wait_until_serving(struct platform *platform, const char *target, pid_t pid, const char *log_file);
void platform_start_sync(struct platform *platform);
void platform_start_server(struct platform *platform);

/* Calls an admin method with a key's text ("" for none). The request is the method's message; *ret_reply points to the reply's message, in the
 * arena. */
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
