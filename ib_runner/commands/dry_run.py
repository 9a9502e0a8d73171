"""``--dry-run``: what would run, what is done, and what it takes; and a word before long work."""

from collections import Counter
from functools import cache

from ib_runner.commands.plan import Job, Plan
from ib_runner.runs.log import logger
from ib_runner.stages.cost import Cost, together
from ib_runner.stages.stage import Stage
from ib_runner.wording import duration_text, size_text


def describe(plan: Plan) -> str:
    """``plan`` for people: what is to do, once for jobs that have the same, and all together."""
    costs: list[Cost] = []
    lines: list[str] = []
    alike: Counter[str] = Counter()
    for job in plan.jobs:
        if job.done:
            continue
        head, costs_of_steps = _costs(plan.stage, job)
        costs += costs_of_steps.values()
        body = _body(plan.stage, costs_of_steps)
        if not plan.is_sweep:
            lines += [head, *body] if body else [head]
            continue
        said = "\n".join(body)
        alike[said] += 1
        lines.append(f"{job.name}: {'as the others before' if alike[said] > 1 else head}")
        lines += body if alike[said] == 1 else []
    every = together(costs)
    total = f"about {duration_text(every.seconds)} one after the other, {size_text(every.size)}"
    if plan.is_sweep:
        done = [job.name for job in plan.jobs if job.done]
        lines += [f"done: {', '.join(done)}"] if done else []
        lines.append(f"{len(plan.jobs)} jobs, {len(done)} done; in all {total}")
    elif len(plan.stage.steps) > 1 and every.seconds:
        lines.append(f"in all {total}")
    return "\n".join(lines)


def announce(plan: Plan) -> None:
    """Say of each step that will take long how long, why, and which setting avoids it.

    Of a sweep's jobs the first one that has anything left to do is timed.
    """
    jobs = [job for job in plan.jobs if not job.done]
    if not jobs or plan.stage.own_keys:
        return
    job, builder = jobs[0], cache(jobs[0].builder)
    for step in plan.stage.steps:
        if step.may_take_long(job.config, job.run, builder):
            cost = step.cost(job.config, job.run, builder)
            if warning := cost.warning(step.name, len(jobs)):
                logger.info(warning)


def _costs(stage: Stage, job: Job) -> tuple[str, dict[str, Cost]]:
    """A heading for ``job``, and what each step of the stage would do to its run."""
    builder = cache(job.builder)  # so that steps share the data set and the network
    costs = {step.name: step.cost(job.config, job.run, builder) for step in stage.steps}
    if job.run and stage.own_keys:
        return f"{job.run.path}", costs
    new = f"a new run of {job.config.get('experiment')}"
    return f"{job.run.path}: {job.run.state}" if job.run else new, costs


def _body(stage: Stage, costs: dict[str, Cost]) -> list[str]:
    return [f"  {name}: {one.text}" for name, one in costs.items()]
