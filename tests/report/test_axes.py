"""Layers of many units are projected onto the principal axes of the last epoch."""

import numpy as np
import pandas as pd

from ib_runner.report.axes import principal_axes, with_axes

RNG = np.random.default_rng(0)


def test_principal_axes_of_a_known_cloud():
    spread = np.diag([0.1, 3.0, 1.0, 0.3])
    cloud = RNG.standard_normal((5000, 4)) @ spread + [1, 2, 3, 4]
    mean, axes = principal_axes(cloud)
    np.testing.assert_allclose(mean, [1, 2, 3, 4], atol=0.2)
    np.testing.assert_allclose(axes, np.eye(4)[[1, 2, 3]], atol=0.1)


def test_up_to_three_units_stay_as_they_are_and_more_are_projected():
    frames = []
    for epoch in (0, 5):
        for layer, units in ((1, 6), (2, 3)):
            cloud = RNG.standard_normal((50, units)).astype(np.float32)
            head = {"epoch": epoch, "layer": layer, "sample": range(50), "label": 0}
            frames.append(pd.DataFrame({**head, "value": list(cloud)}))
    frame = pd.concat(frames, ignore_index=True)
    seen, layers = with_axes(frame)
    assert layers == [
        {"layer": 1, "units": 6, "projected": True},
        {"layer": 2, "units": 3, "projected": False},
    ]
    two = seen["layer"] == 2
    assert all(map(np.array_equal, seen[two]["value"], frame[two]["value"]))
    last = frame[(frame["layer"] == 1) & (frame["epoch"] == 5)]
    cloud = np.stack(last["value"].to_list())
    got = np.stack(seen.loc[last.index, "value"].to_list())
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(cloud.T)))[::-1]
    np.testing.assert_allclose(got.var(axis=0, ddof=1), eigenvalues[:3], rtol=1e-5)
    np.testing.assert_allclose(got.mean(axis=0), 0, atol=1e-6)
