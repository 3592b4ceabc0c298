/* What the suite records for the search for secrets (tests/secrets/search.c): the keys that tests
 * used, and everything the programs wrote. Recorded in the folder SP_TEST_EVIDENCE, or not at all
 * without it. Nothing here asserts. Any thread. */
#ifndef TEST_SUPPORT_EVIDENCE_H
#define TEST_SUPPORT_EVIDENCE_H

#include <stddef.h>

/* A key that a test presents or was given. */
void evidence_key(const char *key);

/* The keys in a text, such as a request or a reply: words that look like a key. */
void evidence_keys_in(const char *text);

/* Something that a program wrote; `what` names where, such as "metrics". */
void evidence_said(const char *what, const char *text, size_t size);

/* The same for a file. */
void evidence_file(const char *path);

/* A file with the stdout of a program that issues no keys there. Only the test's own thread. */
void evidence_stdout(const char *path);

/* The files below a folder that programs wrote: *.err, *.log, and those given to
 * evidence_stdout. */
void evidence_folder(const char *folder);

#endif
