"""Is `wit fetch` a drop-in for img2dataset 1.47? Both fetch one list from loopback, and what they wrote is compared.

    python benchmarks/fetch/compat.py --peer VENV/bin/python

VENV: img2dataset==1.47.0, webdataset<0.3 and albumentations<2 on Python 3.11. Compared for each resize mode, each
output format and some options: names of files, keys, fields in order, types, and of each row status, message,
sizes, hash, caption and the list's own column; counts of the stats. Prints what differs, one line a difference;
exit 1 where there is one. 16 runs of both take 5 minutes.
"""

import argparse
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROWS = 30
SHARD = 10
VERIFY = '["sum","sha256"]'
RUNS = [
    *(
        f"--resize_mode {mode}"
        for mode in ("border", "keep_ratio", "keep_ratio_largest", "center_crop", "no")
    ),
    *(
        f"--resize_mode {mode} --resize_only_if_bigger True"
        for mode in ("border", "keep_ratio", "center_crop")
    ),
    *(f"--output_format {output}" for output in ("files", "parquet", "dummy")),
    "--min_image_size 150 --max_image_area 250000 --max_aspect_ratio 2.5",
    "--encode_format png --encode_quality 5",
    "--encode_format webp --compute_hash md5 --extract_exif False",
    "--compute_hash None --oom_shard_count 3",
    f"--verify_hash {VERIFY}",
]
SIZES = [(640, 480), (480, 640), (300, 300), (256, 256), (100, 80), (257, 1000), (1001, 333)]
VALUES = [
    "sim",
    "caption",
    "status",
    "error_message",
    "width",
    "height",
    "original_width",
    "original_height",
    "sha256",
]


