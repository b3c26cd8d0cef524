# SPDX-License-Identifier: GPL-2.0-only
"""One file per subcommand: `add(parser)` declares its options, `run(args)` returns the exit status.

cli.py finds them by name, and nobody imports them. What does the work is in the other rooms; options.py has what several of
them share. Begin with shell.py.
"""
