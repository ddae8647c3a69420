// SPDX-License-Identifier: Apache-2.0
/*
 * route LIBCUDA [passive]: the ways by which a program that is not linked to libcuda comes to its
 * functions. Each must lead to the hook of exactly the variant that the driver would have given,
 * and what libreef.so does not know must come through untouched. passive: libreef is off: all is
 * the driver's own.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool passive;
static unsigned failures;

typedef int resolver_v1(const char *, void **, int, uint64_t);
typedef int resolver_v2(const char *, void **, int, uint64_t, int *);

static const char *library_of(void *address)
{
    Dl_info info;
    if (!address || !dladdr(address, &info))
        return "nothing";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

/* @address must be the function @symbol of @library, or nothing if @symbol is NULL. */
static void expect(const char *what, void *address, const char *library, const char *symbol)
{
    Dl_info info = {0};
    if (address)
        dladdr(address, &info);
    const char *name = info.dli_sname ? info.dli_sname : "";
    bool right = symbol ? strncmp(library_of(address), library, strlen(library)) == 0 &&
                              strcmp(name, symbol) == 0
                        : address == NULL;
    if (right)
        return;
    fprintf(stderr, "%s: %s in %s, not %s in %s\n", what, name, library_of(address),
            symbol ? symbol : "nothing", library);
    failures++;
}

static const char *hooks(void)
{
    return passive ? "libcuda.so" : "libreef.so";
}

static void check_resolver(void *cuda)
{
    static const struct {
        const char *name;
        int version;
        uint64_t flags;
        const char *symbol;
        bool hooked;
    } rows[] = {
        {"cuLaunchKernel", 4000, 0, "cuLaunchKernel", true},
        {"cuLaunchKernel", 13000, 0, "cuLaunchKernel", true},
        {"cuLaunchKernel", 7000, 2, "cuLaunchKernel_ptsz", true},
        {"cuLaunchKernel", 4000, 2, "cuLaunchKernel", true}, /* no such variant then */
        {"cuLaunchKernelEx", 11060, 2, "cuLaunchKernelEx_ptsz", true},
        {"cuMemcpyHtoDAsync", 2000, 0, "cuMemcpyHtoDAsync", true},
        {"cuMemcpyHtoDAsync", 3020, 0, "cuMemcpyHtoDAsync_v2", true},
        {"cuMemcpyHtoDAsync", 12000, 2, "cuMemcpyHtoDAsync_v2_ptsz", true},
        /* the arguments changed in 13.0 */
        {"cuMemcpyBatchAsync", 12080, 0, "cuMemcpyBatchAsync", true},
        {"cuMemcpyBatchAsync", 13000, 0, "cuMemcpyBatchAsync_v2", true},
        {"cuCtxSynchronize", 12000, 0, "cuCtxSynchronize", true},
        {"cuCtxSynchronize", 13000, 0, "cuCtxSynchronize_v2", true},
        {"cuStreamDestroy", 13000, 0, "cuStreamDestroy_v2", true},
        {"cuEventElapsedTime", 12080, 0, "cuEventElapsedTime_v2", true},
        {"cuGetProcAddress", 11030, 0, "cuGetProcAddress", true},
        {"cuGetProcAddress", 12000, 0, "cuGetProcAddress_v2", true},
        {"cuMemAlloc_v2", 13000, 0, "cuMemAlloc_v2", false},
        {"cuGetExportTable", 13000, 0, "cuGetExportTable", false},
        {"cuLaunchKernel", 1000, 0, NULL, false},
        {"cuNoSuchFunction", 13000, 0, NULL, false},
        {"", 0, 0, NULL, false},
    };
    resolver_v1 *v1 = (resolver_v1 *)dlsym(cuda, "cuGetProcAddress");
    resolver_v2 *v2 = (resolver_v2 *)dlsym(cuda, "cuGetProcAddress_v2");
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        void *address[3] = {NULL, NULL, NULL};
        int status = -1;
        const char *symbol = rows[i].symbol, *library = rows[i].hooked ? hooks() : "libcuda.so";
        v1(rows[i].name, &address[0], rows[i].version, rows[i].flags);
        v2(rows[i].name, &address[1], rows[i].version, rows[i].flags, &status);
        v2(rows[i].name, &address[2], rows[i].version, rows[i].flags, NULL);
        for (unsigned k = 0; k < 3; k++)
            expect(rows[i].name, address[k], library, symbol);
        if (status != (symbol ? 0 : 1)) {
            fprintf(stderr, "%s: status %d\n", rows[i].name, status);
            failures++;
        }
    }
    /* Through the pointer that the resolver gave for itself. */
    void *self = NULL, *launch = NULL;
    v2("cuGetProcAddress", &self, 12000, 0, NULL);
    ((resolver_v2 *)self)("cuLaunchKernel", &launch, 13000, 2, NULL);
    expect("the resolver's resolver", launch, hooks(), "cuLaunchKernel_ptsz");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    passive = argc > 2;
    void *cuda = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!cuda)
        return fprintf(stderr, "%s\n", dlerror()), 1;
    /* A name that is looked up by dlsym gets its hook; with libreef off the hook only calls on. */
    expect("dlsym", dlsym(cuda, "cuLaunchKernel"), "libreef.so", "cuLaunchKernel");
    expect("dlsym", dlsym(cuda, "cuMemcpyAsync_ptsz"), "libreef.so", "cuMemcpyAsync_ptsz");
    expect("dlsym", dlsym(cuda, "cuMemAlloc_v2"), "libcuda.so", "cuMemAlloc_v2");
    expect("dlsym", dlsym(cuda, "cuGetExportTable"), "libcuda.so", "cuGetExportTable");
    expect("dlsym", dlsym(cuda, "cuNoSuchFunction"), "", NULL);
    expect("dlvsym", dlvsym(cuda, "cuLaunchKernel", "NO_VERSION"), "", NULL);
    expect("dlsym", dlsym(RTLD_DEFAULT, "dlvsym"), "libreef.so", "dlvsym");
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    expect("dlvsym", dlvsym(libc, "dlsym", "GLIBC_2.2.5"), "libc.so", "dlsym");
    expect("dlvsym", dlvsym(RTLD_NEXT, "puts", "GLIBC_2.2.5"), "libc.so", "puts");
    check_resolver(cuda);
    return failures > 0;
}
