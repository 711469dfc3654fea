/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader of `system.conf`: lines, sections and keys. The text is copied into the configuration and
 * cut up there. Every key is a row of a table (name, setter); a setter stores a value or returns
 * the reason why it cannot. An error never ends the reading, so that one run shows them all. What
 * the whole must satisfy is in config_check.c.
 */
#include "vmm/root/config.h"

#include <stdio.h>
#include <string.h>

#include "vmm/root/config_check.h"
#include "vmm/root/config_value.h"

#define DEFAULT_PRIORITY         100u
#define DEFAULT_BUDGET_US        10000u
#define DEFAULT_RESTART_LIMIT    5u
#define DEFAULT_RESTART_DELAY_US 1000000u

#define MEMORY_MIN        (1ull << 20)
/* One entry of the top-level EPT table maps this much: a VM never needs a second one. */
#define MEMORY_MAX        (512ull << 30)
#define PRIORITY_MIN      1u
#define PRIORITY_MAX      254u
#define CPU_MAX           255u
#define BUDGET_MIN_US     10u
#define TIME_MAX_US       60000000u
#define RESTART_LIMIT_MAX 1000000u

enum section { SECTION_NONE, SECTION_UNKNOWN, SECTION_SYSTEM, SECTION_VM, SECTION_SCHEDULE };

enum { SYSTEM_CONSOLE, SYSTEM_WHEN_ALL_STOPPED, SYSTEM_KEYS };

struct parser {
    struct config *config;
    const struct config_report *report;
    unsigned errors;
    unsigned line;
    enum section kind;
    struct config_vm *vm;   /* the section being read; NULL outside of [vm] */
    struct config_vm spare; /* takes the keys of a section that was refused */
    unsigned system_line;   /* heading of [system]; 0: not seen */
    unsigned system_lines[SYSTEM_KEYS];
    char title[CONFIG_NAME_MAX + 16];
    struct config_message message;
};

/* A setter stores `value` or returns the reason why not. */
struct key {
    const char *name;
    const char *(*set)(struct parser *p, char *value);
};

static void error(struct parser *p, unsigned line, const char *key, const char *message)
{
    p->errors++;
    p->report->error(p->report->ctx, line, p->title, key, message);
}

static const char *set_console(struct parser *p, char *value)
{
    static const char *const words[] = {"com1", "com2", "vga"};
    unsigned word = 0;
    const char *reason =
        config_word(value, words, sizeof(words) / sizeof(words[0]), &word, &p->message);

    p->config->console = (enum config_console)word;
    return reason;
}

static const char *set_when_all_stopped(struct parser *p, char *value)
{
    static const char *const words[] = {"stay", "poweroff"};
    unsigned word = 0;
    const char *reason =
        config_word(value, words, sizeof(words) / sizeof(words[0]), &word, &p->message);

    p->config->when_all_stopped = (enum config_stopped)word;
    return reason;
}

static const char *set_boot(struct parser *p, char *value)
{
    static const char *const words[] = {"multiboot", "linux"};
    unsigned word = 0;
    const char *reason =
        config_word(value, words, sizeof(words) / sizeof(words[0]), &word, &p->message);

    p->vm->boot = (enum config_boot)word;
    return reason;
}

static const char *set_kernel(struct parser *p, char *value)
{
    p->vm->kernel = value;
    return config_path(value, &p->message);
}

static const char *set_initrd(struct parser *p, char *value)
{
    p->vm->initrd = value;
    return config_path(value, &p->message);
}

static const char *check_cmdline(const char *value, struct parser *p)
{
    if (strlen(value) > CONFIG_CMDLINE_MAX) {
        (void)snprintf(p->message.text, sizeof(p->message.text),
                       "%zu characters are more than %d, the most possible", strlen(value),
                       CONFIG_CMDLINE_MAX);
        return p->message.text;
    }
    return NULL;
}

static const char *set_module(struct parser *p, char *value)
{
    struct config_vm *vm = p->vm;
    struct config_module *module = &vm->modules[vm->modules_count];
    char *end = value + strcspn(value, " \t");
    char *args = end + strspn(end, " \t");

    if (vm->modules_count == CONFIG_MODULES_MAX) {
        (void)snprintf(p->message.text, sizeof(p->message.text), "more than %d modules",
                       CONFIG_MODULES_MAX);
        return p->message.text;
    }
    *end = '\0';
    module->file = value;
    module->args = args;
    module->line = p->line;
    vm->modules_count++;
    const char *reason = config_path(value, &p->message);
    return reason != NULL ? reason : check_cmdline(args, p);
}

static const char *set_cmdline(struct parser *p, char *value)
{
    p->vm->cmdline = value;
    return check_cmdline(value, p);
}

