"""What a model costs: embedding pictures on one core, and semantic duplicates of many embeddings.

    python benchmarks/curate/model.py --pictures 320 --embeddings 100000

The model is ViT-B-32 with random weights: what it says is nonsense, and takes as long. The embeddings are random
too, a tenth of them near copies of others.
"""

import argparse
import resource
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from wit_builder.curation import semantic

WIDTH = 512


def main() -> None:
    """Print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=320)
    parser.add_argument("--embeddings", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=100)
    wanted = parser.parse_args()
    duplicates(wanted.embeddings, wanted.clusters)
    embed(wanted.pictures)


def embed(count: int) -> None:
    """Pictures of 256 pixels, as shards hold them, and captions."""
    import open_clip
    import torch

    from wit_builder.model import clip

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.pt")
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), path)
        size = path.stat().st_size
        model = clip.load("ViT-B-32", str(path))
    images = [_picture(n) for n in range(count)]
    seconds = _cpu(lambda: model.embed_images(images))
    print(f"images: {count / seconds:.1f} a second and core")
    texts = [f"a photograph of {n} boats on a calm lake" for n in range(count)]
    seconds = _cpu(lambda: model.embed_texts(texts))
    print(
        f"texts: {count / seconds:.1f} a second and core; weights {size / 1e9:.2f} GB, peak {_peak():.2f} GB"
    )


def duplicates(count: int, clusters: int) -> None:
    """k-means, assignment, and all pairs of each cluster."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(count, WIDTH)).astype(np.float32)
    copies = count // 10
    found[-copies:] = found[:copies] + 0.1 * rng.normal(size=(copies, WIDTH))
    embeddings = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)
    del found
    centres = None

    def cluster() -> None:
        nonlocal centres
        centres = semantic.centres(embeddings, clusters)

    print(f"k-means: {_cpu(cluster):.1f} s of a core, {count} embeddings, {clusters} clusters")
    nearest = np.empty(0)

    def assign() -> None:
        nonlocal nearest
        nearest = semantic.nearest(embeddings, centres)

    print(f"assign: {_cpu(assign):.1f} s of a core")
    gone = 0

    def compare() -> None:
        nonlocal gone
        for number in range(clusters):
            head, _ = semantic.heads(embeddings[nearest == number], 0.9)
            gone += int((head != np.arange(len(head))).sum())

    seconds = _cpu(compare)
    print(f"pairs: {seconds:.1f} s of a core, {gone} of {copies} copies found; peak {_peak():.2f} GB")


def _picture(number: int) -> bytes:
    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(0, 255, (16, 20, 3), np.uint8)).resize((320, 256))
    file = BytesIO()
    image.save(file, "jpeg", quality=95)
    return file.getvalue()


def _cpu(work: object) -> float:
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
