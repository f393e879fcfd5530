"""The other driver: the same engine in the workers of a Dask cluster, on this machine or on many.

The client sends the master's text and the submission's bytes; a worker grades and returns a grade as JSON, nothing else. What
learner code could have made is never pickled, and the client loads no pickle from workers. The client alone writes the gradebook.
A job is known by what it depends on, so that one which is sent again (a worker was lost, two students handed in the same bytes) is
done once.
"""

from __future__ import annotations

import atexit
import functools
import ipaddress
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from autograder.course import CourseError
from autograder.master import Assignment, read_master
from autograder.results import Grade, TaskGrade, grade_from_plain
from autograder.submissions import digest_of

if TYPE_CHECKING:
    from distributed import Client, Future, Security

    from autograder.engine import Engine

Files = tuple[tuple[str, str], ...]  # (path in a course, text)

JOIN_SECONDS = 60.0
DESERTED_SECONDS = 120.0  # with no worker at all for so long, what is left is given up
JOBS_PER_WORKER = 4
UNWATCHED = {  # what Dask does many times a second to draw pages that nobody looks at here: a twentieth of a core
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "1s",
}
CERTIFICATES = """Anything but this machine itself needs TLS, as submissions and grades would cross the network in the clear:
use a tls:// address with --tls-ca, --tls-cert and --tls-key. To make an authority and a certificate signed by it:
  openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj "/CN=grading authority" -keyout ca.key -out ca.pem
  openssl req -newkey rsa:3072 -nodes -subj "/CN=grading" -keyout key.pem -out request.pem
  openssl x509 -req -days 365 -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem
and, with ca.pem, cert.pem and key.pem on each machine, start scheduler and workers with them:
  dask scheduler --no-dashboard --protocol tls --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem
  dask worker tls://HOST:8786 --no-dashboard --nthreads 1 --nworkers 4 --tls-ca-file ca.pem --tls-cert cert.pem --tls-key key.pem"""


@dataclass(frozen=True)
class Certificates:
    """The files that prove who is who on a network: the authority's certificate, our own, and its key."""

    authority: Path
    certificate: Path
    key: Path

    def security(self) -> Security:
        from distributed import Security

        files = {"tls_ca_file": self.authority, "tls_client_cert": self.certificate, "tls_client_key": self.key}
        for path in files.values():
            if not path.is_file():
                raise CourseError(f"there is no file {path}\n{CERTIFICATES}")
        return Security(require_encryption=True, **{name: str(path) for name, path in files.items()})


@contextmanager
def local_cluster(workers: int) -> Iterator[ClusterDriver]:
    """Workers on this machine, each a process with an engine of its own, reached through the loopback interface only."""
    _require_dask()
    import dask
    from distributed import LocalCluster

    sys.warnoptions.append("ignore:resource_tracker")  # what it finds when this process is ended on the spot is no news to the user
    # Ctrl-C is for the command: workers are started by a thread that does not listen to it, and inherit that.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with dask.config.set(UNWATCHED):
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its page is off, yet it would say that 8787 is taken
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with _quiet(), cluster, _client(cluster.scheduler_address) as client:
        yield ClusterDriver(client, same_files=True)


@contextmanager
def cluster_at(address: str, certificates: Certificates | None = None) -> Iterator[ClusterDriver]:
    """The workers of a Dask scheduler.

    Raises:
        CourseError: if it can't be reached, or if submissions would cross a network without TLS.
    """
    _require_dask()
    if address.startswith("tls://") and certificates is None:
        raise CourseError(f"{address} asks for certificates.\n{CERTIFICATES}")
    if not is_loopback(address) and not address.startswith("tls://"):
        raise CourseError(f"{address} is not this machine.\n{CERTIFICATES}")
    with _quiet(), _client(address, certificates.security() if certificates else None) as client:
        _refuse_open_workers(client, address)
        yield ClusterDriver(client)


def is_loopback(address: str) -> bool:
    """Whether a scheduler's address leads to this machine's own loopback interface, and nowhere else."""
    host = urlsplit(address if "://" in address else f"tcp://{address}").hostname or ""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(ip).partition("%")[0]).is_loopback for ip in found)


