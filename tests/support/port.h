/* Ports for programs that a test starts. */
#ifndef TEST_SUPPORT_PORT_H
#define TEST_SUPPORT_PORT_H

/* A port on loopback that was free a moment ago, below those that the kernel gives to outgoing
 * connections: while a program restarts, none of these takes its port, not even a client's that
 * looks for it and would be connected to itself (RFC 9293, section 3.5: simultaneous open). */
int free_port(void);

#endif
