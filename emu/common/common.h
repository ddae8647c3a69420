// SPDX-License-Identifier: Apache-2.0
/*
 * What the emulated drivers have in common: settings, reports, and the device shared by all its
 * processes. An emulated driver (emu/amd, emu/nvidia) links these files and defines the two names
 * at the end.
 *
 * Functions return 0 or a negative errno.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../model/device.h"

/* ---- settings.c: read once from REEF_EMU_*, see docs/emulator.md ---- */
enum { EMU_MAX_PREFETCH = 64, EMU_MAX_FAIL_IOCTLS = 8 };

/** The @nth request of this number (0: of any) is answered with @error. */
struct emu_fail_ioctl {
    int number, nth, error; /* nth 0: no rule */
};

/* What amdkfd has at numbers 0x85 and 0x86, where patched and newer drivers differ. */
enum emu_driver { EMU_DRIVER_STOCK, EMU_DRIVER_REEF, EMU_DRIVER_PC_SAMPLING };

enum emu_fail_packet { EMU_FAIL_NONE, EMU_FAIL_ERROR, EMU_FAIL_MEMORY, EMU_FAIL_HANG };

struct emu_settings {
    char profile_path[512];   /* REEF_EMU_PROFILE: name or path; default mi50 */
    char dir[256];            /* REEF_EMU_DIR: where the shared device lies; default /dev/shm */
    double timescale;         /* REEF_EMU_TIMESCALE: wall time per device time; default 20 */
    uint64_t quantum_ns;      /* REEF_EMU_QUANTUM_US: how far an interpreter may run ahead; default 50 us */
    unsigned threads;         /* REEF_EMU_THREADS: interpreter threads; default min(cores, 2) */
    char durations[512];      /* REEF_EMU_DURATIONS: file of durations by kernel name; empty: none */
    char stats[512];          /* REEF_EMU_STATS: file for the statistics at exit; empty: none */
    uint64_t poll_ns;         /* REEF_EMU_POLL_US: wall time between looks at doorbells after a pause */
    bool trace;               /* REEF_EMU_TRACE=1: one stderr line per packet and ioctl */
    /* Knobs of the AMD command processor, by which tests force races; all off by default. */
    unsigned prefetch_packets;       /* REEF_EMU_PREFETCH: packets copied before their turn */
    bool read_index_at_launch;       /* REEF_EMU_READ_INDEX=launch: when read_dispatch_id advances */
    uint64_t doorbell_delay_ns;      /* REEF_EMU_DOORBELL_DELAY_US */
    uint64_t completion_delay_ns;    /* REEF_EMU_COMPLETION_DELAY_US */
    uint64_t save_ns, restore_ns;    /* REEF_EMU_SAVE_US, REEF_EMU_RESTORE_US: CWSR of running waves */
    uint64_t flag_delay_ns;          /* REEF_EMU_FLAG_DELAY_US: how late the host's stores are seen */
    bool unmap_all;                  /* REEF_EMU_UNMAP_ALL=1: by any queue change */
    enum emu_driver driver;          /* REEF_EMU_DRIVER */
    struct emu_fail_ioctl fail_ioctl[EMU_MAX_FAIL_IOCTLS]; /* REEF_EMU_FAIL_IOCTL */
    enum emu_fail_packet fail_packet; /* REEF_EMU_FAIL_PACKET */
    int fail_packet_nth;
    bool count_only;          /* REEF_EMU_COUNT=1 (NVIDIA): launches are only counted */
    bool mps;                 /* REEF_EMU_MPS=1 (NVIDIA): contexts of different processes side by side */
    bool strict;              /* REEF_EMU_STRICT=1 (NVIDIA): a handle of what is gone ends the program */
    bool reuse_handles;       /* REEF_EMU_REUSE_HANDLES=1 (NVIDIA): those of objects that are gone, at once */
    uint32_t timeslice_us;    /* REEF_EMU_TIMESLICE_US (NVIDIA): of this process; 0: the profile's */
};
const struct emu_settings *emu_settings(void);
/** Reports bad values and unknown names. */
void emu_settings_check(void);

/* ---- reports (report.c): stderr, one write(2) per line, prefix "reef-emu: " ---- */
void emu_report(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Remembers a thing that a program asked for and that is missing (said at once and listed at exit). */
void emu_missing(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- segment.c ---- */
int emu_segment_attach(void);                 /* maps the shared device; 0 or a negative errno */
struct emu_device *emu_segment_lock(void);    /* robust; reaps what a dead owner left */
void emu_segment_unlock(void);                /* and wakes the processes whose wake word changed */
int emu_segment_process(void);                /* this process's slot */
uint64_t emu_wall_ns(void);                   /* CLOCK_MONOTONIC */
uint64_t emu_device_clock_ns(void);           /* locks, reads, unlocks */
/** Sleeps until this process's wake word differs from @seen or @timeout_ns of wall time passed. */
void emu_segment_wait(uint32_t seen, uint64_t timeout_ns);
/** If the clock has stood at another process's horizon for long, finds out whether that process is
 *  dead (detached) or stopped (set absent). Called by the device thread. */
void emu_segment_check_peers(void);

/* ---- defined by each emulated driver ---- */
/** The profile that is used if none is named. */
extern const char emu_default_profile[];
/** open(2) below whatever the driver interposes. */
int emu_real_open(const char *path, int flags, unsigned mode);
