// SPDX-License-Identifier: Apache-2.0
/*
 * The files that amdkfd shows below /sys: one CPU node and one GPU node, made from the device
 * profile.
 *
 * They are real files in a folder beside the shared device, so that any reader (stdio, readdir,
 * mmap) works. The folder's name holds the user id and a hash of all contents: processes with the
 * same profile share it, and it never changes once it exists. It is made under another name and
 * renamed, so nobody sees half of it; it is left behind for the next process, like the device.
 *
 * Names and units of the keys: linux/drivers/gpu/drm/amd/amdkfd/kfd_topology.c
 * (sysfs_show_gen_prop) and include/uapi/linux/kfd_sysfs.h; values of an MI50 (Vega 20, gfx906)
 * that are not in the profile are noted where they stand.
 */
#include "kfd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "../model/profile.h"

enum { MAX_FILES = 24, FILE_BYTES = 2048 };

struct file {
    char path[80]; /* below the root; a path that ends in '/' is an empty folder */
    char text[FILE_BYTES];
};

static struct {
    pthread_once_t once;
    int error; /* negative errno of making the files */
    char root[320];
} topology = {.once = PTHREAD_ONCE_INIT};

struct files {
    unsigned count;
    struct file file[MAX_FILES];
};

#define TOPOLOGY "/sys/devices/virtual/kfd/kfd/topology/"

struct property {
    const char *name;
    uint64_t value;
};

static __attribute__((format(printf, 3, 4))) void add(struct files *files, const char *path,
                                                      const char *format, ...)
{
    struct file *file = &files->file[files->count++];
    va_list args;

    snprintf(file->path, sizeof(file->path), "%s", path);
    va_start(args, format);
    vsnprintf(file->text, sizeof(file->text), format, args);
    va_end(args);
}

static void add_properties(struct files *files, const char *path, const struct property *property,
                           size_t count)
{
    struct file *file = &files->file[files->count++];
    size_t used = 0;

    snprintf(file->path, sizeof(file->path), "%s", path);
    for (size_t i = 0; i < count && used < sizeof(file->text); i++)
        used += (size_t)snprintf(file->text + used, sizeof(file->text) - used, "%s %" PRIu64 "\n",
                                 property[i].name, property[i].value);
}

#define ADD_PROPERTIES(files, path, ...)                                                           \
    add_properties(files, path, (const struct property[]){__VA_ARGS__},                            \
                   sizeof((const struct property[]){__VA_ARGS__}) / sizeof(struct property))

static void add_io_link(struct files *files, unsigned from, unsigned to)
{
    char path[80];

    snprintf(path, sizeof(path), TOPOLOGY "nodes/%u/io_links/0/properties", from);
    /* type 2: PCI Express; weight 20: one hop, as the CRAT tables of such machines say */
    ADD_PROPERTIES(files, path, {"type", 2}, {"version_major", 0}, {"version_minor", 0},
                   {"node_from", from}, {"node_to", to}, {"weight", 20}, {"min_latency", 0},
                   {"max_latency", 0}, {"min_bandwidth", 312}, {"max_bandwidth", 16000},
                   {"recommended_transfer_size", 0}, {"flags", 1});
}

static void add_cpu_node(struct files *files)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

    add(files, TOPOLOGY "nodes/0/gpu_id", "0\n");
    add(files, TOPOLOGY "nodes/0/name", "\n");
    ADD_PROPERTIES(
        files, TOPOLOGY "nodes/0/properties", {"cpu_cores_count", (uint64_t)get_nprocs()},
        {"simd_count", 0}, {"mem_banks_count", 1}, {"caches_count", 0}, {"io_links_count", 1},
        {"cpu_core_id_base", 0}, {"simd_id_base", 0}, {"max_waves_per_simd", 0},
        {"lds_size_in_kb", 0}, {"gds_size_in_kb", 0}, {"num_gws", 0}, {"wave_front_size", 0},
        {"array_count", 0}, {"simd_arrays_per_engine", 0}, {"cu_per_simd_array", 0},
        {"simd_per_cu", 0}, {"max_slots_scratch_cu", 0}, {"vendor_id", 0}, {"device_id", 0},
        {"location_id", 0}, {"domain", 0}, {"drm_render_minor", 0}, {"hive_id", 0},
        {"num_sdma_engines", 0}, {"num_sdma_xgmi_engines", 0}, {"num_sdma_queues_per_engine", 0},
        {"num_cp_queues", 0}, {"max_engine_clk_ccompute", 2000});
    ADD_PROPERTIES(files, TOPOLOGY "nodes/0/mem_banks/0/properties", {"heap_type", 0},
                   {"size_in_bytes", (uint64_t)pages * (uint64_t)page}, {"flags", 0}, {"width", 64},
                   {"mem_clk_max", 2400});
    add_io_link(files, 0, 1);
}

