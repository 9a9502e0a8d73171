"""``python -m ib_runner STAGE …``."""

import sys

from ib_runner.cli import main

sys.exit(main())