def picture(n: int) -> tuple[bytes, str]:
    """A picture and its type; every third PNG, every fifth WebP, every seventh with alpha."""
    rng = np.random.default_rng(n)
    width, height = SIZES[n % len(SIZES)]
    small = Image.fromarray(rng.integers(0, 255, (9, 9, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    kind = "PNG" if n % 3 == 0 or n % 7 == 0 else "WEBP" if n % 5 == 0 else "JPEG"
    if n % 7 == 0:
        small.putalpha(Image.linear_gradient("L").resize(small.size))
    file = io.BytesIO()
    small.save(file, kind)
    return file.getvalue(), f"image/{kind.lower()}"


class Site(http.server.BaseHTTPRequestHandler):
    """Pictures by number; 4 is missing, 9 is cut, 17 opts out, 23 is broken for now."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        number = self.path.removeprefix("/").partition(".")[0]
        missing = not number.isdigit() or number == "4"
        body, kind = (b"", "text/plain") if missing else picture(int(number))
        self.send_response(404 if missing else 503 if number == "23" else 200)
        if number == "17":
            self.send_header("X-Robots-Tag", "noai")
        body = body[: len(body) // 2] if number == "9" else body
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def fetched(folder: Path, peer: str, words: str) -> tuple[Path, Path]:
    """The folders that both wrote."""
    common = [
        "--input_format",
        "parquet",
        "--url_col",
        "URL",
        "--caption_col",
        "TEXT",
        "--output_format",
        "webdataset",
    ]
    common += [
        "--image_size",
        "256",
        "--number_sample_per_shard",
        str(SHARD),
        "--save_additional_columns",
        '["sim"]',
    ]
    common += ["--processes_count", "1", "--thread_count", "8", "--timeout", "5", "--enable_wandb", "False"]
    for word in words.split(" --"):  # a later one counts
        name, value = f"--{word.removeprefix('--')}".split(" ")
        common = [*common, name, value] if name not in common else _replaced(common, name, value)
    theirs, ours = folder / "theirs", folder / "ours"
    run = "from img2dataset.main import main; main()"
    subprocess.run(
        [
            peer,
            "-W",
            "ignore",
            "-c",
            run,
            "--url_list",
            folder / "pairs.parquet",
            "--output_folder",
            theirs,
            *common,
        ],
        check=True,
        capture_output=True,
        env={"NO_ALBUMENTATIONS_UPDATE": "1", "PATH": "/usr/bin:/bin"},
    )
    more = ["--contact", "me@example.org", "--delay", "0", "--allow_network", "127.0.0.0/8", "--quiet"]
    wit = [sys.executable, "-m", "wit_builder", "fetch", folder / "pairs.parquet", "--out", ours]
    subprocess.run([*wit, *common, *more], check=True, capture_output=True)
    return theirs, ours


def _replaced(words: list[str], name: str, value: str) -> list[str]:
    place = words.index(name)
    return [*words[: place + 1], value, *words[place + 2 :]]


def differences(theirs: Path, ours: Path) -> list[str]:
    """What is not the same, but for what is theirs or ours alone on purpose."""
    found = []
    names = [sorted(_names(folder)) for folder in (theirs, ours)]
    if names[0] != names[1]:
        found.append(f"files: {sorted(set(names[0]) ^ set(names[1]))[:6]}")
    for path in sorted(theirs.glob("*.parquet")):
        found += _tables(pq.read_table(path), pq.read_table(ours / path.name), path.name)
    for path in sorted(theirs.glob("*.tar")):
        found += _tars(path, ours / path.name)
    for path in sorted(theirs.glob("*_stats.json")):
        a, b = (json.loads((folder / path.name).read_bytes()) for folder in (theirs, ours))
        found += [f"{path.name} has fields {list(b)}"] * (list(a) != list(b))
        for name in ("count", "successes", "failed_to_download", "failed_to_resize", "status_dict"):
            found += [f"{path.name} {name}: {a[name]}, ours {b[name]}"] * (a[name] != b[name])
    return found


def _names(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("_wit/")} - {"__len__"}


def _tables(a: pa.Table, b: pa.Table, name: str) -> list[str]:
    found = []
    common = [field for field in a.schema.names if field in b.schema.names]
    if sorted(common) != sorted(a.schema.names):
        found.append(f"{name} columns: {a.schema.names}, ours {b.schema.names}")
    for field in common:
        kinds = a.schema.field(field).type, b.schema.field(field).type
        found += [f"{name} {field}: {kinds[0]}, ours {kinds[1]}"] * (kinds[0] != kinds[1])
    rows = [{row["key"]: row for row in table.to_pylist()} for table in (a, b)]
    if rows[0].keys() != rows[1].keys():
        return [*found, f"{name} keys: {sorted(rows[0].keys() ^ rows[1].keys())}"]
    for key, row in sorted(rows[0].items()):
        for field in (name for name in VALUES if name in common):
            if row[field] != rows[1][key][field]:
                found.append(f"{key} {field}: {row[field]!r}, ours {rows[1][key][field]!r}")
    return found


def _tars(a: Path, b: Path) -> list[str]:
    with tarfile.open(a) as one, tarfile.open(b) as two:
        fields = [
            json.load(tar.extractfile(next(n for n in tar.getnames() if n.endswith(".json"))))
            for tar in (one, two)
        ]  # type: ignore[arg-type]
        found = [] if sorted(one.getnames()) == sorted(two.getnames()) else [f"{a.name}: members"]
        if list(fields[0]) != list(fields[1])[: len(fields[0])]:
            found.append(f"{a.name} JSON: {list(fields[0])}, ours {list(fields[1])}")
    return found


def main() -> int:
    """Compare everything; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True)
    peer = parser.parse_args().peer
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        urls = [f"http://127.0.0.1:{server.server_port}/{n}.jpg" for n in range(ROWS)]
        texts, sims = (
            [f"picture {n}, a Bär" for n in range(ROWS)],
            pa.array(np.arange(ROWS) / 8, pa.float32()),
        )
        sums = [hashlib.sha256(picture(n)[0]).hexdigest() if n % 4 else "0" * 64 for n in range(ROWS)]
        columns = {"URL": urls, "TEXT": texts, "sim": sims, "sum": sums}
        pq.write_table(pa.table(columns), folder / "pairs.parquet")
        total = 0
        for words in RUNS:
            written = fetched(folder, peer, words)
            found = differences(*written)
            total += len(found)
            print(f"{len(found)} differences with {words}", *found, sep="\n    ", flush=True)
            for path in written:
                shutil.rmtree(path)
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
