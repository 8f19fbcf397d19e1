/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-names.c: Process-N is the N-th of its creator, Process-N:M the M-th
 * of Process-N, whatever it was named; a fork of the program's own has the
 * name of the process that it comes from, its own pid, and no parent.
 */
#include <config.h>

#include "child.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH = 60, NAMES = 4, NAME = 256 };

static char (*told)[NAME]; /* shared */
static const char *parents_name;

static const char *
our_name(void)
{
    return sysvmp_process_name(sysvmp_current_process());
}

static int
tell(void *arg)
{
    snprintf(arg, NAME, "%s", our_name());
    return 0;
}

static void
by_creation(void)
{
    struct sysvmp_process *p[3];

    for (int i = 0; i < 3; i++)
        p[i] = created(tell, told[i]);
    must(sysvmp_process_destroy(p[0]), "process_destroy");
    p[0] = created(tell, told[0]);
    for (int i = 3; i-- > 0;) {
        must(sysvmp_process_start(p[i]), "process_start");
        end_of(p[i]);
    }
    is_str("Process-2", told[1], "process-names: counted as created");
    is_str("Process-3", told[2], "... not as started");
    is_str("Process-4", told[0], "... one that was destroyed counts, too");
}

static int
have_grandchild(void *arg)
{
    tell(arg);
    return end_of(started(tell, told[3]));
}

static int
have_two(void *arg)
{
    tell(arg);
    return end_of(started(tell, told[1])) +
        end_of(started(have_grandchild, told[2]));
}

static void
nested(void)
{
    end_of(started(have_two, told[0]));
    is_str("Process-5", told[0], "a child");
    is_str("Process-5:1", told[1], "... its first child");
    is_str("Process-5:2", told[2], "... its second");
    is_str("Process-5:2:1", told[3], "... whose first");
    end_of(started(tell, told[0]));
    is_str("Process-6", told[0], "... and our next: ours alone count");
}

static int
rename_us(void *arg)
{
    must(sysvmp_process_set_name(sysvmp_current_process(), "a new one"),
        "process_set_name");
    return have_two(arg);
}

static void
renamed(void)
{
    struct sysvmp_process *p = created(have_two, told[0]);

    must(sysvmp_process_set_name(p, "worker"), "process_set_name");
    must(sysvmp_process_set_name(p, "a worker"), "process_set_name");
    must(sysvmp_process_start(p), "process_start");
    end_of(p);
    is_str("a worker", told[0], "a name of our choice, the last one");
    is_str("Process-7:1", told[1], "... its children are numbered");

    p = started(rename_us, told[0]);
    code_of(p);
    is_str("a new one", told[0], "a child names itself");
    is_str("Process-8:2", told[2], "... its children are numbered");
    is_str("Process-8", sysvmp_process_name(p), "... we know its old name");
    must(sysvmp_process_destroy(p), "process_destroy");
}

/* In a fork of the program's own: is it the copy that it should be? */
static int
is_a_copy(void *arg)
{
    struct sysvmp_process *us = sysvmp_current_process();

    if (strcmp(sysvmp_process_name(us), parents_name) != 0)
        return 1;
    if (sysvmp_process_pid(us) != getpid())
        return 2;
    if (sysvmp_process_is_alive(us) != 1)
        return 3;
    if (sysvmp_parent_process())
        return 4;
    return end_of(started(tell, arg)) ? 5 : 0;
}

static int
fork_one(void *arg)
{
    parents_name = our_name();
    return reap(child(is_a_copy, arg));
}

/* It knew its parent before: still its fork has none. */
static int
ask_and_fork_one(void *arg)
{
    return sysvmp_process_is_alive(sysvmp_parent_process()) == 1 ?
        fork_one(arg) : 6;
}

static void
own_forks(void)
{
    is_int(0, fork_one(told[0]), "a fork of our own: our name, its pid");
    is_str("Process-1", told[0], "... its children are counted anew");
    is_int(0, end_of(started(fork_one, told[1])),
        "a fork of a child's own: the child's name, its pid, no parent");
    is_str("Process-9:1", told[1], "... and its children are the child's");
    is_int(0, end_of(started(ask_and_fork_one, told[1])),
        "... also when the child has asked for its parent");
}

/* The last of a line of descent tells. */
static int
descend(void *arg)
{
    int depth = *(int *)arg;

    *(int *)arg = depth - 1;
    return depth > 0 ? end_of(started(descend, arg)) : tell(told[0]);
}

static void
very_deep(void)
{
    int depth = DEPTH;
    char full[DEPTH * 2 + 32] = "Process-11";

    for (int i = 0; i < DEPTH; i++)
        strcat(full, ":1");
    is_int(0, end_of(started(descend, &depth)), "%d generations", DEPTH);
    ok(strlen(told[0]) > 80 && strlen(told[0]) < strlen(full),
        "... the last has a name that fits");
    if (!ok(strncmp(full, told[0], strlen(told[0])) == 0,
            "... of its oldest ancestors"))
        diag("%s", told[0]);
}

static int
name_of_parent(void *arg)
{
    snprintf(arg, NAME, "%s", sysvmp_process_name(sysvmp_parent_process()));
    return 0;
}

static void
main_renamed(void)
{
    must(sysvmp_process_set_name(sysvmp_current_process(), "the boss"),
        "process_set_name");
    is_str("the boss", our_name(), "the main program gets a name");
    end_of(started(name_of_parent, told[0]));
    is_str("the boss", told[0], "... by which its children know it");
}

int
main(void)
{
    plan(3 + 5 + 5 + 5 + 3 + 2);
    told = shared(NAMES * sizeof(*told));
    by_creation();
    nested();
    renamed();
    own_forks();
    very_deep();
    main_renamed();
    return done();
}
