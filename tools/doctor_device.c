// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor, the device: is there a GPU of AMD's compute driver (amdkfd), and may this user open
 * it? Source: /dev/kfd, and the topology files that the driver publishes in sysfs (Linux,
 * drivers/gpu/drm/amd/amdkfd/kfd_topology.c).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/doctor.h"

#define TOPOLOGY "/sys/class/kfd/kfd/topology/nodes"

/* The number after "@key " in a node's properties, or -1. */
static long property(const char *node, const char *key)
{
    char path[PATH_MAX], name[64];
    long value, found = -1;
    FILE *file;

    if (snprintf(path, sizeof(path), TOPOLOGY "/%s/properties", node) >= PATH_MAX)
        return -1;
    file = fopen(path, "re");
    if (!file)
        return -1;
    while (found < 0 && fscanf(file, "%63s %ld", name, &value) == 2)
        if (strcmp(name, key) == 0)
            found = value;
    fclose(file);
    return found;
}

static bool may_open(struct doctor *d, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return true;
    }
    if (errno == EACCES || errno == EPERM)
        doctor_no(d, "%s: %s (members of the group \"render\" may use the GPU)", path,
                  strerror(errno));
    else
        doctor_no(d, "%s: %s", path, strerror(errno));
    return false;
}

static void check_node(struct doctor *d, const char *node, int *gpus)
{
    long simds = property(node, "simd_count"), version = property(node, "gfx_target_version");
    long minor = property(node, "drm_render_minor");
    char render[64];

    if (simds <= 0) /* a CPU */
        return;
    snprintf(render, sizeof(render), "/dev/dri/renderD%ld", minor);
    if (minor > 0 && !may_open(d, render))
        return;
    ++*gpus;
    if (version >
        0) /* decimal major * 10000 + minor * 100 + stepping; the name has a hex stepping */
        doctor_ok(d, "GPU of node %s: gfx%ld%ld%lx, %ld SIMDs", node, version / 10000,
                  version / 100 % 100, version % 100, simds);
    else
        doctor_ok(d, "GPU of node %s: %ld SIMDs", node, simds);
    if (version > 0 && version != 90006)
        doctor_warn(d, "this version of libreef was tested with gfx906 only");
}

static void check_real(struct doctor *d)
{
    struct dirent *entry;
    int gpus = 0;
    DIR *nodes;

    bool cuda = doctor_check_cuda(d);
    if (cuda && access("/dev/kfd", F_OK) != 0)
        return; /* no AMD GPU is missed */
    if (access("/dev/kfd", F_OK) != 0) {
        doctor_no(d,
                  "no AMD compute device: /dev/kfd: %s (reef doctor --emulate mi50 looks at the "
                  "emulated one)",
                  strerror(errno));
        return;
    }
    if (!may_open(d, "/dev/kfd"))
        return;
    nodes = opendir(TOPOLOGY);
    if (!nodes) {
        doctor_no(d, "%s: %s", TOPOLOGY, strerror(errno));
        return;
    }
    while ((entry = readdir(nodes)))
        if (entry->d_name[0] != '.')
            check_node(d, entry->d_name, &gpus);
    closedir(nodes);
    if (gpus == 0)
        doctor_no(d, "the AMD compute driver knows no GPU that this user may open");
}

static void check_emulated(struct doctor *d)
{
    const char *dir = getenv("REEF_EMU_DIR");

    if (!dir || !*dir)
        dir = "/dev/shm";
    doctor_ok(d, "GPU: an emulated %s, by %s", d->profile, d->emulator);
    if (access(dir, W_OK | X_OK) != 0)
        doctor_no(d, "programs cannot share the emulated GPU in %s: %s (set REEF_EMU_DIR)", dir,
                  strerror(errno));
}

void doctor_check_device(struct doctor *d)
{
    if (d->emulated)
        check_emulated(d);
    else
        check_real(d);
}
