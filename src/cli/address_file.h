/* Files of addresses: what people keep by hand, and what providers publish.
 *
 * Text: addresses and CIDR ranges, one per line or separated by commas. A line ends with a line
 * feed, a carriage return or both. Blank lines, "#" and ";" with what follows them, and a byte
 * order mark are skipped.
 *
 * JSON (the text begins with '{' or '['): each array of addresses is a list, whose name is the path
 * to it, such as "hooks" (GitHub) or "result.ipv4_cidrs" (Cloudflare). So is each array of objects
 * that hold addresses in members known here, such as "ip_prefix" (AWS) or "ipv4Prefix" (Google,
 * OpenAI). Objects in an array are named by their "name" or "id", if they have one (Azure).
 * "prefixes" and "ipv6_prefixes" belong together. A file with several other lists says different
 * things about them, so that somebody must choose. */
#ifndef SP_CLI_ADDRESS_FILE_H
#define SP_CLI_ADDRESS_FILE_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/status.h"

/* Arrays of texts, of equal length: the entries, and where each stands, such as "list.txt, line
 * 7". */
struct cli_address_list {
    json_t *entries, *places;
    bool from_json;     /* some: those can be selected, where the lines of a text are all meant */
    bool others_select; /* of another file only a part was chosen: each that is JSON needs a choice then */
};

enum { SP_ADDRESS_FILE_MAX_BYTES = 16 * 1024 * 1024 };

/* Appends the entries of a text to the list. `selections` is an array of texts (NULL: none): the
 * name of a list, or of what holds lists; "*" for all of them; or MEMBER=VALUE, which keeps objects
 * with that value, or with one of several values of one member. SP_ERR_INVALID with "PATH, line N:
 * …" or "PATH, prefixes[3]: …"; also if nothing is left: a key without a list works from anywhere.
 * `path` is for messages. */
enum sp_status sp_cli_parse_addresses(const char *path, struct sp_str text, const json_t *selections,
                                      struct cli_address_list *list, struct sp_error *error) SP_MUST_USE;

/* The same of a file; "-" is standard input. */
enum sp_status sp_cli_read_address_file(const char *path, const json_t *selections, struct cli_address_list *list,
                                        struct sp_error *error) SP_MUST_USE;

#endif
