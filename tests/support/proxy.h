/* A TCP proxy on loopback that can be cut: nothing passes then, and nobody is told, as when a network is partitioned. */
#ifndef TEST_SUPPORT_PROXY_H
#define TEST_SUPPORT_PROXY_H

#include <stdbool.h>

struct proxy;

/* Forwards a port of its own to 127.0.0.1:`to`, on a thread of its own. Asserts. */
struct proxy *proxy_start(int to);
int proxy_port(const struct proxy *proxy);
/* Cuts, or mends: what was open while it was cut is then closed. Any thread. */
void proxy_cut(struct proxy *proxy, bool cut);
void proxy_stop(struct proxy *proxy);

#endif
