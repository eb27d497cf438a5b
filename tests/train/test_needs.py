"""What a run needs is counted before it begins."""

import pytest

from tests.train import batches
from wit_builder.train.needs import needs
from wit_builder.train.settings import Training


@pytest.mark.parametrize("kind", ["vit", "resnet"])  # the resnet's last map is 1 x 1
def test_what_is_kept_of_a_sample_is_counted(kind):
    network = batches.objective(kind).network
    found = needs(network, Training(batches.config(kind), precision="fp32"), 9)
    assert found.weights == sum(weight.numel() for weight in network.parameters())
    assert found.kept_bytes > 4 * 3 * 32 * 32  # an image in 32 bits
    assert found.memory(3) - found.memory(1) == 2 * found.kept_bytes
