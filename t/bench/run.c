/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * run.c: the driver of the bench. It runs every cell as a fresh process, the
 * subjects of a row in turn, round after round, so that what slows down the
 * machine for a while meets all of them, and prints the figures.
 *
 * Usage: run [-r ROUNDS] [-m MS] [-c CPU,CPU] [-d DIR] [-o FILE] [ROW...]
 * DIR has cpython.py (the program's own directory if not given); FILE gets the
 * tab-separated values instead of stdout; ROW chooses the rows that begin so.
 * Ends with 1 if a cell failed; a target that is missed is printed, and no
 * failure.
 */
#define _GNU_SOURCE

#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "figures.h"
#include "grid.h"
#include "matrix.h"
#include "table.h"

#define MAX_EXPERIMENTS 64

static struct results all_results[MAX_EXPERIMENTS];
static FILE *tsv;

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
tsv_option(const char *path)
{
    tsv = fopen(path, "w");
    if (tsv == NULL) {
        fprintf(stderr, "run: cannot write %s\n", path);
        exit(2);
    }
    setvbuf(tsv, NULL, _IOLBF, 0);
}

static void
parse_options(struct setup *setup, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "r:m:c:d:o:")) != -1)
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
        case 'o':
            tsv_option(optarg);
            break;
        default:
            fprintf(stderr, "usage: run [-r ROUNDS] [-m MS] [-c CPU,CPU]"
                " [-d DIR] [-o FILE] [ROW...]\n");
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

/* For who reads the file, and who looks on. */
static void __attribute__((__format__(__printf__, 1, 2)))
print_note(const char *format, ...)
{
    FILE *const to[] = { stdout, tsv };

    for (int i = 0; i < (tsv == stdout ? 1 : 2); i++) {
        va_list args;

        fputs("# ", to[i]);
        va_start(args, format);
        vfprintf(to[i], format, args);
        va_end(args);
        fputc('\n', to[i]);
    }
}

/* Figures of a busy machine are worth little: let it be seen. */
static void
print_load(const char *when)
{
    double load;

    if (getloadavg(&load, 1) == 1)
        print_note("load average %s: %.2f", when, load);
}

static void
print_setup(const struct setup *setup)
{
    char version[256];
    struct utsname name;
    enum outcome python = start_cell(setup, NULL, NULL, version,
        sizeof(version));

    uname(&name);
    version[strcspn(version, "\n")] = '\0';
    print_note("%s %s %s, CPUs %d and %d, %d rounds of %d ms", name.sysname,
        name.release, name.machine, setup->cpu[0], setup->cpu[1],
        setup->rounds, setup->ms);
    print_note("%s", start_space_text(setup->space));
    print_note("python3: %s", python == DONE ? version : "not installed");
    print_load("before");
    table_tsv_header(tsv);
}

/* What can't be had at all is not asked for again. */
static bool
is_settled(const struct samples *samples)
{
    return samples->outcome == CANNOT || samples->outcome == NOT_INSTALLED;
}

/* True unless a cell failed. */
static bool
run_round(const struct setup *setup, struct results *results)
{
    const struct experiment *e = results->experiment;
    bool good = true;
    char text[4096];

    for (int i = 0; e->subjects[i].name != NULL; i++) {
        enum outcome outcome;

        if (is_settled(&results->samples[i]))
            continue;
        outcome = start_cell(setup, e, &e->subjects[i], text, sizeof(text));
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
    int rounds = e->rounds != 0 && e->rounds < setup->rounds ? e->rounds
        : setup->rounds;
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
    const struct experiment *experiment = plan_experiment(row);
    struct results *r = all_results;

    while (r->experiment != NULL && r->experiment != experiment)
        r++;
    if (r->experiment == NULL) {
        r->experiment = experiment;
        *good = run_experiment(setup, r) && *good;
    }
    return r;
}

static void
measure(const struct setup *setup, char **chosen, bool *good)
{
    const struct row *row;

    for (int i = 0; (row = plan_row(i)) != NULL; i++) {
        if (!row_chosen(row, chosen))
            continue;
        if (tsv != stdout)
            printf("%s\n", row->title);
        table_tsv(tsv, row, results_of(setup, row, good));
    }
}

/* Of the grid only what has something to reach; the rest is in matrices. */
static void
print_rows(const struct setup *setup, char **chosen, bool good)
{
    int targets = 0, reached = 0;
    const struct row *row;

    printf("\n  %-20s %13s %8s %15s %9s %s\n", "", "median", "ratio",
        "lowest-highest", "target", "reached");
    for (int i = 0; (row = plan_row(i)) != NULL; i++)
        if (row_chosen(row, chosen) && (grid_experiment(row) == NULL
            || row->targets[0].judge != NO_TARGET))
            table_row(row, results_of(setup, row, &good), &targets,
                &reached);
    printf("\n%d of %d targets reached%s\n", reached, targets,
        good ? "" : "; cells FAILED");
}

static void
print_matrices(const struct setup *setup, char **chosen, bool good)
{
    const struct results *results[GRID_SIZES];

    for (int shape = 0; shape < GRID_SHAPES; shape++) {
        int measured = 0;

        for (int size = 0; size < GRID_SIZES; size++) {
            const struct row *row = grid_row(shape * GRID_SIZES + size);

            results[size] = row_chosen(row, chosen)
                ? results_of(setup, row, &good) : NULL;
            measured += results[size] != NULL;
        }
        if (measured != 0)
            matrix_print(shape, results);
    }
}

int
main(int argc, char **argv)
{
    static char self[PATH_MAX];
    struct setup setup = { .ms = 300, .rounds = 7 };
    bool good = true;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 2;
    setup.programs = setup.scripts = dirname(self);
    tsv = stdout;
    choose_cpus(&setup);
    parse_options(&setup, argc, argv);
    setup.space = start_space();
    setvbuf(stdout, NULL, _IOLBF, 0);
    print_setup(&setup);
    measure(&setup, argv + optind, &good);
    print_load("after");
    print_rows(&setup, argv + optind, good);
    print_matrices(&setup, argv + optind, good);
    return good ? 0 : 1;
}
