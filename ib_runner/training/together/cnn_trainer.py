"""Minibatch steps of several copies of the CNN of section 8.3 on one GPU, by kernels of our own.

PyTorch needs some forty operators for a step, each a pass over memory, and its grouped convolutions
are slow. Here a step is about twenty kernels, recorded as a CUDA graph. Results equal PyTorch's up
to float32 rounding and the random numbers, which the kernels draw where they need them (Philox:
Salmon et al., 2011).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ib_runner.datasets.augment import augment, draw, source_of
from ib_runner.networks import DropoutNoise, NoiseChannel, NoNoise
from ib_runner.networks.cnn import CNN
from ib_runner.seeds import stream_seed
from ib_runner.training.problem import Part, Problem
from ib_runner.training.targets import Score
from ib_runner.training.together import cnn_kernels as kernels
from ib_runner.training.together.capture import Captured
from ib_runner.training.together.stacked_trainer import StackedTrainer, distinct, identity

#: launch parameters of each kernel: rows of one program (P places, or M pixels), warps, and stages
#: (loads under way in its loop); the fastest of those tried on an H200 with 56 jobs
LAUNCH = {
    "first_moments": {"P": 64, "num_warps": 4},
    "first_block": {"P": 64, "num_warps": 8},
    "second_convolution": {"M": 128, "num_warps": 4, "num_stages": 4},
    "second_block": {"P": 16, "num_warps": 4},
    "second_sums": {"P": 64, "num_warps": 2},
    "second_gradient": {"M": 64, "num_warps": 4},
    "first_sums": {"M": 128, "num_warps": 4, "num_stages": 4},
    "second_weight": {"M": 64, "num_warps": 2, "num_stages": 3},
    "first_weight": {"P": 32, "num_warps": 2},
}
#: number of programs that share a job's weight gradient of the first and second convolution
PARTS = {"first_weight": 14, "second_weight": 4}
#: images of each job that are scored at a time
_SCORED = 250
#: increment of a stream's key from one step to the next: 2^64 over the golden ratio, as an int64
_NEXT = 0x9E3779B97F4A7C15 - 2**64


def knows(problem: Problem) -> bool:
    """Whether the kernels can train ``problem`` (alone, or one of several alike problems)."""
    x, classes = problem.train
    return (
        type(problem.network) is CNN
        and _modules(problem.network) == _modules(CNN(1, classes.shape[1], NoNoise))
        and problem.loss == "cross_entropy"
        and x.shape[1:] == (1, 28, 28)
        and all(one.dtype == torch.float32 for one in (x, *problem.network.parameters()))
        and problem.augment in (None, augment)
        and 2 <= problem.batch_size <= 128
        and len(problem.train.x) % problem.batch_size != 1
        and classes.shape[1] <= 16
    )


def _modules(network: CNN) -> list[str]:
    """The modules of ``network`` in words, their kinds of noise left out."""
    return ["channel" if isinstance(one, NoiseChannel) else repr(one) for one in network]


class _Block(NamedTuple):
    """The arrays of a convolutional block: batch moments, and values for the backward pass."""

    partial: Tensor
    mean: Tensor
    scale: Tensor
    hats: Tensor
    slopes: Tensor
    corners: Tensor
    dz: Tensor
    sums: Tensor


class _Arrays:
    """The arrays of a pass with ``n`` images of each of J jobs, and of its gradients if ``train``.

    In arrays with a frame, the frame is zero and never written.
    """

    def __init__(self, jobs: int, keys: int, n: int, device: torch.device, train: bool):
        def new(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        def block(places: int, channels: int, programs: int, back: int) -> _Block:
            of_places = jobs, places, channels
            return _Block(
                new(jobs, programs, 2, channels),
                new(jobs, channels),
                new(jobs, channels),
                new(*of_places),
                new(*of_places),
                new(*of_places, dtype=torch.int8),
                new(*of_places),
                new(jobs, back, 2, channels),
            )

        self.n = n
        self.framed = new(keys, n, 32, 32)
        self.pooled = new(jobs, n, 18, 18, 16)
        self.y = new(jobs, n * 196, 32)
        self.flat = new(jobs, n, 32 * 49)
        if train:
            self.first = block(
                n * 196, 16, _programs("first_moments", n), _programs("first_sums", n)
            )
            self.second = block(
                n * 49, 32, _programs("second_convolution", n), _programs("second_sums", n)
            )
            self.dy = new(jobs, n, 18, 18, 32)
            self.d_first = new(jobs, PARTS["first_weight"], 32, 16)
            self.d_second = new(jobs, PARTS["second_weight"], 25, 16, 32)


def _rows(kernel: str) -> int:
    """The number of rows that one program of ``kernel`` works on."""
    return LAUNCH[kernel].get("P") or LAUNCH[kernel]["M"]


def _programs(kernel: str, n: int) -> int:
    """The number of programs of ``kernel`` for ``n`` images of one job."""
    of_image = 49 if kernel in ("second_block", "second_sums") else 196
    return -(-n * of_image // _rows(kernel))


def _steps(kernel: str, n: int) -> int:
    """The number of blocks of rows for each of the programs that share a job."""
    return -(-_programs(kernel, n) // PARTS[kernel])


class CNNTrainer(StackedTrainer):
    """Trains copies of the CNNs of ``problems``, which pass ``can_train_stacked`` and ``knows``."""

    #: noise and distortions are drawn in a third way, see ``record.STREAMS``
    streams = 3

    def __init__(self, problems: Sequence[Problem]):
        super().__init__(problems)
        jobs, device = len(problems), self.device
        self.batch_size = problems[0].batch_size
        self.classes = problems[0].train.y.shape[1]
        keys = len(self._firsts)
        self._labels = self._y.argmax(1)
        self.index = torch.zeros((self.size, keys), dtype=torch.int64, device=device)
        self.sources = torch.zeros((self.size, keys, 2, 3), device=device)
        self.labels = torch.zeros_like(self.index)
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self.streams_of_jobs = torch.zeros(jobs, dtype=torch.int64, device=device)
        described = [[_described(one) for one in channels] for channels in self.stacked.channels]
        self._kinds = torch.tensor([[k for k, _ in one] for one in described], device=device)
        self._levels = torch.tensor([[v for _, v in one] for one in described], device=device)
        self._job_keys = self._job_keys.int()
        self._weight = torch.zeros((jobs, 25, 16, 32), device=device)
        self._zeros = [torch.zeros((jobs, width), device=device) for width in (16, 32, 128)]
        self._made: dict[tuple[int, bool], _Arrays] = {}

    def run_epoch(self, epoch: int) -> None:
        """One pass through the data for every job."""
        self.begin_epoch(epoch)
        whole, rest = divmod(self.size, self.batch_size)
        for _ in range(whole):
            self._take()
        if rest:
            self.step_of(rest)
        for number in (1, 6, 12):
            self.stacked.tensors[f"{number}.num_batches_tracked"] += whole + (rest > 0)

    def begin_epoch(self, epoch: int) -> None:
        """Copy order, distortions, noise keys and learning rates of ``epoch`` to the device."""
        index, seeds = self._begin(epoch)
        self.counter.zero_()
        self.index.copy_(index)
        self.streams_of_jobs.copy_(torch.tensor(seeds))
        if self.problems[0].augment is not None:
            for key, first in enumerate(self._firsts):
                seed = stream_seed(self.problems[first].seed, "augmentation", epoch)
                generator = Generator(self.device).manual_seed(seed)
                self.sources[:, key] = source_of(draw(self.size, generator))
        self.labels.copy_(self._labels[self.index])

    def _take(self) -> None:
        if self.device.type != "cuda":
            self.step_of(self.batch_size)
            return
        if self._captured is None:
            self._captured = Captured(lambda: self.step_of(self.batch_size), self.changed())
        self._captured.step()

    def changed(self) -> list[Tensor]:
        """The tensors that a step changes."""
        return [*self.state_tensors(), self.counter, self.streams_of_jobs]

    def step_of(self, n: int) -> None:
        """The next step, on ``n`` images of every job."""
        self._update(self.gradients_of(n))
        self.counter += 1
        self.streams_of_jobs += _NEXT

    @torch.no_grad()
    def gradients_of(self, n: int) -> list[Tensor]:
        """The gradients of each job's mean loss on its next ``n`` images, [J, …] each.

        In the order of ``stacked.parameters``; also updates batch norm's running statistics.
        """
        arrays = self._arrays(n, train=True)
        d_w2, d_bn2, d_w1, d_bn1, d_head = self._passes(arrays)
        conv1, conv2, linear = self._zeros
        d_weight, d_bn3, d_weight4, d_bias4 = d_head
        # a bias in front of batch norm has no effect: its gradient is 0
        return [
            *(d_w1, conv1, *d_bn1),
            *(d_w2, conv2, *d_bn2),
            *(d_weight, linear, *d_bn3),
            *(d_weight4, d_bias4),
        ]

    def _arrays(self, n: int, train: bool) -> _Arrays:
        if (n, train) not in self._made:
            keys = len(self._firsts) if train else max(self._sets) + 1
            self._made[n, train] = _Arrays(self.stacked.count, keys, n, self.device, train)
        return self._made[n, train]

    def _noise(self, channel: int) -> tuple[Tensor, Tensor, Tensor]:
        return self._kinds[channel], self._levels[channel], self.streams_of_jobs

    def _passes(self, a: _Arrays):
        """Forward and backward pass; returns the gradients of each layer."""
        jobs, n, t = self.stacked.count, a.n, self.stacked.tensors
        self._load(a)
        conv1 = a.framed, self._job_keys, t["0.weight"], t["0.bias"]
        self._launch("first_moments", n, *conv1, a.first.partial, n)
        self._moments(1, a.first, 4 * _rows("first_moments"), n * 784)
        self._launch(
            "first_block", n, *conv1, a.first.mean, a.first.scale, t["1.weight"], t["1.bias"],
            *self._noise(0), a.pooled, a.first.hats, a.first.slopes, a.first.corners, n, TRAIN=True,
        )  # fmt: skip
        self._convolve(a, a.second.partial)
        self._moments(6, a.second, _rows("second_convolution"), n * 196)
        self._launch(
            "second_block", n, a.y, a.second.mean, a.second.scale, t["6.weight"], t["6.bias"],
            *self._noise(1), a.flat, a.second.hats, a.second.slopes, a.second.corners, n,
            TRAIN=True,
        )  # fmt: skip
        d_flat, *d_head = self._head(a)

        second = a.second
        self._launch(
            "second_sums", n, d_flat, second.hats, second.slopes, second.dz, second.sums, n
        )
        sums = second.sums.sum(1)
        d_bn2 = sums[:, 1], sums[:, 0]
        self._launch(
            "second_gradient", n, a.y, second.dz, second.corners, second.mean, second.scale,
            t["6.weight"], sums, a.dy, n, n * 196,
        )  # fmt: skip
        first = a.first
        self._launch(
            "first_sums", n, a.dy, self._weight, first.hats, first.slopes, first.dz, first.sums, n
        )
        sums = first.sums.sum(1)
        d_bn1 = sums[:, 1], sums[:, 0]
        kernels.second_weight[(jobs, 5, PARTS["second_weight"])](
            a.pooled, a.dy, a.d_second, n, BLOCKS=_steps("second_weight", n),
            **LAUNCH["second_weight"],
        )  # fmt: skip
        d_w2 = a.d_second.sum(1).permute(0, 3, 2, 1).reshape(jobs, 32, 16, 5, 5)
        kernels.first_weight[(jobs, PARTS["first_weight"])](
            *conv1, first.mean, first.scale, t["1.weight"], first.dz, first.corners, sums,
            a.d_first, n, n * 784, BLOCKS=_steps("first_weight", n), **LAUNCH["first_weight"],
        )  # fmt: skip
        d_w1 = a.d_first.sum(1)[:, :25].transpose(1, 2).reshape(jobs, 16, 1, 5, 5)
        return d_w2, d_bn2, d_w1, d_bn1, d_head

    def _launch(self, kernel: str, n: int, *arguments, **settings) -> None:
        grid = self.stacked.count, _programs(kernel, n)
        getattr(kernels, kernel)[grid](*arguments, **settings, **LAUNCH[kernel])

    def _load(self, a: _Arrays) -> None:
        """Copy the next images of every key, distorted, into the arrays ``a``."""
        kernels.images[(len(self._firsts), a.n)](
            self._x, self.index, self.sources, self.counter, a.framed, self.batch_size, a.n,
            DISTORT=self.problems[0].augment is not None, SIDE=28, BLOCK=1024,
        )  # fmt: skip

    def _convolve(self, a: _Arrays, partial: Tensor | None) -> None:
        weight = self.stacked.tensors["5.weight"].detach()
        shape = (len(weight), 5, 5, 16, 32)
        self._weight.view(shape).copy_(weight.permute(0, 3, 4, 2, 1))
        self._launch(
            "second_convolution", a.n, a.pooled, self._weight, self.stacked.tensors["5.bias"], a.y,
            a.y if partial is None else partial, a.n, TRAIN=partial is not None,
        )  # fmt: skip

    def _moments(self, number: int, block: _Block, in_block: int, total: int) -> None:
        jobs, blocks, _, channels = block.partial.shape
        norm = self.stacked.modules[number]
        kernels.moments[(jobs,)](
            block.partial, *self._running(number), block.mean, block.scale, blocks, in_block,
            total, norm.eps, norm.momentum, B=_power_of_2(blocks), C=channels,
        )  # fmt: skip

    def _running(self, number: int) -> tuple[Tensor, Tensor]:
        t = self.stacked.tensors
        return t[f"{number}.running_mean"], t[f"{number}.running_var"]

    def _head(self, a: _Arrays) -> tuple:
        """The layers after the second pooling: gradients of its result, and of their parameters."""
        jobs, n, t = self.stacked.count, a.n, self.stacked.tensors
        weight = t["11.weight"].detach()
        h = torch.baddbmm(t["11.bias"].detach().unsqueeze(1), a.flat, weight.transpose(1, 2))
        d_h, norm = torch.empty_like(h), self.stacked.modules[12]
        d_gamma, d_beta = torch.empty_like(h[:, 0]), torch.empty_like(h[:, 0])
        d_weight, d_bias = torch.empty_like(t["15.weight"]), torch.empty_like(t["15.bias"])
        kernels.head[(jobs,)](
            h, self.labels, self.counter, self._job_keys, t["12.weight"], t["12.bias"],
            *self._running(12), t["15.weight"], t["15.bias"], *self._noise(2),
            d_h, d_gamma, d_beta, d_weight, d_bias, self.batch_size, n, norm.eps, norm.momentum,
            len(self._firsts), self.classes, N=max(16, _power_of_2(n)), CLASSES=16,
        )  # fmt: skip
        d_flat = torch.bmm(d_h, weight)
        d_matrix = torch.bmm(d_h.transpose(1, 2), a.flat)
        return d_flat, d_matrix, (d_gamma, d_beta), d_weight.detach(), d_bias.detach()

    @torch.no_grad()
    def outputs(self, x: Tensor) -> Tensor:
        """Logits [J, n, classes] of images [sets, n, 1, 28, 28], without noise."""
        n, t = x.shape[1], self.stacked.tensors
        a = self._arrays(n, train=False)
        a.framed[:, :, 2:30, 2:30] = x[:, :, 0]
        sets = torch.tensor(self._sets, dtype=torch.int32, device=self.device)
        self._launch(
            "first_block", n, a.framed, sets, t["0.weight"], t["0.bias"], *self._fixed(1),
            *self._noise(0), a.pooled, a.y, a.y, a.y, n, TRAIN=False,
        )  # fmt: skip
        self._convolve(a, None)
        self._launch(
            "second_block", n, a.y, *self._fixed(6), *self._noise(1), a.flat, a.y, a.y, a.y, n,
            TRAIN=False,
        )  # fmt: skip
        h = torch.baddbmm(t["11.bias"].unsqueeze(1), a.flat, t["11.weight"].transpose(1, 2))
        mean, scale, gamma, beta = (one.unsqueeze(1) for one in self._fixed(12))
        s = ((h - mean) * scale * gamma + beta).tanh()
        return torch.baddbmm(t["15.bias"].unsqueeze(1), s, t["15.weight"].transpose(1, 2))

    def _fixed(self, number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, 1/sd, weight and bias of batch norm ``number`` in eval mode."""
        mean, variance = self._running(number)
        scale = (variance + self.stacked.modules[number].eps).rsqrt()
        t = self.stacked.tensors
        return mean, scale, t[f"{number}.weight"], t[f"{number}.bias"]

    @torch.no_grad()
    def score_all(self, parts: Sequence[Part]) -> list[Score]:
        """Each job's mean loss and errors on its own member of ``parts``, without noise."""
        sets = distinct([identity(part) for part in parts])
        if sets != self._sets:  # the jobs share these parts in another way than their training sets
            return super().score_all(parts)
        firsts = [parts[sets.index(number)] for number in range(max(sets) + 1)]
        total = torch.zeros(len(parts), dtype=torch.float64, device=self.device)
        errors = torch.zeros(len(parts), dtype=torch.int64, device=self.device)
        which = torch.tensor(sets, device=self.device)
        n = len(parts[0].x)
        for start in range(0, n, _SCORED):
            rows = slice(start, start + _SCORED)
            x = torch.stack([one.x[rows] for one in firsts])
            label = torch.stack([one.y[rows].argmax(1) for one in firsts])[which]
            outputs = self.outputs(x).double()
            each = functional.cross_entropy(
                outputs.flatten(0, 1), label.flatten(), reduction="none"
            )
            total += each.reshape(label.shape).sum(1)
            errors += (outputs.argmax(2) != label).sum(1)
        return [
            Score(loss / n, count)
            for loss, count in zip(total.tolist(), errors.tolist(), strict=True)
        ]


def _power_of_2(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _described(channel: NoiseChannel) -> tuple[int, float]:
    """The kernels' number for a channel's kind of noise, and its level β or p."""
    if isinstance(channel, DropoutNoise) and channel.p > 0:
        kind = kernels.DROPPED_MAPS if channel.feature_maps else kernels.DROPOUT
        return kind.value, channel.p
    return (kernels.GAUSSIAN.value, channel.beta) if channel.beta > 0 else (0, 0.0)
