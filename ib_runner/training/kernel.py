"""Compiled training steps of small fully connected networks: noise, forward, backward, update.

Arrays are [unit, input], so that the innermost loops run over the inputs of a minibatch and are
vectorised. One thread works, and the order of summation is fixed by compiling, so that a machine
gives the same bytes every time.
"""

import math
from typing import NamedTuple

import numpy as np

from ib_runner.compiled import inner, njit
from ib_runner.information.sampling.normal_numbers import (
    fill_normals,
    seed_lanes,
    splitmix64,
    stream,
)
from ib_runner.vector_math import LOG2E, exp2, tanh

_f = np.float32
IDENTITY, TANH, RELU, LEAKY_RELU = range(4)
NO_NOISE, ADDITIVE, MULTIPLICATIVE = range(3)
CROSS_ENTROPY, MSE = range(2)
SGD, ADAM = range(2)

#: number of normal numbers that are generated side by side
_LANES = 64

#: compiler options: sums may be reordered for vector lanes; NaN and infinity are respected
_SUMS = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}}


class Layers(NamedTuple):
    """A network: ``widths`` [L + 1] from the inputs to the outputs, the rest [L] for each layer.

    ``weight_at`` and ``bias_at`` (−1: none) point into the flat parameters, weights [out, in].
    ``amount`` is the additive noise's standard deviation, or the probability to drop a unit.
    """

    widths: np.ndarray
    weight_at: np.ndarray
    bias_at: np.ndarray
    activation: np.ndarray
    slope: np.ndarray
    noise: np.ndarray
    amount: np.ndarray


class Update(NamedTuple):
    """The settings of the optimizer, and ``alpha`` of the Parseval step (0: no such step)."""

    optimizer: int
    beta1: float
    beta2: float
    eps: float
    alpha: float


