import pytest
import torch

from wit_builder.audit.learned.network import POWER, VARIANTS, Block, Conv, Network, Shape, halved, pool

SHAPE = Shape((1, 2, 1, 1), 8, 3, 32, 16)


def images(count=8, side=32, seed=0):
    return torch.randint(
        0, 256, (count, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


def test_the_papers_variant_is_a_resnet_50():
    with torch.device("meta"):
        network = Network(VARIANTS["rn50"])
    convolutions = [part for part in network.modules() if isinstance(part, Conv)]
    across = [block.across for block in network.blocks if isinstance(block.across, Conv)]
    assert len(convolutions) - len(across) + 1 == 50  # with the head
    assert network.head.in_features == 2048


@pytest.mark.parametrize("shape", [SHAPE, VARIANTS["tiny"]])
def test_rows_have_unit_length_in_32_bits(shape):
    rows = Network(shape)(images(2, shape.size))
    assert (rows.dtype, rows.shape) == (torch.float32, (2, shape.dimensions))
    assert torch.allclose(rows.norm(dim=1), torch.ones(2))


def test_an_image_has_the_same_row_whoever_stands_beside_it():
    network = Network(SHAPE).eval()
    with torch.no_grad():
        alone, beside = network(images(8)[:1]), network(images(8))[:1]
    assert torch.allclose(alone, beside, atol=1e-5)
    assert not any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in network.modules())


def test_the_length_of_a_convolutions_weights_is_its_gain_alone():
    conv = Conv(3, 4, 3)
    x = torch.rand(1, 3, 8, 8)
    before = conv(x)
    with torch.no_grad():
        conv.weight.mul_(7)
    assert torch.allclose(conv(x), before, atol=1e-6)
    with torch.no_grad():
        conv.bias.zero_()
        before = conv(x)
        conv.gain.mul_(2)
    assert torch.allclose(conv(x), 2 * before, atol=1e-6)


def test_outputs_begin_with_mean_0_and_variance_1_on_the_first_images():
    network = Network(SHAPE)
    network.begin(images(16))
    seen = {}
    for name, part in network.named_modules():
        if isinstance(part, Conv):
            part.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
    network(images(16))
    assert len(seen) == 1 + 3 * 5 + 4
    for name, out in seen.items():
        share = 5**-0.5 if name.endswith("widen") else 1.0
        assert out.mean(dim=(0, 2, 3)).abs().max() < 1e-3, name
        assert torch.allclose(out.std(dim=(0, 2, 3)), torch.full((out.shape[1],), share), atol=2e-3), name


def test_striding_is_behind_a_blur():
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(4, 4)[None, None]
    assert torch.equal(halved(checks), torch.full((1, 1, 4, 4), 0.5))
    assert all(part.stride == (1, 1) for part in Network(SHAPE).modules() if isinstance(part, Conv))
    assert Block(8, 8, halve=True)(torch.rand(1, 8, 6, 6)).shape == (1, 32, 3, 3)


def test_features_are_pooled_by_their_generalised_mean():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert torch.allclose(pool(x), torch.tensor([[((1 + 8 + 27 + 64) / 4) ** (1 / POWER)]]))
    assert pool(-x).item() == pytest.approx(1e-4)
