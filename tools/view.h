/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.h: an arena as the tool looks at it: from outside, while it changes,
 * and whatever a wild pointer has written there.
 */
#ifndef SYSVMP_VIEW_H
#define SYSVMP_VIEW_H

#include "inspect.h"
#include "block.h"
#include "member.h"
#include "object.h"

struct view {
    struct inspection it;
    bool tables; /* these can be walked */
    struct arena_table members, blocks, objects; /* our copies, checked */
};

/* Who is listed: a copy, as the directory changes while we look. */
struct listed {
    key_t key;
    pid_t creator;
};

/* All that are listed now, to be freed; *n: how many. */
struct listed *view_listed(size_t *n);

void view_open(struct view *view, const struct listed *listed);
void view_close(struct view *view);
const char *view_verdict(const struct view *view);

/* A semaphore set of the arena, with the values of its semaphores. */
struct view_set {
    int id; /* -1: it can't be had */
    unsigned short values[BLOCK_SEMAPHORES];
};

void view_set(const struct view *view, uint32_t block, struct view_set *set);
/* How many sleep until that semaphore goes up. */
int view_sleepers(const struct view_set *set, int semaphore);

/* A seat that was claimed. */
struct view_member {
    uint32_t seat;
    uint64_t generation;
    pid_t pid;
    int64_t entered;
    uint32_t state;
};

/* false: nobody ever had this seat, nor any after it. */
bool view_member(const struct view *view, uint32_t seat,
    struct view_member *member);
/* By the alive bit in that set. */
bool view_alive(const struct view *view, const struct view_set *set,
    uint32_t seat);

/* An entry of the table of objects. */
struct view_object {
    uint32_t index, state, kind, block;
    int slot, slots;
    key_t key;
    int queue;
    uint64_t owner; /* of a lock: its owner id, or 0 */
    uint64_t messages, bytes; /* of a channel: in shared memory */
    uint64_t value; /* of a semaphore; of an event: 1 is set */
};

uint32_t view_objects(const struct view *view);
void view_object(const struct view *view, uint32_t index,
    struct view_object *object);

/* What an arena has in the kernel. */
enum part_kind { PART_QUEUE, PART_SET, PART_SEGMENT, PART_KINDS };

struct part {
    enum part_kind kind;
    int id;
    key_t key;
};

/* Is it there, under that key, and this user's? */
bool part_exists(const struct part *part);
/* All that are there, to be freed; *n: how many. */
struct part *view_parts(const struct view *view, size_t *n);

/* Never NULL: the program ends where there is no memory. */
void *grown(void *array, size_t n, size_t size);

#endif /* SYSVMP_VIEW_H */
