// SPDX-License-Identifier: Apache-2.0
/*
 * reef stats: what the boards say of the processes that share the GPUs. Only reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/board/board.h"
#include "tools/reef.h"

static const char *const class_names[] = {"off", "rt", "be"};

/* The columns, in the order of the table and of the JSON. */
static const struct column {
    const char *name;
    size_t offset;
} columns[] = {
    {"launches_rt", offsetof(struct reef_board_stats, launches_rt)},
    {"launches_be", offsetof(struct reef_board_stats, launches_be)},
    {"be_completed", offsetof(struct reef_board_stats, be_completed)},
    {"preemptions", offsetof(struct reef_board_stats, preemptions)},
    {"resets", offsetof(struct reef_board_stats, resets)},
    {"suspensions", offsetof(struct reef_board_stats, suspensions)},
    {"drains", offsetof(struct reef_board_stats, drains)},
    {"killed", offsetof(struct reef_board_stats, killed)},
    {"evictions", offsetof(struct reef_board_stats, evictions)},
    {"evicted", offsetof(struct reef_board_stats, evicted)},
    {"guarded", offsetof(struct reef_board_stats, guarded)},
    {"unguarded", offsetof(struct reef_board_stats, unguarded)},
    {"done_ns", offsetof(struct reef_board_stats, done_ns)},
    {"wasted_ns", offsetof(struct reef_board_stats, wasted_ns)},
    {"reexecuted", offsetof(struct reef_board_stats, reexecuted)},
    {"padded", offsetof(struct reef_board_stats, padded)},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), MAX_GPUS = 16 };

static unsigned long long value(const struct reef_board_peer *peer, int column)
{
    uint64_t word;

    memcpy(&word, (const char *)&peer->stats + columns[column].offset, sizeof(word));
    return word;
}

static void print_peer_json(const struct reef_board_peer *peer, const char *gpu, bool first)
{
    printf("%s{\"gpu\": \"%s\", \"pid\": %d, \"class\": \"%s\", \"alive\": %s, \"rt_active\": %s",
           first ? "" : ", ", gpu, peer->pid, class_names[peer->cls],
           peer->alive ? "true" : "false", peer->rt_active ? "true" : "false");
    for (int c = 0; c < COLUMNS; c++)
        printf(", \"%s\": %llu", columns[c].name, value(peer, c));
    printf("}");
}

static void print_peer(const struct reef_board_peer *peer, const char *gpu)
{
    printf("%-18s %8d %-15s %-4s %-5s", gpu, peer->pid, peer->command, class_names[peer->cls],
           !peer->alive      ? "gone"
           : peer->rt_active ? "busy"
                             : "");
    for (int c = 0; c < COLUMNS; c++)
        printf(" %12llu", value(peer, c));
    printf("\n");
}

static void print_heading(void)
{
    printf("%-18s %8s %-15s %-4s %-5s", "gpu", "pid", "command", "", "rt");
    for (int c = 0; c < COLUMNS; c++)
        printf(" %12s", columns[c].name);
    printf("\n");
}

int reef_stats(int argc, char **argv)
{
    static struct reef_board_peer peers[REEF_BOARD_SLOTS];
    static char gpus[MAX_GPUS][REEF_BOARD_NAME];
    const char *dir = getenv("REEF_BOARD_DIR");
    bool json = false, first = true;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
            dir = argv[++i];
        else {
            reef_say("usage: reef stats [--dir DIR] [--json]");
            return REEF_EXIT_USAGE;
        }
    }
    int count = reef_board_list(dir, gpus, MAX_GPUS);
    if (count < 0) {
        reef_say("stats: no boards: %s", strerror(-count));
        return 1;
    }
    if (json)
        printf("{\"peers\": [");
    else
        print_heading();
    for (int g = 0; g < count; g++) {
        int n = reef_board_read(dir, gpus[g], peers, REEF_BOARD_SLOTS);

        if (n < 0)
            reef_say("stats: board of %s: %s", gpus[g], strerror(-n));
        for (int p = 0; p < n; p++) {
            if (json)
                print_peer_json(&peers[p], gpus[g], first);
            else
                print_peer(&peers[p], gpus[g]);
            first = false;
        }
    }
    if (json)
        printf("]}\n");
    return 0;
}
