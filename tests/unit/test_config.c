/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the configuration reader (vmm/root/config.h): what a file means, and that every
 * mistake is reported with its line, what is wrong and what would be right, all of them in one run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "vmm/root/config.h"

#define MIB (1ull << 20)

enum { LIST_BYTES = 256 };

static struct config config;
static char reported[8192];

static void collect(void *ctx, unsigned line, const char *section, const char *key,
                    const char *message)
{
    char one[512];
    (void)ctx;
    const size_t used = strlen(reported);
    (void)snprintf(reported + used, sizeof(reported) - used, "%s\n",
                   config_format(one, sizeof(one), "c", line, section, key, message));
}

/* Files named big-* have 100 MiB, empty-* nothing, no-* do not exist, all others have 1 MiB. */
static bool fake_file(void *ctx, const char *path, uint64_t *size)
{
    (void)ctx;
    *size = strncmp(path, "big-", 4) == 0 ? 100 * MIB : strncmp(path, "empty-", 6) == 0 ? 0 : MIB;
    return strncmp(path, "no-", 3) != 0;
}

static unsigned parse_on(const char *text, const struct config_machine *machine)
{
    const struct config_report report = {.error = collect};
    reported[0] = '\0';
    return config_parse(&config, text, strlen(text), machine, &report);
}

static unsigned parse(const char *text)
{
    const struct config_machine machine = {.memory = 512 * MIB, .cpus = 2, .file = fake_file};
    return parse_on(text, &machine);
}

/* `text` has exactly the errors `expected`, one a line. */
static void expect_errors(const char *text, const char *expected)
{
    unsigned lines = 0;
    for (const char *p = expected; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    const unsigned errors = parse(text);
    assert_string_equal(reported, expected);
    assert_int_equal(errors, lines);
}

/* A VM with everything it needs, and `line` as line 5 of the file. */
static void expect_line5(const char *line, const char *expected)
{
    char text[4096];
    (void)snprintf(text, sizeof(text), "[vm a]\nboot = linux\nkernel = k\nmemory = 64M\n%s\n",
                   line);
    expect_errors(text, expected);
}

static void every_key_is_read(void **state)
{
    (void)state;
    const unsigned errors = parse("# a machine\n"
                                  "[system]\n"
                                  "console = com2   # the other one\n"
                                  "when-all-stopped = poweroff\n"
                                  "\n"
                                  "[vm plc]\r\n"
                                  "\tboot=multiboot\r\n"
                                  "kernel = dir/freertos.elf\n"
                                  "module = one.bin\n"
                                  "module = two.bin  a=1 #b\n"
                                  "memory = 16M\n"
                                  "cpu = 1\n"
                                  "priority = 200\n"
                                  "budget = 2ms\n"
                                  "period = 10ms\n"
                                  "restart = on-failure\n"
                                  "restart-limit = 7\n"
                                  "restart-delay = 1500us\n"
                                  "debug-exit = yes\n"
                                  "[ vm  linux ]\n"
                                  "boot = linux\n"
                                  "kernel = vmlinuz\n"
                                  "initrd = initrd.img\n"
                                  "cmdline = console=ttyS0 a#b x=\"y z\"\n"
                                  "memory = 256M");
    assert_string_equal(reported, "");
    assert_int_equal(errors, 0);
    assert_int_equal(config.console, CONFIG_CONSOLE_COM2);
    assert_int_equal(config.when_all_stopped, CONFIG_STOPPED_POWEROFF);
    assert_int_equal(config.vms_count, 2);

    const struct config_vm *plc = &config.vms[0];
    assert_string_equal(plc->name, "plc");
    assert_int_equal(plc->line, 6);
    assert_int_equal(plc->boot, CONFIG_BOOT_MULTIBOOT);
    assert_string_equal(plc->kernel, "dir/freertos.elf");
    assert_int_equal(plc->lines[CONFIG_KEY_KERNEL], 8);
    assert_int_equal(plc->modules_count, 2);
    assert_string_equal(plc->modules[0].file, "one.bin");
    assert_string_equal(plc->modules[0].args, "");
    assert_string_equal(plc->modules[1].file, "two.bin");
    assert_string_equal(plc->modules[1].args, "a=1");
    assert_int_equal(plc->modules[1].line, 10);
    assert_int_equal(plc->memory, 16 * MIB);
    assert_int_equal(plc->cpu, 1);
    assert_int_equal(plc->priority, 200);
    assert_int_equal(plc->budget_us, 2000);
    assert_int_equal(plc->period_us, 10000);
    assert_int_equal(plc->restart, CONFIG_RESTART_ON_FAILURE);
    assert_int_equal(plc->restart_limit, 7);
    assert_int_equal(plc->restart_delay_us, 1500);
    assert_true(plc->debug_exit);

    const struct config_vm *linux_vm = &config.vms[1];
    assert_string_equal(linux_vm->name, "linux");
    assert_int_equal(linux_vm->boot, CONFIG_BOOT_LINUX);
    assert_string_equal(linux_vm->initrd, "initrd.img");
    assert_string_equal(linux_vm->cmdline, "console=ttyS0 a#b x=\"y z\"");
    assert_int_equal(linux_vm->memory, 256 * MIB);
}

static void absent_keys_have_their_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("[vm a]\nboot = linux\nkernel = k\nmemory = 64M\n"), 0);
    assert_int_equal(config.console, CONFIG_CONSOLE_COM1);
    assert_int_equal(config.when_all_stopped, CONFIG_STOPPED_STAY);
    assert_string_equal(config.vms[0].initrd, "");
    assert_string_equal(config.vms[0].cmdline, "");
    assert_int_equal(config.vms[0].modules_count, 0);
    assert_int_equal(config.vms[0].cpu, 0);
    assert_int_equal(config.vms[0].priority, 100);
    assert_int_equal(config.vms[0].budget_us, 10000);
    assert_int_equal(config.vms[0].period_us, 0);
    assert_int_equal(config.vms[0].restart, CONFIG_RESTART_NEVER);
    assert_int_equal(config.vms[0].restart_limit, 5);
    assert_int_equal(config.vms[0].restart_delay_us, 1000000);
    assert_false(config.vms[0].debug_exit);
}

