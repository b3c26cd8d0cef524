# SPDX-License-Identifier: GPL-2.0-only
"""The subcommands: each is a module with a docstring (its help), add(parser) and run(args, sources) -> status."""
