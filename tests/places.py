"""Where things lie in a checkout."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DATASETS = ROOT / "datasets"
POSTS = DATASETS / "posts.json"
