// SPDX-License-Identifier: Apache-2.0
/*
 * route_test LIBHSA LIBREEF [next]: a program that is not linked to the vendor's library and finds
 * its functions by dlopen and dlsym must get the hooks, and only for functions of that library.
 * With "next", another preloaded library (next_preload.c) stands before or behind libreef.so and
 * uses RTLD_NEXT.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aql.h"

static const char *library_of(void *address)
{
    Dl_info info;
    CHECK(address && dladdr(address, &info), "no library");
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

static void expect(void *address, const char *library)
{
    CHECK(strncmp(library_of(address), library, strlen(library)) == 0, "it is in %s, not in %s",
          library_of(address), library);
}

/* A scheduled queue brings the agent thread with it. */
/* The thread gives itself its name. */
static bool agent_runs(void)
{
    for (int ms = 0; ms < 10000; ms += 10) {
        if (system("grep -qx reef-agent /proc/$PPID/task/*/comm") == 0)
            return true;
        usleep(10000);
    }
    return false;
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3, "usage: route_test LIBHSA LIBREEF [next]");
    void *hsa = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(hsa, "%s", dlerror());
    expect(dlsym(hsa, "hsa_queue_create"), "libreef.so");
    expect(dlsym(hsa, "hsa_signal_store_screlease"), "libreef.so");
    expect(dlsym(hsa, "hsa_signal_load_relaxed"), "libhsa-runtime64.so"); /* not hooked */
    CHECK(!dlsym(hsa, "hsa_no_such_function") && dlerror(), "a symbol that does not exist");
    expect(dlsym(RTLD_DEFAULT, "malloc"), "libc.so");
    expect(dlsym(RTLD_DEFAULT, "dlsym"), "libreef.so");
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    expect(dlsym(libc, "puts"), "libc.so");
    expect(dlsym(libc, "dlsym"), "libc.so");

    if (argc > 3) { /* next_preload.c defines hsa_init and calls the next one */
        _Atomic unsigned *calls = dlsym(RTLD_DEFAULT, "next_preload_calls");
        hsa_status_t (*init)(void) = dlsym(RTLD_DEFAULT, "hsa_init");
        CHECK(calls && init, "next_preload is not there");
        CHECK(init() == HSA_STATUS_SUCCESS, "hsa_init");
        CHECK(*calls == 1, "%u calls", *calls);
        puts(library_of((void *)init));
        return 0;
    }

    __typeof__(hsa_queue_create) *create = dlsym(hsa, "hsa_queue_create");
    __typeof__(hsa_queue_destroy) *destroy = dlsym(hsa, "hsa_queue_destroy");
    __typeof__(hsa_init) *init = dlsym(hsa, "hsa_init");
    hsa_queue_t *queue;
    hsa_agent_t agent = {FAKE_GPU_AGENT};
    CHECK(init() == HSA_STATUS_SUCCESS, "hsa_init");
    CHECK(create(agent, 64, HSA_QUEUE_TYPE_MULTI, NULL, NULL, 0, 0, &queue) == HSA_STATUS_SUCCESS,
          "hsa_queue_create");
    CHECK(agent_runs(), "the queue is not scheduled");
    CHECK(destroy(queue) == HSA_STATUS_SUCCESS, "hsa_queue_destroy");
    return 0;
}
