/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadline.h: one monotonic deadline for a whole call, however often it is
 * woken, interrupted, or has to look again.
 */
#ifndef SYSVMP_DEADLINE_H
#define SYSVMP_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
    int timeout_ms;
    int64_t at; /* monotonic nanoseconds; 0: the clock was not asked yet */
    bool deaf;  /* the interrupt function is not asked */
    int64_t patience; /* as `at`: where the call's patience ends */
};

#define DEADLINE(timeout) ((struct deadline){ .timeout_ms = (timeout) })
/* For what must be done, however long it takes. */
#define DEADLINE_DEAF \
    ((struct deadline){ .timeout_ms = SYSVMP_FOREVER, .deaf = true })

/* For what is given back, or looked at for others: the interrupt function is
 * not asked, as it may throw while we have something in hand. */
#define DEADLINE_SOON \
    ((struct deadline){ .timeout_ms = SYSVMP_NOWAIT, .deaf = true })

int64_t deadline_now(void);
/* Nanoseconds left: INT64_MAX for ever, 0 when passed or never granted. */
int64_t deadline_left(struct deadline *deadline);
/* A deadline at most `ns` from now, and not after the whole one. */
struct deadline deadline_brief(struct deadline *whole, int64_t ns);
/*
 * For what does not depend on the peer, as a lock or memory that is on its way
 * back: the whole one, but not less than `ns` from the first time that this is
 * asked.  However often a call comes to such a place, it is patient once.
 */
struct deadline deadline_patient(struct deadline *whole, int64_t ns);
/* What a call answers that had to wait: -EAGAIN or -ETIMEDOUT. */
int deadline_code(const struct deadline *deadline);
/* A nap that ends with the deadline at the latest. */
void deadline_nap(struct deadline *deadline, int64_t ns);

#endif /* SYSVMP_DEADLINE_H */
