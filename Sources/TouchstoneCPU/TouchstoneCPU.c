#include "TouchstoneCPU.h"

#if defined(__x86_64__)

// The compiler's runtime reads CPUID and XGETBV: a feature counts only if the system saves its registers.

bool touchstone_cpu_has_avx2_and_fma(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool touchstone_cpu_has_avx512(void) {
  __builtin_cpu_init();
  // The level that the kernels are compiled for: F, BW, CD, DQ and VL, and all that the lower levels have.
  return touchstone_cpu_has_avx2_and_fma() && __builtin_cpu_supports("x86-64-v4");
}

#else

bool touchstone_cpu_has_avx2_and_fma(void) { return false; }
bool touchstone_cpu_has_avx512(void) { return false; }

#endif
