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

#: activation functions that a site can be sampled through
IDENTITY, TANH, LEAKY, SIGMOID = 0, 1, 2, 3
#: how far from the middle of either factor a density reaches, in standard deviations
_REACH = 6.0
#: nodes that follow the prior, and those that follow the unit's output
_NODES, _SITE_NODES = 17, 10
#: a unit whose own share of the noise is less than this, relative to β, has nothing to aim
_FIXED = 1e-7
_HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


@inner(error_model="numpy")
def _f(code, slope, u):
    if code == TANH:
        return 1.0 - 2.0 / (1.0 + np.exp(2.0 * u))
    if code == LEAKY:
        return u if u > 0.0 else slope * u
    if code == SIGMOID:
        return 1.0 / (1.0 + np.exp(-u))
    return u


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


@inner(error_model="numpy")
def _tabulate(code, slope, t, beta, a, scale, precision, shift, nodes, heights):
    """ρ at sorted ``nodes``; returns their number and ρ's integral (the largest height is 1)."""
    reach, low_out = _REACH * beta, t - _REACH * beta
    left, right = _range_of(
        (_inverse(code, slope, low_out) - a) / scale, (_inverse(code, slope, t + reach) - a) / scale
    )
    step = (right - left) / (_NODES - 1)
    for k in range(_NODES):
        nodes[k] = left + k * step
    count = _NODES
    site_step = 2.0 * reach / (_SITE_NODES + 1)
    for k in range(1, _SITE_NODES + 1):
        node = (_inverse(code, slope, low_out + k * site_step) - a) / scale
        if left < node < right:
            j = count
            while nodes[j - 1] > node:
                nodes[j] = nodes[j - 1]
                j -= 1
            nodes[j] = node
            count += 1
    top = -np.inf
    for k in range(count):
        u = a + scale * nodes[k]
        off = (t - _f(code, slope, u)) / beta
        heights[k] = -0.5 * (nodes[k] * nodes[k] + off * off) + (0.5 * precision * u - shift) * u
        top = max(top, heights[k])
    total = 0.0
    for k in range(count):
        # heights of nothing would leave places that no draw reaches
        heights[k] = np.exp(max(heights[k] - top, -40.0))
        if k > 0:
            total += 0.5 * (heights[k] + heights[k - 1]) * (nodes[k] - nodes[k - 1])
    return count, total


@inner(error_model="numpy")
def _draw(nodes, heights, count, total, uniform):
    """The ``uniform`` quantile of ρ and its log density there."""
    wanted, k = uniform * total, 1
    while k < count - 1:
        mass = 0.5 * (heights[k] + heights[k - 1]) * (nodes[k] - nodes[k - 1])
        if wanted <= mass:
            break
        wanted -= mass
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
def tilted_moments(begin, end, code, slope, beta, t, mean, variance, new_mean, new_variance):
    """Mean and variance of u ~ N(``mean``, ``variance``) after a unit put out ``t``; all [n, d]."""
    for p in range(begin, end):
        nodes, heights = np.empty(_NODES + _SITE_NODES), np.empty(_NODES + _SITE_NODES)
        for i in range(t.shape[1]):
            a, scale = mean[p, i], np.sqrt(variance[p, i])
            new_mean[p, i], new_variance[p, i] = a, variance[p, i]
            if scale < _FIXED * beta:
                continue
            count, total = _tabulate(code, slope, t[p, i], beta, a, scale, 0.0, 0.0, nodes, heights)
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
    at first, for units that have nothing to aim, and ``uniforms`` [n, K, m] are used up.
    """
    n_draws, dim = e.shape[1:]
    for p in range(begin, end):
        nodes, heights = np.empty(_NODES + _SITE_NODES), np.empty(_NODES + _SITE_NODES)
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
                    a,
                    abs(scale),
                    precisions[p, i],
                    shifts[p, i],
                    nodes,
                    heights,
                )
                if fresh[p, k]:
                    value, density = _draw(nodes, heights, count, total, uniforms[p, k, i])
                    e[p, k, i] = sign * value
                else:
                    density = _log_density(nodes, heights, count, total, sign * e[p, k, i])
                found += density
            log_densities[p, k] = found
