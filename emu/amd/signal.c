// SPDX-License-Identifier: Apache-2.0
/*
 * HSA signals as the packet processor uses them (hsa/amd_hsa_signal.h). A signal with a mailbox has
 * an event that host threads may sleep on: whoever changes the value writes the event's id to the
 * mailbox and interrupts.
 */
#include "engine.h"

static amd_signal_t *signal_at(uint64_t va)
{
    return va % AMD_SIGNAL_ALIGN_BYTES == 0 ? emu_vm_host(va, sizeof(amd_signal_t)) : NULL;
}

static void raise_event(const amd_signal_t *signal)
{
    if (signal->event_mailbox_ptr)
        emu_event_signal(signal->event_mailbox_ptr, signal->event_id);
}

bool emu_signal_load(uint64_t va, int64_t *value)
{
    amd_signal_t *signal = signal_at(va);

    if (!signal)
        return false;
    *value = __atomic_load_n(&signal->value, __ATOMIC_ACQUIRE);
    return true;
}

void emu_signal_store(uint64_t va, int64_t value)
{
    amd_signal_t *signal = signal_at(va);

    if (!signal) {
        emu_report("no signal at 0x%llx", (unsigned long long)va);
        return;
    }
    __atomic_store_n(&signal->value, value, __ATOMIC_RELEASE);
    raise_event(signal);
}

void emu_signal_complete(uint64_t va, uint64_t start_ns, uint64_t end_ns)
{
    amd_signal_t *signal = signal_at(va);

    if (!signal) {
        emu_report("no completion signal at 0x%llx", (unsigned long long)va);
        emu_event_memory_fault(va, true, false);
        return;
    }
    /* Whoever sees the new value may free the signal: its event is read before. */
    amd_signal_t copy = *signal;

    emu_trace("signal 0x%llx: %lld - 1", (unsigned long long)va, (long long)copy.value);
    signal->start_ts = start_ns;
    signal->end_ts = end_ns;
    __atomic_fetch_sub(&signal->value, 1, __ATOMIC_ACQ_REL);
    raise_event(&copy);
}
