"""Where the goldens live in the repository."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDENS = REPOSITORY / "tests" / "goldens"
IMAGES = GOLDENS / "images"
