/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * make.c: makes an object and what this process holds of it in one go, under
 * the registry's mutex, which is also held across a fork: a child has the
 * whole of a handle or nothing.
 */
#include "internal.h"

#include "leave.h"
#include "make.h"

static int
make_in(struct arena *arena, struct handle *handle,
    const struct object_wish *wish, int (*prepare)(struct handle *handle))
{
    struct holding *h = &handle->holding[0];
    int error = object_create(arena, wish, &h->place);

    if (error < 0)
        return error;
    handle->arena = arena;
    handle->holdings = 1;
    holding_clear(h);
    h->references[0] = h->place.counter + wish->reference;
    error = prepare(handle);
    if (error == 0)
        error = handle_hold(h);
    if (error < 0)
        object_abandon(arena, &h->place);
    else
        object_commit(arena);
    return error;
}

int
handle_make(struct handle *handle, uint32_t magic,
    const struct object_wish *wish, int (*prepare)(struct handle *handle))
{
    struct arena *arena;
    int error;

    registry_lock();
    error = enter(&arena);
    if (error == 0)
        error = make_in(arena, handle, wish, prepare);
    if (error == 0) {
        handle->magic = magic;
        handle_add(handle);
    }
    registry_unlock();
    return error;
}

void
handle_unmake(struct handle *handle)
{
    registry_lock();
    handle_release(handle);
    handle_remove(handle);
    registry_unlock();
}
