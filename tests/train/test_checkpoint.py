"""Checkpoints: open_clip's layout, whole or absent, and which of them stay."""

import json
import resource

import open_clip
import pytest
import torch

from tests.model import tiny
from tests.train import runs
from wit_builder.errors import BuildError, ConfigError
from wit_builder.images.prepared import STD
from wit_builder.model import weights
from wit_builder.train import checkpoint, export
from wit_builder.train.checkpoint import Best, Checkpoints


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of 12 steps, with a checkpoint every second one."""
    folder = tmp_path_factory.mktemp("done")
    runs.pairs(folder / "shards")
    made = runs.trainer(folder, run={"save_every": 2, "keep": 0})
    made.train(runs.Watching())
    return folder, made


def of(folder, name):
    return folder / "out" / "checkpoints" / name


def test_it_holds_what_open_clip_writes_and_how_to_go_on(done):
    folder, made = done
    found = torch.load(of(folder, "epoch_4.pt"), weights_only=True)
    assert {"epoch", "name", "state_dict", "optimizer"} <= found.keys()
    assert (found["epoch"], found["wit"]["step"], found["wit"]["data"]) == (4, 12, made.fingerprint)
    assert json.loads(found["wit"]["training"])["batch"] == 8
    assert not any(name.startswith(("module.", "inner.")) for name in found["state_dict"])


def test_the_steps_that_were_asked_for_and_the_epochs_are_there(done):
    names = {path.name for path in (done[0] / "out" / "checkpoints").iterdir()}
    steps = {f"step_{step}.pt" for step in (2, 4, 8, 10)}
    assert names == steps | {f"epoch_{epoch}.pt" for epoch in (1, 2, 3, 4)}


def test_open_clip_loads_it_and_gives_the_same_to_the_bit(done):
    folder, made = done
    open_clip.add_model_config(tiny.files()[0])
    model = open_clip.create_model("tiny", pretrained=str(of(folder, "epoch_4.pt"))).eval()
    assert_same(model, made)


def test_open_clips_trainer_would_go_on_with_its_optimiser(done):
    model = open_clip.CLIP(**tiny.CONFIG)
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    model.load_state_dict(found["state_dict"])
    named = list(model.named_parameters())
    plain = [p for n, p in named if p.ndim < 2 or "bn" in n or "ln" in n or "bias" in n or "logit_scale" in n]
    rest = [p for _, p in named if not any(p is one for one in plain)]
    optimizer = torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": rest, "weight_decay": 0.2}]
    )
    optimizer.load_state_dict(found["optimizer"])
    assert all(optimizer.state[weight]["exp_avg"].shape == weight.shape for weight in plain + rest)


def test_exported_it_is_a_folder_that_open_clip_loads(done, tmp_path):
    folder, made = done
    export.export(of(folder, "epoch_4.pt"), tmp_path / "hub")
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'hub'}")
    assert_same(model.eval(), made)
    assert "Normalize" in str(preprocess)


def test_exported_it_is_what_was_trained_whatever_became_of_the_models_file(tmp_path):
    runs.pairs(tmp_path / "shards")
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"model_cfg": tiny.CONFIG, "preprocess_cfg": {"mean": [0.1, 0.2, 0.3]}}))
    made = runs.trainer(tmp_path, model=str(own), epochs=1)
    made.train(runs.Watching())
    own.unlink()
    export.export(of(tmp_path, "epoch_1.pt"), tmp_path / "hub")
    said = json.loads((tmp_path / "hub" / export.CONFIG).read_text())
    assert said["model_cfg"] == tiny.CONFIG
    assert (said["preprocess_cfg"]["mean"], said["preprocess_cfg"]["std"]) == ([0.1, 0.2, 0.3], list(STD))
    assert_same(open_clip.create_model(f"local-dir:{tmp_path / 'hub'}").eval(), made)


def test_a_config_of_which_parts_would_be_fetched_is_not_exported(done, tmp_path):
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    fetched = tiny.CONFIG | {"text_cfg": {"hf_model_name": "somebody/model"}}
    torch.save(said(found, config=json.dumps(fetched)), tmp_path / "epoch_1.pt")
    with pytest.raises(ConfigError, match="fetched from the network"):
        export.export(tmp_path / "epoch_1.pt", tmp_path / "hub")


def test_a_decoder_of_captions_is_resumed_exported_and_loaded_by_open_clip(done, tmp_path):
    folder = done[0]
    (folder / "coca.json").write_text(json.dumps(tiny.COCA))
    options = {"model": str(folder / "coca.json"), "patch_dropout": 0.0, "epochs": 2}
    runs.trainer(folder, "coca", **options, run={"save_every": 2}).train(runs.Watching())
    written = folder / "coca" / "checkpoints" / "epoch_2.pt"
    written.unlink()
    made = runs.trainer(folder, "coca", **options)
    assert made.step == 4
    before = runs.losses(folder, "coca")
    made.train(runs.Watching())
    assert runs.losses(folder, "coca") == before
    export.export(written, tmp_path / "hub")
    open_clip.add_model_config(folder / "coca.json")
    assert_same(open_clip.create_model("coca", pretrained=str(written)).eval(), made)
    assert_same(open_clip.create_model(f"local-dir:{tmp_path / 'hub'}").eval(), made)


def assert_same(model, made):
    """Compared with open_clip's own model, given the weights as they are in memory."""
    images = torch.rand(2, 3, 32, 32)
    tokens = open_clip.tokenize(["number 1 in red", "a blue thing"])
    inner = type(made.network.inner)(
        **{k: v for k, v in made.network.config.items() if k != "custom_text"}
    ).eval()
    inner.load_state_dict(made.network.inner.state_dict())
    with torch.no_grad():
        assert torch.equal(model.encode_image(images), inner.encode_image(images))
        assert torch.equal(model.encode_text(tokens), inner.encode_text(tokens))
        if isinstance(model, open_clip.CoCa):
            assert torch.equal(model(images, tokens)["logits"], inner(images, tokens)["logits"])
    assert model.logit_scale == inner.logit_scale


