"""One embedding pass, and a cache that cannot be stale."""

import fcntl
import io
import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.evaluate.folders import ALONE, benchmark, folders, saved, work
from tests.model import tiny
from wit_builder.errors import BuildError, ConfigError
from wit_builder.evalset import sets
from wit_builder.evaluate import batches
from wit_builder.evaluate import embed as module
from wit_builder.evaluate.embed import embed
from wit_builder.model.loaded import opened


@pytest.fixture
def calls(monkeypatch):
    """How many batches were embedded."""
    made = []
    whole = batches._batch
    monkeypatch.setattr(batches, "_batch", lambda *args, **more: made.append(1) or whole(*args, **more))
    return made


def test_embeddings_are_those_of_open_clip(tmp_path):
    import open_clip
    from PIL import Image

    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    model, how = tiny.network(), open_clip.transform.PreprocessCfg(size=32)
    pixels = open_clip.transform.image_transform_v2(how, is_train=False)
    images = torch.stack([pixels(Image.open(place.path)) for place in found.which.images])
    with torch.no_grad():
        theirs = model.encode_image(images, normalize=True).numpy()
    np.testing.assert_allclose(found.embedded.images, theirs, atol=2e-6)


def test_features_are_what_is_projected(tmp_path):
    found = work(folders(tmp_path / "set"), tmp_path / "cache")
    projected = found.embedded.features @ found.loaded.network.inner.visual.proj.detach().numpy()
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.embedded.images, projected, atol=2e-6)


def test_what_was_embedded_is_not_embedded_again(tmp_path, calls):
    first = work(folders(tmp_path / "set"), tmp_path / "cache").embedded
    assert calls
    calls.clear()
    again = work(tmp_path / "set", tmp_path / "cache").embedded
    assert (calls, again.fingerprint) == ([], first.fingerprint)
    assert (first.images == again.images).all()


def test_a_byte_of_an_image_makes_it_another(tmp_path, calls):
    folder = folders(tmp_path / "set")
    before = work(folder, tmp_path / "cache").embedded
    path = folder / "1 red thing" / "2.jpg"
    state = path.stat()
    body = bytearray(path.read_bytes())
    body[-20] ^= 1
    path.write_bytes(body)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # nobody can tell by its size and time
    calls.clear()
    after = work(folder, tmp_path / "cache").embedded
    assert calls
    assert before.fingerprint != after.fingerprint


def test_the_order_of_images_makes_it_another(tmp_path):
    loaded, which = opened(*tiny.files()), sets.read(folders(tmp_path / "set"))
    turned = replace(which, keys=which.keys[::-1], images=which.images[::-1])
    found = [embed(loaded, one, ALONE, tmp_path / "cache", "fp32") for one in (which, turned)]
    assert found[0].fingerprint != found[1].fingerprint
    assert (found[0].images == found[1].images[::-1]).all()


def test_an_image_that_changes_while_it_is_embedded_is_noticed(tmp_path, monkeypatch):
    folder = folders(tmp_path / "set")
    whole = module._write

    def late(*args):
        (folder / "1 red thing" / "2.jpg").write_bytes(tiny.picture(5000, kind="jpeg"))
        whole(*args)

    monkeypatch.setattr(module, "_write", late)
    with pytest.raises(BuildError, match=r"2.jpg' has changed while it was embedded"):
        work(folder, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("[0-9a-f]*"))


def test_a_weight_makes_it_another(tmp_path, calls):
    folder, (config, checkpoint) = folders(tmp_path / "set"), saved(tmp_path)
    before = work(folder, tmp_path / "cache", loaded=opened(config, checkpoint)).embedded
    state = torch.load(checkpoint)
    state["visual.proj"][0, 0] += 1e-3
    torch.save(state, checkpoint)
    calls.clear()
    after = work(folder, tmp_path / "cache", loaded=opened(config, checkpoint)).embedded
    assert calls
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    "more", [{"mean": [0.5, 0.5, 0.5]}, {"interpolation": "bilinear"}, {"resize_mode": "squash"}]
)
def test_preprocessing_makes_it_another(tmp_path, calls, more):
    folder = folders(tmp_path / "set")
    before = work(folder, tmp_path / "cache", loaded=opened(*saved(tmp_path))).embedded
    calls.clear()
    after = work(folder, tmp_path / "cache", loaded=opened(*saved(tmp_path, **more))).embedded
    assert calls
    assert before.fingerprint != after.fingerprint
    assert not np.allclose(before.images, after.images, atol=1e-6)


