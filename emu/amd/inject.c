// SPDX-License-Identifier: Apache-2.0
/*
 * Faults on order (REEF_EMU_FAIL_IOCTL, REEF_EMU_FAIL_PACKET): what a program and libreef do when
 * the driver refuses a request, or when a packet goes wrong, can thereby be tested at each place.
 *
 * Threading: any. Counts are of this process; a forked child that opens the device begins anew.
 */
#include "driver.h"

#include <stdatomic.h>

static atomic_int requests[EMU_MAX_FAIL_IOCTLS], packets;

void emu_inject_start(void)
{
    for (unsigned i = 0; i < EMU_MAX_FAIL_IOCTLS; i++)
        atomic_store(&requests[i], 0);
    atomic_store(&packets, 0);
}

int emu_inject_ioctl(unsigned number)
{
    const struct emu_fail_ioctl *rule = emu_settings()->fail_ioctl;
    int error = 0;

    for (unsigned i = 0; i < EMU_MAX_FAIL_IOCTLS && rule[i].nth; i++) {
        if (rule[i].number && (unsigned)rule[i].number != number)
            continue;
        if (atomic_fetch_add(&requests[i], 1) + 1 == rule[i].nth)
            error = rule[i].error;
    }
    if (error)
        emu_report("KFD request 0x%02x fails on order (errno %d)", number, error);
    return -error;
}

enum emu_fail_packet emu_inject_packet(void)
{
    const struct emu_settings *settings = emu_settings();

    if (!settings->fail_packet_nth ||
        atomic_fetch_add(&packets, 1) + 1 != settings->fail_packet_nth)
        return EMU_FAIL_NONE;
    emu_report("AQL packet %d of this process goes wrong on order", settings->fail_packet_nth);
    return settings->fail_packet;
}
