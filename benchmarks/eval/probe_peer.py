"""CLIP_benchmark's linear probe on a machine without CUDA, which it refuses: the same code with that taken out.

    PEER/bin/python benchmarks/eval/probe_peer.py MODEL.json eval --task linear_probe ...

Of its linear_probe.py the assertion goes, and each `.cuda()`; everything else is as installed. The model's config is
made known to open_clip under its file's name.
"""

import inspect
import sys

import open_clip
from clip_benchmark import cli
from clip_benchmark.metrics import linear_probe


def main() -> None:
    """Its command line, behind the config."""
    open_clip.add_model_config(sys.argv.pop(1))
    source = inspect.getsource(linear_probe)
    changed = source.replace("assert device == 'cuda'", "assert device").replace(".cuda()", "")
    assert changed != source
    exec(compile(changed, linear_probe.__file__, "exec"), linear_probe.__dict__)
    cli.main()


if __name__ == "__main__":
    main()
