"""Names of random streams."""

from itertools import product

from ib_runner.information.sampling.normal_numbers import stream
from ib_runner.information.sampling.streams import Stream


def test_no_two_streams_share_a_name_in_networks_of_any_depth():
    layers = (1, 2, 99, 100, 101, 200, 500, 2**31)
    names = [one.of_layer(number) for one, number in product(Stream, layers)]
    names += [int(one) for one in Stream]
    assert len(set(names)) == len(names)
    assert len({stream(0, name, 0) for name in names}) == len(names)
