"""Groups and schedule are open_clip's, steps are AdamW's, and what is not finite changes nothing."""

import math
from dataclasses import replace

import pytest
import torch

from tests.train.batches import batch, objective
from wit_builder.train.gradcache import gradients
from wit_builder.train.optim import adamw, gradient_norm, groups, learning_rate, update
from wit_builder.train.settings import Training

RUN = Training("tiny", lr=0.01, warmup=4)


@pytest.mark.parametrize("settings", [{}, {"kind": "resnet"}, {"objective": "captions"}], ids=str)
def test_gains_and_biases_are_not_decayed_and_the_order_is_open_clips(settings):
    inner = objective(**settings).network.inner

    def is_plain(name, weight):  # open_clip_train/main.py
        return weight.ndim < 2 or "bn" in name or "ln" in name or "bias" in name or "logit_scale" in name

    named = list(inner.named_parameters())
    plain, decayed = groups(inner)
    assert [id(w) for w in plain] == [id(w) for name, w in named if is_plain(name, w)]
    assert [id(w) for w in decayed] == [id(w) for name, w in named if not is_plain(name, w)]
    names = {id(weight): name for name, weight in named}
    assert "token_embedding.weight" in {names[id(w)] for w in decayed}
    assert "ln_final.bias" in {names[id(w)] for w in plain}


def test_the_schedule_is_a_pure_function_of_the_step():
    rates = [learning_rate(step, 12, RUN) for step in range(12)]
    assert rates[:5] == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01])
    assert rates[8] == pytest.approx(0.005)
    assert rates[11] == pytest.approx(0.01 * 0.5 * (1 + math.cos(math.pi * 7 / 8)))
    assert rates == sorted(rates[:4]) + sorted(rates[4:], reverse=True)


def test_a_run_without_warm_up_or_shorter_than_it_has_a_rate_each_step():
    assert learning_rate(0, 3, replace(RUN, warmup=0)) == 0.01
    assert learning_rate(2, 3, RUN) == 0.0075


def test_a_step_is_adamws():
    made = objective()
    optimizer = adamw(made.network, RUN)
    gradients(made.network, made, batch())
    weight = made.network.inner.visual.proj
    before, grad = weight.detach().clone(), weight.grad.clone()
    norm, lost = update(optimizer, made.network, 0.02, RUN)
    expected = before * (1 - 0.02 * 0.2) - 0.02 * grad / (grad.abs() + RUN.eps)
    torch.testing.assert_close(weight.detach(), expected, atol=1e-5, rtol=1e-4)
    assert (lost, weight.grad) == (0, None)
    assert norm > 0


def test_the_length_is_that_of_all_gradients():
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    weights[0].grad, weights[2].grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    assert gradient_norm(weights) == 5


@pytest.mark.parametrize(("most", "share"), [(0.0, 1.0), (4.0, 0.8), (5.0, 1.0), (6.0, 1.0)])
def test_a_gradient_is_cut_to_its_longest(most, share):
    made = objective()
    optimizer = torch.optim.SGD(made.network.parameters(), 1.0, fused=True)
    gradient = torch.zeros_like(made.network.inner.visual.proj)
    gradient[0, 0], gradient[1, 1] = 3.0, 4.0
    made.network.inner.visual.proj.grad = gradient.clone()
    before = made.network.inner.visual.proj.detach().clone()
    norm, _ = update(optimizer, made.network, 1.0, replace(RUN, grad_clip=most))
    assert norm == 5
    moved = before - made.network.inner.visual.proj.detach()
    torch.testing.assert_close(moved, gradient * share, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(value):
    made = objective()
    optimizer = adamw(made.network, RUN)
    gradients(made.network, made, batch())
    update(optimizer, made.network, 0.01, RUN)
    before = {name: weight.clone() for name, weight in made.network.state_dict().items()}
    states = [{k: v.clone() for k, v in state.items()} for state in optimizer.state.values()]
    gradients(made.network, made, batch())
    made.network.inner.visual.proj.grad[0, 0] = value
    norm, lost = update(optimizer, made.network, 0.01, RUN)
    assert lost == 1 and not norm.isfinite()
    assert all(torch.equal(weight, before[name]) for name, weight in made.network.state_dict().items())
    for one, other in zip(states, optimizer.state.values(), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    gradients(made.network, made, batch())
    assert update(optimizer, made.network, 0.01, RUN)[1] == 0


@pytest.mark.parametrize(("start", "end"), [(4.0, 4.0), (math.log(100), math.log(100)), (5.0, math.log(100))])
def test_the_logit_scale_never_exceeds_its_bound(start, end):
    made = objective()
    with torch.no_grad():
        made.network.logit_scale.fill_(start)
    update(adamw(made.network, RUN), made.network, 0.01, RUN)
    assert made.network.logit_scale.item() == pytest.approx(end)
