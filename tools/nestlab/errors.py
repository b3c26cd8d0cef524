# SPDX-License-Identifier: GPL-2.0-only
"""The one way to give up."""


class LabError(Exception):
    """What stopped us, in one line that says what to do about it. Ends the command with status 1, no traceback."""
