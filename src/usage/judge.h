/* Whether a key is safe to delete by what is known about its last use. Pure.
 *
 * Each process that takes keys (sallyportd, and the admin instance itself) is a source. It reports
 * the uses that it saw, and a watermark before which none is missing. A source that says goodbye
 * has reported everything and is forgotten. One that falls silent leaves doubt until somebody who
 * knows that it is gone retires it: a silent server may be cut off and in use. If another process
 * takes over its id, the source has ended, and only what it saw between its watermark and that
 * moment is lost; a window that begins later does not need it.
 *
 * Times are seconds since 1970 by the admin instance's clock; 0: never. */
#ifndef SP_USAGE_JUDGE_H
#define SP_USAGE_JUDGE_H

#include "usage/use.h"

enum { SP_USAGE_SOURCE_ID_BYTES = 65 }; /* with the NUL */

struct sp_usage_source {
    char id[SP_USAGE_SOURCE_ID_BYTES];
    uint64_t instance; /* random, of the process */
    uint64_t sequence; /* of its last report */
    int64_t first_report_s;
    int64_t last_report_s;
    int64_t until_s;      /* the watermark; 0: none yet */
    int64_t lost_until_s; /* some of what it saw before this was lost; 0: nothing */
    bool ended;           /* another process reports under its id */
};

/* What all sources together know. */
struct sp_usage_coverage {
    size_t servers; /* that have not ended; the admin instance apart */
    int64_t
        until_s; /* the lowest watermark of those that have not ended, the admin instance too; 0: nothing is known */
    int64_t lost_until_s;
    char behind[SP_USAGE_SOURCE_ID_BYTES]; /* whose watermark that is, */
    char loser[SP_USAGE_SOURCE_ID_BYTES];  /* and who lost it */
};

/* No sources; and one more. */
void sp_usage_coverage_begin(struct sp_usage_coverage *ret_coverage);
void sp_usage_coverage_add(struct sp_usage_coverage *coverage, const struct sp_usage_source *source);

enum sp_key_safety {
    SP_KEY_UNKNOWN = 0, /* the zero value promises nothing */
    SP_KEY_SAFE,        /* not used within the window: a use would be known */
    SP_KEY_IN_USE,      /* used within the window */
};

/* Why a key is as safe as it is. */
enum sp_key_safety_why {
    SP_WHY_NOT_KEPT = 0,  /* this instance keeps no last use */
    SP_WHY_USED,          /* in use */
    SP_WHY_UNUSED,        /* safe */
    SP_WHY_KEY_YOUNG,     /* the key was made within the window: it may not be in use yet */
    SP_WHY_KEPT_SINCE,    /* the window begins before last use was kept */
    SP_WHY_JUST_STARTED,  /* the admin instance has not run long enough to have heard of every server */
    SP_WHY_NO_SERVER,     /* no server reports */
    SP_WHY_SERVER_SILENT, /* coverage.behind has not reported for longer than the grace */
    SP_WHY_SERVER_LOST,   /* coverage.loser lost some of what it saw within the window */
};

struct sp_usage_question {
    int64_t now_s;
    int64_t window_s;      /* above 0 */
    int64_t grace_s;       /* how late a watermark may be */
    int64_t kept_since_s;  /* since when last use is kept at all; 0: it is not */
    int64_t up_since_s;    /* of the admin instance */
    int64_t key_created_s; /* as the key says */
    int64_t last_used_s;   /* accepted; 0: never */
};

/* The window ends at the watermark, so that even a short one asks only for what can be known. A use
 * since it began is IN_USE, whatever else is not known. */
enum sp_key_safety sp_usage_judge(const struct sp_usage_question *question, const struct sp_usage_coverage *coverage,
                                  enum sp_key_safety_why *ret_why);

/* The id of the admin instance as a source of the keys that its calls present. No server can have
 * it. */
#define SP_USAGE_OPERATORS "@operators" /* in the place of a workspace, whose keys are operators by name */
#define SP_USAGE_ADMIN_ID "@admin"

#endif
