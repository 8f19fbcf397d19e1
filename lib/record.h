/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.h: where a child notes its exit code, so that its parent knows it
 * even when somebody else has reaped the child.
 */
#ifndef SYSVMP_RECORD_H
#define SYSVMP_RECORD_H

#include "arena.h"

#define RECORDS_MAX 65536

/* A record in use: none where arena is NULL. */
struct record_ref {
    struct arena *arena;
    uint32_t index;
    uint32_t tag;
};

int record_create(struct arena *arena, struct record_ref *ref);
/* By the child: that it is a member, and which; 0: not (yet). */
void record_enter(const struct record_ref *ref);
uint64_t record_child(const struct record_ref *ref);
void record_note(const struct record_ref *ref, int code);
/* true: the child has noted its code. */
bool record_read(const struct record_ref *ref, int *code);
void record_free(struct record_ref *ref);

#endif /* SYSVMP_RECORD_H */
