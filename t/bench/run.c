/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c: the driver of the bench. It runs every cell as a fresh process, the
 * subjects of a row in turn, round after round, so that what slows down the
 * machine for a while meets all of them, and prints the figures.
 *
 * Usage: run [-r ROUNDS] [-m MS] [-c CPU,CPU] [-d DIR] [ROW...]
 * DIR has cpython.py (the program's own directory if not given); ROW chooses
 * the rows that begin so. Ends with 1 if a cell failed; a target that is
 * missed is printed, and no failure.
 */
#define _GNU_SOURCE

#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "figures.h"
#include "table.h"

#define MAX_EXPERIMENTS 16

static struct results all_results[MAX_EXPERIMENTS];

/* The first two CPUs that we may use. */
static void
choose_cpus(struct setup *setup)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    for (size_t i = 0; i < CPU_SETSIZE && setup->cpus < 2; i++)
        if (CPU_ISSET(i, &set))
            setup->cpu[setup->cpus++] = (int)i;
    if (setup->cpus == 1)
        setup->cpu[1] = setup->cpu[0];
}

static int
number_option(const char *text, int low, int high)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*end != '\0' || value < low || value > high) {
        fprintf(stderr, "run: %s: not from %d to %d\n", text, low, high);
        exit(2);
    }
    return (int)value;
}

static void
cpus_option(struct setup *setup, const char *text)
{
    if (sscanf(text, "%d,%d", &setup->cpu[0], &setup->cpu[1]) != 2) {
        fprintf(stderr, "run: -c wants two CPUs, as 0,1\n");
        exit(2);
    }
    setup->cpus = setup->cpu[0] == setup->cpu[1] ? 1 : 2;
}

static void
parse_options(struct setup *setup, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "r:m:c:d:")) != -1)
        switch (option) {
        case 'r':
            setup->rounds = number_option(optarg, 1, MAX_ROUNDS);
            break;
        case 'm':
            setup->ms = number_option(optarg, 1, 10000);
            break;
        case 'c':
            cpus_option(setup, optarg);
            break;
        case 'd':
            setup->scripts = optarg;
            break;
        default:
            fprintf(stderr, "usage: run [-r ROUNDS] [-m MS] [-c CPU,CPU]"
                " [-d DIR] [ROW...]\n");
            exit(2);
        }
}

static bool
row_chosen(const struct row *row, char **chosen)
{
    if (*chosen == NULL)
        return true;
    for (; *chosen != NULL; chosen++)
        if (strncmp(row->name, *chosen, strlen(*chosen)) == 0)
            return true;
    return false;
}

/* Figures of a busy machine are worth little: let it be seen. */
static void
print_load(const char *when)
{
    double load;

    if (getloadavg(&load, 1) == 1)
        printf("# load average %s: %.2f\n", when, load);
}

static void
print_setup(const struct setup *setup)
{
    char version[256];
    struct utsname name;
    enum outcome python = start_cell(setup, "version", NULL, version,
        sizeof(version));

    uname(&name);
    version[strcspn(version, "\n")] = '\0';
    printf("# %s %s %s, CPUs %d and %d, %d rounds of %d ms\n", name.sysname,
        name.release, name.machine, setup->cpu[0], setup->cpu[1],
        setup->rounds, setup->ms);
    printf("# %s\n", start_space_text(setup->space));
    printf("# python3: %s\n", python == DONE ? version : "not installed");
    print_load("before");
    table_tsv_header();
}

/* True unless a cell failed. */
static bool
run_round(const struct setup *setup, struct results *results)
{
    const struct experiment *e = results->experiment;
    bool good = true;
    char text[4096];

    for (int i = 0; e->subjects[i].name != NULL; i++) {
        enum outcome outcome = start_cell(setup, e->name, &e->subjects[i],
            text, sizeof(text));

        if (outcome == FAILED) {
            fprintf(stderr, "%s %s: failed\n", e->name,
                e->subjects[i].name);
            good = false;
        }
        figures_add(results, i, outcome, text);
    }
    return good;
}

static bool
run_experiment(const struct setup *setup, struct results *results)
{
    const struct experiment *e = results->experiment;
    int rounds = e->rounds != 0 ? e->rounds : setup->rounds;
    bool good = true;

    if (setup->cpus < e->cpus)
        return true;
    for (int i = 0; i < rounds; i++)
        good = run_round(setup, results) && good;
    return good;
}

/* Runs what the row needs, once for all rows that need it. */
static struct results *
results_of(const struct setup *setup, const struct row *row, bool *good)
{
    struct results *r = all_results;

    for (const struct experiment *e = plan_experiments; e->name != NULL;
         e++, r++)
        if (strcmp(e->name, row->experiment) == 0)
            break;
    if (r->experiment == NULL) {
        r->experiment = &plan_experiments[r - all_results];
        *good = run_experiment(setup, r) && *good;
    }
    return r;
}

int
main(int argc, char **argv)
{
    static char self[PATH_MAX];
    struct setup setup = { .ms = 300, .rounds = 7 };
    int targets = 0, reached = 0;
    bool good = true;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 2;
    setup.programs = setup.scripts = dirname(self);
    choose_cpus(&setup);
    parse_options(&setup, argc, argv);
    setup.space = start_space();
    setvbuf(stdout, NULL, _IOLBF, 0);
    print_setup(&setup);
    for (const struct row *row = plan_rows; row->name != NULL; row++)
        if (row_chosen(row, argv + optind))
            table_tsv(row, results_of(&setup, row, &good));
    print_load("after");
    printf("\n  %-20s %13s %8s %15s %9s %s\n", "", "median", "ratio",
        "lowest-highest", "target", "reached");
    for (const struct row *row = plan_rows; row->name != NULL; row++)
        if (row_chosen(row, argv + optind))
            table_row(row, results_of(&setup, row, &good), &targets,
                &reached);
    printf("\n%d of %d targets reached%s\n", reached, targets,
        good ? "" : "; cells FAILED");
    return good ? 0 : 1;
}
