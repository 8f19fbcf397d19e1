// SPDX-License-Identifier: LGPL-2.1-or-later
//
// peer-boost.cc: Boost.Interprocess, message_queue: places in shared memory
// under a mutex.  It is mapped before the fork, and its name taken away.

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdio>
#include <unistd.h>

#include "flow.h"

namespace ipc = boost::interprocess;

namespace
{

void *
queue_open(const struct flow_shape *shape)
{
    char name[48];

    std::snprintf(name, sizeof(name), "sysvmp-bench-%d", int(getpid()));
    try {
        ipc::message_queue *queue = new ipc::message_queue(ipc::create_only,
            name, shape->depth, shape->size);

        ipc::message_queue::remove(name);
        return queue;
    } catch (const ipc::interprocess_exception &e) {
        ipc::message_queue::remove(name);
        flow_cannot("shared memory: %s", e.what());
    }
}

bool
queue_send(struct flow_end *end, void *room)
{
    static_cast<ipc::message_queue *>(end->shared)->send(room,
        end->shape->size, 0);
    return true;
}

const void *
queue_receive(struct flow_end *end)
{
    ipc::message_queue::size_type length;
    unsigned priority;

    static_cast<ipc::message_queue *>(end->shared)->receive(end->buffer,
        end->shape->size, length, priority);
    return flow_whole(end, static_cast<long long>(length)) ? end->buffer
        : nullptr;
}

} // namespace

int
main(int argc, char **argv)
{
    struct carrier boost = carrier();

    boost.subject = "boost";
    boost.open = queue_open;
    boost.send = queue_send;
    boost.receive = queue_receive;
    return flow_main(&boost, argc, argv);
}
