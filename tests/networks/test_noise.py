import math

import pytest
import torch

from ib_runner.networks import DropoutNoise, GaussianNoise, NoNoise

N = 200_000


def test_gaussian_noise_has_the_right_moments():
    torch.manual_seed(0)
    s = torch.full((N, 2), 0.3)
    z = (GaussianNoise(0.5).train()(s) - s).double()
    # 5 standard errors: sd/sqrt(n) for the mean, sd/sqrt(2n) for the sd
    assert z.mean(0).abs().max() < 5 * 0.5 / math.sqrt(N)
    assert (z.std(0) - 0.5).abs().max() < 5 * 0.5 / math.sqrt(2 * N)
    assert abs(torch.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(N)
    assert abs((z**4).mean() / 0.5**4 - 3) < 0.1


def test_dropout_noise_keeps_the_mean():
    torch.manual_seed(0)
    t = DropoutNoise(0.2).train()(torch.ones(N))
    assert set(t.unique().tolist()) == {0.0, 1.25}
    assert abs((t == 0).float().mean().item() - 0.2) < 5 * math.sqrt(0.16 / N)


def test_dropout_of_feature_maps():
    torch.manual_seed(0)
    maps = DropoutNoise(0.2, feature_maps=True).train()(torch.ones(500, 40, 3, 2)).flatten(2)
    assert torch.equal(maps, maps[:, :, :1].expand_as(maps))
    assert set(maps.unique().tolist()) == {0.0, 1.25}
    assert abs((maps[:, :, 0] == 0).float().mean().item() - 0.2) < 5 * math.sqrt(0.16 / 20_000)
    vectors = DropoutNoise(0.2, feature_maps=True).train()(torch.ones(500, 40))
    assert abs((vectors == 0).float().mean().item() - 0.2) < 5 * math.sqrt(0.16 / 20_000)


@pytest.mark.parametrize("channel", [GaussianNoise(0.5), DropoutNoise(0.5), NoNoise()])
def test_eval_mode_is_the_identity(channel):
    s = torch.randn(50, 3)
    assert torch.equal(channel.eval()(s), s)


def test_no_noise_is_the_identity_in_training():
    s = torch.randn(50, 3)
    assert torch.equal(NoNoise().train()(s), s)
    assert torch.equal(GaussianNoise(0.0).train()(s), s)
    assert torch.equal(DropoutNoise(0.0).train()(s), s)


@pytest.mark.parametrize("beta", [-1.0, math.nan, math.inf])
def test_bad_beta(beta):
    with pytest.raises(ValueError, match=r"noise\.beta"):
        GaussianNoise(beta)


@pytest.mark.parametrize("p", [-0.1, 1.0, math.nan])
def test_bad_p(p):
    with pytest.raises(ValueError, match=r"noise\.p"):
        DropoutNoise(p)
