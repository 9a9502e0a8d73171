"""A Triton kernel for the sums of a mixture density on a GPU, one pass over points and centres.

Nothing of size [points, centres] is ever stored: each program keeps a block of points and streams
all centres past them. Squared distances are formed from differences in float32, which, unlike a
matrix product, loses nothing where a point and a centre are close.
"""

import triton
import triton.language as tl


@triton.jit
def log2_kernel_sums(
    points, centres, out, nearest, m, n, D: tl.constexpr, M: tl.constexpr, N: tl.constexpr
):
    """``out`` [m] = log2 Σ_j 2^(−|t − c_j|²), float64, and ``nearest`` [m], the least |t − c_j|².

    ``points`` [D, m] and ``centres`` [D, n] are float32, coordinates one after the other.
    """
    row = tl.program_id(0) * M + tl.arange(0, M)
    there = row < m
    total = tl.zeros((M,), tl.float64)
    least = tl.full((M,), float("inf"), tl.float32)
    start = 0
    while start < n:
        column = start + tl.arange(0, N)
        square = tl.zeros((M, N), tl.float32)
        for k in tl.static_range(D):
            t = tl.load(points + k * m + row, mask=there, other=0.0)
            c = tl.load(centres + k * n + column, mask=column < n, other=0.0)
            apart = t[:, None] - c[None, :]
            square += apart * apart
        square = tl.where((column < n)[None, :], square, float("inf"))
        new = tl.minimum(least, tl.min(square, 1))
        part = tl.sum(tl.exp2(new[:, None] - square), 1)
        total = total * tl.exp2(new - least).to(tl.float64) + part.to(tl.float64)
        least = new
        start += N
    tl.store(nearest + row, least, mask=there)
    tl.store(out + row, tl.log2(total.to(tl.float32)).to(tl.float64) - least, mask=there)
