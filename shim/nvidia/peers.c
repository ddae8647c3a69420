// SPDX-License-Identifier: Apache-2.0
/*
 * The other programs of the GPUs, by class. Programs ring the agents when they come; that the last
 * of a class has gone is seen here, at the next opportunity. Agent only.
 */
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

enum { PEERS_NS = 50000000 };

uint64_t cu_peers_look(uint64_t now_ns, bool at_once)
{
    static uint64_t looked_ns;
    struct reef_cuda *cuda = &reef_cuda;
    int count = atomic_load(&cuda->gpu_count);
    bool rt = false, be = false;
    if (!at_once && looked_ns && now_ns - looked_ns < PEERS_NS)
        return looked_ns + PEERS_NS - now_ns;
    looked_ns = now_ns;
    for (int i = 0; i < count; i++) {
        rt = rt || reef_board_has_peers(cuda->gpus[i].board, REEF_BOARD_RT);
        be = be || reef_board_has_peers(cuda->gpus[i].board, REEF_BOARD_BE);
    }
    cuda->peers_rt = rt;
    cuda->peers_be = be;
    if (cu_is_rt() && be)
        cu_fast_end();
    bool bounded = rt || cu_tracing();
    if (cu_is_rt() || atomic_exchange(&cuda->bounded, bounded) == bounded)
        return UINT64_MAX;
    reef_debug("real-time programs are %s", bounded ? "here" : "gone");
    if (bounded)
        cu_fast_end();
    return UINT64_MAX;
}
