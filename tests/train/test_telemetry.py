"""What is told of a run: verdicts, rates over ranks, peaks of GPUs, curves."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from wit_builder.train import curves, telemetry
from wit_builder.train.telemetry import Share

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def share(**more):
    values = {"seconds": 2.0, "waited": 0.0, "behind": 0.0, "busy": 1.0, "samples": 10, "flops": 4e12}
    values |= {"memory": 1.0, "skipped": Counter(), "steps": [[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]]}
    return Share(**(values | more))


@pytest.mark.parametrize(
    ("device", "waited", "behind", "busy", "verdict"),
    [
        (CPU, 0.11, 0.0, 1.0, "data"),
        (CPU, 0.10, 0.0, 0.51, "compute"),
        (CPU, 0.10, 0.0, 0.50, "host"),
        (GPU, 0.11, 0.5, 0.0, "data"),
        (GPU, 0.10, 0.021, 0.0, "compute"),
        (GPU, 0.10, 0.02, 1.0, "host"),
    ],
)
def test_a_run_is_bound_by_what_others_wait_for(device, waited, behind, busy, verdict):
    assert telemetry.bound(waited, behind, busy, device) == verdict


def test_a_record_is_of_all_ranks():
    told = telemetry.record([share(), share(seconds=4.0, waited=0.5, memory=3.0)], CPU)
    assert (told["loss"], told["grad_norm"], told["non_finite"]) == (2.0, 3.0, 0)
    assert told["samples_per_s"] == 20 / 4  # the slowest says how long it took
    assert told["tflops"] == 8 / 4
    assert (told["data_wait"], told["memory_gb"], told["bound"]) == (0.5, 3.0, "data")


def test_steps_without_a_finite_gradient_are_counted_and_in_no_mean():
    told = telemetry.record([share(steps=[[1.0, 2.0, 0.0], [float("nan"), float("inf"), 1.0]])], CPU)
    assert (told["loss"], told["grad_norm"], told["non_finite"]) == (1.0, 2.0, 1)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 NVL", 835e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA B200", 2.25e15),
        ("NVIDIA GeForce GTX 1080", None),
    ],
)
def test_peaks_are_those_of_the_cards(monkeypatch, name, peak):
    monkeypatch.setattr(telemetry.torch.cuda, "get_device_name", lambda device: name)
    assert telemetry.peak_flops(GPU) == peak
    told = telemetry.record([share(), share()], GPU)
    assert told.get("mfu") == (None if peak is None else pytest.approx(4e12 / (peak * 2)))


def test_a_cpu_has_no_peak():
    assert telemetry.peak_flops(CPU) is None


def test_numbers_have_the_name_of_what_they_are_of():
    told = {"step": 3, "epoch": 1.0, "loss": 2.0, "bound": "data", "logit_scale": None}
    assert telemetry.numbers(told) == {"train/loss": 2.0}
    assert telemetry.numbers({"step": 3, "set": "cifar10", "top1": 0.5}) == {"cifar10/top1": 0.5}


def test_curves_are_drawn_of_whatever_there_is(tmp_path):
    for number, records in enumerate(
        (
            [],
            [{"images_seen": 8, "loss": None}],
            [{"images_seen": 8, "loss": 1.0}, {"images_seen": 8, "set": "a", "image_recall@1": 0.5}],
            [{"images_seen": 8, "set": "a", "top1": 0.5, "low": 0.2, "high": 0.8, "chance": 0.1}],
        )
    ):
        path = tmp_path / f"{number}.png"
        curves.of_run(records, path)
        assert path.read_bytes()[:4] == b"\x89PNG"


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard", None)
    with pytest.raises(telemetry.ConfigError, match="tensorboard is not installed") as error:
        telemetry.TensorBoard(SimpleNamespace())
    assert error.value.hint == "pip install 'wit-builder[tensorboard]'"
