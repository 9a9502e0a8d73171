"""The activation functions that configurations may name."""

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "identity": nn.Identity,
}

#: the closed range of each bounded activation
BOUNDS: dict[str, tuple[float, float]] = {"tanh": (-1.0, 1.0)}


def activation(name: str) -> nn.Module:
    """A new activation module called ``name``; the leaky ReLU is max(x, x/10) (supplement 7).

    Raises ``ValueError`` naming the accepted values.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"network.activation = {name}: one of {', '.join(ACTIVATIONS)} is needed")
    return nn.LeakyReLU(0.1) if name == "leaky_relu" else ACTIVATIONS[name]()
