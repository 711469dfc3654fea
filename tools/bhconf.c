/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host side of the configuration reader: checks a `system.conf` with the very code that reads it at
 * boot (vmm/root/config.h) and lists the files that it names. Called by tools/bh.
 *
 *   bhconf check FILE [MEMORY-MIB [CPUS]]   errors on standard error, one a line
 *   bhconf files FILE                       the files it names, one a line, as written
 *
 * Exit status: 0 no error, 1 errors, 2 wrong use or unreadable file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/root/config.h"

enum { EXIT_ERRORS = 1, EXIT_USAGE = 2, PATH_BYTES = 4096, LINE_BYTES = 1024 };

/* Paths in a configuration are relative to the directory that it stands in. */
struct place {
    const char *file;
    size_t directory; /* characters of `file` up to and with its last '/' */
};

static void print_error(void *ctx, unsigned line, const char *section, const char *key,
                        const char *message)
{
    const struct place *place = ctx;
    char text[LINE_BYTES];

    (void)fprintf(stderr, "%s\n",
                  config_format(text, sizeof(text), place->file, line, section, key, message));
}

static bool file_on_disk(void *ctx, const char *path, uint64_t *size)
{
    const struct place *place = ctx;
    char full[PATH_BYTES];
    struct stat status;
    const int prefix = path[0] == '/' ? 0 : (int)place->directory;
    const int length = snprintf(full, sizeof(full), "%.*s%s", prefix, place->file, path);

    if (length < 0 || (size_t)length >= sizeof(full) || stat(full, &status) != 0 ||
        !S_ISREG(status.st_mode)) {
        return false;
    }
    *size = (uint64_t)status.st_size;
    return true;
}

static void print_path(void *ctx, const char *path)
{
    (void)ctx;
    (void)puts(path);
}

/* The whole file and one byte more than can be right, so that one that is too long is seen to be.
 */
static bool read_text(const char *file, char *text, size_t *size)
{
    FILE *stream = fopen(file, "rb");

    if (stream == NULL) {
        return false;
    }
    *size = fread(text, 1, CONFIG_TEXT_MAX + 1, stream);
    const bool good = ferror(stream) == 0;
    return fclose(stream) == 0 && good;
}

static uint64_t argument(int argc, char **argv, int index)
{
    return argc > index ? strtoull(argv[index], NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    static struct config config;
    static char text[CONFIG_TEXT_MAX + 1];
    size_t size = 0;
    const bool check = argc >= 3 && argc <= 5 && strcmp(argv[1], "check") == 0;
    const bool files = argc == 3 && strcmp(argv[1], "files") == 0;

    if (!check && !files) {
        (void)fprintf(stderr, "usage: bhconf check FILE [MEMORY-MIB [CPUS]] | bhconf files FILE\n");
        return EXIT_USAGE;
    }
    const char *slash = strrchr(argv[2], '/');
    struct place place = {.file = argv[2],
                          .directory = slash != NULL ? (size_t)(slash - argv[2]) + 1 : 0};
    if (!read_text(argv[2], text, &size)) {
        perror(argv[2]);
        return EXIT_USAGE;
    }
    const struct config_machine machine = {.memory = argument(argc, argv, 3) << 20,
                                           .cpus = (unsigned)argument(argc, argv, 4),
                                           .file = file_on_disk,
                                           .ctx = &place};
    const struct config_report report = {.error = print_error, .ctx = &place};
    if (config_parse(&config, text, size, &machine, &report) != 0) {
        return EXIT_ERRORS;
    }
    if (files) {
        config_files(&config, print_path, NULL);
    }
    return EXIT_SUCCESS;
}
