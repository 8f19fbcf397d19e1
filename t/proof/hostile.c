/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile.c: somebody puts random bytes into the kernel's queue, some of them
 * a header with one byte changed.  A new process gets the message: it may be
 * refused, or be a message by chance; the process must not crash nor hang,
 * and the next message comes to the next process.
 */
#include <config.h>

#include "message.h"
#include "proof.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>

enum { MESSAGES = 500, MOST = 300 };
enum { TOOK = 0, REFUSED = 1, HANGS = 2, OTHER = 3 };

static struct sysvmp_queue *queue;

static unsigned
draw_seed(void)
{
    const char *wanted = getenv("SYSVMP_SEED");
    unsigned seed = wanted ? (unsigned)strtoul(wanted, NULL, 0)
                           : (unsigned)now_ns() ^ (unsigned)getpid() << 16;

    diag("SYSVMP_SEED=%u", seed);
    return seed;
}

/* The only queue of this namespace. */
static int
find_queue(void)
{
    FILE *f = fopen("/proc/sysvipc/msg", "re");
    char line[512];
    int id = -1;

    if (!f || !fgets(line, sizeof(line), f) || !fgets(line, sizeof(line), f) ||
        sscanf(line, "%*d %d", &id) != 1)
        bail("there is no queue");
    fclose(f);
    return id;
}

static size_t
draw_bytes(struct message *m, unsigned *seed)
{
    unsigned char *bytes = (unsigned char *)&m->header;
    size_t len = chance(seed, MOST);

    m->type = 1 + (long)chance(seed, 3);
    if (chance(seed, 2) == 0) {
        len = message_pack(m, "0123456789", len % 10);
        bytes[chance(seed, sizeof(m->header))] ^= (unsigned char)
            (1 + chance(seed, 255));
        return len;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)chance(seed, 256);
    return len;
}

static int
get(void *arg)
{
    char buf[SYSVMP_INLINE_MAX];
    ssize_t len = sysvmp_queue_get(queue, buf, sizeof(buf), LIMIT_MS);

    (void)arg;
    return len >= 0 ? TOOK
        : len == -EBADMSG ? REFUSED
        : len == -ETIMEDOUT ? HANGS
                            : OTHER;
}

/* Takes a good one that was put after the bad one. */
static int
get_good(void *arg)
{
    char buf[8] = "";

    (void)arg;
    return sysvmp_queue_get(queue, buf, sizeof(buf), LIMIT_MS) != 4 ||
        memcmp(buf, "good", 4) != 0;
}

int
main(int argc, char **argv)
{
    int n = how_often(argc, argv, MESSAGES), crashed = 0, after = 0, id;
    int ended[OTHER + 1] = {0};
    unsigned seed;

    plan(4);
    seed = draw_seed();
    if (!ipc_is_private())
        bail("this wants an IPC namespace of its own");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    id = find_queue();
    for (int i = 0; i < n; i++) {
        static struct message m;
        size_t len = draw_bytes(&m, &seed);
        int code;

        if (msgsnd(id, &m, len, IPC_NOWAIT) < 0)
            bail("msgsnd: %s", strerror(errno));
        must(sysvmp_queue_put(queue, "good", 4, SYSVMP_NOWAIT), "put");
        code = reap(child(get, NULL));
        if (code < 0 || code > OTHER)
            crashed++;
        else
            ended[code]++;
        after += reap(child(get_good, NULL)) == 0;
    }
    is_int(0, crashed, "hostile: no crash");
    is_int(0, ended[HANGS], "... no hang");
    is_int(0, ended[OTHER], "... no other answer");
    is_int(n, after, "... and the next message comes");
    diag("figure: tried=%d refused=%d took=%d hangs=%d crashed=%d after=%d",
        n, ended[REFUSED], ended[TOOK], ended[HANGS], crashed, after);
    sysvmp_queue_destroy(queue);
    return done();
}
