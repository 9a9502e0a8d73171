"""One unit at a time: what a unit's output t says about its pre-activation u, t = f(u) + β z.

A dead or saturated unit leaves a half line of u open, and a Gaussian about the best u misses that.
So everything here works with the one-dimensional density itself, N(u; a, s²) · φ_β(t − f(u)), which
is tabulated at nodes that follow both factors and is linear in between. Two uses:

- its mean and variance, for expectation propagation (``tilted_moments``);
- to draw the pre-activations of a layer one after another, each given those before
  (``site_densities``; for sign constraints: the simulator of Geweke, Hajivassiliou and Keane).
  u = μ + L e with L lower triangular and e ~ N(0, I) is what Gaussian *sites* exp(νu − τu²/2) in
  the place of the units' outputs give, so e_i is drawn from a density ρ_i close to
  N(e_i; 0, 1) · φ_β(t_i − f(u_i)) / site(u_i).

The bounds ask that e has the density Π ρ_i exactly; how close ρ_i comes decides their distance.
"""

import numpy as np

from ib_runner.compiled import inner, parallel_range
from ib_runner.vector_math import exp2_double

#: activation functions that a site can be sampled through
IDENTITY, TANH, LEAKY, SIGMOID = 0, 1, 2, 3
#: how far from the middle of either factor a density reaches, in standard deviations
_REACH = 6.0
#: nodes that follow the prior, and those that follow the unit's output
_NODES, _SITE_NODES = 17, 10
_ALL = _NODES + _SITE_NODES
#: those of the unit's output, with the ends of its range
SITE_POINTS = _SITE_NODES + 2
#: a unit whose own share of the noise is less than this, relative to β, has nothing to aim
_FIXED = 1e-7
_LOG2E = 1.0 / np.log(2.0)
#: what may be rearranged for vector code; numbers need not be finite
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


@inner(error_model="numpy")
def _inverse(code, slope, v):
    """The u with f(u) = v; ±inf beyond the range of f."""
    if code == TANH:
        if v <= -1.0:
            return -np.inf
        return np.inf if v >= 1.0 else np.arctanh(v)
    if code == LEAKY:
        if v > 0.0:
            return v
        return v / slope if slope > 0.0 else -np.inf
    if code == SIGMOID:
        if v <= 0.0:
            return -np.inf
        return np.inf if v >= 1.0 else np.log(v / (1.0 - v))
    return v


@inner(error_model="numpy")
def _range_of(low, high):
    """Where N(e; 0, 1) and the site's interval ``low`` … ``high`` of e meet, or come closest."""
    left, right = max(-_REACH, low), min(_REACH, high)
    if left < right:
        return left, right
    if low > 0.0:
        left = min(low, 50.0)
        return left, min(left + 1.0, max(high, left + 1e-6))
    right = max(high, -50.0)
    return max(right - 1.0, min(low, right - 1e-6)), right


@parallel_range(error_model="numpy")
def site_points(begin, end, code, slope, beta, t, points):
    """The u with f(u) up to 6 β from ``t`` [n, d], ascending: ``points`` [n, d, ``SITE_POINTS``].

    ±inf beyond the range of the activation function.
    """
    step = 2.0 * _REACH * beta / (points.shape[2] - 1)
    for p in range(begin, end):
        for i in range(t.shape[1]):
            for k in range(points.shape[2]):
                points[p, i, k] = _inverse(code, slope, t[p, i] + (k * step - _REACH * beta))


@inner(error_model="numpy")
def _place(points, a, scale, nodes):
    """Sorted ``nodes`` e: some evenly spaced, and those with u = a + scale e in ``points``."""
    left, right = _range_of((points[0] - a) / scale, (points[points.size - 1] - a) / scale)
    step = (right - left) / (_NODES - 1)
    count, even = 0, 0
    for k in range(1, points.size - 1):
        node = (points[k] - a) / scale
        if left < node < right:
            while even < _NODES and left + even * step <= node:
                nodes[count] = left + even * step
                even += 1
                count += 1
            nodes[count] = node
            count += 1
    while even < _NODES:
        nodes[count] = left + even * step
        even += 1
        count += 1
    return count


@inner(error_model="numpy", fastmath=_FAST)
def _tabulate(code, slope, t, beta, points, a, scale, precision, shift, nodes, heights, masses):
    """ρ at sorted ``nodes``, its integral up to each from the one before in ``masses``.

    Returns the number of nodes and ρ's integral (the largest of ``heights`` is 1).
    """
    count = _place(points, a, scale, nodes)
    # one loop for each step, so that all but the last ones are vector code
    if code == TANH:
        for k in range(count):
            heights[k] = 1.0 - 2.0 / (1.0 + exp2_double((a + scale * nodes[k]) * (2.0 * _LOG2E)))
    elif code == SIGMOID:
        for k in range(count):
            heights[k] = 1.0 / (1.0 + exp2_double((a + scale * nodes[k]) * -_LOG2E))
    else:
        below = slope if code == LEAKY else 1.0
        for k in range(count):
            u = a + scale * nodes[k]
            heights[k] = u if u > 0.0 else below * u
    for k in range(count):
        off, u = (t - heights[k]) / beta, a + scale * nodes[k]
        heights[k] = (0.5 * precision * u - shift) * u - 0.5 * (nodes[k] * nodes[k] + off * off)
    top = -np.inf
    for k in range(count):
        top = max(top, heights[k])
    for k in range(count):
        # heights of nothing would leave places that no draw reaches
        heights[k] = exp2_double(max(heights[k] - top, -40.0) * _LOG2E)
    total = 0.0
    for k in range(1, count):
        masses[k] = 0.5 * (heights[k] + heights[k - 1]) * (nodes[k] - nodes[k - 1])
        total += masses[k]
    return count, total


