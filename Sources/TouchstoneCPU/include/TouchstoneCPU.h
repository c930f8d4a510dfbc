#ifndef TOUCHSTONE_CPU_H
#define TOUCHSTONE_CPU_H

#include <stdbool.h>

#include "Lanes.h"

/// Whether the processor and the operating system offer 256-bit vectors with fused multiply-add.
bool touchstone_cpu_has_avx2_and_fma(void);

/// Whether the processor and the operating system offer 512-bit vectors (F, BW, CD, DQ and VL).
bool touchstone_cpu_has_avx512(void);

/// Tells the processor that this thread is waiting in a loop.
static inline void touchstone_cpu_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
