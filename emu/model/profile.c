// SPDX-License-Identifier: Apache-2.0
/*
 * Reads device profiles. One table names every key, its field and its range; a profile that leaves
 * a key out, names an unknown one or gives a number out of range is refused whole, because a device
 * with a guessed number would give timings that mean nothing.
 */
#include "profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

struct key {
    const char *name;
    size_t offset, size;
    uint64_t min, max;
    int optional;
};

#define KEY_(field, min, max, optional)                                                            \
    {                                                                                              \
#field, offsetof(struct emu_profile, field), sizeof(((struct emu_profile *)0)->field),     \
            min, max, optional                                                                     \
    }
#define KEY(field, min, max)      KEY_(field, min, max, 0)
#define OPTIONAL(field, min, max) KEY_(field, min, max, 1)

static const struct key keys[] = {
    KEY(compute_units, 1, EMU_MAX_CUS),
    KEY(simds_per_cu, 1, EMU_MAX_SIMDS),
    KEY(waves_per_simd, 1, 64),
    KEY(vgprs_per_simd, 1, UINT16_MAX),
    KEY(vgpr_granule, 1, 256),
    KEY(sgprs_per_simd, 1, UINT16_MAX),
    KEY(sgpr_granule, 1, 256),
    KEY(lds_bytes_per_cu, 1, 1u << 24),
    KEY(lds_granule, 1, 1u << 16),
    KEY(workgroups_per_cu, 1, 256),
    KEY(clock_mhz, 1, 100000),
    KEY(memory_bytes, 1u << 20, 1ull << 48),
    KEY(vmem_latency, 0, 1000000),
    KEY(lds_latency, 0, 1000000),
    KEY(smem_latency, 0, 1000000),
    KEY(packet_ns, 0, 1000000000),
    KEY(dispatch_ns, 0, 1000000000),
    KEY(completion_ns, 0, 1000000000),
    KEY(copy_bytes_per_us, 1, UINT32_MAX),
    OPTIONAL(pcie_latency, 0, 1000000),
    OPTIONAL(workgroup_slots_per_cu, 1, 256),
    OPTIONAL(timeslice_us, 0, 1000000),
    OPTIONAL(context_switch_us, 0, 1000000),
    OPTIONAL(memory_bytes_per_us, 1, UINT32_MAX),
    OPTIONAL(compute_capability, 10, 999),
    OPTIONAL(l1_bytes_per_cycle, 0, 1u << 16),
    OPTIONAL(l2_bytes_per_cycle, 0, 1u << 20),
    OPTIONAL(l2_bytes, 0, 1u << 30),
    OPTIONAL(lds_bytes_per_cycle, 0, 1u << 16),
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

static const struct key *find_key(const char *name)
{
    for (unsigned i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

/* Takes one line apart and stores its value. Returns NULL, or what is wrong with the line. */
static const char *parse_line(struct emu_profile *profile, uint32_t *seen, char *line)
{
    const struct key *key;
    char *hash = strchr(line, '#');
    char *name, *value, *end;
    unsigned long long number;

    if (hash)
        *hash = '\0';
    name = trim(line);
    if (*name == '\0')
        return NULL;
    value = strchr(name, '=');
    if (!value)
        return "expected \"key = value\"";
    *value++ = '\0';
    name = trim(name);
    value = trim(value);
    key = find_key(name);
    if (!key)
        return "unknown key";
    if (*seen & (1u << (key - keys)))
        return "key given twice";
    errno = 0;
    number = strtoull(value, &end, 0);
    if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0)
        return "value is not a number";
    if (number < key->min || number > key->max)
        return "value out of range";
    if (key->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)number;

        memcpy((char *)profile + key->offset, &narrow, sizeof(narrow));
    } else {
        uint64_t wide = number;

        memcpy((char *)profile + key->offset, &wide, sizeof(wide));
    }
    *seen |= 1u << (key - keys);
    return NULL;
}

/* mi50 from /some/where/mi50.conf, cut to the field's size. */
static void set_name(struct emu_profile *profile, const char *path)
{
    const char *base = strrchr(path, '/');
    const char *dot;
    size_t length;

    base = base ? base + 1 : path;
    dot = strchr(base, '.');
    length = dot ? (size_t)(dot - base) : strlen(base);
    if (length >= sizeof(profile->name))
        length = sizeof(profile->name) - 1;
    memcpy(profile->name, base, length);
}

int emu_profile_load(struct emu_profile *profile, const char *path, char *err, size_t err_size)
{
    struct emu_profile loaded;
    uint32_t seen = 0;
    unsigned number = 0;
    char line[512];
    FILE *file = fopen(path, "re");

    _Static_assert(KEYS <= 32, "seen has a bit for each key");
    if (!file) {
        int error = errno;

        snprintf(err, err_size, "%s: %s", path, strerror(error));
        return -error;
    }
    memset(&loaded, 0, sizeof(loaded));
    while (fgets(line, sizeof(line), file)) {
        const char *problem = NULL;

        number++;
        if (strlen(line) + 1 == sizeof(line))
            problem = "line too long";
        if (!problem)
            problem = parse_line(&loaded, &seen, line);
        if (problem) {
            snprintf(err, err_size, "%s:%u: %s", path, number, problem);
            fclose(file);
            return -EINVAL;
        }
    }
    fclose(file);
    for (unsigned i = 0; i < KEYS; i++) {
        if (!keys[i].optional && !(seen & (1u << i))) {
            snprintf(err, err_size, "%s: key %s is missing", path, keys[i].name);
            return -EINVAL;
        }
    }
    if ((uint64_t)loaded.compute_units * loaded.simds_per_cu * loaded.waves_per_simd >
        EMU_MAX_RESIDENTS) {
        snprintf(err, err_size, "%s: more than %d waves at a time", path, EMU_MAX_RESIDENTS);
        return -EINVAL;
    }
    set_name(&loaded, path);
    *profile = loaded;
    return 0;
}
