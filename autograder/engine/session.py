"""One submission, start to end: both processes, every step, every deadline."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import replace
from typing import Any

from autograder.engine.cores import Claim
from autograder.engine.diagnosis import Observation
from autograder.engine.disclosure import disclose, plain_outcome, shortened
from autograder.engine.host import Child, InfrastructureError, ZygoteHost
from autograder.engine.plan import Blueprint, Plan, Step, TestCell
from autograder.engine.wire import Closed

OBSERVED = 5.0  # seconds for what is left of a test that has failed
OUTPUTS = 4  # times the limit of one cell is what all cells and tests of a submission may put out
GRACE = 2.0  # seconds a trusted process may take to say that the other one is gone
WORDS = {
    "timeout": "your code took longer than {seconds:g} s",
    "crashed": "your code ended its own process",
    "cpu": "your code used more processor time than allowed",
    "memory": "your code used more memory than allowed",
    "processes": "your code started more processes than allowed",
}


class Session:
    """Drives the two processes of one submission. Use as a context manager: leaving it ends them."""

    def __init__(self, host: ZygoteHost, print_: Blueprint, plan: Plan, seed: int) -> None:
        self.host, self.print, self.plan, self.seed = host, print_, plan, seed
        self.limits = replace(host.limits, **print_.limits)
        self.learner: Child | None = None
        self.tester: Child | None = None
        self.done: list[Step] = []  # what a new learner's process would have to run again
        self.prepared: list[dict[str, Any]] = []  # the same for the tests' process
        self.restarts = 0
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.observed: dict[str, Observation] = {}
        self.expected: set[str] = set()
        self.sound = True  # whether the tests' process may serve another submission
        self.room = OUTPUTS * self.limits.output  # for what is still to be put out
        self.claim = Claim()

    def __enter__(self) -> Session:
        self.deadline = time.monotonic() + self.limits.seconds
        try:
            self.learner = self.host.fork("learner", self.plan.libraries, self.limits, self.claim.core)
            self.tester = self.host.tester(self.print.master, self.plan.libraries, self.limits)
        except BaseException:  # nobody leaves what was not entered
            self.claim.close()
            raise
        try:
            self._prepare({"op": "begin", "seed": self.seed, "output": self.limits.output, "core": self.claim.core})
        except InfrastructureError:  # it died while it was idle
            self._new_tester()
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(InfrastructureError):
            if self.learner is not None:
                self.host.end(self.learner, wait=False)
            if self.tester is not None and self.sound and exception[0] is None:
                self.host.give_back(self.tester, self.print.master, self.plan.libraries, self.limits)
            elif self.tester is not None:
                self.host.end(self.tester, wait=False)
        self.learner = self.tester = None
        self.claim.close()

    def run(self, only: set[str] | None = None, observe: bool = False) -> None:
        """Run all steps; of the tests, those in `only` if given. If `observe`, one that fails goes on for a moment.

        Then settle what may be shown of it all.
        """
        for step in self.plan.steps:
            if step.kind != "test":
                self._other(step)
                continue
            self._expect_until(step)
            if only is None or step.grade_id in only:
                verdict = self.test(step, self.print.tests[step.grade_id], "failures" if observe else "")
                self.verdicts[step.grade_id] = verdict
                self.observed[step.grade_id] = verdict.pop("observed")
        disclose(self, set(self.verdicts))

    def run_until(self, test_id: str) -> Step:
        """Run all cells before a test, and give the test's step."""
        for step in self.plan.steps:
            if step.grade_id == test_id:
                self._expect_until(step)
                return step
            if step.kind != "test":
                self._other(step)
        raise KeyError(test_id)

    def _other(self, step: Step) -> None:
        if step.kind == "given":
            self._prepare({"op": "given", "id": step.identity, "source": step.source})
        self.outcomes[step.identity] = self.cell(step)

    def observe(self, step: Step) -> Observation:
        """What the solution does on the inputs of a test, whether it is right or not; nothing if it takes too long."""
        observed: Observation = self.test(step, self.print.tests[step.grade_id], "always")["observed"]
        return observed

    def _left(self, seconds: float) -> float:
        return min(seconds, self.deadline - time.monotonic())

    def _too_long(self) -> str:
        return f"the submission took longer than {self.limits.seconds:g} s"

    # the learner's process

    def cell(self, step: Step) -> dict[str, Any]:
        """Run one cell; one that hangs or kills the process is left out when the process is started again."""
        if self._left(1.0) <= 0:
            return _failed(step, "Timeout", self._too_long())
        if self.learner is None and not self._restart():
            return _failed(step, "Crashed", WORDS["crashed"])
        assert self.learner is not None
        try:
            outcome = self._run_cell(self.learner, step)
        except (Closed, TimeoutError) as error:
            reason = self._bury("timeout" if isinstance(error, TimeoutError) else "crashed")
            whole = reason == "timeout" and self._left(1.0) <= 0
            return _failed(step, reason.capitalize(), self._too_long() if whole else WORDS[reason].format(seconds=self.limits.cell_seconds))
        self.done.append(step)
        self.room -= sum(len(output["text"]) for output in outcome["outputs"])
        self.room -= 2 * sum(map(len, outcome["failure"] or ()))  # a notebook says it twice
        return outcome

    def _run_cell(self, learner: Child, step: Step) -> dict[str, Any]:
        learner.order(op="cell", id=step.identity, source=step.source, given=step.kind == "given")
        return plain_outcome(learner.answer(self._left(self.limits.cell_seconds)), min(self.limits.output, self.room))

    def renew(self) -> bool:
        """A learner's process in which nothing has run yet, or False when no time is left."""
        if self.learner is not None:
            self.host.end(self.learner, wait=False)
        self.learner, self.done, self.room = None, [], OUTPUTS * self.limits.output
        return self._restart()

    def _bury(self, reason: str) -> str:
        """End the learner's process; say why it ended."""
        child, self.learner = self.learner, None
        if child is None:
            return reason
        return str(self.host.end(child).get("reason") or reason)

    def _restart(self) -> bool:
        """A new learner's process with all that ran before, or False when that has been tried too often."""
        while self.restarts < self.limits.restarts and self._left(1.0) > 0:
            self.restarts += 1
            self.learner = self.host.fork("learner", self.plan.libraries, self.limits, self.claim.core)
            for step in list(self.done):
                try:
                    self._run_cell(self.learner, step)
                except (Closed, TimeoutError):
                    self.done.remove(step)
                    self._bury("crashed")
                    break
            else:
                return True
        return False

    # the tests' process

    def _prepare(self, order: dict[str, Any]) -> None:
        self.prepared.append(order)
        assert self.tester is not None
        try:
            self.tester.order(**order)
        except (Closed, TimeoutError) as error:
            raise InfrastructureError("the tests' process is gone") from error

    def _expect_until(self, step: Step) -> None:
        """Announce what the solution cells before this test define; a task's stand-ins exist even if its cell is missing."""
        for cell in self.print.cells:
            if cell.identity == step.identity:
                return
            if cell.kind == "solution" and cell.grade_id not in self.expected:
                self.expected.add(cell.grade_id)
                functions, values = self.print.expects[cell.grade_id]
                self._prepare({"op": "expect", "functions": functions, "values": values})

    def _new_tester(self) -> None:
        if self.tester is not None:
            self.host.end(self.tester)
        self.tester = self.host.fork("test", self.plan.libraries, self.limits)
        for order in self.prepared:
            self.tester.order(**order)

    def test(self, step: Step, cell: TestCell, observe: str = "") -> dict[str, Any]:
        """Run one test cell against the learner's process. `observe`: what the solution did, of `failures` or `always`."""
        if self._left(1.0) <= 0:
            return _verdict("timeout", self._too_long())
        if self.learner is None and not self._restart():
            return _verdict("crashed", WORDS["crashed"])
        assert self.learner is not None
        assert self.tester is not None
        ours, theirs = socket.socketpair()
        try:
            self.learner.order(op="serve")
            self.learner.hand_over(theirs)
        except (Closed, TimeoutError):
            self._bury("crashed")
        fields = {name: getattr(cell, name) for name in ("source", "code", "hidden", "uses", "rules")}
        try:
            self.tester.order(op="test", id=step.identity, observe=observe, **fields)
            self.tester.hand_over(ours)
            verdict = self._verdict_of(self.tester)
        except Closed as error:
            raise InfrastructureError("the tests' process is gone") from error
        self.sound &= verdict["sound"]
        return self._finish_test(verdict)

    def _verdict_of(self, tester: Child) -> dict[str, Any]:
        """The tests' process tells a failure at once, and then the whole, unless what is left takes too long."""
        verdict, seconds = _verdict("timeout", WORDS["timeout"].format(seconds=self.limits.test_seconds)), self.limits.test_seconds
        try:
            verdict = dict(tester.answer(self._left(seconds)))
            return verdict if verdict["final"] else dict(tester.answer(self._left(min(seconds, OBSERVED))))
        except TimeoutError:
            self.sound = False
            self._bury("timeout")  # the tests' process, waiting for an answer, now learns that there will be none
        try:
            last = dict(tester.answer(GRACE))
            while not last["final"]:
                last = dict(tester.answer(GRACE))
            verdict["observed"] = last["observed"]
        except (TimeoutError, Closed):
            self._new_tester()
        return verdict

    def _finish_test(self, verdict: dict[str, Any]) -> dict[str, Any]:
        reason = self._settled()
        if verdict["status"] == "crashed" and reason in WORDS:
            verdict["message"] = WORDS[reason].format(seconds=self.limits.test_seconds)
        verdict["printed"] = shortened(verdict["printed"], self.room)
        self.room -= len(verdict["printed"])
        return verdict

    def _settled(self) -> str | None:
        """See that the learner's process is done with a test. Why it is gone, if it is."""
        if self.learner is None:
            return "crashed"
        try:
            self.learner.answer(GRACE)
            return None
        except (Closed, TimeoutError):
            return self._bury("crashed")


def _failed(step: Step, name: str, text: str) -> dict[str, Any]:
    return {"outputs": [], "failure": (name, text, "")}


def _verdict(status: str, message: str) -> dict[str, Any]:
    told = {"status": status, "property": None, "hint": None, "message": message, "trace": None}
    return told | {"printed": "", "observed": [], "sound": False}
