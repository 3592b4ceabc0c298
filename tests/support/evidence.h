/* What the suite keeps for the search for secrets (tests/secrets/search.c): the keys that were used, and all that the programs
 * wrote. Kept in the folder that SP_TEST_EVIDENCE names; without it nothing is kept. Nothing here asserts. Any thread. */
#ifndef TEST_SUPPORT_EVIDENCE_H
#define TEST_SUPPORT_EVIDENCE_H

#include <stddef.h>

/* A key that a test presents or was given. */
void evidence_key(const char *key);

/* The keys in a text, such as a request or a reply: words that look like one. */
void evidence_keys_in(const char *text);

/* Something that a program wrote: `what` says where, such as "metrics". */
void evidence_said(const char *what, const char *text, size_t size);

/* The same of a whole file. */
void evidence_file(const char *path);

/* A file that takes the stdout of a program which issues no keys there. The test's own thread. */
void evidence_stdout(const char *path);

/* The files below a folder that programs wrote: those named *.err and *.log, and those told to evidence_stdout. */
void evidence_folder(const char *folder);

#endif
