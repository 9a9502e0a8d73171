"""``--dry-run``: a plan's work, time and disk space in words; and a notice before long work."""

import textwrap
import time
from collections.abc import Mapping, Sequence
from functools import cache

from ib_runner.commands.plan import Job, Plan
from ib_runner.runs.log import logger
from ib_runner.stages.cost import Cost, together
from ib_runner.stages.stage import Stage
from ib_runner.wording import duration_text, size_text

#: characters in a printed line; processor seconds after which no further job of a sweep is timed
WIDTH, TIMED_SECONDS = 100, 8.0


def describe(plan: Plan) -> str:
    """The text that ``--dry-run`` prints: the work and cost of each job, and their sum.

    Work that several jobs share is described once. A sweep's jobs are timed for ``TIMED_SECONDS``,
    beginning with the first, the last and the middle one; for the rest the mean is taken.
    """
    costs = _costs(plan)
    each = {name: together(steps.values()) for name, steps in costs.items()}
    lines: list[str] = []
    first: dict[str, str] = {}  # who said it
    todo = [job for job in plan.jobs if not job.done]
    for job in todo:
        if job.name not in costs:
            lines.append(f"{job.name}: not timed, taken as the mean of those that are")
            continue
        said = [f"  {name}: {one.text}" for name, one in costs[job.name].items()]
        new = [one for one in said if one not in first]
        if not new:
            lines.append(f"{job.name}: as {first[said[0]]}")
            continue
        head = _head(plan.stage, job)
        lines.append(f"{job.name}: {head}" if plan.is_sweep else head)
        lines += new
        if len(new) < len(said):
            same = ", ".join(one.strip().partition(":")[0] for one in said if one in first)
            lines.append(f"  {same}: as before")
        first |= dict.fromkeys(new, job.name)
    seconds, size = (_in_all(each, len(todo), key) for key in ("seconds", "size"))
    if plan.is_sweep and todo:
        over = _over_runs(plan)
        lines += ["of all runs together:"] if over else []
        lines += [f"  {name}: {one.text}" for name, one in over.items()]
        seconds += sum(one.seconds for one in over.values())
        size += sum(one.size for one in over.values())
    total = f"about {duration_text(seconds)} one after the other, {size_text(size)}"
    if plan.is_sweep:
        done = [job.name for job in plan.jobs if job.done]
        lines += [f"done: {', '.join(done)}"] if done else []
        lines.append(f"{len(plan.jobs)} jobs, {len(done)} done; in all {total}")
    elif len(plan.stage.steps) > 1 and seconds:
        lines.append(f"in all {total}")
    return "\n".join(one for line in lines for part in line.split("\n") for one in _folded(part))


def _over_runs(plan: Plan) -> dict[str, Cost]:
    """The cost of each step's work over all runs of a sweep, by the step's name."""
    configs = [job.config for job in plan.jobs]
    costs = {step.name: step.cost_over_runs(configs) for step in plan.stage.steps}
    return {name: one for name, one in costs.items() if one is not None}


def _in_all(costs: Mapping[str, Cost], jobs: int, key: str) -> float:
    """The sum of ``key`` (seconds or bytes) over ``jobs`` jobs, some of which have ``costs``.

    The others count as the mean of these.
    """
    return sum(getattr(one, key) for one in costs.values()) * jobs / max(len(costs), 1)


def _folded(line: str) -> list[str]:
    space = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, WIDTH, subsequent_indent=space, break_on_hyphens=False) or [line]


def _costs(plan: Plan) -> dict[str, dict[str, Cost]]:
    """The cost of each step of the stage, by the name of each timed job, then of the step."""
    todo = [job for job in plan.jobs if not job.done]
    found: dict[str, dict[str, Cost]] = {}
    known: dict[str, dict[str, Cost]] = {}
    began = time.process_time()
    for job in _spread(todo):
        alike = job.name if job.run else job.but_for_its_seed
        if alike not in known:
            if known and time.process_time() - began > TIMED_SECONDS:
                continue
            known[alike] = _of_job(plan, job)
        found[job.name] = known[alike]
    return found


def _of_job(plan: Plan, job: Job) -> dict[str, Cost]:
    builder = cache(job.builder)  # all steps share one data set and one network
    return {
        step.name: (step.cost_in_sweep if plan.is_sweep else step.cost)(
            job.config, job.run, builder
        )
        for step in plan.stage.steps
    }


def _spread(jobs: Sequence[Job]) -> list[Job]:
    """All ``jobs`` in the order first, last, middle, quarters, eighths, …"""
    n = len(jobs)
    steps = [
        1.0,
        *(k / 2**power for power in range(1, n.bit_length() + 1) for k in range(2**power)),
    ]
    order = dict.fromkeys([0, *(round(one * (n - 1)) for one in steps), *range(n)])
    return [jobs[one] for one in order] if jobs else []


def announce(plan: Plan) -> None:
    """Log how long each long step of ``plan`` will take, why, and which setting shortens it.

    Of a sweep, only the first unfinished job is timed, and stands for all of them.
    """
    jobs = [job for job in plan.jobs if not job.done]
    if not jobs or plan.stage.own_keys:
        return
    job, builder = jobs[0], cache(jobs[0].builder)
    for step in plan.stage.steps:
        if step.may_take_long(job.config, job.run, builder, len(jobs)):
            cost = step.cost(job.config, job.run, builder)
            if warning := cost.warning(step.name, len(jobs)):
                logger.info(warning)


def _head(stage: Stage, job: Job) -> str:
    if job.run and stage.own_keys:
        return f"{job.run.path}"
    new = f"a new run of {job.config.get('experiment')}"
    return f"{job.run.path}: {job.run.state}" if job.run else new
