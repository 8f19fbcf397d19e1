/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block.c: makes semaphore sets, cuts slots from them, and raises alive bits.
 *
 * A set is created under a key that is written down first, so a kill in
 * between leaves a trace.  Slots are never reset by SETVAL, which would wipe
 * the undos of living processes: what a former object left in a gate is a
 * spurious token, and the counters are zero when they are freed.
 */
#include "internal.h"

#include "block.h"
#include "error.h"
#include "shortage.h"
#include "member.h"
#include "sysv.h"

static struct block *
block_at(const struct arena *arena, uint32_t i)
{
    return arena_entry(arena, &arena->head->blocks, i);
}

int
block_semaphores(const struct arena *arena, uint32_t i)
{
    return shm_load(&block_at(arena, i)->semaphores);
}

int
block_checked(const struct arena *arena, uint32_t i)
{
    int id = block_semaphores(arena, i);

    return sysv_sem_open(shm_load(&block_at(arena, i)->key)) == id ? id
                                                                  : -EIDRM;
}

int
block_create(struct arena *arena, uint32_t i)
{
    struct block *block = block_at(arena, i);
    struct sembuf unlocked = sem_operation(BLOCK_LOCK, 1, 0);
    int id, error;

    do {
        key_t key = arena_new_key();

        if (i >= shm_load(&arena->head->blocks_high))
            shm_store(&arena->head->blocks_high, i + 1);
        shm_store(&block->key, key);
        shm_store(&block->state, BLOCK_INTENT);
        id = sysv_sem_create(key, BLOCK_SEMAPHORES);
    } while (id == -EEXIST);
    if (id < 0) {
        shm_store(&block->state, BLOCK_EMPTY);
        return shortage_semaphores(id);
    }
    error = sysv_semop(id, &unlocked, 1);
    if (error < 0) {
        if (block_remove(arena, i))
            shm_store(&block->state, BLOCK_EMPTY);
        return error;
    }
    shm_store(&block->semaphores, id);
    shm_store(&block->slots, 0);
    shm_store(&block->state, BLOCK_LIVE);
    return 0;
}

bool
block_remove(struct arena *arena, uint32_t i)
{
    struct block *block = block_at(arena, i);
    uint32_t state = shm_load(&block->state);
    key_t key = shm_load(&block->key);
    int id = shm_load(&block->semaphores);
    struct sysv_identity set;

    if (state == BLOCK_EMPTY)
        return true;
    if (state == BLOCK_INTENT)
        id = sysv_sem_open(key);
    if (id < 0)
        return id == -ENOENT;
    set = arena_own(arena, id, key);
    /* For block 0 this ends the arena lock: nothing is written after it. */
    return sysv_sem_remove(&set);
}

/* The maker of block i died before it was complete: what there is of it goes.
 * It stays where the kernel refuses that, and so does its entry. */
static int
clear_intent(struct arena *arena, uint32_t i)
{
    if (!block_remove(arena, i))
        return error_detail(-EACCES,
            "the kernel refuses to remove a semaphore set that a process "
            "died over; this program can have no more of them");
    shm_store(&block_at(arena, i)->state, BLOCK_EMPTY);
    return 0;
}

/* The first of n free slots in a row, or -1. */
static int
find_run(uint64_t used, int n)
{
    uint64_t run = (UINT64_C(1) << n) - 1;

    for (int slot = 0; slot + n <= BLOCK_SLOT_COUNT; slot++)
        if ((used & (run << slot)) == 0)
            return slot;
    return -1;
}

int
block_find(struct arena *arena, int n, uint32_t *i, int *slot)
{
    for (*i = 0; *i < arena->head->blocks.count; ++*i) {
        struct block *block = block_at(arena, *i);
        int error = 0;

        if (shm_load(&block->state) == BLOCK_INTENT)
            error = clear_intent(arena, *i);
        if (error == 0 && shm_load(&block->state) == BLOCK_EMPTY)
            error = block_create(arena, *i);
        if (error < 0)
            return error;
        *slot = find_run(shm_load(&block->slots), n);
        if (*slot >= 0)
            return 0;
    }
    return error_detail(-ENOSPC,
        "no room for another object: this program has all %u semaphore sets "
        "that it can have; destroy some objects",
        arena->head->blocks.count);
}