static const char *set_memory(struct parser *p, char *value)
{
    return config_size(value, MEMORY_MIN, MEMORY_MAX, &p->vm->memory, &p->message);
}

static const char *set_cpu(struct parser *p, char *value)
{
    uint64_t number = 0;

    if (strpbrk(value, " \t,") != NULL) {
        return "a list of several CPUs is not supported yet: one number is";
    }
    const char *reason = config_number(value, 0, CPU_MAX, &number, &p->message);
    p->vm->cpu = (unsigned)number;
    return reason;
}

static const char *set_partition(struct parser *p, char *value)
{
    const char *reason = config_name(value, &p->message);

    return reason != NULL ? reason : "time partitions are not supported yet: leave the key out";
}

static const char *set_priority(struct parser *p, char *value)
{
    uint64_t number = 0;
    const char *reason = config_number(value, PRIORITY_MIN, PRIORITY_MAX, &number, &p->message);

    p->vm->priority = (unsigned)number;
    return reason;
}

static const char *set_budget(struct parser *p, char *value)
{
    return config_time(value, BUDGET_MIN_US, TIME_MAX_US, &p->vm->budget_us, &p->message);
}

static const char *set_period(struct parser *p, char *value)
{
    return config_time(value, BUDGET_MIN_US, TIME_MAX_US, &p->vm->period_us, &p->message);
}

static const char *set_restart(struct parser *p, char *value)
{
    static const char *const words[] = {"never", "on-failure", "always"};
    unsigned word = 0;
    const char *reason =
        config_word(value, words, sizeof(words) / sizeof(words[0]), &word, &p->message);

    p->vm->restart = (enum config_restart)word;
    return reason;
}

static const char *set_restart_limit(struct parser *p, char *value)
{
    uint64_t number = 0;
    const char *reason = config_number(value, 1, RESTART_LIMIT_MAX, &number, &p->message);

    p->vm->restart_limit = (unsigned)number;
    return reason;
}

static const char *set_restart_delay(struct parser *p, char *value)
{
    return config_time(value, 0, TIME_MAX_US, &p->vm->restart_delay_us, &p->message);
}

static const char *set_debug_exit(struct parser *p, char *value)
{
    static const char *const words[] = {"no", "yes"};
    unsigned word = 0;
    const char *reason =
        config_word(value, words, sizeof(words) / sizeof(words[0]), &word, &p->message);

    p->vm->debug_exit = word != 0;
    return reason;
}

static const struct key system_keys[SYSTEM_KEYS] = {
    [SYSTEM_CONSOLE] = {"console", set_console},
    [SYSTEM_WHEN_ALL_STOPPED] = {"when-all-stopped", set_when_all_stopped},
};

static const struct key vm_keys[CONFIG_KEYS] = {
    [CONFIG_KEY_BOOT] = {"boot", set_boot},
    [CONFIG_KEY_KERNEL] = {"kernel", set_kernel},
    [CONFIG_KEY_INITRD] = {"initrd", set_initrd},
    [CONFIG_KEY_MODULE] = {"module", set_module},
    [CONFIG_KEY_CMDLINE] = {"cmdline", set_cmdline},
    [CONFIG_KEY_MEMORY] = {"memory", set_memory},
    [CONFIG_KEY_CPU] = {"cpu", set_cpu},
    [CONFIG_KEY_PARTITION] = {"partition", set_partition},
    [CONFIG_KEY_PRIORITY] = {"priority", set_priority},
    [CONFIG_KEY_BUDGET] = {"budget", set_budget},
    [CONFIG_KEY_PERIOD] = {"period", set_period},
    [CONFIG_KEY_RESTART] = {"restart", set_restart},
    [CONFIG_KEY_RESTART_LIMIT] = {"restart-limit", set_restart_limit},
    [CONFIG_KEY_RESTART_DELAY] = {"restart-delay", set_restart_delay},
    [CONFIG_KEY_DEBUG_EXIT] = {"debug-exit", set_debug_exit},
};

static void reset_vm(struct config_vm *vm, const char *name, unsigned line)
{
    *vm = (struct config_vm){
        .name = name,
        .kernel = "",
        .initrd = "",
        .cmdline = "",
        .priority = DEFAULT_PRIORITY,
        .budget_us = DEFAULT_BUDGET_US,
        .restart_limit = DEFAULT_RESTART_LIMIT,
        .restart_delay_us = DEFAULT_RESTART_DELAY_US,
        .line = line,
    };
}

