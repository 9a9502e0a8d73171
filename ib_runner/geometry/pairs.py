"""Distances of all pairs of a cloud's points, tile by tile, in float32.

A sum of squared differences has none of the cancellation of the matrix product
|a|² + |b|² − 2ab, so that close pairs of far points come out right. With values stored one row a
dimension it is vectorised across pairs. Sums run over ``CHUNK`` dimensions, whose results are then
added: the relative error of a distance is below (CHUNK/4 + d/CHUNK + 6)·2⁻²⁵, which is 5e-7 up to
d = 32, 1.2e-6 at d = 784 and 3.4e-6 at d = 3136.
"""

import numba
import numpy as np

#: points in a block; a tile is a part of one block's points against all of another's
BLOCK = 256
TILE_ROWS = 32
CHUNK = 32
_UNROLL = 4


def in_blocks(values: np.ndarray) -> np.ndarray:
    """Values [n, d] as float32 [n_blocks, d', BLOCK], zeros filling the last block.

    d' is d rounded up to a multiple of 4: dimensions of zeros change no distance.
    """
    n, d = values.shape
    n_blocks = -(-n // BLOCK)
    padded = np.zeros((n_blocks * BLOCK, -(-d // _UNROLL) * _UNROLL), dtype=np.float32)
    padded[:n, :d] = values
    return np.ascontiguousarray(padded.reshape(n_blocks, BLOCK, -1).transpose(0, 2, 1))


@numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")
def fill_tile(rows, first_row, columns, tile):
    """Distances of the points ``first_row…`` of one block and all of another's, into ``tile``.

    ``rows`` and ``columns`` [d', BLOCK] are blocks of :func:`in_blocks`, ``tile`` is float32
    [TILE_ROWS, BLOCK].
    """
    partial = np.empty(BLOCK, dtype=np.float32)
    tile[:] = np.float32(0.0)
    for chunk in range(0, rows.shape[0], CHUNK):
        chunk_end = min(chunk + CHUNK, rows.shape[0])
        for i in range(TILE_ROWS):
            partial[:] = np.float32(0.0)
            for k in range(chunk, chunk_end, _UNROLL):
                a0 = rows[k, first_row + i]
                a1 = rows[k + 1, first_row + i]
                a2 = rows[k + 2, first_row + i]
                a3 = rows[k + 3, first_row + i]
                for j in range(BLOCK):
                    d0 = a0 - columns[k, j]
                    d1 = a1 - columns[k + 1, j]
                    d2 = a2 - columns[k + 2, j]
                    d3 = a3 - columns[k + 3, j]
                    partial[j] += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
            for j in range(BLOCK):
                tile[i, j] += partial[j]
    for i in range(TILE_ROWS):
        for j in range(BLOCK):
            tile[i, j] = np.sqrt(tile[i, j])
