"""A compiled network gives the gradients of the plain one, texts of several lengths and pieces included."""

import pytest
import torch

from tests.train.batches import batch, gradient, objective
from wit_builder.train.gradcache import gradients


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("micro_batch", [0, 4])
def test_a_compiled_step_is_the_plain_step(micro_batch):
    plain, compiled = objective(), objective(compile=True)
    assert compiled.network.state_dict().keys() == plain.network.state_dict().keys()
    for seed, length in enumerate((9, 7, 12)):
        data = batch(seed=seed, length=length)
        expected = gradients(plain.network, plain, data)
        torch.testing.assert_close(gradients(compiled.network, compiled, data, micro_batch), expected)
        found = gradient(compiled.network)
        for name, grad in gradient(plain.network).items():
            torch.testing.assert_close(found[name], grad, atol=1e-5, rtol=1e-3, msg=name)