/* "[vm NAME]": opens the next VM, or the spare one when the name is bad, taken or one too many. */
static void open_vm(struct parser *p, const char *name)
{
    struct config *config = p->config;
    const char *reason = config_name(name, &p->message);

    p->kind = SECTION_VM;
    for (unsigned i = 0; i < config->vms_count && reason == NULL; i++) {
        if (strcmp(config->vms[i].name, name) == 0) {
            (void)snprintf(p->message.text, sizeof(p->message.text),
                           "there is a VM of this name in line %u already", config->vms[i].line);
            reason = p->message.text;
        }
    }
    if (reason == NULL && config->vms_count == CONFIG_VMS_MAX) {
        (void)snprintf(p->message.text, sizeof(p->message.text), "more than %d VMs",
                       CONFIG_VMS_MAX);
        reason = p->message.text;
    }
    (void)snprintf(p->title, sizeof(p->title), "vm %.*s", CONFIG_NAME_MAX, name);
    p->vm = reason != NULL ? &p->spare : &config->vms[config->vms_count++];
    reset_vm(p->vm, name, p->line);
    if (reason != NULL) {
        error(p, p->line, "", reason);
    }
}

static void open_system(struct parser *p, const char *name)
{
    p->kind = SECTION_SYSTEM;
    (void)snprintf(p->title, sizeof(p->title), "system");
    if (*name != '\0') {
        error(p, p->line, "", "this section takes no name: [system] is right");
    } else if (p->system_line != 0) {
        (void)snprintf(p->message.text, sizeof(p->message.text),
                       "this section is in line %u already", p->system_line);
        error(p, p->line, "", p->message.text);
    } else {
        p->system_line = p->line;
    }
}

static void open_schedule(struct parser *p, const char *name)
{
    const char *reason = config_name(name, &p->message);

    p->kind = SECTION_SCHEDULE;
    (void)snprintf(p->title, sizeof(p->title), "schedule %.*s", CONFIG_NAME_MAX, name);
    error(p, p->line, "",
          reason != NULL ? reason : "schedules are not supported yet: leave the section out");
}

static void open_unknown(struct parser *p, const char *word)
{
    static const char *const kinds[] = {"system", "vm", "schedule"};
    const char *nearest = config_nearest(word, kinds, sizeof(kinds) / sizeof(kinds[0]));

    p->kind = SECTION_UNKNOWN;
    p->title[0] = '\0';
    if (nearest != NULL) {
        (void)snprintf(p->message.text, sizeof(p->message.text),
                       "unknown section [%.60s]: is [%s%s] meant?", word, nearest,
                       strcmp(nearest, "system") == 0 ? "" : " NAME");
    } else {
        (void)snprintf(p->message.text, sizeof(p->message.text),
                       "unknown section [%.60s]: there are [system] and [vm NAME]", word);
    }
    error(p, p->line, "", p->message.text);
}

/* A heading, "[kind name]"; `text` begins behind the bracket. */
static void read_heading(struct parser *p, char *text)
{
    char *close = strchr(text, ']');

    p->title[0] = '\0';
    p->vm = NULL;
    p->kind = SECTION_UNKNOWN;
    if (close == NULL || close[1] != '\0') {
        error(p, p->line, "", "a section heading ends with ']': [vm NAME] is right");
        return;
    }
    *close = '\0';
    while (close > text && strchr(" \t", close[-1]) != NULL) {
        *--close = '\0';
    }
    text += strspn(text, " \t");
    char *end = text + strcspn(text, " \t");
    const char *name = end + strspn(end, " \t");
    *end = '\0';
    if (strcmp(text, "system") == 0) {
        open_system(p, name);
    } else if (strcmp(text, "vm") == 0) {
        open_vm(p, name);
    } else if (strcmp(text, "schedule") == 0) {
        open_schedule(p, name);
    } else {
        open_unknown(p, text);
    }
}

static void unknown_key(struct parser *p, const char *key, const struct key *keys, unsigned count)
{
    const char *names[CONFIG_KEYS];

    for (unsigned i = 0; i < count; i++) {
        names[i] = keys[i].name;
    }
    const char *nearest = config_nearest(key, names, count);
    if (nearest != NULL) {
        (void)snprintf(p->message.text, sizeof(p->message.text), "unknown key: is \"%s\" meant?",
                       nearest);
        error(p, p->line, key, p->message.text);
        return;
    }
    int used =
        snprintf(p->message.text, sizeof(p->message.text), "unknown key: a [%.6s] section has",
                 p->kind == SECTION_VM ? "vm" : "system");
    for (unsigned i = 0; i < count && used > 0 && (size_t)used < sizeof(p->message.text); i++) {
        used += snprintf(p->message.text + used, sizeof(p->message.text) - (size_t)used, "%s %s",
                         i == 0 ? "" : ",", names[i]);
    }
    error(p, p->line, key, p->message.text);
}

