// SPDX-License-Identifier: Apache-2.0
/*
 * hold BOARD_DIR SECONDS SEED: says at random that real-time work begins and ends, on all boards of
 * the folder, as a real-time process would; so best-effort programs are held at every place they
 * can be.
 * hold BOARD_DIR SECONDS SEED FILE: only when a program asks for it by the file (tests/gpu/hold.h),
 * and for no longer than a while: so a program is held at a certain place, and goes on where it
 * waits for itself.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/board.h"
#include "tests/gpu/hold.h"

#define WHILE_NS 20000000u

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct reef_board *boards[8];
static int count;

static void raise_all(void)
{
    for (int i = 0; i < count; i++)
        reef_board_rt_raise(boards[i]);
}

static void clear_all(void)
{
    for (int i = 0; i < count; i++)
        reef_board_rt_clear(boards[i]);
}

static long hold_at_random(unsigned seed, uint64_t end_ns)
{
    long holds = 0;
    for (; now_ns() < end_ns; holds++) {
        raise_all();
        usleep((unsigned)rand_r(&seed) % 2000);
        clear_all();
        usleep((unsigned)rand_r(&seed) % 2000);
    }
    return holds;
}

static long hold_when_asked(struct hold_page *page, uint64_t end_ns)
{
    uint32_t seen = 0;
    uint64_t until_ns = UINT64_MAX;
    long holds = 0;
    for (; now_ns() < end_ns; usleep(50)) {
        uint32_t wanted = atomic_load(&page->wanted);
        if (wanted != seen && wanted % 2) {
            raise_all();
            until_ns = now_ns() + WHILE_NS;
            holds++;
        } else if (wanted != seen || now_ns() > until_ns) {
            clear_all();
            until_ns = UINT64_MAX;
        }
        seen = wanted;
        atomic_store(&page->done, seen);
    }
    return holds;
}

int main(int argc, char **argv)
{
    char names[8][REEF_BOARD_NAME], why[160];
    struct hold_page *page = NULL;
    if (argc > 4)
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED,
                    open(argv[4], O_RDWR | O_CLOEXEC), 0);
    if (argc < 4 || page == MAP_FAILED)
        return 2;
    uint64_t end_ns = now_ns() + (uint64_t)(atof(argv[2]) * 1e9);
    unsigned seed = (unsigned)atoi(argv[3]);
    while (count <= 0 && now_ns() < end_ns) { /* the program under test makes the board */
        usleep(1000);
        count = reef_board_list(argv[1], names, 8);
    }
    for (int i = 0; i < count; i++) {
        if (reef_board_open(&boards[i], argv[1], names[i], why, sizeof(why)) != 0)
            return fprintf(stderr, "%s: %s\n", names[i], why), 1;
        reef_board_set_class(boards[i], REEF_BOARD_RT);
    }
    long holds = page ? hold_when_asked(page, end_ns) : hold_at_random(seed, end_ns);
    for (int i = 0; i < count; i++)
        reef_board_close(boards[i]);
    printf("{\"holds\": %ld}\n", holds);
    return count <= 0;
}
