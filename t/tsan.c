/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tsan.c: what the thread sanitizer must be told, or it sees what is not.
 *
 * The library makes its mutexes anew in a forked child by zeroing them, or has
 * the kernel do it (MADV_WIPEONFORK).  The sanitizer takes the registry's for
 * locked from then on, since the fork's prepare handler locked it; each later
 * lock is then a double one to it, and orders nothing.  As the tests
 * themselves run in a forked child, that would be all of them.  So it is told
 * of an unlock.  Nothing is suppressed: each report is a race.
 *
 * It keeps a lock of its own for each mutex, has it for an instant in each
 * call, and does not take it before a fork: another thread that was about to
 * wait for the registry's leaves a child that hangs in the sanitizer for ever.
 * So a fork, which has locked the registry, gives such threads time to get
 * into their sleep.
 */
#include <config.h>

#include "tap.h"

#if defined(__SANITIZE_THREAD__)
#    define TSAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define TSAN 1
#    endif
#endif

#ifdef TSAN

#    include "internal.h"

#    include "arena.h"

#    include <pthread.h>
#    include <sanitizer/tsan_interface.h>

static void
let_others_sleep(void)
{
    pause_ms(1);
}

static void
unlocked(void)
{
    __tsan_mutex_pre_unlock(&self.registry_mutex.mutex, 0);
    __tsan_mutex_post_unlock(&self.registry_mutex.mutex, 0);
}

/* Before the library's constructor, so the last to be called before a fork. */
__attribute__((__constructor__(101))) static void
install(void)
{
    pthread_atfork(let_others_sleep, NULL, unlocked);
}

#endif

/* That somebody calls it makes the linker take this file. */
void
tsan_enter(void)
{
}