def _refuse_open_workers(client: Client, address: str) -> None:
    """A scheduler on this machine may have workers on others."""
    if not address.startswith("tls://"):
        for worker in client.scheduler_info(n_workers=-1)["workers"]:
            if not is_loopback(worker):
                raise CourseError(f"the worker {worker} is not on this machine.\n{CERTIFICATES}")


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise CourseError("grading on several workers needs Dask: pip install --editable '.[cluster]'") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask logs whole tracebacks when a worker goes; what matters of it is said in the grade table."""
    import logging

    logger = logging.getLogger("distributed")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _client(address: str, security: Security | None = None) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, security=security, timeout=JOIN_SECONDS, set_as_default=False, deserializers=["dask", "error"])
    except (OSError, TimeoutError, ValueError) as error:
        hint = ", and that all certificates are signed by the same authority" if security else ""
        raise CourseError(f"no scheduler answers at {address} ({error}); see that `dask scheduler` runs there{hint}") from error
    try:
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=JOIN_SECONDS)
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise CourseError(f"the scheduler at {address} has no workers; start some with `dask worker {address} --nthreads 1`")
        yield client
    finally:
        client.close(timeout=5)


class ClusterDriver:
    """Grades notebooks on a cluster's workers."""

    def __init__(self, client: Client, same_files: bool = False) -> None:
        """With the `same_files`, what one worker finds out about known mistakes is there for all, and for later runs."""
        self.client, self.same_files = client, same_files
        self.given: dict[str, Future] = {}  # by the hash of the master
        self.count, self.counted = 0, 0.0
        self.deserted: float | None = None  # since when there has been no worker

    def grade_many(self, jobs: Iterable[tuple[Assignment, bytes]], seed: int = 0) -> Iterator[tuple[int, Grade]]:
        """Each job's position and grade, as they are done; a job whose workers die has an infrastructure error, never a zero."""
        pending: dict[Future, list[tuple[int, Assignment]]] = {}
        try:
            for index, (assignment, notebook) in enumerate(jobs):
                pending.setdefault(self._submit(assignment, notebook, seed), []).append((index, assignment))
                while len(pending) >= JOBS_PER_WORKER * max(1, self._workers()):
                    yield from self._finished(pending, seed)
            while pending:
                yield from self._finished(pending, seed)
        finally:
            for future in pending:
                future.cancel()

    def _submit(self, assignment: Assignment, notebook: bytes, seed: int) -> Future:
        from autograder.engine.engine import environment_hash

        environment = environment_hash()
        key = f"grade-{assignment.stem}-{digest_of(notebook)}-{assignment.hash}-{environment}-{seed}"
        given = self._given(assignment)  # not with each job: it is much longer than a submission
        kept = str(assignment.path.parents[2] / ".autograder") if self.same_files else None
        return self.client.submit(grade_job, assignment.stem, given, notebook, seed, environment, kept, key=key, pure=False)

    def _given(self, assignment: Assignment) -> Future:
        """What workers need of an assignment, sent once.

        It is a job, too, so that it goes from worker to worker, and is done again if those that had it were lost.
        """
        if assignment.hash not in self.given:
            files = files_of(assignment)
            key = f"assignment-{assignment.stem}-{digest_of(repr(files).encode())}"
            self.given[assignment.hash] = self.client.submit(as_given, files, key=key, pure=False)
        return self.given[assignment.hash]

    def _workers(self) -> int:
        """How many workers there are, asked at most once a second."""
        if time.monotonic() > self.counted + 1.0:
            self.count, self.counted = len(self.client.scheduler_info(n_workers=-1)["workers"]), time.monotonic()
        return self.count

    def _finished(self, pending: dict[Future, list[tuple[int, Assignment]]], seed: int) -> Iterator[tuple[int, Grade]]:
        from distributed import wait

        deserted = False
        try:
            with self.client.as_current():
                done = wait(list(pending), timeout=5.0, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            deserted = self._is_deserted()
            done = set(pending) if deserted else set()
        for future in done:
            if future.status == "lost" and not deserted:  # its worker died before it had told the grade: the scheduler has it done anew
                continue
            for index, assignment in pending.pop(future):
                yield index, _result(future, assignment, seed)
            future.release()

    def _is_deserted(self) -> bool:
        if self._workers():
            self.deserted = None
            return False
        self.deserted = self.deserted or time.monotonic()
        return time.monotonic() - self.deserted > DESERTED_SECONDS


def files_of(assignment: Assignment) -> Files:
    """What a worker needs of an assignment: its master, and what explains a failure."""
    text = assignment.path.read_text()
    if digest_of(text.encode()) != assignment.hash:
        raise CourseError(f"{assignment.path} changed while its submissions were graded; run the command again")
    root = assignment.path.parents[2]
    more = [assignment.path.with_name("wrong.py"), *root.glob(f"book/*/{assignment.stem}.md")]
    found = [(str(path.relative_to(root)), path.read_text()) for path in more if path.is_file()]
    return ((f"solutions/{assignment.stem}/{assignment.stem}.md", text), *found)


def _result(future: Future, assignment: Assignment, seed: int) -> Grade:
    """A job's grade; whatever kept it from being graded is the grader's failure."""
    reason = "its workers were lost" if future.status != "finished" else ""
    if not reason:
        try:
            answer = json.loads(future.result(timeout=60))
            if "grade" in answer:
                return grade_from_plain(answer["grade"])
            reason = str(answer["problem"])
        except Exception as error:
            reason = f"a worker's answer can't be read ({type(error).__name__})"
    message = f"the grader failed: {reason}"
    tasks = [TaskGrade(t.name, t.test_id, 0.0, t.points, "infrastructure", message=message) for t in assignment.tasks]
    return Grade(assignment.stem, seed, tasks=tasks)


# In a worker's process.

_engine: Engine | None = None


def as_given(files: Files) -> Files:
    """An assignment's files, for the jobs that need them."""
    return files


def grade_job(
    stem: str, given: Files, notebook: bytes, seed: int, environment: str, kept: str | None = None
) -> bytes:
    """Grade one submission; the grade, or what is wrong with this worker, as JSON. `kept` is the folder of what all find out."""
    from autograder.engine.engine import environment_hash

    if environment_hash() != environment:
        return _answer(problem="a worker has other versions of Python, its libraries or the course than this machine")
    try:
        return _answer(grade=asdict(_running_engine().grade(_laid_down(stem, given, kept), notebook, seed)))
    except Exception as error:
        return _answer(problem=f"{type(error).__name__} in a worker: {error}")


def _answer(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@functools.lru_cache(maxsize=64)
def _laid_down(stem: str, given: Files, kept: str | None) -> Assignment:
    """The assignment, from a course's folder of this worker's own."""
    folder = Path(tempfile.mkdtemp(prefix="autograder-worker-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, text in (("_toc.yml", ""), *given):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if kept is not None:
        with suppress(OSError):  # without it a worker finds out for itself
            Path(kept).mkdir(exist_ok=True)
            (folder / ".autograder").symlink_to(kept)
    return read_master(folder / "solutions" / stem / f"{stem}.md")


def _running_engine() -> Engine:
    """This worker's engine, started by its first job."""
    global _engine
    if _engine is None:
        from autograder.engine import Engine

        _engine = Engine().__enter__()
        atexit.register(_engine.__exit__)
    return _engine
