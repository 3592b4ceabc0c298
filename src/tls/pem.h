/* Reading PEM in a program that nobody can type a password into. Thread-safe: no state. */
#ifndef SP_TLS_PEM_H
#define SP_TLS_PEM_H

/* OpenSSL's pem_password_cb: the text is not readable without a password, and there is none. */
int sp_pem_refuse_password(char *buffer, int size, int writing, void *user);

#endif
