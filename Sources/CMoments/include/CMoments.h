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

/// What a bound needs to know of the terms t = x[k]·strip[places[k], lane] of eight sums of products: Σ|t|, Σt², how many are
/// not 0, Σ|t| over products that need no rounding, and the least of |t| and u·Σ|t| summed over terms of at most 2u·Σ|t|.
///
/// The sums are added as ``touchstone_moments`` adds them.
///
/// - Parameters:
///   - x: float64, [count].
///   - places: the rows of the strip: [count].
///   - strip: eight columns: float64, [..., 8].
///   - exactness: 32 or 64 for products that are float32 or float64 numbers; 0 where each has to be rounded.
///   - unit: u; 0 where nothing is lost and no order counts.
///   - terms: the results: float64, [6, 8].
void touchstone_terms(
    const double *_Nonnull x, const ptrdiff_t *_Nonnull places, ptrdiff_t count, const void *_Nonnull strip,
    int exactness, double unit, void *_Nonnull terms);

/// Σt alone, added as ``touchstone_moments`` adds it, of the outputs of several strips.
///
/// - Parameters:
///   - x: float64, [rows, depth]; at least one row.
///   - strips: each eight columns of the matrix: float64, [count, depth, 8].
///   - start: what the sums start from: float64, [count, 8].
///   - sums: the results: float64, [rows, count, 8].
void touchstone_sums(
    const double *_Nonnull x, ptrdiff_t rows, ptrdiff_t depth, const void *_Nonnull strips, ptrdiff_t count,
    const void *_Nonnull start, void *_Nonnull sums);

#endif
