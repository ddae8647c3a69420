// SPDX-License-Identifier: Apache-2.0
/*
 * Guards for CUDA kernels (REEF_GUARD=ptx): kernels that carry PTX are there twice, and the second
 * one (ptx/rewrite.h) can be told to end. Best-effort class only.
 *
 *   guard_load.c      hooks of the calls that load code
 *   guard_function.c  of those that name functions, and what is known of these
 *   guard_launch.c    one launch: may it be run again, and its arguments for the guarded kernel
 *   guard.c           the words that guards look at, of each context and stream, and reports
 *   guard_repeat.c    launches that wait for something that the program does only later
 *
 * What is guarded is *in flight* until it is known what became of it: its operation stays in the
 * stream's queue and in the order of calls, so whatever comes behind it waits as behind work that
 * was not given to the driver yet; but what is guarded itself may follow it. That makes all
 * promises of order hold without anything more: nothing is told of a launch, and nothing unguarded
 * follows it, before it is known that it is complete, or until what becomes of it is left to the
 * device.
 */
#pragma once

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/ptx/rewrite.h"

/* --- guard_function.c --- */

/** Where the value of a slot is among the arguments. */
struct reef_guard_slot {
    uint8_t slot;
    uint16_t param, offset;
};

/** What is known of a function that has a guarded twin. */
struct reef_guarded {
    cu_word handle, twin;
    uint8_t restart; /* enum reef_ptx_restart */
    bool variables;
    uint16_t params, param_bytes; /* the program's own */
    uint64_t reads, writes, mixed;
    uint8_t slots;
    struct reef_guard_slot slot[REEF_PTX_SLOTS];
};

/** The driver has loaded @r's text as @handle. Takes @r. */
void cu_guard_loaded(cu_word handle, struct reef_ptx_rewritten *r);
void cu_guard_drop(struct reef_ptx_rewritten *r); /* frees it; may be NULL */
/** A call that names functions or asks of them. */
cu_result cu_guard_function(struct cu_api *api, cu_word *a);
/** Whether @handle (a CUfunction, or CUkernel in its place) has a guarded twin. */
bool cu_guard_find(cu_word handle, struct reef_guarded *found);
/** A module or library is unloaded; 0: all may be gone. */
void cu_guard_forget(cu_word module);

/* --- guard_load.c --- */

/** Whether this process's kernels are to be guarded at all, by its options and driver. */
bool cu_guards_wanted(void);
/** A call of a kind that concerns code: loads it with guards if it can be. */
cu_result cu_guard_load(struct cu_api *api, cu_word *a);

/* --- guard.c --- */

struct reef_guards; /* of a context */

/** Makes what guards of the current context need, if it is not there; may wait for the GPU. */
void cu_guards_open(struct reef_context *context);
void cu_guards_forget(struct reef_context *context);
/** Lines and records for launches in @s. False: there are none left. cuda->lock held. */
bool cu_guard_take_locked(struct reef_stream *s, uint32_t *record);
void cu_guard_give_locked(struct reef_stream *s, uint32_t record);
/** What the device still looks at when the stream is over that far (guard_repeat.c). */
void cu_guard_keep_locked(struct reef_stream *s, uint32_t record);
void cu_guard_give_kept_locked(struct reef_stream *s);
/** Whether the launch with @record reported that it ended early. It is over. */
bool cu_guard_ended(const struct reef_stream *s, uint32_t record);
/** The three words that a guarded kernel gets. @evictable: it looks at the stream's flags. */
void cu_guard_words(const struct reef_stream *s, uint32_t record, bool evictable, uint64_t *words);
/** The same for its repetition: it runs if that launch ended early. */
void cu_guard_repeat_words(const struct reef_stream *s, uint32_t record, uint64_t *words);
void cu_guard_close_line_locked(struct reef_stream *s);
/** The agent's part: makes the flags on the device as they should be. No lock held. */
void cu_guards_step(void);

/* --- guard_launch.c --- */

/** What a held launch has besides its words. */
struct reef_op_guard {
    struct reef_guarded of;
    bool restartable;   /* this launch */
    cu_word *function;  /* among the operation's words */
    uint64_t *words;    /* of the twin's last parameters */
    size_t *size;       /* of a buffer of arguments; NULL: there is none */
    size_t plain_bytes; /* of that buffer */
    uint32_t record;    /* while in flight */
};

/** Whether the launch may be run again. @parameters as for cuLaunchKernel. */
bool cu_guard_restartable(const struct reef_guarded *g, void **parameters, const char *buffer);
/** Makes @op the launch of its guarded twin (@record of its stream), or of the program's own. */
void cu_guard_arm(struct reef_op *op, bool evictable);
/** Makes it a launch that runs if the one with its record ended early. */
void cu_guard_arm_repeat(struct reef_op *op);
void cu_guard_disarm(struct reef_op *op);

/* --- guard_repeat.c: agent only, no lock held --- */

/** Leaves it to the device what becomes of the launches in flight in @s, so that nothing need wait
 * for them any more. */
void cu_guard_repeat(struct reef_stream *s);
/** Looks whether what was left to the device in @s is over. */
void cu_guard_look(struct reef_stream *s);
