/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * family.h: a storm in which one end of each pipe dies out.
 *
 * A family are one or two processes at each end of a pipe that nobody else
 * holds, of one direction or two; they were given their end, or are forked and
 * close the other.  They are killed one by one, until one side is gone.  Then
 * the other side must come to its end by itself: who receives gets all that
 * was acknowledged, then end of file; who sends, -EPIPE.  Nobody may see that
 * earlier, and no message may be accepted later.
 */
#ifndef FAMILY_H
#define FAMILY_H

/* Lines of TAP of family_storm(). */
enum { FAMILY_LINES = 6 };

/* With 1/parts of the kills. */
void family_storm(int parts);

#endif /* FAMILY_H */
