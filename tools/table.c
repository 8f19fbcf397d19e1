/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c: tables by libsmartcols.
 *
 * It prints each table as a JSON document of its own, {"name": [...]}.  What a
 * program reads shall be one, so the outer braces are left out and the members
 * are printed between ours.
 */
#include <config.h>

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

static bool json;
static bool first = true;

static void
out_of_memory(void)
{
    fputs("sysvmp: out of memory\n", stderr);
    exit(1);
}

void
output_begin(bool as_json)
{
    json = as_json;
}

bool
output_json(void)
{
    return json;
}

int
output_end(void)
{
    if (json)
        puts(first ? "{}" : "\n}");
    return fflush(stdout) != 0 || ferror(stdout) ? -1 : 0;
}

static void
add_column(struct table *table, const struct column *column)
{
    static const int flags[] = {
        [COLUMN_PROSE] = SCOLS_FL_WRAP,
        [COLUMN_NUMBER] = SCOLS_FL_RIGHT,
        [COLUMN_HIDDEN] = SCOLS_FL_HIDDEN,
    };
    struct libscols_column *made;

    if (column->kind == COLUMN_HIDDEN && !json)
        return;
    made = scols_table_new_column(table->lines, column->name, 0,
        json ? 0 : flags[column->kind]);
    if (made == NULL)
        out_of_memory();
    if (column->kind == COLUMN_NUMBER)
        scols_column_set_json_type(made, SCOLS_JSON_NUMBER);
    else if (column->kind == COLUMN_BOOLEAN)
        scols_column_set_json_type(made, SCOLS_JSON_BOOLEAN);
}

void
table_begin(struct table *table, const char *name,
    const struct column *columns, size_t n)
{
    *table = (struct table){ .lines = scols_new_table() };
    if (table->lines == NULL ||
        scols_table_set_name(table->lines, name) != 0)
        out_of_memory();
    scols_table_enable_json(table->lines, json);
    for (size_t i = 0; i < n; i++)
        add_column(table, &columns[i]);
}

void
table_line(struct table *table)
{
    table->line = scols_table_new_line(table->lines, NULL);
    table->cell = 0;
    if (table->line == NULL)
        out_of_memory();
}

static void
add_cell(struct table *table, const char *text)
{
    if (text != NULL &&
        scols_line_set_data(table->line, table->cell, text) != 0)
        out_of_memory();
    table->cell++;
}

void
table_text(struct table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    add_cell(table, text);
}

void
table_number(struct table *table, uint64_t number)
{
    table_text(table, "%llu", (unsigned long long) number);
}

void
table_boolean(struct table *table, bool value)
{
    add_cell(table, json ? value ? "1" : "0" : value ? "yes" : "no");
}

void
table_age(struct table *table, int64_t seconds)
{
    if (json || seconds < 120)
        table_text(table, json ? "%lld" : "%llds", (long long) seconds);
    else if (seconds < 2 * 3600)
        table_text(table, "%lldm", (long long) (seconds / 60));
    else if (seconds < 2 * 86400)
        table_text(table, "%lldh", (long long) (seconds / 3600));
    else
        table_text(table, "%lldd", (long long) (seconds / 86400));
}

void
table_none(struct table *table, const char *for_people)
{
    add_cell(table, json ? NULL : for_people);
}

/* What stands between the outer braces of one table's document. */
static void
print_members(char *document)
{
    char *begin = strchr(document, '{');
    char *end = strrchr(document, '}');

    if (begin == NULL || end == NULL)
        return;
    *end = '\0';
    while (end > begin && (end[-1] == '\n' || end[-1] == ' '))
        *--end = '\0';
    printf("%s%s", first ? "{" : ",", begin + 1);
    first = false;
}

static void
print_json(struct table *table)
{
    char *document = NULL;

    if (scols_print_table_to_string(table->lines, &document) != 0 ||
        document == NULL)
        out_of_memory();
    print_members(document);
    free(document);
}

void
table_flush(struct table *table)
{
    if (json || scols_table_get_nlines(table->lines) == 0)
        return;
    if (!first)
        putchar('\n');
    first = false;
    fflush(stdout);
    if (scols_print_table(table->lines) != 0)
        out_of_memory();
    scols_table_remove_lines(table->lines);
}

void
table_end(struct table *table)
{
    if (json)
        print_json(table);
    else
        table_flush(table);
    scols_unref_table(table->lines);
}
