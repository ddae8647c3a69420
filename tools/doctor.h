// SPDX-License-Identifier: Apache-2.0
/* The parts of `reef doctor`. Private to tools/. */
#pragma once

#include "shim/preload/config.h"
#include "tools/reef.h"

struct doctor {
    bool failed;             /* a "no" was said */
    bool emulated;           /* the emulated GPU is meant, and its files are there */
    bool class_open;         /* no REEF_PRIORITY yet */
    const char *profile;     /* of the emulated GPU; NULL: a real one */
    char emulator[PATH_MAX]; /* its library */
    struct reef_config config;
    struct reef_elf libreef;
    bool cuda; /* NVIDIA's driver is here */
};

/* One finding each; the line is printed at once. */
__attribute__((format(printf, 2, 3))) void doctor_ok(struct doctor *d, const char *format, ...);
__attribute__((format(printf, 2, 3))) void doctor_warn(struct doctor *d, const char *format, ...);
__attribute__((format(printf, 2, 3))) void doctor_no(struct doctor *d, const char *format, ...);

/** The kernel driver and the GPUs behind it, or the emulated one. */
void doctor_check_device(struct doctor *d);
/** What will be done for CUDA programs on this machine. False if there is nothing of NVIDIA's here. */
bool doctor_check_cuda(struct doctor *d);
/** By what best-effort kernels are stopped here. */
void doctor_check_means(struct doctor *d);
/** The program (NULL: any) and the vendor libraries it would load. */
void doctor_check_program(struct doctor *d, const char *program);
/** Lists the kernels of a file. Returns the exit status. */
int doctor_kernels(const char *path, const char *json); /* NULL: no JSON; "-": instead of lines */
/** The same for PTX text. */
bool doctor_is_ptx(const char *path);
int doctor_ptx(const char *path, const char *json);
/** Opens the file for JSON; "-": standard output, where nothing else is printed from then on. */
FILE *doctor_open_json(const char *json);
/** The instructions of the program's code objects that the emulated GPU refuses; also written to the
 *  file @json unless that is NULL. */
void doctor_check_instructions(struct doctor *d, const char *program, const char *json);