@inner(error_model="numpy")
def _draw(nodes, heights, masses, count, total, uniform):
    """The ``uniform`` quantile of ρ and its log density there."""
    wanted, k = uniform * total, 1
    while k < count - 1 and wanted > masses[k]:
        wanted -= masses[k]
        k += 1
    width, h0 = nodes[k] - nodes[k - 1], heights[k - 1]
    rise = heights[k] - h0
    # h0 s + rise s²/2 = wanted / width, solved without cancellation
    goal = wanted / width
    s = min(2.0 * goal / (h0 + np.sqrt(max(h0 * h0 + 2.0 * rise * goal, 0.0))), 1.0)
    return nodes[k - 1] + s * width, np.log((h0 + rise * s) / total)


@inner(error_model="numpy")
def _log_density(nodes, heights, count, total, e):
    """ln ρ(e), −inf outside the nodes."""
    if not nodes[0] <= e <= nodes[count - 1]:
        return -np.inf
    k = 1
    while k < count - 1 and nodes[k] < e:
        k += 1
    width = nodes[k] - nodes[k - 1]
    s = (e - nodes[k - 1]) / width if width > 0.0 else 0.0
    return np.log((heights[k - 1] + (heights[k] - heights[k - 1]) * s) / total)


@parallel_range(error_model="numpy")
def tilted_moments(
    begin, end, code, slope, beta, t, points, mean, variance, new_mean, new_variance
):
    """Mean and variance of u ~ N(``mean``, ``variance``) after a unit put out ``t``; all [n, d].

    ``points`` are those of ``site_points``.
    """
    for p in range(begin, end):
        nodes, heights, masses = np.empty(_ALL), np.empty(_ALL), np.empty(_ALL)
        for i in range(t.shape[1]):
            a, scale = mean[p, i], np.sqrt(variance[p, i])
            new_mean[p, i], new_variance[p, i] = a, variance[p, i]
            if scale < _FIXED * beta:
                continue
            count, total = _tabulate(
                code, slope, t[p, i], beta, points[p, i], a, scale, 0.0, 0.0, nodes, heights, masses
            )
            first, second = 0.0, 0.0
            for k in range(1, count):
                e0, e1, h0, h1 = nodes[k - 1], nodes[k], heights[k - 1], heights[k]
                width = e1 - e0
                first += width * (h0 * (2.0 * e0 + e1) + h1 * (e0 + 2.0 * e1)) / 6.0
                second += (
                    width
                    * (
                        h0 * (3.0 * e0 * e0 + 2.0 * e0 * e1 + e1 * e1)
                        + h1 * (e0 * e0 + 2.0 * e0 * e1 + 3.0 * e1 * e1)
                    )
                    / 12.0
                )
            first, second = first / total, second / total
            new_mean[p, i] = a + scale * first
            new_variance[p, i] = variance[p, i] * max(second - first * first, 1e-12)


@parallel_range(error_model="numpy")
def site_densities(
    begin,
    end,
    code,
    slope,
    beta,
    t,
    points,
    mean,
    lower,
    precisions,
    shifts,
    fresh,
    uniforms,
    e,
    log_densities,
):
    """ln Π ρ_i(e_i) into ``log_densities`` [n, K] for ``e`` [n, K, m], m ≤ d.

    Rows (p, k) with ``fresh`` [n, K] are drawn here: there ``e`` holds standard normal numbers
    at first, for units that have nothing to aim, and ``uniforms`` [n, K, m] are used up. ``points``
    are those of ``site_points``.
    """
    n_draws, dim = e.shape[1:]
    for p in range(begin, end):
        nodes, heights, masses = np.empty(_ALL), np.empty(_ALL), np.empty(_ALL)
        for k in range(n_draws):
            found = 0.0
            for i in range(dim):
                a = mean[p, i]
                for j in range(i):
                    a += lower[p, i, j] * e[p, k, j]
                scale = lower[p, i, i]
                if code == IDENTITY or abs(scale) < _FIXED * beta:
                    found -= 0.5 * e[p, k, i] ** 2 + _HALF_LOG_2PI
                    continue
                sign = 1.0 if scale > 0.0 else -1.0
                count, total = _tabulate(
                    code,
                    slope,
                    t[p, i],
                    beta,
                    points[p, i],
                    a,
                    abs(scale),
                    precisions[p, i],
                    shifts[p, i],
                    nodes,
                    heights,
                    masses,
                )
                if fresh[p, k]:
                    value, density = _draw(nodes, heights, masses, count, total, uniforms[p, k, i])
                    e[p, k, i] = sign * value
                else:
                    density = _log_density(nodes, heights, count, total, sign * e[p, k, i])
                found += density
            log_densities[p, k] = found
