/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.h: the only way to a word in shared memory.
 *
 * Each change of a shared word is a step that other processes can see, so
 * each is a place where a kill matters: in the test build every one of these
 * macros passes a crash point first.  The seam (sysv.c) does the same around
 * its calls.  A raw atomic elsewhere in lib/ fails the tests.
 *
 * All are seq_cst.  The protocols of gate and lock rest on store-then-load
 * order; on x86 the weaker forms of what is hot here (loads, and read-modify-
 * writes) would compile to the same instructions.  The exceptions are
 * shm_peek, for values that are hints and are looked at again, and what the
 * owner of a lock does when it releases it: word.c has the reasons.
 */
#ifndef SYSVMP_SHARED_H
#define SYSVMP_SHARED_H

#include <stdatomic.h>

#ifdef SYSVMP_TESTING
void testing_point(const char *file, int line);
#    define CRASH_POINT() testing_point(__FILE__, __LINE__)
#else
#    define CRASH_POINT() ((void) 0)
#endif

#define shm_load(word)         atomic_load(word)
#define shm_peek(word)         atomic_load_explicit(word, memory_order_relaxed)
#define shm_store(word, value) (CRASH_POINT(), atomic_store(word, value))
/* A store that a later load of ours may overtake: for those who can count on
 * the other side's membarrier_all().  The compiler keeps the order. */
#define shm_swift_store(word, value) \
    (CRASH_POINT(), \
        atomic_store_explicit(word, value, memory_order_release), \
        atomic_signal_fence(memory_order_seq_cst))
#define shm_add(word, value)   (CRASH_POINT(), atomic_fetch_add(word, value))
#define shm_sub(word, value)   (CRASH_POINT(), atomic_fetch_sub(word, value))
#define shm_or(word, value)    (CRASH_POINT(), atomic_fetch_or(word, value))
#define shm_and(word, value)   (CRASH_POINT(), atomic_fetch_and(word, value))
#define shm_xchg(word, value)  (CRASH_POINT(), atomic_exchange(word, value))
/* On failure the value seen is stored in *seen. */
#define shm_cas(word, seen, value) \
    (CRASH_POINT(), atomic_compare_exchange_strong(word, seen, value))

/* Words of one process that its threads share: no crash points there. */
/* What this thread stored before is there for a signal handler of it. */
#define own_before_signal()    atomic_signal_fence(memory_order_release)
#define own_load(word)         atomic_load(word)
#define own_store(word, value) atomic_store(word, value)
#define own_add(word, value)   atomic_fetch_add(word, value)
#define own_sub(word, value)   atomic_fetch_sub(word, value)
#define own_cas(word, seen, value) \
    atomic_compare_exchange_strong(word, seen, value)
#define own_peek(word)         atomic_load_explicit(word, memory_order_relaxed)
#define own_poke(word, value) \
    atomic_store_explicit(word, value, memory_order_relaxed)

static inline void
cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif /* SYSVMP_SHARED_H */
