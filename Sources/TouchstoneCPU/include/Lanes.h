#ifndef TOUCHSTONE_LANES_H
#define TOUCHSTONE_LANES_H

// Arithmetic on sixteen float32 values. Swift 6.3 expands an operator on SIMD16 into sixteen scalar operations and
// trusts the optimiser to join them again, which fails where a value is used twice; these are the vector
// operations themselves. They are inlined into the kernel modules and compiled with those modules' instructions.

typedef float touchstone_lanes __attribute__((ext_vector_type(16)));

#define TOUCHSTONE_INLINE static inline __attribute__((always_inline))

TOUCHSTONE_INLINE touchstone_lanes touchstone_load(const float *_Nonnull pointer) {
  touchstone_lanes lanes;
  __builtin_memcpy(&lanes, pointer, sizeof lanes);
  return lanes;
}

TOUCHSTONE_INLINE void touchstone_store(touchstone_lanes lanes, float *_Nonnull pointer) {
  __builtin_memcpy(pointer, &lanes, sizeof lanes);
}

/// The first `count` (0 to 16) values at `pointer`, and nothing beyond them; the other lanes hold `filler`.
TOUCHSTONE_INLINE touchstone_lanes touchstone_load_first(const float *_Nonnull pointer, long count, float filler) {
  touchstone_lanes lanes = filler;
#if defined(__AVX512F__)
  typedef float vector __attribute__((vector_size(64)));
  return (touchstone_lanes)__builtin_ia32_loadups512_mask(
      pointer, (vector)lanes, (unsigned short)((1u << count) - 1));
#else
  for (long lane = 0; lane < count; lane++) lanes[lane] = pointer[lane];
  return lanes;
#endif
}

/// Stores the first `count` (0 to 16) lanes and touches nothing beyond them.
TOUCHSTONE_INLINE void touchstone_store_first(touchstone_lanes lanes, long count, float *_Nonnull pointer) {
#if defined(__AVX512F__)
  typedef float vector __attribute__((vector_size(64)));
  __builtin_ia32_storeups512_mask(pointer, (vector)lanes, (unsigned short)((1u << count) - 1));
#else
  for (long lane = 0; lane < count; lane++) pointer[lane] = lanes[lane];
#endif
}

/// Asks for the cache line at `pointer`, which need not be readable, to be brought to the second-level cache.
TOUCHSTONE_INLINE void touchstone_prefetch(const float *_Nonnull pointer) { __builtin_prefetch(pointer, 0, 2); }

TOUCHSTONE_INLINE touchstone_lanes touchstone_add(touchstone_lanes a, touchstone_lanes b) { return a + b; }

TOUCHSTONE_INLINE touchstone_lanes touchstone_subtract(touchstone_lanes a, touchstone_lanes b) { return a - b; }

TOUCHSTONE_INLINE touchstone_lanes touchstone_multiply(touchstone_lanes a, touchstone_lanes b) { return a * b; }

TOUCHSTONE_INLINE touchstone_lanes touchstone_divide(touchstone_lanes a, touchstone_lanes b) { return a / b; }

/// a·b + c, rounded once; on x86-64 without FMA rounded twice.
TOUCHSTONE_INLINE touchstone_lanes touchstone_multiply_add(
    touchstone_lanes a, touchstone_lanes b, touchstone_lanes c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_elementwise_fma(a, b, c);
#else
#pragma STDC FP_CONTRACT OFF
  return a * b + c;
#endif
}

#endif
