# SPDX-License-Identifier: GPL-2.0-only
"""`python3 -m nestlab`, as tools/lab starts it."""

import sys

from nestlab.cli import main

sys.exit(main(sys.argv[1:]))
