/* Which addresses are public: IANA's registries of special-purpose blocks in one table, and the
 * rule which ranges an allowlist may name. Pure. To bring the table up to date, compare it with the
 * registries named in special_blocks.c, and change SP_SPECIAL_BLOCKS_DATE with it. */
#ifndef SP_CORE_SPECIAL_BLOCKS_H
#define SP_CORE_SPECIAL_BLOCKS_H

#include "core/address.h"

#define SP_SPECIAL_BLOCKS_DATE "2025-10-09" /* of the registries */

enum sp_block_rule {
    SP_BLOCK_REFUSED,       /* not globally reachable, or never a client's */
    SP_BLOCK_PRIVATE,       /* of networks of one's own, where clients can be: an operator may allow them */
    SP_BLOCK_REACHABLE,     /* globally reachable, also inside a block that is refused */
    SP_BLOCK_DOCUMENTATION, /* accepted, so that examples work as they are written */
};

struct sp_special_block {
    const char *text; /* as sp_cidr_format writes it */
    struct sp_cidr cidr;
    const char *name; /* IANA's */
    const char *source;
    enum sp_block_rule rule;
};

/* Specific blocks before those that hold them. Ends with a block whose `text` is NULL. */
extern const struct sp_special_block sp_special_blocks[];

/* SP_ERR_INVALID, naming entry and block, if the range overlaps a block that is refused, or a
 * private one unless `allow_private`, and is not within a more specific block that is accepted. */
enum sp_status sp_cidr_check_public(const struct sp_cidr *cidr, bool allow_private, struct sp_error *error) SP_MUST_USE;

#endif
