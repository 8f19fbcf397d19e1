/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cradle.c: the window between fork and registration.
 *
 * The child registers what it holds, raises `registrations`, detaches, in
 * this order.  The judge reads registrations, the count, the attachments, and
 * registrations again: a child that left the cradle between the second and
 * the third step has raised registrations before the fourth.  Counting the
 * attachments of the arena itself instead gives false ends of file: a member
 * that dies or execs masks a child on its way.
 */
#include "internal.h"

#include "cradle.h"
#include "shortage.h"
#include "sysv.h"

int
cradle_create(struct arena *arena)
{
    int id;

    shm_store(&arena->head->cradle_id, -1);
    do {
        key_t key = arena_new_key();

        shm_store(&arena->head->cradle_key, key);
        id = sysv_shm_create(key, 1);
    } while (id == -EEXIST);
    shm_store(&arena->head->cradle_id, id);
    if (id == -EINVAL) /* kernel.shmmax went down to 0 meanwhile */
        id = -ENOMEM;
    return id < 0 ? shortage_segments(id) : 0;
}

int
cradle_attach(struct arena *arena)
{
    int error;

    arena->cradle =
        sysv_shm_attach(shm_load(&arena->head->cradle_id), &error);
    return error;
}

bool
cradle_remove(const struct arena *arena)
{
    struct sysv_identity cradle = arena_own(arena,
        shm_load(&arena->head->cradle_id), shm_load(&arena->head->cradle_key));

    if (cradle.key == IPC_PRIVATE)
        return true; /* it was never begun */
    if (cradle.id < 0)
        cradle.id = sysv_shm_open(cradle.key);
    return cradle.id < 0 ? cradle.id == -ENOENT : sysv_shm_remove(&cradle);
}

void
cradle_detach(struct arena *arena)
{
    /* Its address is not cleared: after a fork each page that is written to
     * costs 2 us, here as well as in the child. */
    if (arena->cradle != NULL)
        sysv_shm_detach(arena->cradle);
}

int
cradle_nobody(const struct arena *arena, int semaphores, int counter)
{
    uint32_t before = shm_load(&arena->head->registrations);
    int holders = sysv_sem_value(semaphores, counter);
    int attached;

    if (holders != 0)
        return holders < 0 ? holders : 0;
    attached = sysv_shm_attached(shm_load(&arena->head->cradle_id));
    if (attached != 0)
        return attached < 0 ? attached : -EINPROGRESS;
    if (shm_load(&arena->head->registrations) != before)
        return -EINPROGRESS;
    return 1;
}
