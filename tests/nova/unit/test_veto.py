"""Budgets of vetoes: counted by the hour that passes, within a bounded memory."""

from __future__ import annotations

import testtools

from nova_consent.veto import RecentCount, VetoBudgets

HOUR = 3600.0


class RecentCountTest(testtools.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1_000_000.0
        self.count = RecentCount(24 * HOUR, lambda: self.now)

    def test_what_is_a_day_old_counts_no_more(self) -> None:
        self.assertEqual([1, 2], [self.count.add("a"), self.count.add("a")])
        self.now += 12 * HOUR
        self.assertEqual(3, self.count.add("a"))
        self.now += 12 * HOUR - 1
        self.assertEqual(3, self.count.of("a"))
        self.now += HOUR
        self.assertEqual(1, self.count.of("a"))
        self.now += 24 * HOUR
        self.assertEqual(0, self.count.of("a"))
        self.assertEqual(0, self.count.of("b"))

    def test_it_stays_small(self) -> None:
        for n in range(5000):
            self.count.add(n)
        self.assertEqual(4096, len(self.count._steps))
        self.assertEqual((0, 1), (self.count.of(0), self.count.of(4999)))
        for _ in range(100 * 24):
            self.now += HOUR / 100
            for _ in range(10):
                self.count.add("busy")
        self.assertLessEqual(len(self.count._steps["busy"]), 98)


class VetoBudgetsTest(testtools.TestCase):
    def test_of_one_vm(self) -> None:
        budgets = VetoBudgets(2, 0)
        self.assertEqual("", budgets.spent("vm", "p"))
        self.assertEqual([], budgets.refused("vm", "p"))
        self.assertEqual("", budgets.spent("vm", "p"))
        self.assertEqual(["veto_budget_vm = 2"], budgets.refused("vm", "p"))
        self.assertEqual("veto_budget_vm = 2", budgets.spent("vm", "p"))
        self.assertEqual("", budgets.spent("other", "p"))

    def test_of_a_project(self) -> None:
        budgets = VetoBudgets(0, 3)
        for vm in "abc":
            budgets.refused(vm, "p")
        self.assertEqual("veto_budget_project = 3", budgets.spent("d", "p"))
        self.assertEqual("", budgets.spent("a", "q"))

    def test_a_vm_and_a_project_of_one_name_are_two(self) -> None:
        budgets = VetoBudgets(1, 1)
        budgets.refused("x", "y")
        self.assertEqual("", budgets.spent("y", "x"))

    def test_without_limits(self) -> None:
        budgets = VetoBudgets(0, 0)
        for _ in range(1000):
            self.assertEqual([], budgets.refused("vm", "p"))
        self.assertEqual("", budgets.spent("vm", "p"))
