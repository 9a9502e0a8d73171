"""Training steps of small fully connected networks, compiled: forward, backward, update.

Everything is laid out [unit, input], so that the innermost loops run over the inputs of a minibatch
and are vectorised. One thread; the order of summation is fixed when the code is compiled, so one
machine gives the same bytes every time.
"""

import math
from typing import NamedTuple

import numpy as np

from ib_runner.compiled import njit
from ib_runner.vector_math import LOG2E, exp2, tanh

_f = np.float32
IDENTITY, TANH, RELU, LEAKY_RELU = range(4)
NO_NOISE, ADDITIVE, MULTIPLICATIVE = range(3)
CROSS_ENTROPY, MSE = range(2)
SGD, ADAM = range(2)

#: sums may be taken in vector lanes; NaN and infinity keep their meaning
_compile = njit(error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


class Layers(NamedTuple):
    """A network: ``widths`` [L + 1] from the inputs to the outputs, the rest [L] for each layer.

    ``weight_at`` and ``bias_at`` (−1: none) point into the flat parameters, weights [out, in].
    """

    widths: np.ndarray
    weight_at: np.ndarray
    bias_at: np.ndarray
    activation: np.ndarray
    slope: np.ndarray
    noise: np.ndarray


class Update(NamedTuple):
    """How parameters follow gradients. ``alpha``: the Parseval step's, 0 for none."""

    optimizer: int
    beta1: float
    beta2: float
    eps: float
    alpha: float


@_compile
def _matrix(flat, at, rows, columns):
    return flat[at : at + rows * columns].reshape(rows, columns)


@_compile
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


@_compile
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


@_compile
def _through_activation(kind, slope, s, gradient, n):
    """gradient *= the activation's derivative, told from its values ``s``."""
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


@_compile
def _forward(layers, parameters, s, t, z, start, n, noisy):
    """Fill the rows of ``s`` (clean) and ``t`` (noisy) of every layer; t's first rows: the inputs.

    ``z`` [units, N] holds the noise of an epoch, of which columns from ``start`` on are used.
    """
    row = layers.widths[0]
    for layer in range(len(layers.activation)):
        fan_in, width = layers.widths[layer], layers.widths[layer + 1]
        below = t[row - fan_in : row]
        clean = s[row : row + width]
        if layers.bias_at[layer] < 0:
            clean[:, :n] = _f(0.0)
        else:
            for o in range(width):
                clean[o, :n] = parameters[layers.bias_at[layer] + o]
        _affine(_matrix(parameters, layers.weight_at[layer], width, fan_in), below, clean, n)
        _activate(layers.activation[layer], layers.slope[layer], clean, n)
        for o in range(width):
            source = clean[o]
            target = t[row + o]
            channel = z[row - layers.widths[0] + o, start : start + n]
            if not noisy or layers.noise[layer] == NO_NOISE:
                for k in range(n):
                    target[k] = source[k]
            elif layers.noise[layer] == ADDITIVE:
                for k in range(n):
                    target[k] = source[k] + channel[k]
            else:
                for k in range(n):
                    target[k] = source[k] * channel[k]
        row += width


@_compile
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
            # held above 2^-60: smaller ones become denormals further down, which are slow
            e = exp2(max((outputs[c, k] - top[k]) * LOG2E, _f(-60.0)))
            gradient[c, k] = e
            total[k] += e
    for c in range(classes):
        for k in range(n):
            gradient[c, k] = (gradient[c, k] / total[k] - targets[c, k]) / _f(n)


@_compile
def _backward(layers, parameters, gradients, s, t, z, start, g, scratch, n):
    """Gradients of all parameters; ``g`` is laid out like ``s`` and holds the outputs' at first."""
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


@_compile
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


@_compile
def _parseval(layers, alpha, parameters, scratch):
    """W ← W − α (W Wᵀ − I) W for all weights but the output layer's."""
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


@_compile
def train_epoch(layers, update, loss, rate, step, parameters, m, v, x, y, order, z, batch_size):
    """One pass through ``x`` [inputs, N] with targets ``y`` [k, N] in ``order`` [N].

    ``parameters`` and the moments ``m``, ``v`` change in place; ``step`` steps were made before.
    ``z`` [units, N] is the noise, in the order of the pass. Returns the number of steps now.
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
        _forward(layers, parameters, s, t, z, start, n, True)
        _loss_gradient(loss, t[first:], targets, g[first:], scratch, n)
        _backward(layers, parameters, gradients, s, t, z, start, g, scratch, n)
        step += 1
        _update(update, rate, step, parameters, gradients, m, v)
        if update.alpha != 0.0:
            _parseval(layers, update.alpha, parameters, change)
    return step


@_compile
def score(layers, loss, parameters, x, y, block):
    """Mean loss and number of misclassified inputs of ``x`` [inputs, N], ``y`` [k, N]; no noise.

    The loss is NaN where a parameter is not finite.
    """
    for value in parameters:
        if not math.isfinite(value):
            return math.nan, 0  # tanh would hide it
    rows = int(layers.widths.sum())
    s = np.empty((rows, block), np.float32)
    t = np.empty((rows, block), np.float32)
    z = np.empty((rows, 0), np.float32)
    outputs = t[rows - layers.widths[-1] :]
    total = 0.0
    errors = 0
    for start in range(0, x.shape[1], block):
        n = min(block, x.shape[1] - start)
        for i in range(len(x)):
            t[i, :n] = x[i, start : start + n]
        _forward(layers, parameters, s, t, z, 0, n, False)
        for k in range(n):
            loss_k, wrong = _score_one(loss, outputs[:, k], y[:, start + k])
            total += loss_k
            errors += wrong
    if loss == MSE:
        total /= len(y)
    return total / x.shape[1], errors


@_compile
def _score_one(loss, outputs, targets):
    """Loss of one input, in float64, and whether its largest output is at another class."""
    best, label = 0, 0
    for c in range(1, len(outputs)):
        if outputs[c] > outputs[best]:
            best = c
        if targets[c] > targets[label]:
            label = c
    total = 0.0
    for c in range(len(outputs)):
        if loss == MSE:
            total += (float(outputs[c]) - float(targets[c])) ** 2
        else:
            total += math.exp(float(outputs[c]) - float(outputs[best]))
    if loss == CROSS_ENTROPY:
        total = math.log(total) + float(outputs[best]) - float(outputs[label])
    return total, best != label
