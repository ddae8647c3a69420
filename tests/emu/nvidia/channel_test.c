// SPDX-License-Identifier: Apache-2.0
/*
 * Channel groups of the emulated driver, as a library between a program and its libcuda sees them:
 * this program's own ioctl stands in front of the emulated one and looks at every call.
 */
#include <cuda.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define OK(call) CHECK((call) == CUDA_SUCCESS)

/* nvos.h: NVOS64, NVOS00, NVOS54 */
struct alloc {
    uint32_t root, parent, object, class_;
    uint64_t parameters, rights;
    uint32_t parameters_size, flags, status, pad;
};
struct release {
    uint32_t root, parent, old, status;
};
struct control {
    uint32_t client, object, command, flags;
    uint64_t parameters;
    uint32_t parameters_size, status;
};

static int (*next)(int fd, unsigned long request, ...);
static unsigned clients, devices, groups, released;
static int driver = -1;
static struct alloc last;

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
    va_list list;

    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (!next)
        next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    int result = next(fd, request, argument);
    if (request == _IOWR('F', 0x2b, struct alloc)) {
        last = *(struct alloc *)argument;
        clients += last.class_ == 0x41;
        devices += last.class_ == 0x80;
        groups += last.class_ == 0xa06c;
        driver = fd;
    }
    if (request == _IOWR('F', 0x29, struct release))
        released += ((struct release *)argument)->status == 0;
    return result;
}

static uint32_t set_timeslice(uint32_t client, uint32_t object, uint64_t us, uint32_t size)
{
    struct control c = {.client = client,
                        .object = object,
                        .command = 0xa06c0103,
                        .parameters = (uint64_t)(uintptr_t)&us,
                        .parameters_size = size};

    CHECK(ioctl(driver, _IOWR('F', 0x2a, struct control), &c) == 0);
    return c.status;
}

static void test_made_and_freed(void)
{
    CUcontext one, two;

    CHECK(groups == 0);
    OK(cuCtxCreate(&one, NULL, 0, 0));
    CHECK(clients == 1 && devices == 1 && groups == 1 && last.status == 0);
    CHECK(last.root != 0 && last.parent != 0 && last.object != 0);
    uint32_t object = last.object;
    OK(cuCtxCreate(&two, NULL, 0, 0));
    CHECK(clients == 1 && groups == 2 && last.object != object);
    OK(cuCtxDestroy(two));
    CHECK(released == 1);
    CHECK(set_timeslice(last.root, last.object, 1, 8) != 0);
    CHECK(set_timeslice(last.root, object, 1, 8) == 0);
    OK(cuCtxDestroy(one));
    CHECK(released == 2);
}

static void test_wrong_calls(void)
{
    CUcontext ctx;
    int words[64] = {0};

    OK(cuCtxCreate(&ctx, NULL, 0, 0));
    CHECK(set_timeslice(last.root, last.object, 1, 8) == 0);
    CHECK(set_timeslice(last.root + 1, last.object, 1, 8) != 0);
    CHECK(set_timeslice(last.root, last.object + 1, 1, 8) != 0);
    CHECK(set_timeslice(last.root, last.object, 1, 4) != 0);
    CHECK(set_timeslice(last.root, last.object, 0, 8) != 0);
    CHECK(set_timeslice(last.root, last.object, 1u << 30, 8) != 0);
    CHECK(ioctl(driver, _IOC(_IOC_READ | _IOC_WRITE, 'F', 0x2b, 40), words) == -1 &&
          errno == EINVAL);
    CHECK(ioctl(driver, _IOC(_IOC_READ | _IOC_WRITE, 'F', 0x77, 32), words) == -1 &&
          errno == EINVAL);
    OK(cuCtxDestroy(ctx));
}

/* Whatever is no business of the driver's goes to the kernel. */
static void test_others_pass(void)
{
    int ends[2], waiting = 0;
    struct alloc a = {0};

    CHECK(pipe(ends) == 0 && write(ends[1], "four", 4) == 4);
    CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 4);
    CHECK(ioctl(ends[0], _IOWR('F', 0x2b, struct alloc), &a) == -1);
}

int main(void)
{
    OK(cuInit(0));
    test_made_and_freed();
    test_wrong_calls();
    test_others_pass();
    return 0;
}
