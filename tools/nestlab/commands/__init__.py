# SPDX-License-Identifier: GPL-2.0-only
"""One file per subcommand: `add(parser)` declares its options, `run(args)` returns the exit status."""
