// SPDX-License-Identifier: Apache-2.0
/*
 * The text format of models (docs/replay.md): lines of words, '#' comments.
 *
 *   model NAME
 *   overhead US
 *   kernel NAME groups N threads N [lds N] [vgprs N] [sgprs N] us N:US [N:US ...]
 *   sequence WORD ...      a kernel, or COUNT( ... ), nested; lines add up
 */
#include "replay/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/text.h"

enum { NESTING = 16 };

struct reader {
    struct replay_text text;
    struct replay_model *model;
};

static int find_kernel(const struct replay_model *model, const char *name)
{
    for (uint32_t i = 0; i < model->kernel_count; i++)
        if (strcmp(model->kernels[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* "N:US", growing N: the points of the curve; between them it is straight. */
static bool read_point(struct reader *r, struct replay_kernel *k, char *word)
{
    char *colon = strchr(word, ':');
    uint64_t n, ns;

    if (!colon)
        return replay_text_fail(&r->text, "expected N:US, not '%s'", word);
    *colon = '\0';
    if (!replay_text_uint(word, REPLAY_CURVE, &n) || n <= k->curve_length)
        return replay_text_fail(&r->text, "work-groups on a unit: 1 to %d, growing", REPLAY_CURVE);
    if (!replay_text_milli(colon + 1, 1000000000, &ns) || ns == 0)
        return replay_text_fail(&r->text, "'%s' is no time in us", colon + 1);
    if (k->curve_length == 0 && n != 1)
        return replay_text_fail(&r->text, "the first point must be for 1 work-group");
    int64_t from = k->curve_length ? k->curve_ns[k->curve_length - 1] : (int64_t)ns;
    int64_t first = k->curve_length, steps = (int64_t)n - first;
    for (int64_t i = 1; i <= steps; i++)
        k->curve_ns[first + i - 1] =
            (uint32_t)(first ? from + ((int64_t)ns - from) * i / steps : (int64_t)ns);
    k->curve_length = (uint32_t)n;
    return true;
}

static bool read_kernel(struct reader *r)
{
    struct replay_kernel k = {0};
    const struct {
        const char *name;
        uint32_t *value;
        uint32_t least, most;
    } numbers[] = {
        {"groups", &k.groups, 1, 1u << 30},       {"threads", &k.threads, 1, 1024},
        {"lds", &k.shape.lds_bytes, 0, 1u << 24}, {"vgprs", &k.shape.vgprs, 0, 1u << 12},
        {"sgprs", &k.shape.sgprs, 0, 1u << 12},
    };
    char *word = replay_text_word(&r->text);

    if (!word || strlen(word) >= sizeof(k.name))
        return replay_text_fail(&r->text, "expected a kernel's name");
    snprintf(k.name, sizeof(k.name), "%s", word);
    if (find_kernel(r->model, k.name) >= 0)
        return replay_text_fail(&r->text, "kernel %s is there already", k.name);
    while ((word = replay_text_word(&r->text)) && strcmp(word, "us") != 0) {
        size_t i = 0;
        uint64_t value;
        char *number = replay_text_word(&r->text);

        while (i < 5 && strcmp(numbers[i].name, word) != 0)
            i++;
        if (i == 5)
            return replay_text_fail(&r->text, "a kernel has no '%s'", word);
        if (!number || !replay_text_uint(number, numbers[i].most, &value) ||
            value < numbers[i].least)
            return replay_text_fail(&r->text, "%s: %u to %u", word, numbers[i].least,
                                    numbers[i].most);
        *numbers[i].value = (uint32_t)value;
    }
    while (word && (word = replay_text_word(&r->text)))
        if (!read_point(r, &k, word))
            return false;
    if (!k.groups || !k.threads || !k.curve_length)
        return replay_text_fail(&r->text, "a kernel needs groups, threads and us");
    return replay_model_add_kernel(r->model, &k) >= 0 ||
           replay_text_fail(&r->text, "too many kernels");
}

/* Repeats what follows @start in the sequence until it is there @times. */
static bool repeat(struct reader *r, uint32_t start, uint64_t times)
{
    uint32_t length = r->model->length - start;

    for (uint64_t t = 1; t < times; t++)
        for (uint32_t i = 0; i < length; i++)
            if (replay_model_append(r->model, r->model->sequence[start + i]) != 0)
                return replay_text_fail(&r->text, "sequence too long");
    return true;
}

static bool read_sequence(struct reader *r)
{
    struct {
        uint32_t start;
        uint64_t times;
    } open[NESTING];
    unsigned depth = 0;
    char *word;

    while ((word = replay_text_word(&r->text))) {
        size_t length = strlen(word);

        if (strcmp(word, ")") == 0) {
            if (depth == 0)
                return replay_text_fail(&r->text, "')' without '('");
            depth--;
            if (!repeat(r, open[depth].start, open[depth].times))
                return false;
        } else if (word[length - 1] == '(') {
            word[length - 1] = '\0';
            if (depth == NESTING || !replay_text_uint(word, 100000, &open[depth].times) ||
                open[depth].times == 0)
                return replay_text_fail(&r->text, "expected COUNT( ... ), at most %d deep",
                                        NESTING);
            open[depth++].start = r->model->length;
        } else {
            int kernel = find_kernel(r->model, word);

            if (kernel < 0)
                return replay_text_fail(&r->text, "no kernel '%s' above", word);
            if (replay_model_append(r->model, (uint32_t)kernel) != 0)
                return replay_text_fail(&r->text, "sequence too long");
        }
    }
    return depth == 0 || replay_text_fail(&r->text, "'(' without ')'");
}

static bool read_line(struct reader *r, const char *key)
{
    char *word;
    uint64_t ns;

    if (strcmp(key, "kernel") == 0)
        return read_kernel(r);
    if (strcmp(key, "sequence") == 0)
        return read_sequence(r);
    word = replay_text_word(&r->text);
    if (!word || replay_text_word(&r->text))
        return replay_text_fail(&r->text, "expected one word after '%s'", key);
    if (strcmp(key, "model") == 0) {
        snprintf(r->model->name, sizeof(r->model->name), "%s", word);
        return true;
    }
    if (strcmp(key, "overhead") == 0) {
        if (!replay_text_milli(word, 1000000000, &ns))
            return replay_text_fail(&r->text, "'%s' is no time in us", word);
        r->model->overhead_ns = (uint32_t)ns;
        return true;
    }
    return replay_text_fail(&r->text, "unknown '%s'", key);
}

struct replay_model *replay_model_parse(const char *text, size_t size, char *err, size_t err_size)
{
    struct reader r = {.model = replay_model_create("")};
    bool good = r.model != NULL;

    replay_text_init(&r.text, text, size, err, err_size);
    if (!good)
        snprintf(err, err_size, "no memory");
    while (good && replay_text_line(&r.text)) {
        char *key = replay_text_word(&r.text);

        good = !key || read_line(&r, key);
    }
    good = good && !r.text.failed;
    if (good && (r.model->length == 0 || !r.model->name[0])) {
        snprintf(err, err_size, "a model needs a name and a sequence");
        good = false;
    }
    if (good)
        return r.model;
    replay_model_destroy(r.model);
    return NULL;
}
