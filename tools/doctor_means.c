// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor, the means: by what best-effort kernels can be stopped on this machine, and which of
 * these the options choose. What the kernel driver has is asked by requests that change nothing
 * (shim/amd/kfd_probe.h); of the emulated driver its settings say it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "shim/amd/kfd_probe.h"
#include "tools/doctor.h"

#define NODES "/sys/class/kfd/kfd/topology/nodes"

struct driver {
    bool open; /* the rest is known */
    uint32_t major, minor;
    bool kills;
};

/* A GPU's number in the driver's topology; CPUs have 0. */
static uint32_t any_gpu(void)
{
    DIR *nodes = opendir(NODES);
    struct dirent *entry;
    unsigned gpu = 0;

    while (nodes && gpu == 0 && (entry = readdir(nodes))) {
        char path[PATH_MAX];
        FILE *file = NULL;

        if (snprintf(path, sizeof(path), NODES "/%s/gpu_id", entry->d_name) < PATH_MAX)
            file = fopen(path, "re");
        if (file && fscanf(file, "%u", &gpu) != 1)
            gpu = 0;
        if (file)
            fclose(file);
    }
    if (nodes)
        closedir(nodes);
    return gpu;
}

static void ask_emulated(struct driver *driver)
{
    const char *what = getenv("REEF_EMU_DRIVER");

    *driver = (struct driver){.open = true, .major = 1, .minor = 8};
    driver->kills = what && strcmp(what, "reef") == 0;
}

static void ask_real(struct driver *driver)
{
    struct kfd_version version = {0};
    int fd = open("/dev/kfd", O_RDWR | O_CLOEXEC);

    if (fd >= 0 && ioctl(fd, KFD_GET_VERSION, &version) == 0) {
        driver->open = true;
        driver->major = version.major;
        driver->minor = version.minor;
        driver->kills = version.major == 1 && kfd_probe_kill(ioctl, fd, version.minor, any_gpu());
    }
    if (fd >= 0)
        close(fd);
}

static void say_what_is_there(struct doctor *d, const struct driver *driver)
{
    if (!driver->open) {
        doctor_warn(d, "means: the kernel driver cannot be asked what it has");
        return;
    }
    doctor_ok(d,
              "means that are here: guards (gfx906 code); re-creating the hardware queue; %s; %s "
              "(interface %u.%u of amdkfd)",
              driver->major == 1 ? "suspending it" : "no suspending: the interface is not known",
              driver->kills ? "REEF's kill request" : "no kill request", driver->major,
              driver->minor);
}

static void say_which(struct doctor *d, const struct driver *driver)
{
    static const char *const which[] = {
        [REEF_RESTARTABLE_NEVER] = "none (REEF_RESTARTABLE=never)",
        [REEF_RESTARTABLE_ASSUME] = "all (REEF_RESTARTABLE=assume)",
        [REEF_RESTARTABLE_ANALYZE] =
            "those whose code allows it (reef doctor --kernels lists them)",
        [REEF_RESTARTABLE_FILE] =
            "those that REEF_RESTARTABLE's file names, or whose code allows it",
    };
    const struct reef_config *c = &d->config;
    enum reef_config_restartable restartable = reef_config_restartable(c);
    bool suspends = driver->open && driver->major == 1;
    const char *rest = suspends ? "suspended, or waited for if it ends soon" : "waited for";

    if (c->reset == REEF_RESET_DRAIN)
        doctor_ok(d, "means: hold and drain; running best-effort kernels are waited for "
                     "(REEF_RESET=drain)");
    else if (c->reset == REEF_RESET_SUSPEND)
        doctor_ok(d, "means: hold, then running best-effort kernels are %s (REEF_RESET=suspend)",
                  suspends ? "suspended with their hardware queue" : "waited for");
    else if (restartable == REEF_RESTARTABLE_NEVER && c->reset == REEF_RESET_AUTO && suspends)
        doctor_ok(d,
                  "means: hold, then what runs is %s, because no kernel may be run again "
                  "(REEF_RESTARTABLE=never)",
                  rest);
    else if (restartable == REEF_RESTARTABLE_NEVER)
        doctor_ok(d,
                  "means: hold and drain; running best-effort kernels are waited for, because none "
                  "may be run again (REEF_RESTARTABLE=never)");
    else if (c->reset == REEF_RESET_GUARD)
        doctor_ok(d,
                  "means: hold, then guards, which keep queued kernels from beginning and end what "
                  "runs; the rest is waited for (REEF_RESET=guard); kernels that may be run again: "
                  "%s",
                  which[restartable]);
    else if (c->reset == REEF_RESET_QUEUE)
        doctor_ok(d,
                  "means: hold, then kernels are killed by re-creating their hardware queue; what "
                  "may not be run again is waited for (REEF_RESET=queue); kernels that may be run "
                  "again: %s",
                  which[restartable]);
    else
        doctor_ok(d,
                  "means: hold, then guards, which keep queued kernels from beginning and end what "
                  "runs; where these do not suffice kernels are killed by %sre-creating their "
                  "hardware queue; what may not be run again is %s; kernels that may be run again: "
                  "%s",
                  driver->kills ? "REEF's request, or by " : "", rest, which[restartable]);
}

void doctor_check_means(struct doctor *d)
{
    struct driver driver = {0};

    if ((d->config.priority == REEF_PRIORITY_RT && !d->class_open) || d->cuda)
        return; /* CUDA's were told with the device */
    if (d->emulated)
        ask_emulated(&driver);
    else
        ask_real(&driver);
    say_what_is_there(d, &driver);
    say_which(d, &driver);
}
