/* Numbers for new things, never used twice. Taken from the write at once: a number that an
 * aborted write took may be given again. */
#ifndef SP_STORE_RECORDS_NEXT_NUMBER_H
#define SP_STORE_RECORDS_NEXT_NUMBER_H

#include <stdint.h>

#include "base/status.h"

struct sp_view;
struct sp_write;

/* SP_ERR_CORRUPT: all are given out, or the record is damaged. */
enum sp_status sp_write_next_subject(struct sp_write *write, uint64_t *ret_number) SP_MUST_USE;
enum sp_status sp_write_next_workspace(struct sp_write *write, uint64_t *ret_number) SP_MUST_USE;

/* ---- inside the store ---- */

/* The numbers that are given next; a new store begins with 1 and 1, because 0 is the head of an
 * edge list and the scope of global ids. */
struct sp_next_numbers {
    uint64_t subject;
    uint64_t workspace;
};

enum { SP_NEXT_NUMBERS_BYTES = 16 };
void sp_next_numbers_encode(const struct sp_next_numbers *next, uint8_t ret_record[static SP_NEXT_NUMBERS_BYTES]);

/* SP_ERR_CORRUPT. */
enum sp_status sp_view_next_numbers(struct sp_view *view, struct sp_next_numbers *ret_next) SP_MUST_USE;
enum sp_status sp_write_next_numbers(struct sp_write *write, const struct sp_next_numbers *next) SP_MUST_USE;

#endif
