// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor --kernels FILE: what libreef makes of every kernel in a program, a library, a code
 * object, or PTX text (doctor_ptx.c): may it be killed and run again, and why. The same analysis as
 * in libreef.so.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/guarded.h"
#include "tools/code_objects.h"
#include "tools/doctor.h"

struct listing {
    FILE *json; /* NULL: none */
    unsigned kernels, guarded, by_verdict[3], unreadable;
};

static const char *const verdicts[] = {
    [REEF_RESTART_NEVER] = "never",
    [REEF_RESTART_IF_DISJOINT] = "if-disjoint",
    [REEF_RESTART_ALWAYS] = "always",
};

/* Symbols and targets are the file's: only what is harmless is printed as it is. */
static void put_text(FILE *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        fputc(isprint((unsigned char)text[i]) && text[i] != '"' && text[i] != '\\' ? text[i] : '?',
              to);
}

static void put_slots(FILE *to, uint32_t slots)
{
    const char *separator = "";
    for (unsigned i = 0; i < REEF_SLOTS; i++) {
        if (slots >> i & 1) {
            fprintf(to, "%s%u", separator, 8 * i);
            separator = ", ";
        }
    }
}

static void put_json(struct listing *l, const struct reef_object_kernel *kernel,
                     const struct reef_analysis *a, bool guarded, const char *target,
                     size_t target_length)
{
    fprintf(l->json, "%s\n    {\"name\": \"", l->kernels ? "," : "");
    put_text(l->json, kernel->name, kernel->name_length);
    fprintf(l->json, "\", \"target\": \"");
    put_text(l->json, target, target_length);
    fprintf(l->json, "\", \"restartable\": \"%s\", \"reason\": \"%s\", ", verdicts[a->restart],
            a->reason);
    if (a->where)
        fprintf(l->json, "\"at\": \"0x%" PRIx64 "\", ", a->where);
    fprintf(l->json, "\"reads\": [");
    put_slots(l->json, a->reads);
    fprintf(l->json, "], \"writes\": [");
    put_slots(l->json, a->writes);
    fprintf(l->json, "], \"guarded\": %s, \"evictable\": %s}", guarded ? "true" : "false",
            guarded && a->restart != REEF_RESTART_NEVER && a->independent ? "true" : "false");
}

static void put_line(const struct reef_object_kernel *kernel, const struct reef_analysis *a,
                     bool guarded)
{
    printf("%-12s ", verdicts[a->restart]);
    put_text(stdout, kernel->name, kernel->name_length);
    printf(": %s", a->reason);
    if (a->where)
        printf(" (at 0x%" PRIx64 ")", a->where);
    if (a->restart == REEF_RESTART_IF_DISJOINT) {
        printf("; arguments read at ");
        put_slots(stdout, a->reads);
        printf(", written at ");
        put_slots(stdout, a->writes);
    }
    if (!guarded)
        printf("; cannot be guarded");
    else if (a->restart != REEF_RESTART_NEVER && !a->independent)
        printf("; not evicted: its wavefronts depend on each other");
    putchar('\n');
}

static void list_object(void *arg, const uint8_t *bytes, size_t size, const char *target,
                        size_t target_length)
{
    struct listing *l = arg;
    struct reef_object object;
    struct reef_object_kernel kernel;
    struct reef_guard_registers registers;
    unsigned broken = 0;
    if (reef_object_open(&object, bytes, size) != 0) {
        l->unreadable++;
        return;
    }
    if (target_length == 0 && object.target) {
        target = object.target->name;
        target_length = strlen(target);
    }
    for (uint64_t at = 0; reef_object_next_kernel(&object, &at, &kernel, &broken);) {
        struct reef_analysis analysis;
        reef_analyse(&analysis, &object, &kernel);
        bool guarded =
            object.target && reef_guard_registers(object.target, kernel.descriptor, &registers);
        put_line(&kernel, &analysis, guarded);
        if (l->json)
            put_json(l, &kernel, &analysis, guarded, target, target_length);
        l->kernels++;
        l->guarded += guarded;
        l->by_verdict[analysis.restart]++;
    }
    l->unreadable += broken;
}

int doctor_kernels(const char *path, const char *json)
{
    struct listing l = {0};
    if (doctor_is_ptx(path))
        return doctor_ptx(path, json);
    if (json && !(l.json = doctor_open_json(json))) {
        reef_say("doctor: %s: %s", json, strerror(errno));
        return 1;
    }
    if (l.json)
        fprintf(l.json, "{\"kernels\": [");
    int objects = reef_code_objects(path, list_object, &l);
    if (l.json) {
        fprintf(l.json,
                "\n  ],\n  \"total\": %u, \"guarded\": %u, \"always\": %u, \"if_disjoint\": %u, "
                "\"never\": %u}\n",
                l.kernels, l.guarded, l.by_verdict[REEF_RESTART_ALWAYS],
                l.by_verdict[REEF_RESTART_IF_DISJOINT], l.by_verdict[REEF_RESTART_NEVER]);
        if (fclose(l.json) != 0) {
            reef_say("doctor: %s: %s", json, strerror(errno));
            return 1;
        }
    }
    if (objects < 0) {
        reef_say("doctor: %s: %s", path, strerror(-objects));
        return 1;
    }
    if (objects == 0) {
        reef_say("doctor: %s has no GPU code that is understood", path);
        return 1;
    }
    printf(
        "%u kernels: %u restartable always, %u if the buffers do not overlap, %u never; %u can be "
        "guarded\n",
        l.kernels, l.by_verdict[REEF_RESTART_ALWAYS], l.by_verdict[REEF_RESTART_IF_DISJOINT],
        l.by_verdict[REEF_RESTART_NEVER], l.guarded);
    return 0;
}
