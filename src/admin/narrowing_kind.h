/* Whether a change takes access away. */
#ifndef SP_ADMIN_NARROWING_KIND_H
#define SP_ADMIN_NARROWING_KIND_H

enum sp_admin_narrowing {
    SP_ADMIN_WIDENS,       /* or may: it gives access, or changes what has nothing to do with it */
    SP_ADMIN_MAY_NARROW,   /* known only when it is made: it goes ahead of nobody */
    SP_ADMIN_NARROWS,      /* takes access away, and does nothing else */
    SP_ADMIN_DISABLES_KEY, /* the same, of one key */
};

#endif
