# SPDX-License-Identifier: GPL-2.0-only
"""The one way to give up."""


class UserError(Exception):
    """What stopped the command, in one line that says what to do about it. Ends it with status 1, no traceback."""