@pytest.mark.parametrize(
    "more", [{"text_encoder": "cbow"}, {"objective": "words"}, {"objective": "captions"}]
)
def test_what_open_clip_has_no_class_for_is_not_exported_but_resumed(done, tmp_path, more):
    folder, name = done[0], "-".join(more.values())
    runs.trainer(folder, name, epochs=1, **more).train(runs.Watching())
    assert runs.trainer(folder, name, epochs=1, **more).step == 3
    with pytest.raises(ConfigError, match=f"is a network for '{next(iter(more.values()))}'"):
        export.export(folder / name / "checkpoints" / "epoch_1.pt", tmp_path)


@pytest.mark.parametrize("body", [b"", b"no checkpoint", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_file_is_one_sentence(tmp_path, body):
    (tmp_path / "epoch_1.pt").write_bytes(body)
    with pytest.raises(ConfigError, match="is no checkpoint that can be read"):
        checkpoint.load(tmp_path / "epoch_1.pt")


def without(found, *names):
    return {name: value for name, value in found.items() if name not in names}


def said(found, **more):
    return found | {"wit": found["wit"] | more}


NO_WAY_ON = {
    "nothing": lambda found: found | {"wit": {}},
    "no JSON": lambda found: said(found, training="{not json"),
    "deep JSON": lambda found: said(found, training="[" * 100_000),
    "no object": lambda found: said(found, training="[]"),
    "no model": lambda found: said(found, training="{}"),
    "config": lambda found: said(found, config="7"),
    "preprocessing": lambda found: said(found, preprocess="7"),
    "step": lambda found: said(found, step="x"),
    "best": lambda found: said(found, best={"x": 1}),
    "skipped": lambda found: said(found, skipped=3),
    "data": lambda found: said(found, data=None),
    "optimizer": lambda found: without(found, "optimizer"),
    "weights": lambda found: without(found, "state_dict"),
}


@pytest.mark.parametrize("what", NO_WAY_ON)
def test_a_file_that_says_half_of_how_to_go_on_is_one_sentence(done, tmp_path, what):
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    torch.save(NO_WAY_ON[what](found), tmp_path / "epoch_1.pt")
    for read in (checkpoint.load, lambda path: export.export(path, tmp_path / "hub")):
        with pytest.raises(
            ConfigError, match="is no checkpoint of `wit train`: it does not say how to go on"
        ):
            read(tmp_path / "epoch_1.pt")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda found: found | {"optimizer": {}}, "state"),
        (
            lambda found: found | {"optimizer": {"state": {999: {"step": 1}}, "param_groups": []}},
            "out of range",
        ),
        (lambda found: found | {"optimizer": without(found["optimizer"], "param_groups")}, "param_groups"),
        (lambda found: found | {"state_dict": without(found["state_dict"], "visual.proj")}, "visual.proj"),
        (lambda found: found | {"state_dict": {"x": torch.zeros(1)}}, "x"),
    ],
    ids=["no state", "no weight", "no groups", "a weight less", "others"],
)
def test_a_run_goes_on_with_its_own_weights_and_optimiser_alone(tmp_path, done, change, why):
    runs.pairs(tmp_path / "shards")
    path = of(tmp_path, "epoch_4.pt")
    path.parent.mkdir(parents=True)
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    training = json.loads(found["wit"]["training"]) | {"model": str(tmp_path / "model.json")}
    torch.save(said(change(found), training=json.dumps(training)), path)
    with pytest.raises(
        ConfigError, match=f"epoch_4.pt' does not have the weights and the optimiser's.*{why}"
    ):
        runs.trainer(tmp_path)


