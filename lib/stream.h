/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream.h: fflush(), where there is something to flush.
 */
#ifndef SYSVMP_STREAM_H
#define SYSVMP_STREAM_H

#include <stdio.h>

void stream_flush(FILE *stream);
/* Every stream of the process, as exit() does it. */
void stream_flush_all(void);

#endif /* SYSVMP_STREAM_H */
