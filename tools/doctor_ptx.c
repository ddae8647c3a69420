// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor --kernels FILE for PTX text: may each kernel be ended and run again, why, and how its
 * threads would be ended. The same analysis as in libreef.so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/ptx/rewrite.h"
#include "tools/doctor.h"

enum { TEXT_BYTES_MAX = 1 << 28 };

static const char *const verdicts[] = {
    [REEF_PTX_NEVER] = "never",
    [REEF_PTX_IF_DISJOINT] = "if-disjoint",
    [REEF_PTX_ALWAYS] = "always",
};
static const char *const styles[] = {
    [REEF_PTX_THREADS] = "in its loops",
    [REEF_PTX_BARRIERS] = "at its barriers",
    [REEF_PTX_ENTRY] = "only before a block begins",
};

/* The whole file with a NUL; NULL with errno. */
static char *read_text(const char *path, size_t *size)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    long length = -1;
    if (f && fseek(f, 0, SEEK_END) == 0 && (length = ftell(f)) >= 0 && length < TEXT_BYTES_MAX &&
        fseek(f, 0, SEEK_SET) == 0 && (text = calloc(1, (size_t)length + 1)))
        *size = fread(text, 1, (size_t)length, f);
    if (f)
        fclose(f);
    return text;
}

bool doctor_is_ptx(const char *path)
{
    size_t size;
    char *text = read_text(path, &size);
    struct reef_ptx m;
    bool found = text && memmem(text, size, ".version", 8) && strlen(text) == size &&
                 reef_ptx_open(&m, text, size);
    if (found)
        reef_ptx_close(&m);
    free(text);
    return found;
}

static void put_slots(FILE *to, uint64_t slots)
{
    const char *separator = "";
    for (unsigned i = 0; i < REEF_PTX_SLOTS; i++) {
        if (slots >> i & 1) {
            fprintf(to, "%s%u", separator, 8 * i);
            separator = ", ";
        }
    }
}

static void put_line(const struct reef_ptx_guarded *k)
{
    const struct reef_ptx_analysis *a = &k->analysis;
    printf("%-12s %s: %s", verdicts[a->restart], k->name, a->reason);
    if (a->line)
        printf(" (line %u)", a->line);
    if (a->restart == REEF_PTX_IF_DISJOINT) {
        printf("; parameters read at ");
        put_slots(stdout, a->reads);
        printf("%s, written at ", a->variables ? " and variables of the module" : "");
        put_slots(stdout, a->writes);
    }
    if (a->restart != REEF_PTX_NEVER)
        printf("; ended %s", styles[k->points > 0 ? a->style : REEF_PTX_ENTRY]);
    putchar('\n');
}

static void put_json(FILE *json, const struct reef_ptx_guarded *k, bool first)
{
    const struct reef_ptx_analysis *a = &k->analysis;
    fprintf(json, "%s\n    {\"name\": \"%s\", \"target\": \"ptx\", \"restartable\": \"%s\", ",
            first ? "" : ",", k->name, verdicts[a->restart]);
    fprintf(json, "\"reason\": \"%s\", \"line\": %u, \"reads\": [", a->reason, a->line);
    put_slots(json, a->reads);
    fprintf(json, "], \"writes\": [");
    put_slots(json, a->writes);
    fprintf(json, "], \"guarded\": true, \"evictable\": %s}",
            a->restart != REEF_PTX_NEVER ? "true" : "false");
}

static int list(const struct reef_ptx_rewritten *r, FILE *json)
{
    unsigned by_verdict[3] = {0};
    if (json)
        fprintf(json, "{\"kernels\": [");
    for (uint32_t i = 0; i < r->kernels; i++) {
        put_line(&r->kernel[i]);
        if (json)
            put_json(json, &r->kernel[i], i == 0);
        by_verdict[r->kernel[i].analysis.restart]++;
    }
    uint32_t total = r->kernels + r->unguarded;
    if (r->unguarded)
        printf("%u kernels cannot be guarded, the last for this: %s\n", r->unguarded, r->reason);
    printf("%u kernels: %u restartable always, %u if the buffers do not overlap, %u never; %u can "
           "be guarded\n",
           total, by_verdict[REEF_PTX_ALWAYS], by_verdict[REEF_PTX_IF_DISJOINT],
           by_verdict[REEF_PTX_NEVER] + r->unguarded, r->kernels);
    if (json)
        fprintf(json,
                "\n  ],\n  \"total\": %u, \"guarded\": %u, \"always\": %u, \"if_disjoint\": %u, "
                "\"never\": %u}\n",
                total, r->kernels, by_verdict[REEF_PTX_ALWAYS], by_verdict[REEF_PTX_IF_DISJOINT],
                by_verdict[REEF_PTX_NEVER] + r->unguarded);
    return 0;
}

int doctor_ptx(const char *path, const char *json)
{
    struct reef_ptx_rewritten r = {0};
    size_t size;
    char *text = read_text(path, &size);
    FILE *out = json ? doctor_open_json(json) : NULL;
    int status = 1;
    if (json && !out)
        reef_say("doctor: %s: %s", json, strerror(errno));
    else if (!text || !reef_ptx_rewrite(&r, text, size, NULL, NULL))
        reef_say("doctor: %s: %s", path, strerror(errno));
    else
        status = list(&r, out);
    if (out && fclose(out) != 0)
        status = 1;
    reef_ptx_rewritten_free(&r);
    free(text);
    return status;
}
