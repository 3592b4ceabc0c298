/* A change of the world, and a question that is answered at its revision or later: how long it
 * takes to be seen. Every failure ends the program with a message. */
#ifndef BENCH_SEE_H
#define BENCH_SEE_H

#include "base/arena.h"
#include "rpc/client.h"
#include "sallyport/v1/admin.pb-c.h"
#include "world.h"

_Noreturn void see_fail(const char *what);

/* Connects to "host:port"; `key` may be empty. */
struct sp_rpc_client *see_connect(const char *target, const char *key);

/* The reply to a call, in the arena. */
ProtobufCMessage *see_call(struct sp_rpc_client *client, struct sp_arena *arena, const char *path,
                           const ProtobufCMessage *request, const ProtobufCMessageDescriptor *descriptor);

/* A key, of a file's first line. */
void see_read_key(const char *path, char ret_key[static 128]);

/* Renames the first workspace. The reply's revision is in the arena. */
Sallyport__V1__Revision *see_change(struct sp_rpc_client *admin, struct sp_arena *arena, int i);

/* Asks at that revision or later, and holds the answer to what is expected. */
void see_answer(struct sp_rpc_client *server, struct sp_arena *arena, struct world_question *question,
                Sallyport__V1__Revision *revision);

#endif
