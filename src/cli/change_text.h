/* Changes of the audit trail as people read them. Pure. */
#ifndef SP_CLI_CHANGE_TEXT_H
#define SP_CLI_CHANGE_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Adds "who" ("operator:admin", "boss") and "things" ("key narrator-1, -grant voice/rachel/studio")
 * to a change. */
void sp_cli_add_change_texts(json_t *change);

/* One change on a line, for lists that grow: its columns cannot know how wide later ones will
 * be. */
void sp_cli_print_change(const json_t *change, FILE *out);

#endif
