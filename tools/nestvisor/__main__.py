# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m nestvisor"""

import sys

from nestvisor.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
