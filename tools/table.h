/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h: what the tool prints: tables for people, or one JSON document.
 *
 * A line is filled cell by cell, from the left.
 */
#ifndef SYSVMP_TABLE_H
#define SYSVMP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct libscols_line;
struct libscols_table;

enum column_kind {
    COLUMN_TEXT,
    COLUMN_PROSE,  /* wrapped where the terminal is narrow */
    COLUMN_NUMBER,
    COLUMN_BOOLEAN,
    COLUMN_HIDDEN  /* text that is in JSON alone */
};

struct column {
    const char *name; /* in JSON in small letters */
    enum column_kind kind;
};

struct table {
    struct libscols_table *lines;
    struct libscols_line *line;
    size_t cell;
};

/* Before any table: for people, or for programs? */
void output_begin(bool as_json);
bool output_json(void);
/* Ends the document: 0, or -1 where it could not be written. */
int output_end(void);

void table_begin(struct table *table, const char *name,
    const struct column *columns, size_t n);
void table_line(struct table *table);
void table_text(struct table *table, const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
void table_number(struct table *table, uint64_t number);
void table_boolean(struct table *table, bool value);
/* Seconds; for people in the unit that fits. */
void table_age(struct table *table, int64_t seconds);
/* No value: null in JSON. */
void table_none(struct table *table, const char *for_people);
/* For people: prints the lines there are, and takes them out. */
void table_flush(struct table *table);
/* Prints what is left, and frees it. */
void table_end(struct table *table);

#endif /* SYSVMP_TABLE_H */
