/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-children.c: active_children lists the children of this process that
 * run, reaps those that have ended, and knows no others.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/wait.h>

enum { CHILDREN = 3 };

static _Atomic int *word;

static int
wait_for_word(void *arg)
{
    (void)arg;
    until(word, 1);
    return 3;
}

static int
has_none(void *arg)
{
    struct sysvmp_process *list[CHILDREN];

    (void)arg;
    return (int)sysvmp_active_children(list, CHILDREN);
}

static int
listed(struct sysvmp_process *p, struct sysvmp_process *const *list, size_t n)
{
    int times = 0;

    for (size_t i = 0; i < n; i++)
        times += list[i] == p;
    return times;
}

int
main(void)
{
    struct sysvmp_process *p[CHILDREN], *list[CHILDREN + 2] = {NULL};
    struct sysvmp_process *unstarted;
    int once = 0, status;
    pid_t pid;

    plan(16);
    word = shared(sizeof(*word));
    is_int(0, sysvmp_active_children(list, CHILDREN),
        "process-children: none at first");
    unstarted = created(wait_for_word, NULL);
    is_int(0, sysvmp_active_children(list, CHILDREN), "... none has started");
    for (int i = 0; i < CHILDREN; i++)
        p[i] = started(wait_for_word, NULL);
    is_int(CHILDREN, sysvmp_active_children(list, CHILDREN + 2), "all run");
    for (int i = 0; i < CHILDREN; i++)
        once += listed(p[i], list, CHILDREN) == 1;
    is_int(CHILDREN, once, "... each is listed once");
    ok(list[CHILDREN] == NULL, "... and nothing else");
    list[1] = NULL;
    is_int(CHILDREN, sysvmp_active_children(list, 1), "a list too short");
    ok(list[0] != NULL && list[1] == NULL, "... is filled as far as it goes");
    is_int(CHILDREN, sysvmp_active_children(NULL, 0), "... or not at all");

    pid = child(wait_for_word, NULL);
    is_int(CHILDREN, sysvmp_active_children(list, CHILDREN),
        "a child of our own fork() is not among them");
    is_int(0, end_of(started(has_none, NULL)), "a child has none of ours");
    is_int(0, reap(child(has_none, NULL)), "... however forked");

    must(sysvmp_process_kill(p[1]), "process_kill");
    while (sysvmp_active_children(list, CHILDREN) == CHILDREN)
        pause_us(100);
    is_int(CHILDREN - 1, sysvmp_active_children(list, CHILDREN),
        "one was killed: the others");
    is_int(0, listed(p[1], list, CHILDREN - 1), "... without it");
    is_int(-1, waitpid(sysvmp_process_pid(p[1]), &status, WNOHANG),
        "... and it was reaped");
    is_int(-SIGKILL, end_of(p[1]), "... its exit code is kept");

    atomic_store(word, 1);
    reap(pid);
    end_of(p[0]);
    end_of(p[2]);
    is_int(0, sysvmp_active_children(list, CHILDREN), "none at last");
    must(sysvmp_process_destroy(unstarted), "process_destroy");
    return done();
}
