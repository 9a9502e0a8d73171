"""Epochs to measure spread over the workers of a Dask cluster.

The workers see the same folders under the same paths and have the same packages.
"""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from ib_runner.errors import IbRunError, raise_interruption_behind
from ib_runner.files.provenance import package_versions
from ib_runner.measurements.measurement import cause
from ib_runner.runs.log import logger
from ib_runner.stages.measure_epoch import EpochTask, Measured

_REMEDY = "Scheduler and workers need the packages of this process, and the same folders."
#: seconds to wait for the scheduler's answer
PATIENCE = 30

# random generators and numbers of threads are a process's: its threads take turns
_one_at_a_time = threading.Lock()
_versions_here = cache(package_versions)


def on_cluster(tasks: Sequence[EpochTask], scheduler: str) -> Iterator[Measured]:
    """The results of all ``tasks``, in the order in which they end.

    ``scheduler`` is an address or a scheduler file. Dask takes an epoch whose worker died to
    another one; when it gives up, the epoch comes as a failure. Raises ``IbRunError`` where no
    scheduler answers, or a worker lacks packages or folders of this process, or has other versions
    of the packages that numbers depend on.
    """
    from distributed import Client, KilledWorker, as_completed

    where = {"scheduler_file" if scheduler.endswith(".json") else "address": scheduler}
    try:
        client = Client(**where, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise IbRunError(
            f"measure.scheduler={scheduler}: no Dask scheduler answers there within {PATIENCE} s.\n"
            "Start one with `dask scheduler`, and workers with `dask worker`."
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            logger.warning("measure.scheduler=%s: no workers yet, waiting for them", scheduler)
        futures = {
            client.submit(_on_worker, task, package_versions(), pure=False): task for task in tasks
        }
        for future in as_completed(list(futures), loop=client.loop):
            task = futures.pop(future)
            try:
                yield future.result()
            except KilledWorker:
                yield task.nothing("the Dask workers that tried it died, out of memory?")
            except IbRunError:
                raise
            except Exception as error:  # a task that cannot even be unpacked there, say
                raise_interruption_behind(error)
                raise IbRunError(
                    f"measure.scheduler={scheduler}: the cluster cannot do the work "
                    f"({cause(error)[:200]}).\n{_REMEDY}"
                ) from error


def _on_worker(task: EpochTask, versions: Mapping[str, str]) -> Measured:
    from distributed import get_worker

    worker = get_worker()
    where = f"measure.scheduler: worker {worker.address} on {socket.gethostname()}"
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
    if not measured.opened:  # here it could be opened
        raise IbRunError(f"{where} cannot open the run:\n{measured.refusal}\n{_REMEDY}")
    return measured
