/* Which texts a question may hold. Every API judges them here, so that none answers what another
 * refuses. Pure. */
#ifndef SP_CORE_QUESTION_TEXT_H
#define SP_CORE_QUESTION_TEXT_H

#include "base/bytes.h"

/* All are UTF-8; all but the key are free of control characters. */
enum sp_question_field {
    SP_QUESTION_KEY,       /* as presented: 1 to 512 bytes without NUL, in any form */
    SP_QUESTION_TYPE,      /* of the resource: 1 to 64 bytes */
    SP_QUESTION_ACTION,    /* 1 to 64 bytes */
    SP_QUESTION_ID,        /* of the resource: up to 256 bytes */
    SP_QUESTION_WORKSPACE, /* up to 64 bytes */
    SP_QUESTION_PRINCIPAL, /* 1 to 64 bytes */
    SP_QUESTION_SUBJECT,   /* type or id of a key or principal: up to 512 bytes */
    SP_QUESTION_FIELD_COUNT
};

/* What is wrong with the text, to be put behind the field's name: "is required". A constant;
 * NULL: nothing is. */
const char *sp_question_text_fault(enum sp_question_field field, struct sp_str text);

#endif