static void add_cache(struct files *files, unsigned index, unsigned level, unsigned kib,
                      unsigned line, unsigned ways)
{
    char path[80];

    snprintf(path, sizeof(path), TOPOLOGY "nodes/1/caches/%u/properties", index);
    /* type 9: data | used by the compute units (HSA_CACHE_TYPE_DATA | _HSACU) */
    ADD_PROPERTIES(files, path, {"processor_id_low", 2147487744}, {"level", level}, {"size", kib},
                   {"cache_line_size", line}, {"cache_lines_per_tag", 1}, {"association", ways},
                   {"latency", 0}, {"type", 9});
    snprintf(files->file[files->count - 1].text + strlen(files->file[files->count - 1].text), 16,
             "sibling_map 1\n");
}

static void add_gpu_node(struct files *files, const struct emu_profile *profile)
{
    add(files, TOPOLOGY "nodes/1/gpu_id", "%u\n", EMU_GPU_ID);
    add(files, TOPOLOGY "nodes/1/name", "vega20\n");
    /* capability: doorbell type 2 (64 bits, in bits 13:12), watch points, as amdkfd reports for
     * Vega 20 without the SVM bit, and SRAM with ECC (bit 26), which an Instinct has and a Radeon
     * VII has not: the name of its instruction set is gfx906:sramecc+:xnack-. simd_id_base:
     * 0x80001000, the first id that KFD gives to a GPU. Engines, queues and firmware versions are
     * Vega 20's. */
    ADD_PROPERTIES(
        files, TOPOLOGY "nodes/1/properties", {"cpu_cores_count", 0},
        {"simd_count", (uint64_t)profile->compute_units * profile->simds_per_cu},
        {"mem_banks_count", 1}, {"caches_count", 2}, {"io_links_count", 1}, {"cpu_core_id_base", 0},
        {"simd_id_base", 0x80001000}, {"max_waves_per_simd", profile->waves_per_simd},
        {"lds_size_in_kb", profile->lds_bytes_per_cu >> 10}, {"gds_size_in_kb", 0}, {"num_gws", 64},
        {"wave_front_size", 64}, {"array_count", 4}, {"simd_arrays_per_engine", 1},
        {"cu_per_simd_array",
         (profile->compute_units + 3) / 4 < 16 ? 16 : (profile->compute_units + 3) / 4},
        {"simd_per_cu", profile->simds_per_cu}, {"max_slots_scratch_cu", 32},
        {"gfx_target_version", 90006}, {"vendor_id", 0x1002}, {"device_id", EMU_DEVICE_ID},
        {"location_id", 0x300}, {"domain", 0}, {"drm_render_minor", EMU_RENDER_MINOR},
        {"hive_id", 0}, {"num_sdma_engines", 2}, {"num_sdma_xgmi_engines", 0},
        {"num_sdma_queues_per_engine", 8}, {"num_cp_queues", 24},
        {"max_engine_clk_fcompute", profile->clock_mhz}, {"local_mem_size", 0}, {"fw_version", 440},
        {"capability", 1u << 26 | 8832}, {"debug_prop", 0}, {"sdma_fw_version", 145},
        {"unique_id", 0}, {"max_engine_clk_ccompute", 2000});
    /* heap_type 1: frame buffer that the host sees whole (large BAR). HBM2: 4096 bits at 1 GHz. */
    ADD_PROPERTIES(files, TOPOLOGY "nodes/1/mem_banks/0/properties", {"heap_type", 1},
                   {"size_in_bytes", profile->memory_bytes}, {"flags", 0}, {"width", 4096},
                   {"mem_clk_max", 1000});
    add_cache(files, 0, 1, 16, 64, 4);
    add_cache(files, 1, 2, 4096, 128, 16);
    add_io_link(files, 1, 0);
}

static void add_module(struct files *files)
{
    add(files, "/sys/module/amdgpu/initstate", "live\n");
    add(files, "/sys/module/amdgpu/refcnt", "0\n");
    add(files, "/sys/module/amdgpu/coresize", "0\n");
    add(files, "/sys/module/amdgpu/taint", "\n");
    add(files, "/sys/module/amdgpu/holders/", " ");
}

static uint64_t hash(const struct files *files)
{
    uint64_t h = 14695981039346656037ull; /* FNV-1a */

    for (unsigned i = 0; i < files->count; i++) {
        const char *strings[] = {files->file[i].path, files->file[i].text};

        for (int s = 0; s < 2; s++) {
            for (const char *p = strings[s]; *p; p++)
                h = (h ^ (unsigned char)*p) * 1099511628211ull;
        }
    }
    return h;
}

