/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sysvmp.c: the command: what there is of the library's in the kernel, for
 * people and programs.  It makes nothing there, and starts no janitor.
 */
#include "internal.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysv.h"
#include "table.h"
#include "verbs.h"

static const struct verb {
    const char *name;
    int (*run)(const struct options *options);
    bool removes;
} verbs[] = {
    { "list", verb_list, false },
    { "clean", verb_clean, true },
    { "limits", verb_limits, false },
};

static const char usage[] =
    "usage: sysvmp list [--json]\n"
    "       sysvmp clean [--dry-run] [--force ARENA] [--json]\n"
    "       sysvmp limits [--json]\n";

static const char help[] =
    "\n"
    "  list     the arenas of this user, with their processes and objects\n"
    "  clean    removes the arenas that are dead\n"
    "  limits   the system's limits, their use, and how to raise them\n"
    "\n"
    "      --dry-run      tell what would be removed, and remove nothing\n"
    "      --force ARENA  remove this one, even if it lives: its processes\n"
    "                     are then told -EIDRM\n"
    "      --json         one JSON document instead of tables\n"
    "      --help\n"
    "      --version\n"
    "\n"
    "An arena is what the processes of one program share; ARENA is its name\n"
    "in the list.  Exit status: 0 done, 1 something failed, 2 wrong usage.\n";

enum { OPTION_DRY_RUN = 256, OPTION_FORCE, OPTION_JSON, OPTION_HELP,
    OPTION_VERSION };

static const struct option long_options[] = {
    { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
    { "force", required_argument, NULL, OPTION_FORCE },
    { "json", no_argument, NULL, OPTION_JSON },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    { NULL, 0, NULL, 0 },
};

static void __attribute__((__noreturn__))
wrong_usage(void)
{
    fputs(usage, stderr);
    exit(USAGE);
}

static void __attribute__((__noreturn__))
finish(int status)
{
    if (output_end() < 0) {
        fputs("sysvmp: can't write the output\n", stderr);
        status = FAILED;
    }
    exit(status);
}

/* As the list prints it: 8 hexadecimal digits; 0x and fewer will do. */
static key_t
arena_name(const char *text)
{
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    size_t n = strspn(digits, "0123456789abcdefABCDEF");

    if (n == 0 || n > 8 || digits[n] != '\0') {
        fprintf(stderr, "sysvmp: '%s' is no arena's name: 8 hexadecimal "
            "digits, as `sysvmp list' prints them\n", text);
        wrong_usage();
    }
    return (key_t) (uint32_t) strtoul(digits, NULL, 16);
}

static const struct verb *
find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(name, verbs[i].name) == 0)
            return &verbs[i];
    fprintf(stderr, "sysvmp: unknown verb '%s': there are list, clean and "
        "limits\n", name);
    wrong_usage();
}

static void
option(int c, struct options *options, bool *json)
{
    switch (c) {
    case OPTION_DRY_RUN:
        options->dry_run = true;
        break;
    case OPTION_FORCE:
        options->force = true;
        options->key = arena_name(optarg);
        break;
    case OPTION_JSON:
        *json = true;
        break;
    case OPTION_HELP:
        printf("%s%s", usage, help);
        finish(DONE);
    case OPTION_VERSION:
        printf("sysvmp %d.%d.%d\n", SYSVMP_VERSION_MAJOR,
            SYSVMP_VERSION_MINOR, SYSVMP_VERSION_MICRO);
        finish(DONE);
    default:
        wrong_usage();
    }
}

static const struct verb *
the_verb(int argc, char **argv, const struct options *options)
{
    const struct verb *verb;

    if (argc == 0) {
        fputs("sysvmp: which verb: list, clean or limits?\n", stderr);
        wrong_usage();
    }
    verb = find_verb(argv[0]);
    if (argc > 1) {
        fprintf(stderr, "sysvmp: %s: unexpected '%s'\n", verb->name, argv[1]);
        wrong_usage();
    }
    if (!verb->removes && (options->dry_run || options->force)) {
        fprintf(stderr, "sysvmp: %s: --dry-run and --force are for clean\n",
            verb->name);
        wrong_usage();
    }
    return verb;
}

int
main(int argc, char **argv)
{
    struct options options = { .force = false };
    const struct verb *verb;
    bool json = false;
    int c;

    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        option(c, &options, &json);
    verb = the_verb(argc - optind, argv + optind, &options);
    output_begin(json);
    if (sysv_shm_open((key_t) -1) == -ENOSYS) {
        fputs("sysvmp: this kernel has no System V IPC, or forbids it here\n",
            stderr);
        finish(FAILED);
    }
    finish(verb->run(&options));
}
