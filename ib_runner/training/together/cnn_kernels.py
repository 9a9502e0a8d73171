"""Triton kernels that train J copies of the CNN of section 8.3 on one GPU.

Each program works for one job, in an order that does not depend on J. Matrix products split a
float32 number into two of the tensor cores' (``tf32x3``), so that they round as float32 does.

Layouts: images with a frame of 2 zeros, [key, image, 32, 32]; what the second convolution reads and
what its gradient is read from, channels last with a frame of 2 zeros, [job, image, 18, 18, c];
everything else [job, row, c], where a row is a pixel behind a pooling (``place``, 14 × 14 or 7 × 7
an image), and the four pixels in front of it stand together: row 4·place + corner.
"""

import triton
import triton.language as tl

#: how the GPU's tensor cores multiply float32 numbers
PRECISION = tl.constexpr("tf32x3")
#: kinds of noise
GAUSSIAN, DROPOUT, DROPPED_MAPS = tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)
#: offset from the random numbers of a layer to those of the next
LAYER = tl.constexpr(2**28)


@triton.jit
def _tanh(x):
    e = tl.exp(-2.0 * tl.abs(x))
    y = (1.0 - e) / (1.0 + e)
    return tl.where(x < 0, -y, y)


@triton.jit
def _noise(kind, level, key, offset, map_offset):
    """Noise of a place's four corners, factors and addends, from numbers ``offset`` of ``key``."""
    f0 = tl.full(offset.shape, 1.0, tl.float32)
    f1, f2, f3 = f0, f0, f0
    a0 = tl.zeros(offset.shape, tl.float32)
    a1, a2, a3 = a0, a0, a0
    if kind == GAUSSIAN:
        z0, z1, z2, z3 = tl.randn4x(key, offset)
        a0, a1, a2, a3 = level * z0, level * z1, level * z2, level * z3
    if kind == DROPOUT:
        u0, u1, u2, u3 = tl.rand4x(key, offset)
        kept = 1.0 / (1.0 - level)
        f0, f1 = tl.where(u0 < level, 0.0, kept), tl.where(u1 < level, 0.0, kept)
        f2, f3 = tl.where(u2 < level, 0.0, kept), tl.where(u3 < level, 0.0, kept)
    if kind == DROPPED_MAPS:
        u = tl.rand(key, map_offset)
        f0 = tl.where(u < level, 0.0, 1.0 / (1.0 - level))
        f1, f2, f3 = f0, f0, f0
    return f0, f1, f2, f3, a0, a1, a2, a3


@triton.jit
def _pool(x0, x1, x2, x3):
    """The largest of four values, and the number (0 to 3) of the first that is as large."""
    largest = tl.maximum(tl.maximum(x0, x1), tl.maximum(x2, x3))
    corner = tl.where(x2 == largest, 2, 3)
    corner = tl.where(x1 == largest, 1, corner)
    return largest, tl.where(x0 == largest, 0, corner)


@triton.jit
def _pick(corner, x0, x1, x2, x3):
    return tl.where(corner == 0, x0, tl.where(corner == 1, x1, tl.where(corner == 2, x2, x3)))


