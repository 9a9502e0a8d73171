"""A run or sweep in one line: settings, tables, figures, training time and size on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ib_runner.wording import duration_text, show, size_text

if TYPE_CHECKING:
    from ib_runner.runs.folder import Run
    from ib_runner.runs.open_sweep import OpenSweep

#: the most values of a swept key that are listed one by one
FEW = 4


@dataclass(frozen=True)
class About:
    """The facts of one line: ``seconds`` is the training time, ``size`` the bytes on disk."""

    settings: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    seconds: float | None
    size: int


def about_run(path: Path, info: dict[str, Any]) -> About:
    """The facts about the run at ``path`` whose ``run.json`` is ``info``."""
    return About(_settings(info), *_stems(path), _seconds(info), _size(path))


def about_sweep(
    path: Path, jobs: Sequence[Sequence[str]], keys: Sequence[str], infos: Sequence[dict[str, Any]]
) -> About:
    """The facts about the sweep at ``path``, whose swept keys are ``keys``.

    ``jobs`` are the swept overrides of each job, ``infos`` the ``run.json`` of each run.
    """
    tables, figures = _stems(path)
    seconds = [one for one in map(_seconds, infos) if one is not None]
    return About(
        _swept(jobs, keys), tables, figures, sum(seconds) if seconds else None, _size(path)
    )


def in_words(about: About) -> list[str]:
    """The cells of ``about`` in ``ib-run list``: settings, time, size, figures, tables."""
    return [
        about.settings,
        "" if about.seconds is None else duration_text(about.seconds),
        size_text(about.size),
        str(len(about.figures) or ""),
        ", ".join(about.tables),
    ]


def run_text(run: "Run") -> str:
    """One line about ``run``, for its ``repr``."""
    info = run.info
    one = about_run(run.path, info)
    epochs = f", {run.epochs[-1]} epochs" if run.epochs else ""
    return "; ".join(
        filter(
            None,
            [
                f"{info.get('experiment')}, {one.settings}",
                f"{info['state']}{epochs}",
                f"measured {', '.join(one.tables) or 'nothing yet'}",
                f"{len(one.figures)} figures" if one.figures else "",
                _took(one),
            ],
        )
    )


def sweep_text(sweep: "OpenSweep") -> str:
    """One line about ``sweep``, for its ``repr``."""
    infos = [run.info for run in sweep.runs]
    jobs = sweep.jobs.jobs
    one = about_sweep(sweep.path, list(jobs.values()), sweep.keys, infos)
    done = sum(info["state"] == "complete" for info in infos)
    tables = ", ".join(one.tables) or "nothing yet"
    return f"{one.settings}; {done} of {len(jobs)} complete; measured {tables}; {_took(one)}"


def _took(one: About) -> str:
    time = "" if one.seconds is None else f"trained in {duration_text(one.seconds)}, "
    return f"{time}{size_text(one.size)}"


def _settings(info: dict[str, Any]) -> str:
    """The settings that tell runs of one experiment apart, such as ``seed 0, β 0.005``."""
    noise = (info.get("trained_with") or {}).get("noise") or {}
    level = [
        f"{name} {show(noise[key])}" for key, name in (("beta", "β"), ("p", "p")) if key in noise
    ]
    return ", ".join([f"seed {info.get('seed')}", *level])


def _swept(jobs: Sequence[Sequence[str]], keys: Sequence[str]) -> str:
    """``noise.beta=0.005,0.05 seed=0…7``: the values of the swept ``keys``."""
    given = [dict(one.lstrip("+~").partition("=")[::2] for one in job) for job in jobs]
    parts = []
    for key in keys:
        values = list(dict.fromkeys(job[key] for job in given if key in job))
        if len(values) > FEW:
            values = [f"{values[0]}…{values[-1]} ({len(values)})"]
        parts.append(f"{key}={','.join(values)}")
    return " ".join(parts)


def _stems(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the tables and of the figures in folder ``path``."""
    tables = sorted(one.stem for one in path.glob("measurements/*.parquet"))
    figures = sorted({one.stem for one in path.glob("figures/*") if not one.name.startswith(".")})
    known = ("layers", "findings")  # facts and verdicts, not measured
    return tuple(one for one in tables if one not in known), tuple(figures)


def _seconds(info: dict[str, Any]) -> float | None:
    """Seconds from the last start of the training to its end; None while it is not complete."""
    try:
        began, ended = (datetime.fromisoformat(info[key]) for key in ("started", "finished"))
    except (KeyError, TypeError, ValueError):
        return None
    return (ended - began).total_seconds()


def _size(path: Path) -> int:
    """Bytes of all files below ``path``; folders that cannot be read are left out."""
    size = 0
    for file in path.rglob("*"):
        try:
            size += file.lstat().st_size
        except OSError:
            continue
    return size
