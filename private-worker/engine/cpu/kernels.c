#include "private-worker/engine/cpu/kernels.h"

#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static bool runs_avx2(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d; /* clang's __builtin_cpu_supports does not know F16C */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
#else
    return false;
#endif
}

static bool runs_avx512(void)
{
#if defined(__x86_64__)
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

const sl_kernels *sl_kernels_pick(void)
{
    const char *want = getenv("SLUICE_CPU_KERNELS");
    bool scalar = want && !strcmp(want, "scalar"), avx2 = want && !strcmp(want, "avx2");
    if (!scalar && !avx2 && runs_avx512())
        return sl_kernels_avx512();
    if (!scalar && runs_avx2())
        return sl_kernels_avx2();
    return sl_kernels_scalar();
}
