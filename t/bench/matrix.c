/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * matrix.c: a line for each peer, a column for each size; why a peer can't
 * do something is in the file of values.  A star is at a figure of another
 * depth: the system does not let it have so much, or it had twice as many
 * messages under way.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "matrix.h"

static int
digits(double value)
{
    return value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
}

static char
star(const struct figure *f, double due)
{
    return f->reason[0] != '\0' || f->depth >= due * 2 ? '*' : ' ';
}

static void
cell(const struct results *results, int subject)
{
    static const char *const words[] = {
        "skipped", "-", "can't", "FAILED", "absent"
    };
    char text[32] = "";
    struct figure f;

    if (results != NULL) {
        const struct row row = { .metric = "ns" };

        figures_make(&f, &row, results, subject);
        if (f.outcome == DONE && isfinite(f.value))
            snprintf(text, sizeof(text), "%.*f%c", digits(f.value / 1000),
                f.value / 1000,
                star(&f, results->experiment->flow.depth));
        else
            snprintf(text, sizeof(text), "%s ", words[f.outcome]);
    }
    printf(" %8s", text);
}

static const struct experiment *
any_experiment(const struct results *results[GRID_SIZES])
{
    int i = 0;

    while (results[i] == NULL)
        i++;
    return results[i]->experiment;
}

void
matrix_print(int shape, const struct results *results[GRID_SIZES])
{
    const struct experiment *e = any_experiment(results);

    printf("\n%-22s", grid_shape_text(shape));
    for (int i = 0; i < GRID_SIZES; i++)
        printf(" %7s ", grid_size_text(i));
    printf(" [us]\n");
    for (int k = 0; e->subjects[k].name != NULL; k++) {
        printf("  %-20s", e->subjects[k].name);
        for (int i = 0; i < GRID_SIZES; i++)
            cell(results[i], k);
        putchar('\n');
    }
}
