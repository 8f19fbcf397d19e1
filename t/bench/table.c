/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c: a line of tab-separated values for each subject of a row, and the
 * same figures as a table. "-" is a figure that there is none of.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

struct text {
    char at[32];
};

static struct text
number(double value, int digits)
{
    struct text text = { "-" };

    if (isfinite(value))
        snprintf(text.at, sizeof(text.at), "%.*f", digits, value);
    return text;
}

static struct text
value_text(const struct figure *f, double value)
{
    static const char *const words[] = {
        "skipped", "-", "cannot", "failed", "not installed"
    };
    struct text text;

    if (f->outcome == DONE)
        return number(value, value == 0 || value >= 100 ? 0
            : value < 1 ? 3 : 1);
    snprintf(text.at, sizeof(text.at), "%s", words[f->outcome]);
    return text;
}

static struct text
target_text(const struct target *target)
{
    struct text text = { "-" };

    if (target != NULL)
        snprintf(text.at, sizeof(text.at), "%s %.3g",
            target->judge == VALUE_AT_LEAST ? ">=" : "<=", target->bound);
    return text;
}

static const char *
reached_text(const struct figure *f)
{
    if (f->target == NULL)
        return "-";
    if (f->outcome == NOT_INSTALLED || f->outcome == MISSING
        || f->outcome == CANNOT)
        return "not measured";
    return f->reached ? "yes" : "NO";
}

static const char *
status_text(const struct figure *f)
{
    static const char *const words[] = {
        "skipped", "ok", "cannot", "failed", "not installed"
    };

    return words[f->outcome];
}

void
table_tsv_header(FILE *to)
{
    fputs("row\tpeer\tsize\tsenders\treceivers\tdepth\tunit\tmedian"
        "\tlow\thigh\tMB/s\trounds\tratio_ours\tratio_low\tratio_high"
        "\tfloor\tfloor_median\ttarget\treached\tstatus\n", to);
}

static void
tsv_flow(FILE *to, const struct flow_shape *flow, const struct figure *f)
{
    if (flow->size == 0)
        fputs("-\t-\t-\t-\t", to);
    else
        fprintf(to, "%zu\t%u\t%u\t%s\t", flow->size, flow->senders,
            flow->receivers, number(f->depth, 1).at);
}

static void
tsv_line(FILE *to, const struct row *row, const struct figure *f,
    const struct flow_shape *flow)
{
    bool has_target = f->target != NULL;

    fprintf(to, "%s\t%s\t", row->name, f->subject->name);
    tsv_flow(to, flow, f);
    fprintf(to, "%s\t%s\t%s\t%s\t%s\t%d\t", row->unit,
        number(f->value, 3).at, number(f->low, 3).at,
        number(f->high, 3).at, number(f->mbps, 2).at, f->rounds);
    fprintf(to, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s%s%s\n",
        number(f->ratio, 3).at, number(f->ratio_low, 3).at,
        number(f->ratio_high, 3).at, row->floor == NULL ? "-" : row->floor,
        number(f->floor, 1).at, target_text(f->target).at,
        has_target ? reached_text(f) : "-", status_text(f),
        f->reason[0] == '\0' ? "" : ": ", f->reason);
}

void
table_tsv(FILE *to, const struct row *row, const struct results *results)
{
    const struct experiment *e = results->experiment;

    for (int i = 0; e->subjects[i].name != NULL; i++) {
        struct figure f;

        figures_make(&f, row, results, i);
        if (f.outcome != DONE || isfinite(f.value))
            tsv_line(to, row, &f, &e->flow);
    }
}

static void
line(const struct row *row, const struct figure *f)
{
    bool ours = isnan(f->ratio);
    double low = ours ? f->low : f->ratio_low;
    double high = ours ? f->high : f->ratio_high;
    struct text spread = { "" };
    char name[64];

    if (isfinite(low))
        snprintf(spread.at, sizeof(spread.at), "%.4g-%.4g", low, high);
    snprintf(name, sizeof(name), "%s%s", f->subject->name,
        row->floor != NULL && strcmp(row->floor, f->subject->name) == 0
            ? " (floor)" : "");
    printf("  %-20s %13s %8s", name, value_text(f, f->value).at,
        number(f->ratio, 3).at);
    if (spread.at[0] != '\0' || f->target != NULL)
        printf(" %15s", spread.at);
    if (f->target != NULL)
        printf(" %9s %s", target_text(f->target).at, reached_text(f));
    putchar('\n');
}

void
table_row(const struct row *row, const struct results *results,
    int *targets, int *reached)
{
    const struct subject *all = results->experiment->subjects;

    printf("\n%s [%s]\n", row->title, row->unit);
    for (int i = 0; all[i].name != NULL; i++) {
        struct figure f;

        figures_make(&f, row, results, i);
        if (f.outcome == DONE && isnan(f.value))
            continue;
        line(row, &f);
        *targets += f.target != NULL;
        *reached += f.reached;
    }
}
