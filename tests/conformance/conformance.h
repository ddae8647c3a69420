// SPDX-License-Identifier: Apache-2.0
/*
 * The conformance suite: what CUDA's driver API promises, one small case each. It uses nothing but
 * cuda.h, so it runs on the emulated libcuda, under libreef and on a real driver.
 *
 * Each case runs in a process of its own (main.c), with the primary context of device 0 current. It
 * ends by returning (passed), by a failed check, or by skip(). No case measures time or sleeps:
 * order is forced by gates, which are host functions that wait, or words of memory that a stream
 * waits for.
 */
#pragma once

#include <cuda.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct conf_case {
    const char *name, *promise;
    void (*run)(void);
};

#define CASE(name, promise)                                                                        \
    static void name(void);                                                                        \
    static const struct conf_case case_##name = {#name, promise, name};                            \
    static const struct conf_case *const entry_##name                                              \
        __attribute__((section("conf_cases"), used)) = &case_##name;                               \
    static void name(void)

/** The other process of a case: runs it with one end of a pair of sockets. */
struct conf_peer {
    const char *name;
    void (*run)(int socket);
};
#define PEER(name)                                                                                 \
    static void name(int socket);                                                                  \
    static const struct conf_peer peer_##name = {#name, name};                                     \
    static const struct conf_peer *const entry_##name                                              \
        __attribute__((section("conf_peers"), used)) = &peer_##name;                               \
    static void name(int socket)

/** Ends the case. */
void conf_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
void conf_skip(const char *why) __attribute__((noreturn));
void conf_is(CUresult got, CUresult want, const char *call, const char *file, int line);

#define OK(call)       conf_is(call, CUDA_SUCCESS, #call, __FILE__, __LINE__)
#define IS(call, want) conf_is(call, want, #call, __FILE__, __LINE__)
#define CHECK(...)                                                                                 \
    do {                                                                                           \
        if (!(__VA_ARGS__))                                                                        \
            conf_fail(__FILE__, __LINE__, "not so: %s", #__VA_ARGS__);                             \
    } while (0)
#define EQUAL(a, b)                                                                                \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_)                                                                              \
            conf_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #a, a_, b_);                     \
    } while (0)

/* ---- helpers (support.c) ---- */
extern CUdevice dev;
int attribute(CUdevice_attribute which);
extern const char conf_ptx[];
/** Whether the driver looks handles up, and so says what is none: the emulated one. A real one may
 * crash. */
bool handles_are_checked(void);
CUmodule module(void);
CUfunction fn(const char *name);
/** Device memory of words, all zero. */
CUdeviceptr words(size_t count);
uint32_t *pinned(size_t count);
CUstream stream(void);
CUstream free_stream(void); /* non-blocking */
CUevent event(void);
/** The word, read in a way that waits for nothing but itself (a copy in a fresh non-blocking
 * stream). */
uint32_t peek(CUdeviceptr at);
/** The word after everything of the context is done. */
uint32_t word(CUdeviceptr at);

/* Kernels: each has one thread that works on one word. */
void affine(CUstream s, CUdeviceptr at, uint32_t a, uint32_t b); /* x = x * a + b */
void slow(CUstream s, CUdeviceptr at, uint32_t us); /* x = x + 1 after so many device us */
/** Twenty slow kernels: x grows by 20. */
void chain(CUstream s, CUdeviceptr at);
enum { CHAIN = 20 };

/** Where a holder runs beside the suite (tests/gpu/hold.h): from here on best-effort work is held,
 * for a while at most, or until hold_end. A case begins so, and so does a closed gate. */
void hold_here(void);
void hold_end(void);

/** A host function that waits until it is let go, or (limit_ms not 0) for so long at most. */
struct gate {
    sem_t begun, go;
    unsigned limit_ms;
    struct timespec until;
};
void gate_close(struct gate *gate, CUstream s);
void gate_close_for(struct gate *gate, CUstream s, unsigned ms);
void gate_begun(struct gate *gate); /* waits until it has begun to wait */
void gate_open(struct gate *gate);
void run_thread(void *(*run)(void *), void *arg, pthread_t *thread);

/* ---- two processes (peer.c) ---- */
/** Starts a peer by its name; the socket to it. A context is current there as in a case. */
int peer_start(const char *name);
/** Waits for its end; it has to have passed. */
void peer_end(int socket);
void peer_put(int socket, const void *data, size_t bytes);
void peer_get(int socket, void *data, size_t bytes);
/** The other one may go on; waits for that. */
void peer_go(int socket);
void peer_wait(int socket);
void peer_put_file(int socket, int fd);
int peer_get_file(int socket);