static void all_errors_come_in_one_run(void **state)
{
    (void)state;
    expect_errors(
        "[system]\n"
        "consol = com1\n"
        "when-all-stopped = off\n"
        "[vm linux]\n"
        "boot = linux\n"
        "memory = 70T\n"
        "priority = 255\n"
        "[vmm x]\n"
        "colour = red\n"
        "[vm plc]\n"
        "memory = 16M\n"
        "boot = multiboot\n"
        "initrd = i\n"
        "kernel = k\n",
        "c:2: system: consol: unknown key: is \"console\" meant?\n"
        "c:3: system: when-all-stopped: \"off\" is not one of: stay, poweroff\n"
        "c:6: vm linux: memory: 70T is more than 512G, the most that a VM can have\n"
        "c:7: vm linux: priority: \"255\" is not a number from 1 to 254\n"
        "c:8: unknown section [vmm]: is [vm NAME] meant?\n"
        "c:4: vm linux: kernel: missing: kernel = FILE is needed\n"
        "c:13: vm plc: initrd: boot = multiboot takes no initrd: module = FILE ARGS is right\n");
}

static void mandatory_keys_are_demanded(void **state)
{
    (void)state;
    expect_errors("\n[vm a]\n",
                  "c:2: vm a: boot: missing: boot = linux or boot = multiboot is needed\n"
                  "c:2: vm a: kernel: missing: kernel = FILE is needed\n"
                  "c:2: vm a: memory: missing: memory = SIZE, as in 256M, is needed\n");
    expect_errors("[system]\n", "c: no VM: at least one section [vm NAME] is needed\n");
    expect_errors("", "c: no VM: at least one section [vm NAME] is needed\n");
}

static void duplicates_are_refused(void **state)
{
    (void)state;
    expect_line5("memory = 32M", "c:5: vm a: memory: this key is in line 4 already\n");
    expect_line5("[vm a]", "c:5: vm a: there is a VM of this name in line 1 already\n");
    expect_line5("[system]\n[system]", "c:6: system: this section is in line 5 already\n");
    expect_line5("[system]\nconsole = com1\nconsole = com1",
                 "c:7: system: console: this key is in line 6 already\n");
}

static void an_unknown_key_is_told_the_nearest_one(void **state)
{
    (void)state;
    expect_line5("memmory = 1M", "c:5: vm a: memmory: unknown key: is \"memory\" meant?\n");
    expect_line5("restart_limit = 1",
                 "c:5: vm a: restart_limit: unknown key: is \"restart-limit\" meant?\n");
    expect_line5("flavour = mint", "c:5: vm a: flavour: unknown key: a [vm] section has boot, "
                                   "kernel, initrd, module, cmdline, memory, "
                                   "cpu, partition, priority, budget, period, restart, "
                                   "restart-limit, restart-delay, debug-exit\n");
}

