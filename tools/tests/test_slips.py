# SPDX-License-Identifier: GPL-2.0-only
"""The declared slips: each is found in the sources, and put behind its switch."""

import unittest

from nestlab.errors import LabError
from nestlab.tests import slips
from nestlab.tests.slips import Slip


class Slips(unittest.TestCase):
    def test_each_is_found_and_says_why(self):
        listed = slips.read()
        self.assertGreaterEqual(len(listed), 150)
        slips.switch_all(listed)
        self.assertEqual([slip for slip in listed if not slip.why], [])

    def test_forms(self):
        expression = Slip("f", "a < b", "a <= b", "w", number=3)
        self.assertEqual(expression.switched(), "(NEST_SLIP(3) ? (a <= b) : (a < b))")
        statement = Slip("f", "go();", "", "w", number=4)
        self.assertEqual(statement.switched(), "if (NEST_SLIP(4)) {  } else { go(); }")

    def test_numbers_are_the_files_own(self):
        numbers = [slip.number for slip in slips.read()]
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assertLess(max(numbers), 10_000, "kMost of tests/mutants/slip.hpp")

    def test_place(self):
        source = "x(); y(); x();"
        self.assertEqual(Slip("f", "x();", "", "w", near="y(); x();").span(source), (10, 14))
        with self.assertRaises(LabError):
            Slip("f", "x();", "", "w").span(source)


if __name__ == "__main__":
    unittest.main()
