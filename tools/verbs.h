/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verbs.h: what the tool can do.  Each answers its exit status.
 */
#ifndef SYSVMP_VERBS_H
#define SYSVMP_VERBS_H

#include <stdbool.h>
#include <sys/types.h>

enum { DONE = 0, FAILED = 1, USAGE = 2 };

struct options {
    bool dry_run;
    bool force; /* removes the arena `key` */
    key_t key;
};

int verb_list(const struct options *options);
int verb_clean(const struct options *options);
int verb_limits(const struct options *options);

#endif /* SYSVMP_VERBS_H */