/** Makes the folders above @path, which is below @root. */
static int make_folders(const char *path)
{
    char folder[512];

    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        if (mkdir(folder, 0755) && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int write_file(const char *root, const struct file *file)
{
    char path[512];
    size_t length = strlen(file->text);
    int fd, rc;

    snprintf(path, sizeof(path), "%s%s", root, file->path);
    rc = make_folders(path);
    if (rc || path[strlen(path) - 1] == '/')
        return rc;
    fd = emu_real_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return -errno;
    rc = write(fd, file->text, length) == (ssize_t)length ? 0 : -EIO;
    close(fd);
    return rc;
}

static void remove_files(const char *root, const struct files *files)
{
    char path[512];

    for (unsigned i = 0; i < files->count; i++) {
        snprintf(path, sizeof(path), "%s%s", root, files->file[i].path);
        unlink(path);
    }
    for (unsigned i = 0; i < files->count; i++) {
        snprintf(path, sizeof(path), "%s%s", root, files->file[i].path);
        for (char *slash; (slash = strrchr(path, '/')) && slash >= path + strlen(root);) {
            *slash = '\0';
            rmdir(path);
        }
    }
}

/** True if @root is a folder of this user that no other can write. */
static bool is_trusted(const char *root)
{
    struct stat st;

    return lstat(root, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 022) == 0;
}

static int make_tree(const struct files *files)
{
    const char *dir = emu_settings()->dir;
    char fresh[sizeof(topology.root)];
    int rc = 0;

    snprintf(topology.root, sizeof(topology.root), "%s/reef-emu-sysfs-%u-%016" PRIx64, dir,
             (unsigned)geteuid(), hash(files));
    if (is_trusted(topology.root))
        return 0;
    snprintf(fresh, sizeof(fresh), "%s/reef-emu-sysfs-XXXXXX", dir);
    if (!mkdtemp(fresh))
        return -errno;
    chmod(fresh, 0755);
    for (unsigned i = 0; i < files->count && !rc; i++)
        rc = write_file(fresh, &files->file[i]);
    if (!rc && rename(fresh, topology.root) == 0)
        return 0;
    /* Another process was quicker, which is as good. */
    if (!rc && !is_trusted(topology.root))
        rc = -EACCES;
    remove_files(fresh, files);
    return rc;
}

static void make_once(void)
{
    struct emu_profile profile;
    struct files *files;
    char err[256];
    int rc = emu_profile_load(&profile, emu_settings()->profile_path, err, sizeof(err));

    if (rc) {
        emu_report("%s", err);
        topology.error = rc;
        return;
    }
    files = calloc(1, sizeof(*files));
    if (!files) {
        topology.error = -ENOMEM;
        return;
    }
    add(files, TOPOLOGY "generation_id", "2\n");
    ADD_PROPERTIES(files, TOPOLOGY "system_properties", {"platform_oem", 0}, {"platform_id", 0},
                   {"platform_rev", 0});
    add_cpu_node(files);
    add_gpu_node(files, &profile);
    add_module(files);
    topology.error = make_tree(files);
    if (topology.error)
        emu_report("cannot make the topology files in %s: %s", emu_settings()->dir,
                   strerror(-topology.error));
    free(files);
}

int emu_topology_redirect(const char *path, char **real)
{
    static const char class[] = "/sys/class/kfd";
    const char *prefix = "";

    pthread_once(&topology.once, make_once);
    if (topology.error)
        return topology.error;
    if (strncmp(path, class, sizeof(class) - 1) == 0) {
        path += sizeof(class) - 1;
        prefix = "/sys/devices/virtual/kfd";
    }
    return asprintf(real, "%s%s%s", topology.root, prefix, path) < 0 ? -ENOMEM : 0;
}

int emu_topology_modules_fd(void)
{
    static const char line[] = "amdgpu 0 0 - Live 0x0000000000000000\n";
    char buffer[4096];
    int in = emu_real_open("/proc/modules", O_RDONLY | O_CLOEXEC, 0);
    int out = memfd_create("modules", MFD_CLOEXEC);
    ssize_t got;

    if (out < 0) {
        int rc = -errno;

        if (in >= 0)
            close(in);
        return rc;
    }
    if (write(out, line, sizeof(line) - 1) < 0)
        goto done;
    while (in >= 0 && (got = read(in, buffer, sizeof(buffer))) > 0) {
        if (write(out, buffer, (size_t)got) != got)
            break;
    }
done:
    if (in >= 0)
        close(in);
    lseek(out, 0, SEEK_SET);
    return out;
}
