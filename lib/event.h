/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event.h: what wait.c needs of an event.
 */
#ifndef SYSVMP_EVENT_H
#define SYSVMP_EVENT_H

#include "watch.h"

/* Where it can be watched, if that is asked; false: that is no event. */
bool event_watched(const struct sysvmp_event *e, struct watched *watched);

#endif /* SYSVMP_EVENT_H */