static void a_line_that_is_no_setting_is_refused(void **state)
{
    (void)state;
    expect_errors("boot = linux\n[vm a]\nboot = linux\nkernel = k\nmemory = 1M\n",
                  "c:1: boot: a key before the first section: [system] or [vm NAME] comes first\n");
    expect_line5("what is this",
                 "c:5: vm a: \"what is this\" is neither \"key = value\" nor a [section]\n");
    expect_line5("[vm b", "c:5: a section heading ends with ']': [vm NAME] is right\n");
    expect_line5("[vm b] x", "c:5: a section heading ends with ']': [vm NAME] is right\n");
    expect_line5("[machine]", "c:5: unknown section [machine]: there are [system] and [vm NAME]\n");
    expect_line5("[system x]", "c:5: system: this section takes no name: [system] is right\n");
    expect_line5("priority =", "c:5: vm a: priority: the value is missing\n");
    expect_line5("priority = # 3", "c:5: vm a: priority: the value is missing\n");
    expect_line5("cmdline = \xc3\xa4", "c:5: vm a: byte 0xc3 is not printable ASCII, which is all "
                                       "that may stand outside of comments\n");
    expect_line5("# \xc3\xa4 in a comment", "");
}

static void names_and_paths_are_plain(void **state)
{
    (void)state;
    expect_line5(
        "[vm b/c]\nboot=linux\nkernel=k\nmemory=1M\n",
        "c:5: vm b/c: \"b/c\" is not a name: 1 to 31 letters, digits, '-', '_' and '.' are\n");
    expect_line5("[vm]\n",
                 "c:5: vm : \"\" is not a name: 1 to 31 letters, digits, '-', '_' and '.' are\n");
    expect_line5("initrd = a b",
                 "c:5: vm a: initrd: \"a b\" has a blank, a quote, '\\' or '$' in it, which a path "
                 "here cannot have\n");
    expect_line5("initrd = vmm",
                 "c:5: vm a: initrd: \"vmm\" is the name of a part of the system; \"./vmm\" names "
                 "the file\n");
}

static void memory_has_a_suffix_a_page_and_limits(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *message;
    } cases[] = {
        {"0x100", "\"0x100\" is not a size: a number with K, M, G or T, as in 256M, is"},
        {"M", "\"M\" is not a size: a number with K, M, G or T, as in 256M, is"},
        {"1.5G", "\"1.5G\" is not a size: a number with K, M, G or T, as in 256M, is"},
        {"-1M", "\"-1M\" is not a size: a number with K, M, G or T, as in 256M, is"},
        {"64MB", "\"64MB\" is not a size: a number with K, M, G or T, as in 256M, is"},
        {"256", "256 is less than 1M, the least that a VM can have; a number without K, M, G or T "
                "counts bytes"},
        {"1023K", "1023K is less than 1M, the least that a VM can have"},
        {"1025K", "1025K is not a multiple of 4K"},
        {"513G", "513G is more than 512G, the most that a VM can have"},
        {"18446744073709551616",
         "18446744073709551616 is more than 512G, the most that a VM can have"},
        {"16777216T", "16777216T is more than 512G, the most that a VM can have"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        char expected[512];
        (void)snprintf(text, sizeof(text), "[vm a]\nboot = linux\nkernel = k\nmemory = %s\n",
                       cases[i].value);
        (void)snprintf(expected, sizeof(expected), "c:4: vm a: memory: %s\n", cases[i].message);
        expect_errors(text, expected);
    }
    assert_int_equal(parse("[vm a]\nboot = linux\nkernel = k\nmemory = 1052672\n"), 0);
    assert_int_equal(config.vms[0].memory, 1052672);
}

static void times_have_a_unit_and_limits(void **state)
{
    (void)state;
    expect_line5(
        "budget = 5",
        "c:5: vm a: budget: \"5\" is not a time: a number with us, ms or s, as in 10ms, is\n");
    expect_line5("budget = 9us",
                 "c:5: vm a: budget: 9us is out of range: 10us to 60s is possible\n");
    expect_line5("budget = 61s",
                 "c:5: vm a: budget: 61s is out of range: 10us to 60s is possible\n");
    expect_line5(
        "budget = 99999999999999999999s",
        "c:5: vm a: budget: 99999999999999999999s is out of range: 10us to 60s is possible\n");
    expect_line5("period = 1ms",
                 "c:5: vm a: period: needs a budget: how much of each period is the VM's\n");
    expect_line5("period = 1ms\nbudget = 2ms",
                 "c:6: vm a: budget: more than the period: it is a part of it\n");
    expect_line5("period = 2ms\nbudget = 2ms", "");
}

