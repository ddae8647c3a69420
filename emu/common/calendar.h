// SPDX-License-Identifier: Apache-2.0
/*
 * Dated events of one process's device engine, in order of date.
 *
 * Ties are broken by kind and then by the order of entry, so that the same dates always give the
 * same sequence of events. Not thread-safe: the engine's lock guards it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which events of one moment happen. */
enum emu_due_kind {
    EMU_DUE_WORK_END,   /* a work-group ended or faulted; what: struct emu_work */
    EMU_DUE_COMPLETION, /* a dispatch is complete; what: struct emu_dispatch */
    EMU_DUE_DOORBELL,   /* a doorbell's value arrives; what: struct emu_queue */
    EMU_DUE_QUEUE,      /* a queue's packet processor goes on; what: struct emu_queue */
    EMU_DUE_SAVED,      /* a suspended queue's waves are saved; what: struct emu_queue */
    EMU_DUE_MAP,        /* the queues are back on the hardware */
    EMU_DUE_ALARM,      /* somebody waited for this moment; what: bool, to be set */
    EMU_DUE_TICK,       /* a new epoch begins */
};

struct emu_due {
    uint64_t at_ns;
    uint64_t order; /* kind and number of entry */
    void *what;     /* borrowed */
};

struct emu_calendar {
    struct emu_due *heap; /* owned */
    size_t used, size;
    uint64_t entered;
};

void emu_calendar_clear(struct emu_calendar *calendar);
/** Makes room for @count more entries, so that as many emu_calendar_add cannot fail. */
bool emu_calendar_reserve(struct emu_calendar *calendar, size_t count);
bool emu_calendar_add(struct emu_calendar *calendar, uint64_t at_ns, enum emu_due_kind kind,
                      void *what);
/** Date of the next event, UINT64_MAX if there is none. */
uint64_t emu_calendar_next(const struct emu_calendar *calendar);
/** Takes out the next event. The calendar must not be empty. */
struct emu_due emu_calendar_take(struct emu_calendar *calendar);
enum emu_due_kind emu_due_kind(const struct emu_due *due);
/** Takes out the event of this kind and object. Returns its date, or UINT64_MAX if there is none.
 */
uint64_t emu_calendar_drop(struct emu_calendar *calendar, enum emu_due_kind kind, const void *what);
/** Gives each event of this kind the date that @date says. */
void emu_calendar_redate(struct emu_calendar *calendar, enum emu_due_kind kind,
                         uint64_t (*date)(const void *what, uint64_t at_ns));
/** Moves what is dated before @at_ns to @at_ns. */
void emu_calendar_advance(struct emu_calendar *calendar, uint64_t at_ns);
/** Moves what happens on the hardware (all but doorbells, alarms, ticks and mapping) by @delay_ns.
 */
void emu_calendar_delay(struct emu_calendar *calendar, uint64_t delay_ns);
