// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that both sides use: managed memory and managed variables, advice and prefetching, mapped
 * and coherent pinned memory, registered memory of the program; flags between a running kernel and
 * the host; and what pointer attributes say of each.
 */
#include "check.h"

enum { N = 5000 };

__managed__ int counter = 5;
__managed__ int table[N];

__global__ void add_index(int *p, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        p[i] += i;
}

__global__ void use_managed()
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < N)
        table[i] = i * counter;
}

/* Answers each value that the host stores with the next one. */
__global__ void ping(volatile int *from_host, volatile int *to_host, int rounds)
{
    for (int r = 1; r <= rounds; r++) {
        while (*from_host != r)
            __builtin_amdgcn_s_sleep(2);
        *to_host = -r;
        __threadfence_system();
    }
}

static std::vector<int> indices(int from)
{
    std::vector<int> v(N);

    for (int i = 0; i < N; i++)
        v[i] = from + i;
    return v;
}

static void test_managed()
{
    int *p;

    HIP(hipMallocManaged((void **)&p, N * sizeof(int), hipMemAttachGlobal));
    for (int i = 0; i < N; i++)
        p[i] = 3;
    HIP(hipMemAdvise(p, N * sizeof(int), hipMemAdviseSetPreferredLocation, 0));
    HIP(hipMemAdvise(p, N * sizeof(int), hipMemAdviseSetAccessedBy, 0));
    HIP(hipMemPrefetchAsync(p, N * sizeof(int), 0, 0));
    add_index<<<check_groups(N, 256), 256>>>(p, N);
    LAUNCHED();
    HIP(hipMemPrefetchAsync(p, N * sizeof(int), hipCpuDeviceId, 0));
    HIP(hipDeviceSynchronize());
    check_equal("managed/memory", std::vector<int>(p, p + N), indices(3));
    p[0] = 100; /* and back again */
    add_index<<<1, 1>>>(p, 1);
    HIP(hipDeviceSynchronize());
    CHECK(p[0] == 100);
    HIP(hipFree(p));

    counter = 7;
    use_managed<<<check_groups(N, 128), 128>>>();
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    for (int i = 0; i < N; i++)
        CHECK(table[i] == i * 7);
    printf("managed/variables ok\n");
}

static void test_pinned(const char *name, unsigned flags)
{
    int *host, *device;
    char label[64];

    HIP(hipHostMalloc((void **)&host, N * sizeof(int), flags));
    HIP(hipHostGetDevicePointer((void **)&device, host, 0));
    for (int i = 0; i < N; i++)
        host[i] = 11;
    add_index<<<check_groups(N, 64), 64>>>(device, N);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    snprintf(label, sizeof(label), "managed/pinned/%s", name);
    check_equal(label, std::vector<int>(host, host + N), indices(11));
    HIP(hipHostFree(host));
}

static void test_registered()
{
    std::vector<int> own(N + 1000, 23);
    int *device;

    HIP(hipHostRegister(own.data(), own.size() * sizeof(int), hipHostRegisterMapped));
    HIP(hipHostGetDevicePointer((void **)&device, own.data(), 0));
    add_index<<<check_groups(N, 64), 64>>>(device, N);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    check_equal("managed/registered", std::vector<int>(own.begin(), own.begin() + N), indices(23));
    HIP(hipHostUnregister(own.data()));
    CHECK(hipHostUnregister(own.data()) != hipSuccess);
}

static void test_flags()
{
    enum { ROUNDS = 20 };
    volatile int *flags;

    HIP(hipHostMalloc((void **)&flags, 256, hipHostMallocCoherent));
    flags[0] = flags[32] = 0;
    ping<<<1, 1>>>((int *)flags, (int *)flags + 32, ROUNDS);
    LAUNCHED();
    for (int r = 1; r <= ROUNDS; r++) {
        flags[0] = r;
        while (flags[32] != -r)
            ;
    }
    HIP(hipDeviceSynchronize());
    printf("managed/flags ok\n");
    HIP(hipHostFree((void *)flags));
}

static void say(const char *what, const void *p)
{
    hipPointerAttribute_t a;
    hipError_t error = hipPointerGetAttributes(&a, p);

    if (error != hipSuccess)
        printf("managed/attributes/%s %s\n", what, hipGetErrorName(error));
    else
        printf("managed/attributes/%s type %d managed %d host %d device %d\n", what, a.memoryType,
               a.isManaged, a.hostPointer != nullptr, a.devicePointer != nullptr);
}

static void test_attributes()
{
    int *device = check_alloc<int>(N), *pinned, *managed, local = 0;

    HIP(hipHostMalloc((void **)&pinned, 4096, 0));
    HIP(hipMallocManaged((void **)&managed, 4096));
    say("device", device + 7);
    say("pinned", pinned);
    say("managed", managed);
    say("local", &local);
    HIP(hipFree(device));
    HIP(hipHostFree(pinned));
    HIP(hipFree(managed));
}

int main()
{
    check_begin();
    test_managed();
    test_pinned("default", hipHostMallocDefault);
    test_pinned("mapped", hipHostMallocMapped);
    test_pinned("coherent", hipHostMallocCoherent);
    test_pinned("non-coherent", hipHostMallocNonCoherent);
    test_pinned("portable", hipHostMallocPortable | hipHostMallocWriteCombined);
    test_registered();
    test_flags();
    test_attributes();
    return 0;
}
