#include "CMoments.h"

// Swift cannot compile one function for several instruction sets and choose among them when the program starts; this
// loop is most of what judging computes. A sanitizer is not ready yet when the choice is made.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer) && !__has_feature(address_sanitizer)
#define FOR_EACH_INSTRUCTION_SET __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_INSTRUCTION_SET
#endif

#pragma STDC FP_CONTRACT OFF

typedef double lanes __attribute__((vector_size(64), aligned(8)));
typedef long long patterns __attribute__((vector_size(64), aligned(8)));

#define MAGNITUDE(t) ((lanes)((patterns)(t) & 0x7fffffffffffffffLL))

FOR_EACH_INSTRUCTION_SET
void touchstone_moments(
    const double *x, ptrdiff_t rows, ptrdiff_t depth, const void *strip, const void *start, void *moments) {
  const lanes *weights = strip;
  lanes *results = moments;
  // Two rows at a time keep the adders busy; the last of an odd number is computed twice.
  for (ptrdiff_t row = 0; row < rows; row += 2) {
    ptrdiff_t other = row + 1 < rows ? row + 1 : row;
    const double *a = x + row * depth, *b = x + other * depth;
    lanes sum_a = *(const lanes *)start, sum_b = sum_a;
    lanes absolute_a = {0}, absolute_b = {0}, squares_a = {0}, squares_b = {0};
    for (ptrdiff_t k = 0; k < depth; k++) {
      lanes t = a[k] * weights[k], s = b[k] * weights[k];
      sum_a += t;
      sum_b += s;
      absolute_a += MAGNITUDE(t);
      absolute_b += MAGNITUDE(s);
      squares_a += t * t;
      squares_b += s * s;
    }
    results[3 * row] = sum_a, results[3 * row + 1] = absolute_a, results[3 * row + 2] = squares_a;
    results[3 * other] = sum_b, results[3 * other + 1] = absolute_b, results[3 * other + 2] = squares_b;
  }
}

typedef float floats __attribute__((vector_size(32)));

FOR_EACH_INSTRUCTION_SET
void touchstone_terms(
    const double *x, const ptrdiff_t *places, ptrdiff_t count, const void *strip, int exactness, double unit,
    void *terms) {
  const lanes *factors = strip;
  lanes absolute = {0}, squares = {0}, exact = {0}, lost = {0}, ordered = {0};
  patterns products = {0};
  for (ptrdiff_t k = 0; k < count; k++) {
    lanes t = x[k] * factors[places[k]], magnitude = MAGNITUDE(t);
    absolute += magnitude;
    squares += t * t;
    products -= (patterns)(t != 0);
    if (exactness == 0) continue;
    // A product of the type is added as it is; every other one is rounded first.
    patterns isExact = (patterns)(__builtin_convertvector(__builtin_convertvector(t, floats), lanes) == t);
    if (exactness == 64)
      for (int lane = 0; lane < 8; lane++)
        isExact[lane] = -(__builtin_fma(x[k], factors[places[k]][lane], -t[lane]) == 0);
    exact += magnitude;
    exact -= (lanes)((patterns)magnitude & ~isExact);
  }
  if (unit > 0) {
    lanes most = unit * absolute, sum = {0};
    for (ptrdiff_t k = 0; k < count; k++) {
      lanes t = x[k] * factors[places[k]], magnitude = MAGNITUDE(t);
      sum += t;
      ordered += sum * sum;
      patterns isHidden = (patterns)(magnitude <= 2 * most), isLess = (patterns)(magnitude <= most);
      lost += (lanes)(isHidden & ((isLess & (patterns)magnitude) | (~isLess & (patterns)most)));
    }
  }
  lanes *results = terms;
  results[0] = absolute;
  results[1] = squares;
  results[2] = __builtin_convertvector(products, lanes);
  results[3] = exact;
  results[4] = lost;
  results[5] = ordered;
}

#define BLOCK 256

FOR_EACH_INSTRUCTION_SET
void touchstone_sums(
    const double *x, ptrdiff_t rows, ptrdiff_t depth, const void *strips, ptrdiff_t count, const void *start,
    void *sums) {
  const lanes *first = start;
  lanes *results = sums;
  for (ptrdiff_t row = 0; row < rows; row++)
    for (ptrdiff_t s = 0; s < count; s++) results[count * row + s] = first[s];
  // Some terms of every sum at a time: four rows of them stay in the nearest cache, those of the strips in the next one.
  // The last row stands in for those that are missing where their number is no multiple of four.
  for (ptrdiff_t begin = 0; begin < depth; begin += BLOCK) {
    ptrdiff_t end = begin + BLOCK < depth ? begin + BLOCK : depth;
    for (ptrdiff_t row = 0; row < rows; row += 4) {
      ptrdiff_t at[4];
      for (int r = 0; r < 4; r++) at[r] = row + r < rows ? row + r : rows - 1;
      const double *a = x + at[0] * depth, *b = x + at[1] * depth, *c = x + at[2] * depth, *d = x + at[3] * depth;
      for (ptrdiff_t s = 0; s < count; s++) {
        const lanes *weights = (const lanes *)strips + s * depth;
        lanes sum_a = results[count * at[0] + s], sum_b = results[count * at[1] + s];
        lanes sum_c = results[count * at[2] + s], sum_d = results[count * at[3] + s];
        for (ptrdiff_t k = begin; k < end; k++) {
          sum_a += a[k] * weights[k];
          sum_b += b[k] * weights[k];
          sum_c += c[k] * weights[k];
          sum_d += d[k] * weights[k];
        }
        results[count * at[0] + s] = sum_a;
        results[count * at[1] + s] = sum_b;
        results[count * at[2] + s] = sum_c;
        results[count * at[3] + s] = sum_d;
      }
    }
  }
}