@triton.jit
def images(
    data, index, sources, counter, out, rows, n,
    DISTORT: tl.constexpr, SIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A batch's images, seen through affine maps as in ``datasets.augment.warp``: one program an
    image and a key.

    ``index`` [steps·rows, K] are numbers of the training set's images, ``sources``
    [steps·rows, K, 2, 3] the maps, ``counter`` the step.
    """
    key, image = tl.program_id(0), tl.program_id(1)
    entry = (tl.load(counter) * rows + image) * tl.num_programs(0) + key
    source = data + tl.load(index + entry) * SIDE * SIDE
    pixel = tl.arange(0, BLOCK)
    inside = pixel < SIDE * SIDE
    row, column = pixel // SIDE, pixel % SIDE
    if DISTORT:
        map_ = sources + entry * 6
        centre = (SIDE - 1) / 2.0
        x, y = column.to(tl.float32) - centre, row.to(tl.float32) - centre
        x_from = tl.load(map_) * x + tl.load(map_ + 1) * y + tl.load(map_ + 2) + centre
        y_from = tl.load(map_ + 3) * x + tl.load(map_ + 4) * y + tl.load(map_ + 5) + centre
        left, top = tl.floor(x_from), tl.floor(y_from)
        a, b = x_from - left, y_from - top
        west, north = left.to(tl.int32), top.to(tl.int32)
        nw = _at(source, north, west, inside, SIDE)
        ne = _at(source, north, west + 1, inside, SIDE)
        sw = _at(source, north + 1, west, inside, SIDE)
        se = _at(source, north + 1, west + 1, inside, SIDE)
        upper, lower = nw + a * (ne - nw), sw + a * (se - sw)
        value = upper + b * (lower - upper)
    else:
        value = tl.load(source + pixel, mask=inside, other=0.0)
    wide: tl.constexpr = SIDE + 4
    at = ((key * n + image) * wide + row + 2) * wide + column + 2
    tl.store(out + at, value, mask=inside)


@triton.jit
def _at(source, row, column, inside, SIDE: tl.constexpr):
    """Pixels of an image, 0 outside of it."""
    there = inside & (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
    return tl.load(source + row * SIDE + column, mask=there, other=0.0)


@triton.jit
def _patches(framed, base, place, inside, corner: tl.constexpr):
    """The 5 × 5 pixels that the first convolution reads at one corner: [places, 32], 25 used."""
    tap = tl.arange(0, 32)
    row = 2 * (place // 14) + corner // 2
    column = 2 * (place % 14) + corner % 2
    from_ = base + row * 32 + column
    at = from_[:, None] + (tap // 5 * 32 + tap % 5)[None, :]
    return tl.load(framed + at, mask=inside[:, None] & (tap < 25)[None, :], other=0.0)


@triton.jit
def _first_weight(weight, bias, job):
    """The first convolution's weights of a job as [32, 16] (from [job, 16, 25]), and its biases."""
    tap, channel = tl.arange(0, 32), tl.arange(0, 16)
    at = job * 400 + channel[None, :] * 25 + tap[:, None]
    w = tl.load(weight + at, mask=(tap < 25)[:, None], other=0.0)
    return w, tl.load(bias + job * 16 + channel)


@triton.jit
def _first_places(job_keys, job, block, n, P: tl.constexpr):
    """The places of the first pooling that a program works on, and where their images begin."""
    number = block * P + tl.arange(0, P)
    inside = number < n * 196
    image, place = number // 196, number % 196
    base = (tl.load(job_keys + job) * n + image) * 1024
    return number, inside, place, base


@triton.jit
def _convolved(framed, base, place, inside, w, b, corner: tl.constexpr):
    """The first convolution at one corner of the places, [places, 16]."""
    return tl.dot(_patches(framed, base, place, inside, corner), w, input_precision=PRECISION) + b


@triton.jit
def first_moments(framed, job_keys, weight, bias, partial, n, P: tl.constexpr):
    """Into ``partial``: sum, and squared deviations from the mean, of each program's values."""
    job, block = tl.program_id(0), tl.program_id(1)
    _, inside, place, base = _first_places(job_keys, job, block, n, P)
    w, b = _first_weight(weight, bias, job)
    y0 = _convolved(framed, base, place, inside, w, b, 0)
    y1 = _convolved(framed, base, place, inside, w, b, 1)
    y2 = _convolved(framed, base, place, inside, w, b, 2)
    y3 = _convolved(framed, base, place, inside, w, b, 3)
    keep = tl.where(inside, 1.0, 0.0)[:, None]
    total = tl.sum((y0 + y1 + y2 + y3) * keep, 0)
    count = 4.0 * tl.sum(tl.where(inside, 1.0, 0.0), 0)
    mean = total / count
    d0, d1, d2, d3 = y0 - mean, y1 - mean, y2 - mean, y3 - mean
    squares = tl.sum((d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3) * keep, 0)
    channel = tl.arange(0, 16)
    at = partial + (job * tl.num_programs(1) + block) * 32 + channel
    tl.store(at, mean)
    tl.store(at + 16, squares)


@triton.jit
def moments(
    partial, running_mean, running_variance, mean_out, scale_out, blocks, in_block, total,
    eps, momentum, B: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """Batch mean and 1/sd [job, C] of ``total`` numbers from the programs' parts (Chan et al.,
    1983), and the running statistics of batch norm; one program a job.
    """
    job = tl.program_id(0)
    block, channel = tl.arange(0, B), tl.arange(0, C)
    there = (block < blocks)[:, None] & (channel >= 0)[None, :]
    at = partial + (job * blocks + block)[:, None] * (2 * C) + channel[None, :]
    means = tl.load(at, mask=there, other=0.0)
    squares = tl.load(at + C, mask=there, other=0.0)
    count = tl.minimum(in_block, total - block * in_block)
    count = tl.where(block < blocks, count, 0).to(tl.float32)[:, None]
    mean = tl.sum(means * count, 0) / total
    apart = means - mean
    squared = tl.sum(squares + apart * apart * count, 0)
    tl.store(mean_out + job * C + channel, mean)
    tl.store(scale_out + job * C + channel, 1.0 / tl.sqrt(squared / total + eps))
    old = tl.load(running_mean + job * C + channel)
    tl.store(running_mean + job * C + channel, old + momentum * (mean - old))
    old = tl.load(running_variance + job * C + channel)
    new = squared / (total - 1)
    tl.store(running_variance + job * C + channel, old + momentum * (new - old))


@triton.jit
def first_block(
    framed, job_keys, weight, bias, mean_in, scale_in, gamma_in, beta_in,
    kinds, levels, keys, pooled, hats, slopes, corners, n,
    TRAIN: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    """Convolution, batch norm, tanh, noise, pooling: to ``pooled`` [job, n, 18, 18, 16].

    For the backward pass, at each place: the number of the largest corner (``corners``), its value
    normalised by batch norm (``hats``), and the derivative of the pooled value with respect to
    batch norm's output (``slopes``).
    """
    job, block = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, 16)
    number, inside, place, base = _first_places(job_keys, job, block, n, P)
    w, b = _first_weight(weight, bias, job)
    here = job * 16 + channel
    mean, scale = tl.load(mean_in + here), tl.load(scale_in + here)
    gamma, beta = tl.load(gamma_in + here), tl.load(beta_in + here)
    b = b - mean
    h0 = _convolved(framed, base, place, inside, w, b, 0) * scale
    h1 = _convolved(framed, base, place, inside, w, b, 1) * scale
    h2 = _convolved(framed, base, place, inside, w, b, 2) * scale
    h3 = _convolved(framed, base, place, inside, w, b, 3) * scale
    offset = number[:, None] * 16 + channel[None, :]
    image = number // 196
    at = ((job * n + image) * 18 + place // 14 + 2) * 18 + place % 14 + 2
    at = at.to(tl.int64)[:, None] * 16 + channel[None, :]
    _tanh_noise_pool(
        h0, h1, h2, h3, gamma, beta, kinds, levels, keys, job, 0, offset,
        image[:, None] * 16 + channel[None, :], pooled + at,
        hats, slopes, corners, job.to(tl.int64) * n * 196 * 16 + offset, inside[:, None], TRAIN,
    )  # fmt: skip


@triton.jit
def _tanh_noise_pool(
    h0, h1, h2, h3, gamma, beta, kinds, levels, keys, job, layer: tl.constexpr, offset,
    map_offset, out, hats, slopes, corners, at, inside, TRAIN: tl.constexpr,
):  # fmt: skip
    t0, t1 = _tanh(gamma * h0 + beta), _tanh(gamma * h1 + beta)
    t2, t3 = _tanh(gamma * h2 + beta), _tanh(gamma * h3 + beta)
    if TRAIN:
        kind, level = tl.load(kinds + job), tl.load(levels + job)
        far: tl.constexpr = layer * LAYER
        f0, f1, f2, f3, a0, a1, a2, a3 = _noise(
            kind, level, tl.load(keys + job), offset + far, map_offset + far
        )
        largest, corner = _pool(t0 * f0 + a0, t1 * f1 + a1, t2 * f2 + a2, t3 * f3 + a3)
        t, f = _pick(corner, t0, t1, t2, t3), _pick(corner, f0, f1, f2, f3)
        tl.store(hats + at, _pick(corner, h0, h1, h2, h3), mask=inside)
        tl.store(slopes + at, f * (1.0 - t * t), mask=inside)
        tl.store(corners + at, corner.to(tl.int8), mask=inside)
    else:
        largest, corner = _pool(t0, t1, t2, t3)
    tl.store(out, largest, mask=inside)


@triton.jit
def second_convolution(pooled, weight, bias, out, partial, n, TRAIN: tl.constexpr, M: tl.constexpr):
    """The second convolution, into ``out`` [job, n·196, 32], of ``pooled`` with weights
    [job, 25, 16, 32]; its moments into ``partial``, as in ``first_moments``.
    """
    job, block = tl.program_id(0), tl.program_id(1)
    number = block * M + tl.arange(0, M)
    inside = number < n * 196
    channel, input_ = tl.arange(0, 32), tl.arange(0, 16)
    image, rest = number // 196, number % 196
    place, corner = rest // 4, rest % 4
    row, column = 2 * (place // 7) + corner // 2, 2 * (place % 7) + corner % 2
    base = pooled + (job.to(tl.int64) * n + image) * (18 * 18 * 16) + (row * 18 + column) * 16
    at = base[:, None] + input_[None, :]
    of = weight + job * 12800 + input_[:, None] * 32 + channel[None, :]
    y = tl.zeros((M, 32), tl.float32)
    for tap in range(25):
        a = tl.load(at + (tap // 5 * 18 + tap % 5) * 16, mask=inside[:, None], other=0.0)
        y = tl.dot(a, tl.load(of + tap * 512), y, input_precision=PRECISION)
    y += tl.load(bias + job * 32 + channel)
    place_out = (job.to(tl.int64) * n * 196 + number)[:, None] * 32 + channel[None, :]
    tl.store(out + place_out, y, mask=inside[:, None])
    if TRAIN:
        keep = tl.where(inside, 1.0, 0.0)
        mean = tl.sum(y * keep[:, None], 0) / tl.sum(keep, 0)
        apart = y - mean
        squares = tl.sum(apart * apart * keep[:, None], 0)
        to = partial + (job * tl.num_programs(1) + block) * 64 + channel
        tl.store(to, mean)
        tl.store(to + 32, squares)


@triton.jit
def second_block(
    y, mean_in, scale_in, gamma_in, beta_in, kinds, levels, keys, pooled, hats, slopes, corners,
    n, TRAIN: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    """Batch norm, tanh, noise, pooling: to ``pooled`` [job, n, 32·49], channels first."""
    job, block = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, 32)
    number = block * P + tl.arange(0, P)
    inside = (number < n * 49)[:, None] & (channel >= 0)[None, :]
    here = job * 32 + channel
    mean, scale = tl.load(mean_in + here), tl.load(scale_in + here)
    gamma, beta = tl.load(gamma_in + here), tl.load(beta_in + here)
    at = y + (job.to(tl.int64) * n * 196 + number * 4)[:, None] * 32 + channel[None, :]
    h0 = (tl.load(at, mask=inside, other=0.0) - mean) * scale
    h1 = (tl.load(at + 32, mask=inside, other=0.0) - mean) * scale
    h2 = (tl.load(at + 64, mask=inside, other=0.0) - mean) * scale
    h3 = (tl.load(at + 96, mask=inside, other=0.0) - mean) * scale
    offset = number[:, None] * 32 + channel[None, :]
    image, place = number // 49, number % 49
    to = (job.to(tl.int64) * n + image)[:, None] * 1568 + channel[None, :] * 49 + place[:, None]
    _tanh_noise_pool(
        h0, h1, h2, h3, gamma, beta, kinds, levels, keys, job, 1, offset,
        image[:, None] * 32 + channel[None, :], pooled + to,
        hats, slopes, corners, job.to(tl.int64) * n * 49 * 32 + offset, inside, TRAIN,
    )  # fmt: skip


@triton.jit
def head(
    h, labels, counter, job_keys, gamma_in, beta_in, running_mean,
    running_variance, weight, bias, kinds, levels, keys,
    d_h, d_gamma, d_beta, d_weight, d_bias, rows, n, eps, momentum, key_count, classes,
    N: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """From the third affine map ``h`` [job, n, 128] to the mean cross-entropy's gradients with
    respect to ``h`` and the parameters behind it; one program a job.
    """
    job = tl.program_id(0)
    image, unit, label = tl.arange(0, N), tl.arange(0, 128), tl.arange(0, CLASSES)
    there = image < n
    keep = tl.where(there, 1.0, 0.0)[:, None]
    at = (job * n + image)[:, None] * 128 + unit[None, :]
    x = tl.load(h + at, mask=there[:, None], other=0.0)
    here = job * 128 + unit
    mean = tl.sum(x, 0) / n
    apart = (x - mean) * keep
    squared = tl.sum(apart * apart, 0)
    scale = 1.0 / tl.sqrt(squared / n + eps)
    old = tl.load(running_mean + here)
    tl.store(running_mean + here, old + momentum * (mean - old))
    old = tl.load(running_variance + here)
    tl.store(running_variance + here, old + momentum * (squared / (n - 1) - old))
    hat = apart * scale
    gamma, beta = tl.load(gamma_in + here), tl.load(beta_in + here)
    t = _tanh(gamma * hat + beta)
    far: tl.constexpr = 2 * LAYER
    offset = image[:, None] * 128 + unit[None, :] + far
    f, _, _, _, a, _, _, _ = _noise(
        tl.load(kinds + job), tl.load(levels + job), tl.load(keys + job), offset, offset
    )
    s = (t * f + a) * keep
    there_w = (label < classes)[:, None] & (unit >= 0)[None, :]
    w_at = job * classes * 128 + label[:, None] * 128 + unit[None, :]
    w = tl.load(weight + w_at, mask=there_w, other=0.0)
    b = tl.load(bias + job * classes + label, mask=label < classes, other=0.0)
    logits = tl.dot(s, tl.trans(w), input_precision=PRECISION) + b
    logits = tl.where((label < classes)[None, :], logits, -float("inf"))
    e = tl.exp(logits - tl.max(logits, 1)[:, None])
    p = e / tl.sum(e, 1)[:, None]
    key = tl.load(job_keys + job)
    truth = tl.load(
        labels + (tl.load(counter) * rows + image) * key_count + key, mask=there, other=-1
    )
    d = (p - tl.where(truth[:, None] == label[None, :], 1.0, 0.0)) * keep / n
    tl.store(d_bias + job * classes + label, tl.sum(d, 0), mask=label < classes)
    tl.store(d_weight + w_at, tl.dot(tl.trans(d), s, input_precision=PRECISION), mask=there_w)
    dz = tl.dot(d, w, input_precision=PRECISION) * f * (1.0 - t * t) * keep
    sum_, product = tl.sum(dz, 0), tl.sum(dz * hat, 0)
    tl.store(d_beta + here, sum_)
    tl.store(d_gamma + here, product)
    dx = gamma * scale * (dz - sum_ / n - hat * product / n)
    tl.store(d_h + at, dx, mask=there[:, None])


@triton.jit
def second_sums(d_pooled, hats, slopes, dz_out, partial, n, P: tl.constexpr):
    """``dz`` [job, n·49, 32], the gradient at batch norm's output where it is not 0, from that
    behind the pooling [job, n, 32·49]; each program's sums of ``dz`` and of ``dz``·hat.
    """
    job, block = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, 32)
    number = block * P + tl.arange(0, P)
    inside = (number < n * 49)[:, None] & (channel >= 0)[None, :]
    image, place = number // 49, number % 49
    of = (job.to(tl.int64) * n + image)[:, None] * 1568 + channel[None, :] * 49 + place[:, None]
    at = (job.to(tl.int64) * n * 49 + number)[:, None] * 32 + channel[None, :]
    dz = tl.load(d_pooled + of, mask=inside, other=0.0)
    dz = dz * tl.load(slopes + at, mask=inside, other=0.0)
    tl.store(dz_out + at, dz, mask=inside)
    to = partial + (job * tl.num_programs(1) + block) * 64 + channel
    tl.store(to, tl.sum(dz, 0))
    tl.store(to + 32, tl.sum(dz * tl.load(hats + at, mask=inside, other=0.0), 0))


@triton.jit
def second_gradient(
    y, dz_in, corners, mean_in, scale_in, gamma_in, sums, out, n, total, M: tl.constexpr
):
    """The gradient at the second convolution's output, with its frame, [job, n, 18, 18, 32]."""
    job, block = tl.program_id(0), tl.program_id(1)
    channel = tl.arange(0, 32)
    number = block * M + tl.arange(0, M)
    inside = (number < n * 196)[:, None] & (channel >= 0)[None, :]
    image, rest = number // 196, number % 196
    place, corner = rest // 4, rest % 4
    row, column = 2 * (place // 7) + corner // 2, 2 * (place % 7) + corner % 2
    here = job * 32 + channel
    mean, scale = tl.load(mean_in + here), tl.load(scale_in + here)
    gamma = tl.load(gamma_in + here)
    first, second = tl.load(sums + job * 64 + channel), tl.load(sums + job * 64 + 32 + channel)
    at = (job.to(tl.int64) * n * 196 + number)[:, None] * 32 + channel[None, :]
    hat = (tl.load(y + at, mask=inside, other=0.0) - mean) * scale
    of = (job.to(tl.int64) * n * 49 + number // 4)[:, None] * 32 + channel[None, :]
    dz = tl.load(dz_in + of, mask=inside, other=0.0)
    dz = tl.where(tl.load(corners + of, mask=inside, other=-1) == corner[:, None], dz, 0.0)
    dy = gamma * scale * (dz - first / total - hat * second / total)
    to = ((job.to(tl.int64) * n + image) * 18 + row + 2) * 18 + column + 2
    tl.store(out + to[:, None] * 32 + channel[None, :], dy, mask=inside)


@triton.jit
def first_sums(dy, weight, hats, slopes, dz_out, partial, n, M: tl.constexpr):
    """As ``second_sums`` for the first block, [job, n·196, 16], from the gradient ``dy`` at the
    second convolution's output, through that convolution.
    """
    job, block = tl.program_id(0), tl.program_id(1)
    channel, output = tl.arange(0, 16), tl.arange(0, 32)
    number = block * M + tl.arange(0, M)
    inside = number < n * 196
    image, place = number // 196, number % 196
    row, column = place // 14, place % 14
    base = dy + (job.to(tl.int64) * n + image) * (18 * 18 * 32)
    at = (base + ((row + 4) * 18 + column + 4) * 32)[:, None] + output[None, :]
    of = weight + job * 12800 + output[:, None] + channel[None, :] * 32
    d = tl.zeros((M, 16), tl.float32)
    for tap in range(25):
        a = tl.load(at - (tap // 5 * 18 + tap % 5) * 32, mask=inside[:, None], other=0.0)
        d = tl.dot(a, tl.load(of + tap * 512), d, input_precision=PRECISION)
    to = (job.to(tl.int64) * n * 196 + number)[:, None] * 16 + channel[None, :]
    dz = d * tl.load(slopes + to, mask=inside[:, None], other=0.0)
    tl.store(dz_out + to, dz, mask=inside[:, None])
    hat = tl.load(hats + to, mask=inside[:, None], other=0.0)
    where = partial + (job * tl.num_programs(1) + block) * 32 + channel
    tl.store(where, tl.sum(dz, 0))
    tl.store(where + 16, tl.sum(dz * hat, 0))


@triton.jit
def second_weight(pooled, dy, partial, n, BLOCKS: tl.constexpr, M: tl.constexpr):
    """Parts [job, part, 25, 16, 32] of the second convolution's weight gradient: one program a
    job, a row of taps and a part of the pixels.
    """
    job, tap_row, part = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    channel, output = tl.arange(0, 16), tl.arange(0, 32)
    g0 = tl.zeros((16, 32), tl.float32)
    g1 = tl.zeros((16, 32), tl.float32)
    g2 = tl.zeros((16, 32), tl.float32)
    g3 = tl.zeros((16, 32), tl.float32)
    g4 = tl.zeros((16, 32), tl.float32)
    for step in range(BLOCKS):
        number = (part * BLOCKS + step) * M + tl.arange(0, M)
        inside = number < n * 196
        image, place = number // 196, number % 196
        row, column = place // 14, place % 14
        corner = (job.to(tl.int64) * n + image) * 324 + row * 18 + column
        d = tl.load(
            dy + (corner + 2 * 18 + 2)[:, None] * 32 + output[None, :],
            mask=inside[:, None], other=0.0,
        )  # fmt: skip
        at = pooled + (corner + tap_row * 18)[None, :] * 16 + channel[:, None]
        there = inside[None, :]
        g0 = tl.dot(tl.load(at, mask=there, other=0.0), d, g0, input_precision=PRECISION)
        g1 = tl.dot(tl.load(at + 16, mask=there, other=0.0), d, g1, input_precision=PRECISION)
        g2 = tl.dot(tl.load(at + 32, mask=there, other=0.0), d, g2, input_precision=PRECISION)
        g3 = tl.dot(tl.load(at + 48, mask=there, other=0.0), d, g3, input_precision=PRECISION)
        g4 = tl.dot(tl.load(at + 64, mask=there, other=0.0), d, g4, input_precision=PRECISION)
    to = partial + ((job * tl.num_programs(2) + part) * 25 + tap_row * 5) * 512
    to += channel[:, None] * 32 + output[None, :]
    tl.store(to, g0)
    tl.store(to + 512, g1)
    tl.store(to + 1024, g2)
    tl.store(to + 1536, g3)
    tl.store(to + 2048, g4)


@triton.jit
def first_weight(
    framed, job_keys, weight, bias, mean_in, scale_in, gamma_in, dz_in, corners_in, sums, partial,
    n, total, BLOCKS: tl.constexpr, P: tl.constexpr,
):  # fmt: skip
    """Parts [job, part, 32, 16] of the first convolution's weight gradient, 25 rows used."""
    job, part = tl.program_id(0), tl.program_id(1)
    channel, tap = tl.arange(0, 16), tl.arange(0, 32)
    w, b = _first_weight(weight, bias, job)
    here = job * 16 + channel
    scale, gamma = tl.load(scale_in + here), tl.load(gamma_in + here)
    b = b - tl.load(mean_in + here)
    first = tl.load(sums + job * 32 + channel) / total
    second = tl.load(sums + job * 32 + 16 + channel) / total
    g = tl.zeros((32, 16), tl.float32)
    for step in range(BLOCKS):
        block = part * BLOCKS + step
        number, inside, place, base = _first_places(job_keys, job, block, n, P)
        at = (job.to(tl.int64) * n * 196 + number)[:, None] * 16 + channel[None, :]
        dz = tl.load(dz_in + at, mask=inside[:, None], other=0.0)
        corners = tl.load(corners_in + at, mask=inside[:, None], other=-1)
        keep = tl.where(inside, 1.0, 0.0)[:, None]
        for corner in tl.static_range(4):
            x = _patches(framed, base, place, inside, corner)
            hat = (tl.dot(x, w, input_precision=PRECISION) + b) * scale
            d = tl.where(corners == corner, dz, 0.0) - first - hat * second
            d = gamma * scale * d * keep
            g = tl.dot(tl.trans(x), d, g, input_precision=PRECISION)
    to = partial + (job * tl.num_programs(1) + part) * 512
    tl.store(to + tap[:, None] * 16 + channel[None, :], g)
