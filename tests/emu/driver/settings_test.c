// SPDX-License-Identifier: Apache-2.0
/*
 * REEF_EMU_* (emu/common/settings.c): values, defaults, and one warning for each thing that is wrong.
 * Each case runs in a child, as the settings are read once in a process's life.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emu/amd/kfd.h"

static unsigned warnings;
static char last_warning[400];

const char emu_default_profile[] = "mi50";

void emu_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(last_warning, sizeof(last_warning), format, args);
    va_end(args);
    warnings++;
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void defaults(void)
{
    const struct emu_settings *s = emu_settings();
    const char *tail = "/mi50.conf";

    emu_settings_check();
    EXPECT(warnings == 0);
    EXPECT(s->timescale == 20 && s->quantum_ns == 50000 && !s->trace);
    EXPECT(s->threads == 1 || s->threads == 2);
    EXPECT(strcmp(s->dir, "/dev/shm") == 0);
    EXPECT(strlen(s->profile_path) > strlen(tail));
    EXPECT(strcmp(s->profile_path + strlen(s->profile_path) - strlen(tail), tail) == 0);
    EXPECT(!s->prefetch_packets && !s->read_index_at_launch && !s->unmap_all);
    EXPECT(!s->doorbell_delay_ns && !s->completion_delay_ns && !s->save_ns && !s->restore_ns);
    EXPECT(!s->fail_ioctl[0].nth && !s->fail_packet_nth && s->fail_packet == EMU_FAIL_NONE);
}

static void values(void)
{
    setenv("REEF_EMU_TIMESCALE", "2.5", 1);
    setenv("REEF_EMU_QUANTUM_US", "0.5", 1);
    setenv("REEF_EMU_THREADS", "7", 1);
    setenv("REEF_EMU_TRACE", "1", 1);
    setenv("REEF_EMU_DIR", "/somewhere", 1);
    setenv("REEF_EMU_PROFILE", "./my.conf", 1);
    emu_settings_check();
    EXPECT(warnings == 0);
    EXPECT(emu_settings()->timescale == 2.5 && emu_settings()->quantum_ns == 500);
    EXPECT(emu_settings()->threads == 7 && emu_settings()->trace);
    EXPECT(strcmp(emu_settings()->dir, "/somewhere") == 0);
    EXPECT(strcmp(emu_settings()->profile_path, "./my.conf") == 0);
}

static void knobs(void)
{
    const struct emu_settings *s;

    setenv("REEF_EMU_PREFETCH", "16", 1);
    setenv("REEF_EMU_READ_INDEX", "launch", 1);
    setenv("REEF_EMU_DOORBELL_DELAY_US", "2.5", 1);
    setenv("REEF_EMU_COMPLETION_DELAY_US", "3", 1);
    setenv("REEF_EMU_SAVE_US", "1000", 1);
    setenv("REEF_EMU_RESTORE_US", "0", 1);
    setenv("REEF_EMU_UNMAP_ALL", "1", 1);
    setenv("REEF_EMU_FAIL_IOCTL", "0x02:3:12,22:1:5", 1);
    setenv("REEF_EMU_FAIL_PACKET", "7:hang", 1);
    emu_settings_check();
    EXPECT(warnings == 0);
    s = emu_settings();
    EXPECT(s->prefetch_packets == 16 && s->read_index_at_launch && s->unmap_all);
    EXPECT(s->doorbell_delay_ns == 2500 && s->completion_delay_ns == 3000);
    EXPECT(s->save_ns == 1000000 && s->restore_ns == 0);
    EXPECT(s->fail_ioctl[0].number == 2 && s->fail_ioctl[0].nth == 3);
    EXPECT(s->fail_ioctl[0].error == 12 && s->fail_ioctl[1].number == 22);
    EXPECT(s->fail_ioctl[1].nth == 1 && s->fail_ioctl[1].error == 5 && !s->fail_ioctl[2].nth);
    EXPECT(s->fail_packet == EMU_FAIL_HANG && s->fail_packet_nth == 7);
}

static void empty_values(void)
{
    setenv("REEF_EMU_TIMESCALE", "", 1);
    setenv("REEF_EMU_DIR", "", 1);
    setenv("REEF_EMU_PROFILE", "", 1);
    defaults();
}

static void bad_value(const char *name, const char *value)
{
    setenv(name, value, 1);
    EXPECT(emu_settings()->timescale == 20 && emu_settings()->quantum_ns == 50000);
    EXPECT(strcmp(emu_settings()->dir, "/dev/shm") == 0 && !emu_settings()->trace);
    EXPECT(warnings == 0); /* said by the process that opens the device */
    emu_settings_check();
    EXPECT(warnings == 1 && strstr(last_warning, name));
}

static void bad_text(void)
{
    bad_value("REEF_EMU_TIMESCALE", "fast");
}

static void bad_tail(void)
{
    bad_value("REEF_EMU_TIMESCALE", "20x");
}

static void bad_range(void)
{
    bad_value("REEF_EMU_QUANTUM_US", "-1");
}

static void bad_nan(void)
{
    bad_value("REEF_EMU_TIMESCALE", "nan");
}

static void bad_dir(void)
{
    bad_value("REEF_EMU_DIR", "here");
}

static void bad_prefetch(void)
{
    bad_value("REEF_EMU_PREFETCH", "65");
}

static void bad_read_index(void)
{
    bad_value("REEF_EMU_READ_INDEX", "early");
    EXPECT(!emu_settings()->read_index_at_launch);
}

static void bad_fail_ioctl(void)
{
    static const char *const values[] = {"2",
                                         "2:0:12",
                                         "2:1:12;",
                                         "256:1:1",
                                         "2:1:0",
                                         "2:1:4096",
                                         "1:1:1,1:1:1,1:1:1,1:1:1,1:1:1,1:1:1,1:1:1,1:1:1,1:1:1"};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        warnings = 0;
        bad_value("REEF_EMU_FAIL_IOCTL", values[i]);
        EXPECT(!emu_settings()->fail_ioctl[0].nth);
    }
}

static void bad_fail_packet(void)
{
    static const char *const values[] = {"7", "7:", "7:never", "0:hang", "7:hang,8:hang", "x:hang"};

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        warnings = 0;
        bad_value("REEF_EMU_FAIL_PACKET", values[i]);
        EXPECT(!emu_settings()->fail_packet_nth);
    }
}

static void unknown_name(void)
{
    bad_value("REEF_EMU_TIMESCALES", "20");
}

static void in_child(void **state)
{
    void (*run)(void) = *state;
    int status = -1;
    pid_t pid = fork();

    if (!pid) {
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, in_child, NULL, NULL, (void *)name                                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(defaults),       CASE(values),          CASE(empty_values), CASE(bad_text),
        CASE(bad_tail),       CASE(bad_range),       CASE(bad_nan),      CASE(bad_dir),
        CASE(unknown_name),   CASE(knobs),           CASE(bad_prefetch), CASE(bad_read_index),
        CASE(bad_fail_ioctl), CASE(bad_fail_packet),
    };
    extern char **environ;

    for (char **e = environ; *e;) {
        char name[64];

        if (strncmp(*e, "REEF_EMU_", 9) == 0 &&
            (size_t)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e) < sizeof(name))
            unsetenv(name);
        else
            e++;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
