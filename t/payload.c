/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * payload.c: see payload.h.
 */
#include <config.h>

#include "payload.h"

#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const size_t payload_sizes[PAYLOAD_SIZES] = {0, 1, SYSVMP_INLINE_MAX - 1,
    SYSVMP_INLINE_MAX, SYSVMP_INLINE_MAX + 1, 8 * KIB, 64 * KIB, MIB,
    PAYLOAD_MAX};

/* The i-th eight bytes. */
static uint64_t
word_at(size_t i, unsigned seed)
{
    return ((uint64_t)i + seed * UINT64_C(0x9e3779b97f4a7c15) + 1) *
        UINT64_C(0xd6e8feb86659fd93);
}

void
payload_fill(void *buf, size_t len, unsigned seed)
{
    char *p = buf;
    size_t words = len / sizeof(uint64_t);
    uint64_t word;

    for (size_t i = 0; i < words; i++) {
        word = word_at(i, seed);
        memcpy(p + i * sizeof(word), &word, sizeof(word));
    }
    word = word_at(words, seed);
    if (len > words * sizeof(word))
        memcpy(p + words * sizeof(word), &word, len - words * sizeof(word));
}

int
payload_whole(const void *buf, size_t len, unsigned seed)
{
    const char *p = buf;
    size_t words = len / sizeof(uint64_t);
    uint64_t word, seen;

    for (size_t i = 0; i < words; i++) {
        memcpy(&seen, p + i * sizeof(seen), sizeof(seen));
        if (seen != word_at(i, seed))
            return 0;
    }
    word = word_at(words, seed);
    return len == words * sizeof(word) ||
        memcmp(p + words * sizeof(word), &word,
            len - words * sizeof(word)) == 0;
}

void *
payload_buffer(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        bail("mmap of %zu bytes: %s", size, strerror(errno));
#ifdef MADV_HUGEPAGE
    madvise(p, size, MADV_HUGEPAGE); /* sooner there, where it is allowed */
#endif
    return p;
}

void
payload_free(void *buf, size_t size)
{
    munmap(buf, size);
}

/* What the kernel would give without taking it from others; -1: unknown. */
static int64_t
available(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    int64_t kib = -1;

    while (f && kib < 0 && fgets(line, sizeof(line), f))
        if (sscanf(line, "MemAvailable: %" SCNd64, &kib) != 1)
            kib = -1;
    if (f)
        fclose(f);
    return kib < 0 ? -1 : kib * 1024;
}

/* A program's shared memory is half of the machine's at most; and the message
 * is there twice, for its sender or receiver has it, too. */
const char *
payload_too_large(size_t len)
{
    int64_t need = (int64_t)len + (int64_t)len / 4 + (int64_t)(64 * MIB);
    int64_t all =
        (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
    static char why[128];

    if (sizeof(size_t) < sizeof(uint64_t) && len > 256 * MIB)
        return "addresses are of 32 bits";
    if (all / 2 < need)
        snprintf(why, sizeof(why), "the machine has %" PRId64 " MiB",
            all / (int64_t)MIB);
    else if (available() < 2 * need)
        snprintf(why, sizeof(why), "MemAvailable is %" PRId64 " MiB",
            available() / (int64_t)MIB);
    else
        return NULL;
    return why;
}