@inner()
def _fill_order(layers, seed, epoch, order):
    """Fill ``order`` [N] with a random permutation of 0 … N − 1 (Fisher and Yates).

    A function of (``seed``, ``epoch``).
    """
    key = stream(seed, len(layers.noise), epoch)  # smaller numbers are the streams of the layers
    n = len(order)
    for k in range(n):
        order[k] = k
    for k in range(n - 1, 0, -1):
        bits = splitmix64(key + np.uint64(k) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
        j = np.int64((bits * np.uint64(k + 1)) >> np.uint64(32))
        order[k], order[j] = order[j], order[k]


@njit()
def fill_order(layers, seed, epoch, order):
    """``_fill_order``, to be called from Python."""
    _fill_order(layers, seed, epoch, order)


@njit()
def fill_noise(layers, seed, epoch, z):
    """``_fill_noise``, to be called from Python."""
    _fill_noise(layers, seed, epoch, z)


@inner(allocates=True)
def _fill_noise(layers, seed, epoch, z):
    """Fill ``z`` [units, N] with the channels' addends or factors; rows without noise stay as is.

    A function of (``seed``, ``epoch``); every layer has a random stream of its own.
    """
    state = np.empty((4, _LANES), np.uint32)
    chunk = np.empty(2 * _LANES, np.float32)
    row = 0
    for layer in range(len(layers.noise)):
        width = layers.widths[layer + 1]
        values = z[row : row + width].reshape(width * z.shape[1])
        row += width
        if layers.noise[layer] == NO_NOISE:
            continue
        key = stream(seed, layer, epoch)
        amount = layers.amount[layer]
        if layers.noise[layer] == ADDITIVE:
            seed_lanes(state, key)
            for start in range(0, len(values), 2 * _LANES):
                fill_normals(state, chunk)
                part = values[start : start + 2 * _LANES]
                for k in range(len(part)):
                    part[k] = _f(amount) * chunk[k]
        else:
            threshold = np.uint64(amount * 2.0**32)
            kept = _f(1.0 / (1.0 - amount))
            for k in range(len(values)):
                bits64 = splitmix64(key + np.uint64(k) * np.uint64(0x9E3779B97F4A7C15))
                values[k] = kept if (bits64 >> np.uint64(32)) >= threshold else _f(0.0)


@inner(allocates=True, **_SUMS)
def _matrix(flat, at, rows, columns):
    return flat[at : at + rows * columns].reshape(rows, columns)


@inner(**_SUMS)
def _affine(w, below, above, n):
    """above += w below, in the first n columns; four inputs at a time save loads and stores."""
    rows, columns = w.shape
    whole = columns - columns % 4
    for o in range(rows):
        out = above[o]
        for i in range(0, whole, 4):
            w0, w1, w2, w3 = w[o, i], w[o, i + 1], w[o, i + 2], w[o, i + 3]
            x0, x1, x2, x3 = below[i], below[i + 1], below[i + 2], below[i + 3]
            for k in range(n):
                out[k] += w0 * x0[k] + w1 * x1[k] + w2 * x2[k] + w3 * x3[k]
        for i in range(whole, columns):
            w0 = w[o, i]
            x0 = below[i]
            for k in range(n):
                out[k] += w0 * x0[k]


@inner(**_SUMS)
def _activate(kind, slope, s, n):
    for j in range(len(s)):
        row = s[j]
        if kind == TANH:
            for k in range(n):
                row[k] = tanh(row[k])
        elif kind == RELU:
            for k in range(n):
                row[k] = row[k] if not row[k] < _f(0.0) else _f(0.0)
        elif kind == LEAKY_RELU:
            for k in range(n):
                row[k] = row[k] if not row[k] < _f(0.0) else slope * row[k]


@inner(**_SUMS)
def _through_activation(kind, slope, s, gradient, n):
    """gradient *= the activation's derivative, computed from its values ``s``."""
    for j in range(s.shape[0]):
        row = s[j]
        g = gradient[j]
        if kind == TANH:
            for k in range(n):
                g[k] *= _f(1.0) - row[k] * row[k]
        elif kind == RELU:
            for k in range(n):
                g[k] = g[k] if row[k] > _f(0.0) else _f(0.0)
        elif kind == LEAKY_RELU:
            for k in range(n):
                g[k] = g[k] if row[k] > _f(0.0) else slope * g[k]


@inner(allocates=True, **_SUMS)
def _affine_of_layer(layers, layer, parameters, below, clean, n):
    """``clean`` = activation(weights · ``below`` + bias), in the first n columns."""
    fan_in, width = layers.widths[layer], layers.widths[layer + 1]
    if layers.bias_at[layer] < 0:
        clean[:, :n] = _f(0.0)
    else:
        for o in range(width):
            clean[o, :n] = parameters[layers.bias_at[layer] + o]
    _affine(_matrix(parameters, layers.weight_at[layer], width, fan_in), below, clean, n)
    _activate(layers.activation[layer], layers.slope[layer], clean, n)


@inner(**_SUMS)
def _forward(layers, parameters, s, t, z, start, n):
    """Fill the rows of ``s`` (clean) and ``t`` (noisy) of every layer.

    The first rows of ``t`` are the inputs. ``z`` [units, N] is the noise of an epoch, of which the
    ``n`` columns from ``start`` are used.
    """
    row = layers.widths[0]
    for layer in range(len(layers.activation)):
        fan_in, width = layers.widths[layer], layers.widths[layer + 1]
        _affine_of_layer(layers, layer, parameters, t[row - fan_in : row], s[row : row + width], n)
        for o in range(width):
            source = s[row + o]
            target = t[row + o]
            channel = z[row - layers.widths[0] + o, start : start + n]
            if layers.noise[layer] == NO_NOISE:
                for k in range(n):
                    target[k] = source[k]
            elif layers.noise[layer] == ADDITIVE:
                for k in range(n):
                    target[k] = source[k] + channel[k]
            else:
                for k in range(n):
                    target[k] = source[k] * channel[k]
        row += width


@inner(**_SUMS)
def _loss_gradient(loss, outputs, targets, gradient, scratch, n):
    """d(mean loss)/d(outputs) into ``gradient``; all [k, n]."""
    classes = outputs.shape[0]
    if loss == MSE:
        factor = _f(2.0) / _f(n * classes)
        for c in range(classes):
            for k in range(n):
                gradient[c, k] = factor * (outputs[c, k] - targets[c, k])
        return
    top, total = scratch[0], scratch[1]
    for k in range(n):
        top[k] = outputs[0, k]
        total[k] = _f(0.0)
    for c in range(1, classes):
        for k in range(n):
            top[k] = max(top[k], outputs[c, k])
    for c in range(classes):
        for k in range(n):
            # at least 2^-60: smaller values would become denormal numbers, which are slow
            e = exp2(max((outputs[c, k] - top[k]) * LOG2E, _f(-60.0)))
            gradient[c, k] = e
            total[k] += e
    for c in range(classes):
        for k in range(n):
            gradient[c, k] = (gradient[c, k] / total[k] - targets[c, k]) / _f(n)


@inner(allocates=True, **_SUMS)
def _backward(layers, parameters, gradients, s, t, z, start, g, scratch, n):
    """Fill ``gradients`` with those of all parameters.

    ``g`` has the shape of ``s``; at first, its last rows hold the gradient of the outputs.
    """
    row = s.shape[0] - layers.widths[-1]
    for layer in range(len(layers.activation) - 1, -1, -1):
        fan_in, width = layers.widths[layer], layers.widths[layer + 1]
        above = g[row : row + width]
        if layers.noise[layer] == MULTIPLICATIVE:
            for o in range(width):
                channel = z[row - layers.widths[0] + o, start : start + n]
                for k in range(n):
                    above[o, k] *= channel[k]
        clean = s[row : row + width]
        _through_activation(layers.activation[layer], layers.slope[layer], clean, above, n)
        below = t[row - fan_in : row]
        dw = _matrix(gradients, layers.weight_at[layer], width, fan_in)
        for o in range(width):
            a = above[o]
            for i in range(fan_in):
                b = below[i]
                total = _f(0.0)
                for k in range(n):
                    total += a[k] * b[k]
                dw[o, i] = total
            if layers.bias_at[layer] >= 0:
                total = _f(0.0)
                for k in range(n):
                    total += a[k]
                gradients[layers.bias_at[layer] + o] = total
        if layer > 0:
            w = _matrix(parameters, layers.weight_at[layer], width, fan_in)
            down = g[row - fan_in : row]
            down[:, :n] = _f(0.0)
            _affine(w.T, above, down, n)
        row -= fan_in


@inner(**_SUMS)
def _update(update, rate, step, parameters, gradients, m, v):
    """Step number ``step`` (1, 2, …) of Adam (Kingma & Ba, 2015, as in PyTorch) or of plain SGD."""
    if update.optimizer == SGD:
        for j in range(len(parameters)):
            parameters[j] -= _f(rate) * gradients[j]
        return
    size = _f(rate / (1.0 - update.beta1**step))
    root = _f(math.sqrt(1.0 - update.beta2**step))
    keep1, keep2 = _f(1.0 - update.beta1), _f(update.beta2)
    rest2, eps = _f(1.0 - update.beta2), _f(update.eps)
    for j in range(len(parameters)):
        gradient = gradients[j]
        m[j] += keep1 * (gradient - m[j])
        v[j] = keep2 * v[j] + rest2 * gradient * gradient
        parameters[j] -= size * (m[j] / (math.sqrt(v[j]) / root + eps))


@inner(allocates=True, **_SUMS)
def _parseval(layers, alpha, parameters, scratch):
    """W ← W − α (W Wᵀ − I) W for all weights but the output layer's (Cisse et al., 2017)."""
    for layer in range(len(layers.activation) - 1):
        fan_in, width = layers.widths[layer], layers.widths[layer + 1]
        w = _matrix(parameters, layers.weight_at[layer], width, fan_in)
        change = _matrix(scratch, 0, width, fan_in)
        for o in range(width):
            for i in range(fan_in):
                change[o, i] = -w[o, i]
            for p in range(width):
                product = _f(0.0)
                for i in range(fan_in):
                    product += w[o, i] * w[p, i]
                for i in range(fan_in):
                    change[o, i] += product * w[p, i]
        for o in range(width):
            for i in range(fan_in):
                w[o, i] -= _f(alpha) * change[o, i]


@inner(allocates=True, **_SUMS)
def _train_epoch(layers, update, loss, rate, step, parameters, m, v, x, y, order, z, batch_size):
    """One pass through ``x`` [inputs, N] with targets ``y`` [k, N] in ``order`` [N].

    ``parameters`` and Adam's moments ``m``, ``v`` are changed in place. ``step`` is the number of
    steps before this epoch, the result the number after it. ``z`` [units, N] is the noise, columns
    in the order of the pass.
    """
    rows = int(layers.widths.sum())
    s = np.empty((rows, batch_size), np.float32)
    t = np.empty((rows, batch_size), np.float32)
    g = np.empty((rows, batch_size), np.float32)
    targets = np.empty((len(y), batch_size), np.float32)
    scratch = np.empty((2, batch_size), np.float32)
    gradients = np.empty_like(parameters)
    change = np.empty_like(parameters)
    first = rows - layers.widths[-1]
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        n = len(batch)
        for i in range(len(x)):
            for k in range(n):
                t[i, k] = x[i, batch[k]]
        for i in range(len(y)):
            for k in range(n):
                targets[i, k] = y[i, batch[k]]
        _forward(layers, parameters, s, t, z, start, n)
        _loss_gradient(loss, t[first:], targets, g[first:], scratch, n)
        _backward(layers, parameters, gradients, s, t, z, start, g, scratch, n)
        step += 1
        _update(update, rate, step, parameters, gradients, m, v)
        if update.alpha != 0.0:
            _parseval(layers, update.alpha, parameters, change)
    return step


@inner(allocates=True, **_SUMS)
def _score(layers, loss, parameters, x, y, n_inputs):
    """Mean loss and number of misclassified inputs, without noise.

    ``x`` [blocks, inputs, n] and ``y`` [blocks, k, n] hold ``n_inputs`` inputs, n in a block, the
    last block padded. The loss is NaN where a parameter is not finite.
    """
    for value in parameters:
        if not math.isfinite(value):
            return math.nan, 0  # tanh would hide an infinite value as 1
    block = x.shape[2]
    s = np.empty((int(layers.widths.sum()), block), np.float32)
    scratch = np.empty((5, block), np.float32)
    total = 0.0
    errors = 0
    for number in range(len(x)):
        n = min(block, n_inputs - number * block)
        below = x[number]
        row = 0
        for layer in range(len(layers.activation)):
            above = s[row : row + layers.widths[layer + 1]]
            _affine_of_layer(layers, layer, parameters, below, above, n)
            below = above
            row += len(above)
        errors += _errors(below, y[number], scratch, n)
        if loss == MSE:
            total += _squares(below, y[number], n) / y.shape[1]
        else:
            total += _cross_entropy(below, y[number], scratch, n)
    return total / n_inputs, errors


@njit()
def train_epochs(
    layers, update, loss, rates, seed, first, parameters, m, v, step, x, y, order, z, batch_size,
    train, test, sizes, scores, kept, whole,
):  # fmt: skip
    """Train and score ``len(rates)`` epochs, the first of them number ``first``; 0 is only scored.

    Returns the number of whole epochs: it ends early where a loss is NaN or infinite. ``train`` and
    ``test`` are inputs and targets as for ``_score``, of ``sizes`` inputs. Filled for each epoch:
    ``scores`` [n, 4] with the losses and the errors on both, ``kept`` [n, parameters]. ``whole``
    [2 parameters + 1] gets moments and steps after the last whole epoch. ``step`` [1] is changed in
    place, as are the arrays of ``_train_epoch``.
    """
    size = len(parameters)
    for k in range(len(rates)):
        if first + k > 0:
            _fill_order(layers, seed, first + k, order)
            _fill_noise(layers, seed, first + k, z)
            step[0] = _train_epoch(
                layers, update, loss, rates[k], np.int64(step[0]), parameters, m, v, x, y, order,
                z, batch_size,
            )  # fmt: skip
        scores[k, 0], scores[k, 2] = _score(layers, loss, parameters, *train, sizes[0])
        scores[k, 1], scores[k, 3] = _score(layers, loss, parameters, *test, sizes[1])
        if not (math.isfinite(scores[k, 0]) and math.isfinite(scores[k, 1])):
            return k
        for j in range(size):  # not slices: numba's check of their shapes takes seconds to compile
            kept[k, j] = parameters[j]
            whole[j] = m[j]
            whole[size + j] = v[j]
        whole[2 * size] = step[0]
    return len(rates)


@inner(**_SUMS)
def _errors(outputs, targets, scratch, n):
    """The number of inputs whose (first) largest output is at another class than their target.

    ``scratch`` gets four rows: largest output and its class, largest target and its class.
    """
    for side in range(2):
        values = outputs if side == 0 else targets
        top, at = scratch[2 * side], scratch[2 * side + 1]
        for k in range(n):
            top[k] = values[0, k]
            at[k] = _f(0.0)
        for c in range(1, len(values)):
            for k in range(n):
                at[k] = _f(c) if values[c, k] > top[k] else at[k]
                top[k] = max(top[k], values[c, k])
    wrong = 0
    for k in range(n):
        wrong += scratch[1, k] != scratch[3, k]
    return wrong


@inner(**_SUMS)
def _squares(outputs, targets, n):
    total = 0.0
    for c in range(len(outputs)):
        for k in range(n):
            total += (float(outputs[c, k]) - float(targets[c, k])) ** 2
    return total


@inner(**_SUMS)
def _cross_entropy(outputs, targets, scratch, n):
    """Summed cross-entropy in nats, Σ ln(1 + Σ' exp(o_c − o_best)) + o_best − o_label.

    The outer sum is over inputs, Σ' over all classes but that of the largest output. ``scratch`` is
    as ``_errors`` leaves it. The result is NaN where an output is not finite.
    """
    best, at, label, rest = scratch[0], scratch[1], scratch[3], scratch[4]
    total = 0.0
    for k in range(n):
        rest[k] = _f(0.0)
    for c in range(len(outputs)):
        own = 0.0
        for k in range(n):
            e = exp2((outputs[c, k] - best[k]) * LOG2E)
            rest[k] += e if at[k] != _f(c) else _f(0.0)
            rest[k] += outputs[c, k] - outputs[c, k]  # NaN or infinity gives NaN, else 0
        for k in range(n):
            gap = float(best[k]) - float(outputs[c, k])
            own += gap if label[k] == _f(c) else 0.0
        total += own
    # one logarithm for the product of 8 inputs' terms, each at most the number of classes
    for start in range(0, n, 8):
        product = 1.0
        for k in range(start, min(start + 8, n)):
            product *= 1.0 + float(rest[k])
        total += math.log(product)
    return total