static void restart_details_need_a_restart(void **state)
{
    (void)state;
    expect_line5("restart-limit = 3",
                 "c:5: vm a: restart-limit: without effect: restart = on-failure or restart = "
                 "always is needed with it\n");
    expect_line5("restart = never\nrestart-delay = 3s",
                 "c:6: vm a: restart-delay: without effect: restart = "
                 "on-failure or restart = always is needed with it\n");
    expect_line5("restart = sometimes",
                 "c:5: vm a: restart: \"sometimes\" is not one of: never, on-failure, always\n");
    expect_line5("restart = always\nrestart-limit = 0",
                 "c:6: vm a: restart-limit: \"0\" is not a number from 1 to 1000000\n");
    expect_line5("restart = always\nrestart-delay = 0s", "");
}

static void what_is_not_supported_yet_is_said_to_be_so(void **state)
{
    (void)state;
    expect_line5("cpu = 0 1",
                 "c:5: vm a: cpu: a list of several CPUs is not supported yet: one number is\n");
    expect_line5("partition = control",
                 "c:5: vm a: partition: time partitions are not supported yet: leave the key "
                 "out\n");
    expect_line5(
        "[schedule flight]\ncpu = 0\nframe = 20ms\nwindow = control 0ms 5ms\nwindows = 1\n",
        "c:5: schedule flight: schedules are not supported yet: leave the section out\n"
        "c:9: schedule flight: windows: unknown key: a [schedule] section has cpu, frame, "
        "window\n");
}

static void linux_takes_no_modules(void **state)
{
    (void)state;
    expect_line5("module = m",
                 "c:5: vm a: module: boot = linux takes no modules: initrd = FILE is right\n");
}

static void files_must_exist_and_fit(void **state)
{
    (void)state;
    expect_line5("initrd = no-file", "c:5: vm a: initrd: no-file: no such file\n");
    expect_line5("initrd = empty-file", "c:5: vm a: initrd: empty-file: the file is empty\n");
    expect_line5("initrd = big-file",
                 "c:4: vm a: memory: 64M is less than the kernel and what is loaded with it, "
                 "105906176 bytes\n");
    expect_errors(
        "[vm a]\nboot = multiboot\nkernel = big-k\nmemory = 64M\nmodule = no-m x y\n",
        "c:5: vm a: module: no-m: no such file\n"
        "c:3: vm a: kernel: big-k has 104857600 bytes, more than the VM's memory of 64M\n");
}

static void the_machine_must_have_what_is_asked_for(void **state)
{
    (void)state;
    expect_line5("cpu = 2", "c:5: vm a: cpu: 2: the machine has 2 CPUs, counted from 0\n");
    expect_line5("[vm b]\nboot = linux\nkernel = k\nmemory = 449M",
                 "c:8: vm b: memory: 449M is more than the 448M that are left of 512M for VMs\n");
    expect_line5("[vm b]\nboot = linux\nkernel = k\nmemory = 448M", "");
}

static void unknown_machine_facts_are_not_checked(void **state)
{
    (void)state;
    const struct config_machine unknown = {0};
    assert_int_equal(parse_on("[vm a]\nboot=linux\nkernel=no-k\nmemory=500G\ncpu=200\n", &unknown),
                     0);
    assert_int_equal(parse_on("[vm a]\nboot=linux\nkernel=no-k\nmemory=500G\ncpu=256\n", &unknown),
                     1);
}

static void capacities_are_limits_not_overruns(void **state)
{
    (void)state;
    static char text[CONFIG_TEXT_MAX + 2];
    size_t used = 0;
    for (unsigned i = 0; i < CONFIG_VMS_MAX + 1; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 "[vm v%u]\nboot=linux\nkernel=k\nmemory=1M\n", i);
    }
    expect_errors(text, "c:65: vm v16: more than 16 VMs\n");
    assert_int_equal(config.vms_count, CONFIG_VMS_MAX);

    used = (size_t)snprintf(text, sizeof(text), "[vm a]\nboot=multiboot\nkernel=k\nmemory=32M\n");
    for (unsigned i = 0; i < CONFIG_MODULES_MAX + 1; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "module=m%u\n", i);
    }
    expect_errors(text, "c:13: vm a: module: more than 8 modules\n");

    memset(text, '#', CONFIG_TEXT_MAX + 1);
    text[CONFIG_TEXT_MAX + 1] = '\0';
    expect_errors(text, "c: the file has 16385 bytes, more than 16384, the most possible\n");

    memset(text, 'x', CONFIG_TEXT_MAX);
    const int head =
        snprintf(text, sizeof(text), "[vm a]\nboot=linux\nkernel=k\nmemory=1M\ncmdline=");
    text[head] = 'x';
    text[CONFIG_TEXT_MAX] = '\0';
    char expected[128];
    (void)snprintf(expected, sizeof(expected),
                   "c:5: vm a: cmdline: %d characters are more than 2047, the most "
                   "possible\n",
                   CONFIG_TEXT_MAX - head);
    expect_errors(text, expected);
}

