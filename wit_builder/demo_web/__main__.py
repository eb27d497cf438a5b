"""The child process of `serve.served`: pages, seed, exhibits (0 or 1), process id of the parent."""

import sys

from wit_builder.demo_web.serve import run_child
from wit_builder.demo_web.web import Web

pages, seed, exhibits, parent = map(int, sys.argv[1:])
run_child(Web(pages, seed, bool(exhibits)), parent)
