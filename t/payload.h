/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * payload.h: what the tests of large messages have in common: the sizes, bytes
 * that tell which message they are and whether it is whole, and how much
 * memory there is.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* From nothing to 64 MiB, with those around SYSVMP_INLINE_MAX. */
enum { PAYLOAD_SIZES = 9 };
extern const size_t payload_sizes[PAYLOAD_SIZES];
#define PAYLOAD_MAX (64 * MIB)

void payload_fill(void *buf, size_t len, unsigned seed);
/* Is it what payload_fill() has made? */
int payload_whole(const void *buf, size_t len, unsigned seed);
/* Pages of our own, zeroed; bails out.  And gives them back. */
void *payload_buffer(size_t size);
void payload_free(void *buf, size_t size);

/* Why a message of so many bytes can't be tried here; NULL: it can. */
const char *payload_too_large(size_t len);

#endif /* PAYLOAD_H */