static void a_long_word_is_cut_in_the_message(void **state)
{
    (void)state;
    static char text[9000] = "[vm a]\nboot=linux\nkernel=k\nmemory=";
    memset(text + strlen(text), '9', 4000);
    assert_int_equal(parse(text), 1);
    memset(text + strlen(text), ' ', 4000);
    assert_int_equal(parse(text), 1);
    (void)snprintf(text, sizeof(text), "[%04000d %04000d]", 1, 1);
    assert_int_equal(parse(text), 2);
    (void)snprintf(text, sizeof(text), "[vm %04000d]\nmemory=64K", 1);
    assert_int_equal(parse(text), 3);
}

static void a_zero_byte_is_no_text(void **state)
{
    (void)state;
    static const char text[] = "[vm a]\nboot=linux\nker\0nel=k\nkernel=k\nmemory=1M\n";
    const struct config_machine machine = {0};
    const struct config_report report = {.error = collect};
    reported[0] = '\0';
    assert_int_equal(config_parse(&config, text, sizeof(text) - 1, &machine, &report), 1);
    assert_string_equal(reported, "c:3: vm a: a zero byte: this is not a text file\n");
}

/* Every prefix of a file, and the file with each byte changed, is read without a fault (the
 * sanitizers watch). */
static void damaged_text_is_survived(void **state)
{
    (void)state;
    static const char good[] =
        "[system]\nconsole = com1\n[vm a]\nboot = linux\nkernel = k # c\nmemory = 64M\n"
        "budget = 1ms\ncpu = 1\n[schedule s]\nframe = 1\n";
    static const char bytes[] = {'\0', '\n', '[', ']', '=', '#', ' ', '9', '\xff', '\r'};
    const struct config_machine machine = {.memory = MIB, .cpus = 1, .file = fake_file};
    const struct config_report report = {.error = collect};
    char text[sizeof(good)];

    for (size_t i = 0; i < sizeof(good); i++) {
        reported[0] = '\0';
        assert_true(config_parse(&config, good, i, &machine, &report) > 0);
        for (unsigned j = 0; j < sizeof(bytes); j++) {
            memcpy(text, good, sizeof(good));
            text[i] = bytes[j];
            reported[0] = '\0';
            assert_true(config_parse(&config, text, sizeof(good) - 1, &machine, &report) > 0);
        }
    }
}

static void note_file(void *ctx, const char *path)
{
    char *files = ctx;
    const size_t used = strlen(files);
    (void)snprintf(files + used, LIST_BYTES - used, "%s;", path);
}

static void each_file_is_listed_once(void **state)
{
    (void)state;
    char files[LIST_BYTES] = "";
    assert_int_equal(
        parse("[vm a]\nboot=linux\nkernel=k\ninitrd=i\nmemory=8M\n"
              "[vm b]\nboot=multiboot\nkernel=b\nmodule=k x\nmodule=m 1\nmodule=m 2\nmemory=8M\n"
              "[vm c]\nboot=linux\nkernel=k\nmemory=8M\n"),
        0);
    config_files(&config, note_file, files);
    assert_string_equal(files, "k;i;b;m;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(absent_keys_have_their_defaults),
        cmocka_unit_test(all_errors_come_in_one_run),
        cmocka_unit_test(mandatory_keys_are_demanded),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(an_unknown_key_is_told_the_nearest_one),
        cmocka_unit_test(a_line_that_is_no_setting_is_refused),
        cmocka_unit_test(names_and_paths_are_plain),
        cmocka_unit_test(memory_has_a_suffix_a_page_and_limits),
        cmocka_unit_test(times_have_a_unit_and_limits),
        cmocka_unit_test(restart_details_need_a_restart),
        cmocka_unit_test(what_is_not_supported_yet_is_said_to_be_so),
        cmocka_unit_test(linux_takes_no_modules),
        cmocka_unit_test(files_must_exist_and_fit),
        cmocka_unit_test(the_machine_must_have_what_is_asked_for),
        cmocka_unit_test(unknown_machine_facts_are_not_checked),
        cmocka_unit_test(capacities_are_limits_not_overruns),
        cmocka_unit_test(a_long_word_is_cut_in_the_message),
        cmocka_unit_test(a_zero_byte_is_no_text),
        cmocka_unit_test(damaged_text_is_survived),
        cmocka_unit_test(each_file_is_listed_once),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
