#include "TouchstoneCPU.h"

#if defined(__x86_64__)

// The compiler's runtime reads CPUID and XGETBV: a feature counts only if the system saves its registers.

bool touchstone_cpu_has_avx2_and_fma(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool touchstone_cpu_has_avx512(void) {
  __builtin_cpu_init();
  return touchstone_cpu_has_avx2_and_fma() && __builtin_cpu_supports("avx512f")
      && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
      && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
      && __builtin_cpu_supports("f16c");
}

#else

bool touchstone_cpu_has_avx2_and_fma(void) { return false; }
bool touchstone_cpu_has_avx512(void) { return false; }

#endif
