"""The cluster's workers give the gradebook that this process gives, survive the loss of one, and are not reached in the clear."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder.bench.crash import contents
from autograder.bench.process import family
from autograder.cluster import (
    CERTIFICATES,
    Certificates,
    ClusterDriver,
    _result,
    _running_engine,
    cluster_at,
    files_of,
    grade_job,
    is_loopback,
    local_cluster,
)
from autograder.course import Course, CourseError
from autograder.engine import Engine
from autograder.engine.engine import environment_hash
from autograder.grade import grade_class
from autograder.master import read_master
from autograder.tests.conftest import answered, reference_answers, submit, wrong_answers


def test_workers_give_the_same_gradebook_and_survive_the_loss_of_one(tiny_course: Course, engine: Engine) -> None:
    """A worker is killed when the first grades are in; the class is finished all the same, with the engine's own marks."""
    reference = reference_answers(tiny_course, "tiny")
    for number in range(24):
        answers = [reference, {}, *wrong_answers(tiny_course, "tiny", 2)][number % 4]
        first = answers.get("mean_square", reference["mean_square"])
        submit(tiny_course, f"s{number:02}", "tiny", answered(tiny_course, "tiny", {**answers, "mean_square": f"{first}\n# {number}"}))
    submit(tiny_course, "broken", "tiny", "{")
    copy = Course(tiny_course.root.with_name("copy"))
    shutil.copytree(tiny_course.root, copy.root)
    list(grade_class(tiny_course, lambda: nullcontext(engine), ["tiny"]))

    killed: list[int] = []
    failed: list[str | None] = []
    with local_cluster(2) as driver:
        assert all(is_loopback(worker) for worker in driver.client.scheduler_info()["workers"])
        for line in grade_class(copy, lambda: nullcontext(driver), ["tiny"]):
            failed += [line.problem] if line.failed else []
            if line.grade and not killed:
                killed.append(engines_parent())
                os.kill(killed[0], signal.SIGKILL)
    assert killed
    assert failed == []
    assert contents(copy, "tiny") == contents(tiny_course, "tiny")


def engines_parent() -> int:
    """A worker of this process's cluster that has an engine."""
    for pid in family(os.getpid()):
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"multiprocessing" in line and any(b"autograder.engine.zygote" in Path(f"/proc/{p}/cmdline").read_bytes() for p in family(pid)):
            return pid
    raise AssertionError("no worker has an engine")


class Lost:
    status = "error"


class Answered:
    status = "finished"

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def result(self, timeout: float) -> Any:
        return self.answer


NO_GRADES = [b"\x80\x04K\x01.", b"[]", b'{"grade": {}}', b'{"problem": "p"}']


@pytest.mark.parametrize("future", [Lost(), *map(Answered, NO_GRADES)])
def test_no_answer_and_a_bad_one_are_infrastructure_errors_and_not_zeros(tiny_course: Course, future: Any) -> None:
    grade = _result(future, read_master(tiny_course.master("tiny")), seed=0)
    assert grade.infrastructure_error
    assert [task.status for task in grade.tasks] == ["infrastructure"] * 2


def test_a_grade_that_died_with_its_worker_is_waited_for(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler has it done anew, so its future will be finished once more."""
    future: Any = Lost()
    future.status = "lost"
    pending = {future: [(0, read_master(tiny_course.master("tiny")))]}
    monkeypatch.setattr("distributed.wait", lambda futures, **options: SimpleNamespace(done=set(futures)))
    driver = ClusterDriver(SimpleNamespace(as_current=nullcontext))  # type: ignore[arg-type]
    assert list(driver._finished(pending, seed=0)) == []
    assert len(pending) == 1


def test_a_worker_explains_a_failure_as_this_machine_would(tiny_course: Course) -> None:
    answers = reference_answers(tiny_course, "tiny") | {"mean_square": "def mean_square(x):\n    return sum(v * v for v in x) / 2"}
    given = files_of(read_master(tiny_course.master("tiny")))
    said = json.loads(grade_job("tiny", given, answered(tiny_course, "tiny", answers).encode(), 0, environment_hash()))
    assert [task["misconception"] for task in said["grade"]["tasks"]] == ["half_of_the_sum", None]


def test_what_a_worker_of_this_machine_finds_out_is_kept_in_the_checkout(tiny_course: Course) -> None:
    answers = reference_answers(tiny_course, "tiny") | {"mean_square": "def mean_square(x):\n    return sum(v * v for v in x) / 2"}
    given = files_of(read_master(tiny_course.master("tiny")))
    kept = tiny_course.root / ".autograder"
    _running_engine().misconceptions._known.clear()
    grade_job("tiny", given, answered(tiny_course, "tiny", answers).encode(), 0, environment_hash(), str(kept))
    assert [path.name.rpartition("-")[0] for path in (kept / "behaviour").iterdir()] == ["tiny-mean_square"]


def test_a_cluster_that_fails_writes_no_grade(tiny_course: Course) -> None:
    submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny")))

    class Failing(ClusterDriver):
        def grade_many(self, jobs: Any, seed: int = 0) -> Any:
            for index, (assignment, _) in enumerate(jobs):
                yield index, _result(Lost(), assignment, seed)  # type: ignore[arg-type]

    (line,) = grade_class(tiny_course, lambda: nullcontext(Failing(None)), ["tiny"])  # type: ignore[arg-type]
    assert line.grade is None
    assert "run the command again" in (line.problem or "")
    assert contents(tiny_course, "tiny") == {"students": []}


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("127.0.0.1:8786", True),
        ("localhost:8786", True),
        ("tls://[::1]:8786", True),
        ("tcp://0.0.0.0:8786", False),
        ("tcp://10.0.0.7:8786", False),
        ("tls://192.0.2.1:8786", False),
    ],
)
def test_only_this_machine_is_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) == loopback


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:8786", "tls://192.0.2.1:8786", "tls://127.0.0.1:8786"])
def test_another_machine_without_certificates_is_refused_with_how_to_make_them(address: str) -> None:
    with pytest.raises(CourseError, match="--tls-ca") as refused, cluster_at(address):
        pass
    assert "openssl req" in str(refused.value)


def test_certificates_made_as_the_message_says_are_accepted(tmp_path: Path) -> None:
    commands = [line for line in CERTIFICATES.splitlines() if line.startswith("  openssl")]
    assert len(commands) == 3
    for command in commands:
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(["openssl", "verify", "-CAfile", "ca.pem", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)


def test_certificates_without_an_encrypted_address_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")]
    for file in files:
        file.write_text("")
    with pytest.raises(CourseError, match="tls:// address"), cluster_at("tcp://192.0.2.1:8786", Certificates(*files)):
        pass
