/* Whose key a command acts with, for its help. Pure. */
#ifndef SP_CLI_ACTING_KEY_H
#define SP_CLI_ACTING_KEY_H

/* "an operator's key", for a method of the Admin service; NULL: there is no such method. */
const char *sp_cli_acting_key(const char *method);

#endif