static uint64_t
slot_mask(int slot, int n)
{
    return ((UINT64_C(1) << n) - 1) << slot;
}

void
block_take(struct arena *arena, uint32_t i, int slot, int n)
{
    shm_or(&block_at(arena, i)->slots, slot_mask(slot, n));
}

void
block_free(struct arena *arena, uint32_t i, int slot, int n)
{
    if (n < BLOCK_SLOT_COUNT && slot + n <= BLOCK_SLOT_COUNT)
        shm_and(&block_at(arena, i)->slots, ~slot_mask(slot, n));
}

bool
block_joined(uint32_t i)
{
    return (self.joined[i / 8] & (1u << (i % 8))) != 0;
}

int
block_join(struct arena *arena, uint32_t i)
{
    int error;

    if (block_joined(i))
        return 0;
    error = member_raise(block_semaphores(arena, i), self.seat, -1, NULL, 0);
    /*
     * Up already?  The kernel takes the bits of a dead process down set by
     * set, but the seat was not given to us before all of its bits were seen
     * down (seat_free() in member.c, under the arena lock), and from there on
     * only we raise them.  So this is no set of ours: somebody else has
     * written into the table, or into the set.
     */
    if (error == -EBUSY)
        return -EIDRM;
    if (error == 0)
        self.joined[i / 8] |= (uint8_t) (1u << (i % 8));
    return error;
}

/* The home block, and more.  A block, once made, stays; so the first that is
 * not there ends them. */
uint32_t
block_count(const struct arena *arena)
{
    uint32_t high = shm_load(&arena->head->blocks_high);
    uint32_t i = 1;

    while (i < high && i < arena->head->blocks.count &&
        shm_load(&block_at(arena, i)->state) == BLOCK_LIVE)
        i++;
    return i;
}

bool
block_seat_used(const struct arena *arena, uint32_t seat)
{
    uint32_t blocks = block_count(arena);

    for (uint32_t i = 1; i < blocks; i++) {
        int value =
            sysv_sem_value(block_semaphores(arena, i), alive_semaphore(seat));

        if (value >= 0 && (value & alive_bit(seat)) != 0)
            return true;
    }
    return false;
}

void
block_drain(int semaphores, int semaphore)
{
    int value = sysv_sem_value(semaphores, semaphore);
    struct sembuf lower = sem_operation(semaphore, -(value - 1), IPC_NOWAIT);

    if (value >= TURNS)
        (void) sysv_semop(semaphores, &lower, 1);
}

int
block_lower(int semaphores, int side)
{
    struct sembuf lower = sem_operation(side, -TURNS, IPC_NOWAIT);
    int error = sysv_semop(semaphores, &lower, 1);

    return error == -EAGAIN ? 0 : error; /* it is low */
}

void
block_leave(struct arena *arena, uint32_t i)
{
    uint32_t seat = self.seat;
    struct sembuf lower[3] = {
        sem_operation(alive_semaphore(seat), -alive_bit(seat),
            SEM_UNDO | IPC_NOWAIT),
        sem_operation(BLOCK_MEMBERS, -1, SEM_UNDO | IPC_NOWAIT),
        sem_operation(BLOCK_HEAP, 1, SEM_UNDO),
    };

    if (!block_joined(i))
        return;
    if (i == 0)
        block_drain(block_semaphores(arena, i), BLOCK_HEAP);
    (void) sysv_semop(block_semaphores(arena, i), lower, i == 0 ? 3 : 1);
    self.joined[i / 8] &= (uint8_t) ~(1u << (i % 8));
}
