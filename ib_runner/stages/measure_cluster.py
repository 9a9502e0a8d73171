"""Measuring epochs on the workers of a Dask cluster.

The workers must have the same packages, and the same folders under the same paths.
"""

import platform
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ib_runner.errors import IbRunError, raise_interruption_behind
from ib_runner.files.provenance import package_versions
from ib_runner.measurements.measurement import cause
from ib_runner.runs.log import logger
from ib_runner.stages.measure_epoch import EpochTask, Measured

if TYPE_CHECKING:
    from distributed import Client

_REMEDY = "Scheduler and workers need the packages of this process, and the same folders."
#: seconds to wait for the scheduler's answer, and for another worker where all are lost
PATIENCE = 30
#: seconds between two checks of the list of workers
_LOOKS = 5.0

# a worker may run several tasks as threads; torch's random generator and numbers of threads belong
# to the process, so that its tasks take turns
_one_at_a_time = threading.Lock()
_versions_here = cache(package_versions)


def on_cluster(tasks: Sequence[EpochTask], scheduler: str) -> Iterator[Measured]:
    """The results of all ``tasks``, in the order in which they are finished.

    ``scheduler`` is an address or a scheduler file. Dask gives an epoch whose worker died to
    another worker, and after several deaths the epoch's result is a failure. Raises ``IbRunError``
    where no scheduler answers, where a worker lacks packages or folders of this process or has
    other versions of the packages that results depend on, and where no worker is left.
    """
    from distributed import Client, Future, KilledWorker

    where = {"scheduler_file" if scheduler.endswith(".json") else "address": scheduler}
    try:
        client = Client(**where, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise IbRunError(
            f"measure.scheduler={scheduler}: no Dask scheduler answers there within {PATIENCE} s.\n"
            "Start one with `dask scheduler`, and workers with `dask worker`."
        ) from error
    with client:
        workers = Workers(client, scheduler)
        workers.wait_for_some()
        futures = {
            client.submit(_on_worker, task, package_versions(), pure=False): task for task in tasks
        }
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        for future in futures:
            future.add_done_callback(done.put)
        while futures:
            try:
                future = done.get(timeout=_LOOKS)
            except queue.Empty:
                workers.look()
                continue
            task = futures.pop(future)
            try:
                yield future.result()
            except KilledWorker as error:
                last = workers.name(error.last_worker.address)
                yield task.nothing(
                    f"the Dask workers that tried it died, {last} was the last: out of memory?"
                )
            except IbRunError:
                raise
            except Exception as error:  # for example, the worker cannot unpickle the task
                raise_interruption_behind(error)
                raise IbRunError(
                    f"measure.scheduler={scheduler}: the cluster cannot do the work "
                    f"({cause(error)[:200]}).\n{_REMEDY}"
                ) from error


class Workers:
    """The workers of ``client``, each checked once before it gets a task.

    A worker that cannot unpickle a task would die of it.
    """

    def __init__(self, client: "Client", scheduler: str):
        self._client, self._scheduler = client, scheduler
        self._names: dict[str, str] = {}
        self._lost_at: float | None = None

    def name(self, address: str) -> str:
        """The worker at ``address`` in words, with its machine where that is known."""
        return self._names.get(address, f"worker {address}")

    def wait_for_some(self) -> None:
        """Wait until there are workers, and check them. Raises as :meth:`look` does."""
        if not self._addresses():
            logger.warning(
                "measure.scheduler=%s: no workers yet, waiting for them", self._scheduler
            )
        while not self._addresses():
            time.sleep(_LOOKS / 5)
        self.look()

    def look(self) -> None:
        """Check new workers. Raises ``IbRunError`` for a useless one, or where all are lost."""
        there = self._addresses()
        for address in there - self._names.keys():
            self._try(address)
        if there:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = time.monotonic()
            logger.warning(
                "measure.scheduler=%s: no worker is left, waiting for another one",
                self._scheduler,
            )
        elif time.monotonic() - self._lost_at > PATIENCE:
            raise IbRunError(
                f"measure.scheduler={self._scheduler}: {list(self._names.values())[-1]} is lost, "
                f"and no other one has come in {PATIENCE} s.\n"
                "Out of memory, or stopped? What is measured is kept: the same command goes on."
            )

    def _addresses(self) -> set[str]:
        return set(self._client.scheduler_info(n_workers=-1)["workers"])

    def _try(self, address: str) -> None:
        """Ask the worker for its machine's name, and have it import the modules of a task."""
        calls: tuple[tuple[Any, ...], ...] = (platform.node,), (exec, f"import {__name__}", {})
        host, found = (
            self._client.run(*call, workers=[address], on_error="return").get(address)
            for call in calls
        )
        self._names[address] = f"worker {address}" + (f" on {host}" if type(host) is str else "")
        if isinstance(found, ImportError):
            raise IbRunError(
                f"measure.scheduler: {self._names[address]} cannot import the program:\n"
                f"{cause(found)[:200]}\n{_REMEDY}"
            ) from found


def _on_worker(task: EpochTask, versions: Mapping[str, str]) -> Measured:
    from distributed import get_worker

    worker = get_worker()
    where = f"measure.scheduler: worker {worker.address} on {platform.node()}"
    ours = {**_versions_here(), "python": versions["python"]}
    differing = [name for name in versions if versions[name] != ours[name]]
    if differing:
        name = differing[0]
        raise IbRunError(
            f"{where} has {name} {ours[name]}, this process {versions[name]}.\n"
            "Install the same versions on both."
        )
    with _one_at_a_time:
        measured = task(worker.state.nthreads)
    if not measured.opened:  # this process could open the run, so the fault is the worker's
        raise IbRunError(f"{where} cannot open the run:\n{measured.refusal}\n{_REMEDY}")
    return measured
