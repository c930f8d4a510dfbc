"""All kinds of mistakes, by area, and pairs of unlike ones that are planted at once."""

import activations  # noqa: F401
import attention  # noqa: F401
import caches  # noqa: F401
import heads  # noqa: F401
import ids  # noqa: F401
import logits  # noqa: F401
import masks  # noqa: F401
import norms  # noqa: F401
import products  # noqa: F401
import streams  # noqa: F401
import weights  # noqa: F401

PAIRS = """
leaks_where_negative+ids_one_late halves_by_themselves+temperature
inputs_in_int8+gain_missing accumulated_in_sixteen_bits+padding_seen
square_matrix_transposed+positions_off_from_a_token rows_late_by_one+mean_subtracted
gate_in_sixteen_bits+one_output_scaled columns_never_read+matrix_of_a_sister
one_row_not_normalised+matrix_of_a_sister packed_sequences+positions_frozen
one_head_reads_another_group+half_of_it four_bits_zero_off+half_of_it
another_function+packed_sequences straight_pieces+two_rows_exchanged
cache_in_float8+heads_exchanged first_half_counted+block_skipped
""".split()
