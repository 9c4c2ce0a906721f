"""What the tests of the meaning wing share: they import `synthetic`, the maker of run folders, by its name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
