/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * figures.c: medians, ratios and targets. A ratio is made within a round and
 * the median taken of the ratios: what disturbs the machine for a while then
 * disturbs both sides of it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

/* The line that begins so, behind that word. */
static const char *
line_find(const char *text, const char *word)
{
    size_t length = strlen(word);

    while (text != NULL && *text != '\0') {
        if (strncmp(text, word, length) == 0 && text[length] == ' ')
            return text + length + 1;
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    return NULL;
}

static double
metric_parse(const char *text, const char *metric)
{
    const char *at = line_find(text, metric);

    return at == NULL ? NAN : strtod(at, NULL);
}

void
figures_add(struct results *results, int subject, enum outcome outcome,
    const char *text)
{
    const char *const *metrics = results->experiment->metrics;
    struct samples *s = &results->samples[subject];
    const char *reason;

    if (s->rounds == 0 || outcome > s->outcome)
        s->outcome = outcome;
    reason = line_find(text, outcome == CANNOT ? "cannot" : "note");
    if (reason != NULL)
        snprintf(s->reason, sizeof(s->reason), "%.*s",
            (int)strcspn(reason, "\n"), reason);
    for (int m = 0; m < MAX_METRICS && metrics[m] != NULL; m++)
        s->value[m][s->rounds] = metric_parse(text, metrics[m]);
    s->rounds++;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts a copy without what is not a number: its length. */
static int
sort(double *to, const double *from, int n)
{
    int kept = 0;

    for (int i = 0; i < n; i++)
        if (isfinite(from[i]))
            to[kept++] = from[i];
    qsort(to, (size_t)kept, sizeof(*to), compare);
    return kept;
}

static double
median(const double *values, int n)
{
    double sorted[MAX_ROUNDS];

    n = sort(sorted, values, n);
    if (n == 0)
        return NAN;
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static void
spread(const double *values, int n, double *low, double *high)
{
    double sorted[MAX_ROUNDS];

    n = sort(sorted, values, n);
    *low = n == 0 ? NAN : sorted[0];
    *high = n == 0 ? NAN : sorted[n - 1];
}

static void
ratios(struct figure *f, const double *ours, const double *peer, int n)
{
    double ratio[MAX_ROUNDS] = { 0 };

    for (int i = 0; i < n; i++)
        ratio[i] = ours[i] / peer[i];
    f->ratio = median(ratio, n);
    spread(ratio, n, &f->ratio_low, &f->ratio_high);
}

/* -1: there is no such metric. */
static int
metric_index(const struct experiment *experiment, const char *metric)
{
    for (int m = 0; m < MAX_METRICS && experiment->metrics[m] != NULL; m++)
        if (strcmp(experiment->metrics[m], metric) == 0)
            return m;
    return -1;
}

static double
subject_median(const struct results *results, int subject, int metric)
{
    const struct samples *s = &results->samples[subject];

    return s->outcome == DONE && metric >= 0
        ? median(s->value[metric], s->rounds) : NAN;
}

/* Whether the target is for the subject, alone or as one of several. */
static bool
target_names(const struct target *target, const char *subject)
{
    size_t length = strlen(target->subject);

    return strncmp(target->subject, subject, length) == 0
        && (subject[length] == '\0' || subject[length] == '-');
}

/* Of several subjects that a target names the fastest counts. */
static bool
is_fastest(const struct target *target, const struct results *results,
    int subject, int metric)
{
    const struct subject *all = results->experiment->subjects;
    double mine = subject_median(results, subject, metric);

    for (int i = 0; all[i].name != NULL; i++)
        if (target_names(target, all[i].name)
            && subject_median(results, i, metric) < mine)
            return false;
    return true;
}

static const struct target *
target_find(const struct row *row, const struct results *results,
    int subject, int metric)
{
    const char *name = results->experiment->subjects[subject].name;

    for (int i = 0; i < MAX_TARGETS; i++) {
        const struct target *target = &row->targets[i];

        if (target->judge != NO_TARGET && target_names(target, name)
            && is_fastest(target, results, subject, metric))
            return target;
    }
    return NULL;
}

/* False for what is not a number, too. */
static bool
is_reached(const struct figure *f)
{
    switch (f->target->judge) {
    case RATIO_AT_MOST:
        return f->ratio <= f->target->bound;
    case VALUE_AT_MOST:
        return f->value <= f->target->bound;
    default:
        return f->value >= f->target->bound;
    }
}

static double
floor_value(const struct row *row, const struct results *results, int metric)
{
    const struct subject *all = results->experiment->subjects;

    for (int i = 0; row->floor != NULL && all[i].name != NULL; i++)
        if (strcmp(all[i].name, row->floor) == 0)
            return subject_median(results, i, metric);
    return NAN;
}

void
figures_make(struct figure *f, const struct row *row,
    const struct results *results, int subject)
{
    const struct experiment *e = results->experiment;
    int metric = metric_index(e, row->metric);
    const struct samples *ours = &results->samples[0];
    const struct samples *s = &results->samples[subject];

    f->subject = &e->subjects[subject];
    f->outcome = s->outcome;
    f->reason = s->reason;
    f->rounds = s->outcome == DONE ? s->rounds : 0;
    f->value = subject_median(results, subject, metric);
    f->mbps = subject_median(results, subject, metric_index(e, "mbps"));
    f->depth = subject_median(results, subject, metric_index(e, "depth"));
    f->ratio = f->ratio_low = f->ratio_high = f->low = f->high = NAN;
    if (s->outcome == DONE)
        spread(s->value[metric], s->rounds, &f->low, &f->high);
    if (s != ours && ours->outcome == DONE && s->outcome == DONE)
        ratios(f, ours->value[metric], s->value[metric], s->rounds);
    f->floor = floor_value(row, results, metric);
    f->target = target_find(row, results, subject, metric);
    f->reached = f->target != NULL && is_reached(f);
}
