#ifndef TOUCHSTONE_C_MOMENTS_H
#define TOUCHSTONE_C_MOMENTS_H

#include <stddef.h>

/// Σt, Σ|t| and Σt² over the terms t = x[row, k]·strip[k, lane] of eight outputs of a product, for each row of x.
///
/// Each sum adds its terms one by one in the order of k, rounding the product and the addition apart: every processor
/// gives the same bits.
///
/// - Parameters:
///   - x: float64, [rows, depth].
///   - strip: eight columns of the matrix: float64, [depth, 8].
///   - start: what Σt starts from: float64, [8].
///   - moments: the results: float64, [rows, 3, 8].
void touchstone_moments(
    const double *_Nonnull x, ptrdiff_t rows, ptrdiff_t depth, const void *_Nonnull strip,
    const void *_Nonnull start, void *_Nonnull moments);

/// Σt alone, to the same bit: four rows at a time, where nobody asks for bounds.
///
/// - Parameters: as above.
///   - sums: the results: float64, [rows, 8].
void touchstone_sums(
    const double *_Nonnull x, ptrdiff_t rows, ptrdiff_t depth, const void *_Nonnull strip,
    const void *_Nonnull start, void *_Nonnull sums);

#endif
