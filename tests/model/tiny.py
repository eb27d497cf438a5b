"""A CLIP model of a few thousand weights, as a config and a checkpoint on the disk; and pictures for it."""

import atexit
import json
import random
import shutil
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

from PIL import Image, ImageDraw

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}

DECODER = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
COCA = CONFIG | {  # with a decoder of captions
    "vision_cfg": CONFIG["vision_cfg"]
    | {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
    "text_cfg": CONFIG["text_cfg"] | {"embed_cls": True, "output_tokens": True},
    "multimodal_cfg": DECODER,
    "custom_text": True,
}


def network(config=CONFIG, seed=0):
    """open_clip's own model of that config, its weights random."""
    import open_clip
    import torch

    torch.manual_seed(seed)
    return open_clip.CLIP(**config).eval()


@cache
def files():
    """(path of the config, path of the checkpoint), made once for all tests."""
    import torch

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    torch.save(network().state_dict(), folder / "tiny.pt")
    return str(folder / "tiny.json"), str(folder / "tiny.pt")


def named(model=None, checkpoint=None, **more):
    """What names a model in a recipe."""
    config, weights = files()
    return SimpleNamespace(model=model or config, checkpoint=checkpoint or weights, fingerprint="", **more)


def picture(n=0, size=(48, 40), kind="png"):
    """A whole image file of a few coloured boxes, another for each n."""
    rng = random.Random(n)
    image = Image.new("RGB", size, tuple(rng.randbytes(3)))
    for _ in range(4):
        left, top = rng.randrange(size[0]), rng.randrange(size[1])
        ImageDraw.Draw(image).rectangle((left, top, left + 20, top + 15), fill=tuple(rng.randbytes(3)))
    file = BytesIO()
    image.save(file, kind)
    return file.getvalue()
