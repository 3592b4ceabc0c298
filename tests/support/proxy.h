/* A TCP proxy on loopback that can be cut: nothing passes then, and no connection is closed, as in
 * a network partition. */
#ifndef TEST_SUPPORT_PROXY_H
#define TEST_SUPPORT_PROXY_H

#include <stdbool.h>

struct proxy;

/* Forwards a free port to 127.0.0.1:`to`, on a thread of its own. Asserts. */
struct proxy *proxy_start(int to);
int proxy_port(const struct proxy *proxy);
/* Cuts or restores; restoring closes the connections that were open while it was cut. Any
 * thread. */
void proxy_cut(struct proxy *proxy, bool cut);
void proxy_stop(struct proxy *proxy);

#endif
