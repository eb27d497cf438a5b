"""The paper's tables as presets; what differs is said; what cannot be is refused before anything runs."""

from dataclasses import replace

import pytest

from wit_builder.errors import ConfigError
from wit_builder.model.names import NINE, QUICK
from wit_builder.settings import decode, encode
from wit_builder.train.settings import Training, deviations, preset

TABLES = {  # 18, 19, 20: learning rate, beta2, epsilon, epochs
    "RN50": (5e-4, 0.999, 1e-8, 32),
    "RN101": (5e-4, 0.999, 1e-8, 32),
    "RN50x4": (5e-4, 0.999, 1e-8, 32),
    "RN50x16": (4e-4, 0.999, 1e-8, 32),
    "RN50x64": (3.6e-4, 0.999, 1e-8, 32),
    "ViT-B-32": (5e-4, 0.98, 1e-6, 32),
    "ViT-B-16": (5e-4, 0.98, 1e-6, 32),
    "ViT-L-14": (4e-4, 0.98, 1e-6, 32),
    "ViT-L-14-336": (2e-5, 0.98, 1e-6, 1),
}


@pytest.mark.parametrize("name", NINE)
def test_a_preset_is_what_the_tables_say(name):
    for model in (name, name + QUICK):
        recipe = preset(model)
        assert (recipe.lr, recipe.beta2, recipe.eps, recipe.epochs) == TABLES[name]
        assert (recipe.batch, recipe.warmup, recipe.weight_decay, recipe.beta1) == (32_768, 2_000, 0.2, 0.9)
        assert (recipe.temperature, recipe.max_logit_scale, recipe.model) == (0.07, 100.0, model)
        assert deviations(recipe) == []


def test_deviations_are_named_and_what_is_the_runs_own_is_not():
    ours = replace(
        preset("ViT-B/32"), batch=256, lr=1e-3, seed=3, sources=("a.tar",), micro_batch=8, compile=True
    )
    assert deviations(ours) == [
        "batch is 256, the preset of ViT-B-32 says 32768",
        "lr is 0.001, the preset of ViT-B-32 says 0.0005",
    ]


def test_settings_come_back_from_text():
    ours = replace(preset("RN50"), sources=("a/{00..03}.tar", "b"), weights=(1.0, 2.5))
    assert decode(encode(ours)) == ours


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"batch": True}, "batch is True"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": float("inf")}, "lr is inf"),
        ({"beta2": 1.0}, "beta2 is 1.0"),
        ({"precision": "fp8"}, "precision is 'fp8', expected one of bf16, fp32"),
        ({"objective": "siglip"}, "objective is 'siglip'"),
        ({"objective": "words", "text_encoder": "cbow"}, "'words' has no text encoder"),
        ({"sources": ["a"]}, "sources is"),
        ({"sources": ("a",), "weights": (1.0, 2.0)}, "2 weights for 1 sources"),
        ({"sources": ("a",), "weights": (0.0,)}, "weights are"),
        ({"temperature": 0.0099}, "more than max_logit_scale"),
        ({"max_skipped": 1.1}, "max_skipped is 1.1"),
        ({"model": 3}, "model is 3"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong, said):
    with pytest.raises(ConfigError, match=said):
        replace(Training("ViT-B-32"), **wrong)


def test_the_bounds_themselves_are_taken():
    assert Training("tiny", batch=1, warmup=0, temperature=0.01, max_skipped=1.0, lr=1).batch == 1


def test_a_run_is_so_many_epochs_or_so_many_samples_in_whole_batches():
    assert Training("tiny", batch=8, epochs=3).steps(5) == 15
    assert Training("tiny", batch=8, epochs=3, samples=47).steps(5) == 5
    assert Training("tiny", batch=8, samples=8).steps(5) == 1
    with pytest.raises(ConfigError, match="samples is 7, less than one batch of 8"):
        Training("tiny", batch=8, samples=7)


def test_samples_deviate_from_epochs():
    told = deviations(Training("ViT-B-32", samples=12_800_000, lr=1e-3))
    assert told == [
        "samples is 12800000, the preset of ViT-B-32 says 32 epochs",
        "lr is 0.001, the preset of ViT-B-32 says 0.0005",
    ]