def test_an_activation_makes_it_another(tmp_path):
    """The same weights by another config: quick_gelu stands in no weight."""
    plain = opened(*saved(tmp_path))
    quick = opened(*saved(tmp_path, tiny.CONFIG | {"quick_gelu": True}))
    assert plain.weights_sha256 == quick.weights_sha256
    assert plain.fingerprint != quick.fingerprint


def test_precision_makes_it_another(tmp_path):
    found = [work(folders(tmp_path / kind), tmp_path / "cache", kind).embedded for kind in ("bf16", "fp32")]
    assert found[0].fingerprint != found[1].fingerprint
    np.testing.assert_allclose(found[0].images, found[1].images, atol=0.05)


def test_labels_and_names_do_not_matter(tmp_path, calls):
    folder = folders(tmp_path / "set")
    work(folder, tmp_path / "cache")
    (folder / "classnames.txt").write_text("".join(f"other {n}\n" for n in range(6)))
    calls.clear()
    assert work(folder, tmp_path / "cache").which.classes[0] == ("other 0",)
    assert calls == []


def test_a_pass_that_was_cut_short_leaves_nothing_that_is_taken_for_whole(tmp_path, monkeypatch):
    folder = folders(tmp_path / "set", per_class=8)
    monkeypatch.setitem(batches.SIZE, "cpu", 16)
    whole = batches._batch
    monkeypatch.setattr(
        batches,
        "_batch",
        lambda places, **more: whole(places, **more) if len(places) == 16 and more else None,
    )
    monkeypatch.setattr(module._Writing, "finish", lambda self: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        work(folder, tmp_path / "cache")
    monkeypatch.undo()
    assert work(folder, tmp_path / "cache").embedded.readable.all()


def test_what_a_killed_pass_left_goes_and_what_a_living_one_holds_stays(tmp_path):
    cache = tmp_path / "cache"
    for name in (".killed-1", ".living-2", ".begun-3"):
        (cache / name).mkdir(parents=True)
        (cache / name / "readable.npy").write_bytes(b"")
        os.utime(cache / name, (0, time.time() if name == ".begun-3" else 0))
    with (cache / ".living-2" / "readable.npy").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        found = work(folders(tmp_path / "set"), cache).embedded
    left = {path.name for path in cache.iterdir()}
    assert left == {".living-2", ".begun-3", found.fingerprint}


def test_a_disk_that_fills_is_one_sentence_and_nothing_is_left_there(tmp_path, monkeypatch):
    monkeypatch.setattr(module._Writing, "_array", lambda *_: io.FileIO("/dev/full", "wb"))
    with pytest.raises(BuildError, match="no space is left"):
        work(folders(tmp_path / "set"), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_batch_may_hold_any_neighbours_and_be_cut_anywhere(tmp_path, monkeypatch):
    folder = benchmark(tmp_path / "set", per_class=7)
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(module.calls, "cores", lambda cores=cores: cores)
        found.append(work(folder, tmp_path / str(cores), "bf16").embedded.images.tobytes())
    assert len(set(found)) == 1


def test_one_in_a_hundred_may_be_unreadable_and_counts(tmp_path):
    folder = folders(tmp_path / "set", per_class=25, names=("cat", "dog", "cow", "hen"))
    (folder / "0 cat" / "3.jpg").write_bytes(b"no image")
    embedded = work(folder, tmp_path / "cache").embedded
    assert np.flatnonzero(~embedded.readable).tolist() == [embedded.keys.index("0 cat/3.jpg")]
    assert not embedded.images[~embedded.readable].any()
    (folder / "0 cat" / "4.jpg").write_bytes(b"no image")
    with pytest.raises(
        ConfigError, match=r"2 of 100 images of 'set' cannot be decoded, such as '0 cat/3.jpg'; 1%"
    ):
        work(folder, tmp_path / "cache")


def test_a_network_that_gives_no_numbers_is_one_sentence(tmp_path):
    config, checkpoint = saved(tmp_path)
    state = torch.load(checkpoint)
    state["visual.proj"][:] = 3e38  # finite, as weights must be; sums of them are not
    torch.save(state, checkpoint)
    with pytest.raises(BuildError, match="embeddings that are not finite"):
        work(folders(tmp_path / "set"), tmp_path / "cache", loaded=opened(config, checkpoint))


def test_an_empty_set_is_one_sentence(tmp_path):
    which = replace(sets.read(folders(tmp_path / "set")), keys=(), images=())
    with pytest.raises(ConfigError, match="holds no images"):
        embed(opened(*tiny.files()), which, ALONE, tmp_path, "fp32")
