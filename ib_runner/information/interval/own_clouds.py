"""p̂(t|x): the plug-in densities of clouds, each at points of its own input.

Coordinates are in units of β·√(2 ln 2), where the noise's kernel is 2^(−‖u‖²); all values are log2
of densities relative to the noise's peak (2πβ²)^(−d/2), which cancels in every ratio. Differences
are taken in coordinates centred near the cloud, never by the matrix-product trick.
"""

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.vector_math import exp2_coarse

_f = np.float32
#: a term of 2 to this power or more becomes the unit in which its sum is kept
HIGHEST_EXPONENT = _f(60.0)


@inner(fastmath=True, error_model="numpy")
def cloud_densities(points, references, cloud, q, out):
    """``own_cloud_densities`` of one cloud; the last three dimensions are one fused loop."""
    dim = points.shape[0]
    fused = min(dim, 3)
    for j in range(points.shape[1]):
        base = -references[j]
        for k in range(q.size):
            q[k] = base
        for i in range(dim - fused):
            u = points[i, j]
            for k in range(q.size):
                difference = u - cloud[i, k]
                q[k] -= difference * difference
        total = _f(0.0)
        u0 = points[dim - 1, j]
        c0 = cloud[dim - 1]
        if fused == 3:
            u1, u2 = points[dim - 2, j], points[dim - 3, j]
            c1, c2 = cloud[dim - 2], cloud[dim - 3]
            for k in range(q.size):
                a, b, c = u0 - c0[k], u1 - c1[k], u2 - c2[k]
                total += exp2_coarse(min(q[k] - a * a - b * b - c * c, HIGHEST_EXPONENT))
        elif fused == 2:
            u1, c1 = points[dim - 2, j], cloud[dim - 2]
            for k in range(q.size):
                a, b = u0 - c0[k], u1 - c1[k]
                total += exp2_coarse(min(q[k] - a * a - b * b, HIGHEST_EXPONENT))
        else:
            for k in range(q.size):
                a = u0 - c0[k]
                total += exp2_coarse(min(q[k] - a * a, HIGHEST_EXPONENT))
        out[j] = np.log2(np.float64(total) / q.size) + references[j]


@parallel_range(fastmath=True, error_model="numpy")
def own_cloud_densities(begin, end, points, references, clouds, out):
    """log2 of the plug-in densities of n clouds, each at its own points, into ``out`` [n, m].

    ``points`` [n, d, m], ``clouds`` [n, d, draws]: the density is the mean over the draws of
    2^(−‖u − c‖²). ``references`` [n, m]: the exponent −‖u − c‖² of one draw, in-sample of the draw
    that made the point, so that the sum cannot underflow.
    """
    q = np.empty(clouds.shape[2], np.float32)
    for c in range(begin, end):
        cloud_densities(points[c], references[c], clouds[c], q, out[c])