def test_a_weight_that_is_no_plain_tensor_is_one_sentence(done, tmp_path):
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    found["state_dict"]["visual.proj"] = found["state_dict"]["visual.proj"].to_sparse()
    torch.save(found, tmp_path / "epoch_1.pt")
    for read in (checkpoint.load, lambda path: weights.read(str(path))):
        with pytest.raises(ConfigError, match=r"no plain tensor: visual.proj is torch.sparse_coo"):
            read(tmp_path / "epoch_1.pt")


def test_weights_that_are_not_finite_are_nothing_to_begin_from(tmp_path):
    runs.pairs(tmp_path / "shards")
    state = tiny.network().state_dict()
    state["ln_final.weight"][0] = float("inf")
    torch.save(state, tmp_path / "inf.pt")
    with pytest.raises(ConfigError, match=r"has weights that are not finite, such as ln_final.weight$"):
        runs.trainer(tmp_path, init=str(tmp_path / "inf.pt"))


def test_weights_that_are_not_finite_are_not_exported(done, tmp_path):
    found = torch.load(of(done[0], "epoch_4.pt"), weights_only=True)
    found["state_dict"]["ln_final.weight"][0] = float("nan")
    torch.save(found, tmp_path / "epoch_1.pt")
    with pytest.raises(ConfigError, match=r"has weights that are not finite, such as ln_final.weight$"):
        export.export(tmp_path / "epoch_1.pt", tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_a_checkpoint_of_another_trainer_is_one_to_begin_from(tmp_path):
    with pytest.raises(ConfigError, match="does not say how to go on") as error:
        torch.save({"epoch": 1, "state_dict": {}}, tmp_path / "epoch_1.pt")
        checkpoint.load(tmp_path / "epoch_1.pt")
    assert "--init" in error.value.hint


def kept(folder, steps, best=None, **rules):
    made = Checkpoints(folder, per_epoch=10, **rules)
    for step in steps:
        made.save({"wit": {"step": step, "best": None if best is None else {"step": best}}})
        made.wait()
    return made.steps()


def test_the_newest_stay(tmp_path):
    assert kept(tmp_path, [5, 10, 15, 20, 25], keep=2) == [20, 25]


def test_all_stay_when_none_shall_go(tmp_path):
    assert kept(tmp_path, [5, 10, 15], keep=0) == [5, 10, 15]


def test_the_best_stays(tmp_path):
    assert kept(tmp_path, [5, 10, 15, 20], best=10, keep=1) == [10, 20]


def test_those_of_each_so_many_epochs_stay(tmp_path):
    assert kept(tmp_path, range(10, 70, 10), keep=1, keep_every=2) == [20, 40, 60]


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "epoch_latest.pt").touch()
    assert kept(tmp_path, [10, 20], keep=1) == [20]
    assert (tmp_path / "epoch_latest.pt").exists()


def test_the_newest_is_the_one_of_the_most_steps(tmp_path):
    kept(tmp_path, [95, 100, 105], keep=0)
    assert Checkpoints(tmp_path, per_epoch=10).newest().name == "step_105.pt"


def test_a_full_disk_ends_the_run_in_one_sentence_and_loses_nothing(tmp_path):
    """A limit on the size of files stands for the disk: a write fails halfway."""
    runs.pairs(tmp_path / "shards")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    made = runs.trainer(tmp_path)

    def fill_the_disk():
        made.checkpoints.wait()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))

    full = runs.Watching(4, fill_the_disk)
    try:
        with pytest.raises(BuildError, match=r"cannot write .*epoch_2\.pt: the file grew over the limit"):
            made.train(full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["epoch_1.pt"]
    assert runs.trainer(tmp_path).step == 3


def test_the_best_so_far_is_known_after_a_resume(tmp_path):
    runs.pairs(tmp_path / "shards")
    held = [runs.classes(tmp_path / "held")]
    runs.trainer(tmp_path, held=held, epochs=2).train(runs.Watching())
    again = runs.trainer(tmp_path, held=held, epochs=2)
    assert isinstance(again.best, Best)
    assert again.best.step in (3, 6)
