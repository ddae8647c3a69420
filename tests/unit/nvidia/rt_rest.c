// SPDX-License-Identifier: Apache-2.0
/* What shim/nvidia/rt.c needs besides what its tests are about. Nothing is asked of it. */
#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

struct reef_cuda reef_cuda;
struct reef_state reef_state;
struct cu_driver cu;
_Atomic int reef_log_level = -1;
_Atomic bool reef_trace_active;

static struct reef_board_stats stats;
struct reef_board_stats *reef_board_stats(struct reef_board *board)
{
    return &stats;
}
void reef_board_rt_renew(struct reef_board *board, uint64_t now_ns) {}
uint64_t cu_peers_look(uint64_t now_ns, bool at_once)
{
    return UINT64_MAX;
}
bool reef_disabled(void)
{
    return false;
}
uint64_t cu_anchor_prepare(uint64_t now_ns)
{
    return UINT64_MAX;
}
bool cu_anchor_begins(void)
{
    return false;
}
void cu_anchor_step(uint64_t now_ns, bool over) {}
bool cu_anchor_lingers(uint64_t now_ns, uint64_t idle_since_ns)
{
    return false;
}
bool cu_stream_ask_locked(struct reef_stream *s)
{
    return false;
}
void cu_stream_asked_locked(struct reef_stream *s) {}
void cu_make_current(cu_word handle) {}
void reef_log_write(int level, const char *format, ...) {}
void reef_trace_put(enum reef_trace_type type, uint32_t queue, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d)
{
}
