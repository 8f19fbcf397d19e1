/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe.h: what Process needs to give an end to a child, and wait.c to look at
 * one.
 */
#ifndef SYSVMP_PIPE_H
#define SYSVMP_PIPE_H

#include "channel.h"

/* NULL: no connection. */
struct handle *conn_handle(struct sysvmp_conn *c);
/* What a valid one receives from; NULL: it only sends. */
struct channel *conn_channel(struct sysvmp_conn *c);
/* One process less to which it was given.  The last one closes our copy, if it
 * was started, and frees what was destroyed meanwhile. */
void conn_settle(struct handle *handle, bool started);

#endif /* SYSVMP_PIPE_H */
