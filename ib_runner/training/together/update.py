"""Adam, SGD and the Parseval step for stacked parameters; each job has its own settings."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer


class Update:
    """The update of J jobs' parameters [J, …] by the rules of their ``optimizers``, of one kind.

    As in PyTorch (Adam: Kingma & Ba, 2015), in its order of operations.
    """

    def __init__(
        self, parameters: Sequence[Tensor], optimizers: Sequence[Optimizer], alphas: list[float]
    ):
        device = parameters[0].device
        groups = [optimizer.param_groups[0] for optimizer in optimizers]
        self.parameters = list(parameters)
        self.is_adam = isinstance(optimizers[0], torch.optim.Adam)
        self.rates = torch.tensor([float(g["lr"]) for g in groups], dtype=torch.float64)
        self.factors = torch.ones(len(groups), dtype=torch.float64)
        betas = [g.get("betas", (0.0, 0.0)) for g in groups]
        self.beta1, self.beta2 = torch.tensor(betas, dtype=torch.float64, device=device).T
        self.eps = torch.tensor([float(g.get("eps", 0.0)) for g in groups], device=device)
        self.alphas = torch.tensor(alphas, device=device)
        self.regularized = any(alphas)
        self.steps = torch.zeros(len(groups), dtype=torch.float64, device=device)
        self.first = [torch.zeros_like(p).detach() for p in parameters]
        self.second = [torch.zeros_like(p).detach() for p in parameters]
        #: the epoch's learning rates [J], on the device, where a recorded step reads them
        self.rate = self.rates.to(device, copy=True)

    def set_rates(self, factors: Sequence[float]) -> None:
        """Multiply the jobs' learning rates by the schedules' ``factors`` for the next steps."""
        self.rate.copy_(self.rates * torch.tensor(factors, dtype=torch.float64))

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step along the ``gradients`` [J, …]."""
        if not self.is_adam:
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.addcmul_(gradient, _wide(self.rate, parameter), value=-1.0)
            return
        self.steps += 1
        size = self.rate / (1 - self.beta1**self.steps)
        root = (1 - self.beta2**self.steps).sqrt()
        for parameter, gradient, m, v in zip(
            self.parameters, gradients, self.first, self.second, strict=True
        ):
            m.lerp_(gradient, _wide(1 - self.beta1, parameter))
            keep, rest = _wide(self.beta2, parameter), _wide(1 - self.beta2, parameter)
            v.mul_(keep).add_(rest * gradient * gradient)
            below = v.sqrt() / _wide(root, parameter) + _wide(self.eps, parameter)
            parameter.sub_(_wide(size, parameter) * (m / below))

    @torch.no_grad()
    def regularize(self, weights: Sequence[Tensor]) -> None:
        """W ← W − α (W Wᵀ − I) W for weights [J, out, in], α of each job."""
        for w in weights:
            w.sub_(_wide(self.alphas, w) * (w @ w.transpose(1, 2) @ w - w))

    def state(self, job: int) -> dict[str, Tensor]:
        """One job's optimizer state, named as in PyTorch; empty before the first step."""
        if not self.is_adam or not int(self.steps[job]):
            return {}
        found = {}
        for number, (m, v) in enumerate(zip(self.first, self.second, strict=True)):
            found[f"{number}.step"] = torch.tensor(float(self.steps[job]))
            found[f"{number}.exp_avg"] = m[job].detach().cpu().clone()
            found[f"{number}.exp_avg_sq"] = v[job].detach().cpu().clone()
        return found

    @torch.no_grad()
    def load(self, job: int, state: Mapping[str, Tensor]) -> None:
        """Take over one job's optimizer ``state``; an empty one is that before the first step."""
        self.steps[job] = float(state["0.step"]) if state else 0.0
        for number, (m, v) in enumerate(zip(self.first, self.second, strict=True)):
            m[job] = state[f"{number}.exp_avg"] if state else 0.0
            v[job] = state[f"{number}.exp_avg_sq"] if state else 0.0


def _wide(values: Tensor, like: Tensor) -> Tensor:
    """``values`` [J] as [J, 1, …] of the type of ``like`` [J, …]."""
    return values.to(like.dtype).reshape(-1, *[1] * (like.ndim - 1))
