"""Mutual information of noisy networks: certified intervals, other estimators, their parts."""

from ib_runner.information.binning import binned_entropy
from ib_runner.information.density.mixture_density import log_mixture_density
from ib_runner.information.estimate import Estimate, Status
from ib_runner.information.estimate_layers import estimate_layers, mutual_information
from ib_runner.information.forecast import Forecast, forecasts

__all__ = [
    "Estimate",
    "Forecast",
    "Status",
    "binned_entropy",
    "estimate_layers",
    "forecasts",
    "log_mixture_density",
    "mutual_information",
]
