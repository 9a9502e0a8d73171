"""``--dry-run``: what would run, what is done, and what it needs."""

from functools import cache

from ib_runner.commands.plan import Job, Plan
from ib_runner.stages.cost import Cost, duration_text, size_text, together
from ib_runner.stages.stage import Stage


def describe(plan: Plan) -> str:
    """``plan`` for people: a paragraph for each job, and all of them together."""
    costs, lines = [], []
    for job in plan.jobs:
        if job.done:
            lines.append(f"{job.name}: done")
            continue
        costs.append(_cost(plan.stage, job))
        lines.append(f"{job.name}: {costs[-1].text}" if plan.sweep else costs[-1].text)
    every = together(costs)
    total = f"about {duration_text(every.seconds)} one after the other, {size_text(every.size)}"
    if plan.sweep:
        done = sum(job.done for job in plan.jobs)
        lines.append(f"{len(plan.jobs)} jobs, {done} done; in all {total}")
    elif plan.folder and every.seconds:
        lines.append(f"in all {total}")
    return "\n".join(lines)


def _cost(stage: Stage, job: Job) -> Cost:
    """What the stage would do to the run of ``job``; a line for each of its steps."""
    builder = cache(job.builder)  # so that steps share the data set and the network
    costs = {step.name: step.cost(job.config, job.run, builder) for step in stage.steps}
    if stage.own_keys and job.run:
        return together(costs.values(), f"{job.run.path}: {costs[stage.name].text}")
    new = f"a new run of {job.config.get('experiment')}"
    head = f"{job.run.path}: {job.run.state}" if job.run else new
    lines = [f"  {name}: {one.text}" for name, one in costs.items()]
    return together(costs.values(), "\n".join([head, *lines]))
