"""The methods by which information is estimated, by name."""

from ib_runner.information.methods.base import Method
from ib_runner.information.methods.coupled import Coupled
from ib_runner.information.methods.nearest_neighbours import NearestNeighbours
from ib_runner.information.methods.pairwise_bounds import PairwiseLower, PairwiseUpper
from ib_runner.information.methods.paper import Paper
from ib_runner.information.methods.quadrature import Quadrature

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Coupled(),
        Paper(),
        PairwiseLower(),
        PairwiseUpper(),
        Quadrature(),
        NearestNeighbours(),
    )
}
