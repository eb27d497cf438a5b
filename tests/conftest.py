"""What all tests share: hypothesis without deadlines (shared machines stall), the same cases in every CI run."""

import os

from hypothesis import settings

settings.register_profile("wit", deadline=None, derandomize=os.environ.get("CI") == "true", max_examples=60)
settings.load_profile("wit")
