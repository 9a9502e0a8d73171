from ib_runner.seeds import stream_seed
from ib_runner.training.order import epoch_order


def test_seeds_differ_in_every_respect():
    seeds = {
        stream_seed(seed, purpose, epoch)
        for seed in (0, 1, 2**63 - 1)
        for epoch in range(100)
        for purpose in ("noise", "order")
    }
    assert len(seeds) == 600
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_never_change():
    """Runs that were begun must go on with the same numbers."""
    assert stream_seed(0, "noise", 1) == stream_seed(0, "noise", 1)
    assert [stream_seed(0, "noise", 1), stream_seed(5, "order", 300)] == [
        1916264878383281852,
        4437433446502422000,
    ]


def test_an_order_is_a_permutation():
    assert sorted(epoch_order(0, 1, 50).tolist()) == list(range(50))
    assert epoch_order(0, 1, 50).tolist() != epoch_order(0, 2, 50).tolist()