/* Gives `value` to the key's setter; `lines` remembers where each key stood, for duplicates and
 * later checks. */
static void set_key(struct parser *p, const char *name, char *value, const struct key *keys,
                    unsigned *lines, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(name, keys[i].name) != 0) {
            continue;
        }
        if (lines[i] != 0 && keys[i].set != set_module) {
            (void)snprintf(p->message.text, sizeof(p->message.text),
                           "this key is in line %u already", lines[i]);
            error(p, p->line, name, p->message.text);
            return;
        }
        lines[i] = p->line;
        const char *reason = *value == '\0' ? "the value is missing" : keys[i].set(p, value);
        if (reason != NULL) {
            error(p, p->line, name, reason);
        }
        return;
    }
    unknown_key(p, name, keys, count);
}

/* The keys of a schedule; the section as a whole has been refused, a slip in it is still shown. */
static void check_schedule_key(struct parser *p, const char *key)
{
    static const char *const names[] = {"cpu", "frame", "window"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) == 0) {
            return;
        }
    }
    error(p, p->line, key, "unknown key: a [schedule] section has cpu, frame, window");
}

static void read_key(struct parser *p, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL) {
        (void)snprintf(p->message.text, sizeof(p->message.text),
                       "\"%.60s\" is neither \"key = value\" nor a [section]", text);
        error(p, p->line, "", p->message.text);
        return;
    }
    char *value = equals + 1 + strspn(equals + 1, " \t");
    *equals = '\0';
    while (equals > text && strchr(" \t", equals[-1]) != NULL) {
        *--equals = '\0';
    }
    switch (p->kind) {
    case SECTION_NONE:
        error(p, p->line, text,
              "a key before the first section: [system] or [vm NAME] comes first");
        break;
    case SECTION_UNKNOWN:
        break; /* the heading was reported; its keys have no meaning */
    case SECTION_SYSTEM:
        set_key(p, text, value, system_keys, p->system_lines, SYSTEM_KEYS);
        break;
    case SECTION_VM:
        set_key(p, text, value, vm_keys, p->vm->lines, CONFIG_KEYS);
        break;
    case SECTION_SCHEDULE:
        check_schedule_key(p, text);
        break;
    }
}

/* Ends `text` before its comment ('#' first or after a blank) and the blanks in front of that. */
static void strip(char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t')) {
            length = i;
        }
    }
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        length--;
    }
    text[length] = '\0';
}

static bool has_foreign_bytes(struct parser *p, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((*c < ' ' && *c != '\t') || *c > '~') {
            (void)snprintf(p->message.text, sizeof(p->message.text),
                           "byte 0x%02x is not printable ASCII, which is all that may stand "
                           "outside of comments",
                           (unsigned)(unsigned char)*c);
            error(p, p->line, "", p->message.text);
            return true;
        }
    }
    return false;
}

static void read_line(struct parser *p, char *text)
{
    strip(text);
    text += strspn(text, " \t");
    if (*text == '\0' || has_foreign_bytes(p, text)) {
        return;
    }
    if (*text == '[') {
        read_heading(p, text + 1);
    } else {
        read_key(p, text);
    }
}

unsigned config_parse(struct config *config, const char *text, size_t size,
                      const struct config_machine *machine, const struct config_report *report)
{
    struct parser parser = {.config = config, .report = report};
    char *next = config->text;

    memset(config, 0, sizeof(*config));
    if (size > CONFIG_TEXT_MAX) {
        (void)snprintf(parser.message.text, sizeof(parser.message.text),
                       "the file has %zu bytes, more than %d, the most possible", size,
                       CONFIG_TEXT_MAX);
        error(&parser, 0, "", parser.message.text);
        return parser.errors;
    }
    memcpy(config->text, text, size);
    char *const end = config->text + size;
    while (next < end) {
        char *line = next;
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *stop = newline != NULL ? newline : end;
        next = stop + 1;
        *stop = '\0';
        parser.line++;
        if (memchr(line, '\0', (size_t)(stop - line)) != NULL) {
            error(&parser, parser.line, "", "a zero byte: this is not a text file");
        } else {
            read_line(&parser, line);
        }
    }
    parser.errors += config_check_text(config, report);
    return parser.errors != 0 ? parser.errors : config_check_machine(config, machine, report);
}

const char *config_format(char *buffer, size_t size, const char *file, unsigned line,
                          const char *section, const char *key, const char *message)
{
    char number[16] = "";

    if (line != 0) {
        (void)snprintf(number, sizeof(number), "%u:", line);
    }
    (void)snprintf(buffer, size, "%s:%s %s%s%s%s%s", file, number, section,
                   *section != '\0' ? ": " : "", key, *key != '\0' ? ": " : "", message);
    return buffer;
}
