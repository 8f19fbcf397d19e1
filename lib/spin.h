/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * spin.h: a short wait in user space before a sleep in the kernel.
 *
 * Spinning is for a peer on another CPU, yielding the CPU for one on ours.
 * Either is done only while it has paid lately: one that ends in a sleep all
 * the same doubles the number of calls that go without, up to 1024; one that
 * pays ends that.
 */
#ifndef SYSVMP_SPIN_H
#define SYSVMP_SPIN_H

#include "deadline.h"
#include "shared.h"

/* How one way of waiting went; the threads of a handle share it. */
struct spin_memory {
    _Atomic uint32_t skip;    /* so many calls go without */
    _Atomic uint32_t penalty; /* what skip will be next time */
    _Atomic uint32_t ticked;  /* not 0: a tick has passed in a yield lately */
    _Atomic uint32_t crowded; /* what skip was for that last time */
};

struct spin {
    struct spin_memory spinning;
    struct spin_memory yielding;
};

/* Waits a little until there(arg), and not past the deadline: false if it is
 * not there yet. */
bool spin_wait(struct spin *spin, struct deadline *deadline,
    bool (*there)(const void *), const void *arg);

/* For a loop of one's own: is it worth it, for how many nanoseconds at most,
 * and how did it go? */
bool spin_worth(struct spin_memory *memory);
int64_t spin_until(struct deadline *deadline);
void spin_paid(struct spin_memory *memory);
void spin_in_vain(struct spin_memory *memory);

#endif /* SYSVMP_SPIN_H */
