// SPDX-License-Identifier: Apache-2.0
/*
 * A workload: clients, each with a class, a model and a load that says when it wants a run of it.
 * The loads are those of DISB (the benchmark of REEF): continuous, periodic, Poisson, trace,
 * dependent.
 *
 * A client works on one request at a time. Of the requests that arrive meanwhile the newest is kept
 * and begun as soon as it is free (`keep_late` false, as DISB does it), or all of them are. Latency
 * counts from when the request was begun.
 *
 * Pure data; owns its memory.
 */
#pragma once

#include "replay/model.h"

enum { REPLAY_CLIENTS = 256, REPLAY_MODELS = 256, REPLAY_ARRIVALS = 1 << 24, REPLAY_DEPENDS = 16 };
#define REPLAY_LONGEST_NS 3600000000000ull /* of a workload, and of a period */

enum replay_load {
    REPLAY_CONTINUOUS, /* again when it is done */
    REPLAY_PERIODIC,   /* every @period_ns, from @offset_ns on */
    REPLAY_POISSON,    /* on average every @period_ns */
    REPLAY_TRACE,      /* at @arrivals */
    REPLAY_DEPENDENT,  /* when each of the clients @depends has completed one more */
};

/** A part of a client's model that is run as one request (recorded traces). */
struct replay_slice {
    uint32_t first, count; /* of the model's sequence */
    uint64_t think_ns;     /* continuous: from the end of the request before to this one */
};

struct replay_client {
    char name[REPLAY_NAME];
    bool rt;
    enum replay_load load;
    uint64_t period_ns, offset_ns;
    uint64_t *arrivals; /* owned; in order */
    uint32_t arrival_count;
    uint32_t depends[REPLAY_DEPENDS], depend_count;
    bool keep_late;
    const struct replay_model *model; /* of the workload's */
    struct replay_slice *slices;      /* owned; NULL: each request is a whole run */
    uint32_t slice_count;             /* they are run in turn, over and over if @repeat */
    bool repeat;
};

struct replay_workload {
    char name[REPLAY_NAME];
    uint64_t duration_ns;
    struct replay_client *clients; /* owned */
    uint32_t client_count;
    struct replay_model **models; /* owned, and each of them */
    uint32_t model_count;
};

struct replay_workload *replay_workload_create(const char *name);
void replay_workload_destroy(struct replay_workload *workload);
/** Takes @model over. 0, or -ENOMEM / -E2BIG: then it is still the caller's. */
int replay_workload_add_model(struct replay_workload *workload, struct replay_model *model);
const struct replay_model *replay_workload_find_model(const struct replay_workload *workload,
                                                      const char *name);
/** A new zeroed client, valid until the next is added; NULL: no memory, or too many. */
struct replay_client *replay_workload_add_client(struct replay_workload *workload);
/** Arrivals must not go back. 0, -EINVAL, -ENOMEM, -E2BIG. */
int replay_client_add_arrival(struct replay_client *client, uint64_t at_ns);
/** As DISB's coordinator: RT clients with the same period begin one after the other, each after the
 *  time that the ones before it take alone, with @request_ns for what the host does. Models must be
 *  prepared. */
void replay_workload_stagger(struct replay_workload *workload, uint64_t request_ns);

/** Random numbers that are the same everywhere: xorshift64* (Vigna 2016). The state is not 0. */
uint64_t replay_random(uint64_t *state);
/** A state from a seed and a number, so that different numbers give unrelated sequences. */
uint64_t replay_random_seed(uint64_t seed, uint64_t number);
/** Exponentially distributed with this mean, by integer arithmetic. */
uint64_t replay_random_exponential(uint64_t *state, uint64_t mean_ns);
