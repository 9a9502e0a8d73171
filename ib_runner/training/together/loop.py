"""Several trainings in one program, epoch by epoch; each is recorded as if it were alone."""

from collections.abc import Sequence
from contextlib import ExitStack

from ib_runner.errors import IbRunError, Interrupted
from ib_runner.progress import Progress
from ib_runner.training.determinism import reproducible
from ib_runner.training.loop import Training
from ib_runner.training.targets import Score
from ib_runner.training.together.job import Job, stacked_trainer
from ib_runner.training.together.stacked_trainer import can_train_stacked


def train_together(trainings: Sequence[Training]) -> dict[int, IbRunError]:
    """Take all ``trainings`` to their last epochs; those that failed, by number, and why.

    Each ends as it would alone. They may begin at different epochs: one that is ahead waits for the
    others. One failure does not stop the others. A ``KeyboardInterrupt`` or ``Interrupted`` is
    handed on, each training's last whole epoch committed.
    """
    failed: dict[int, IbRunError] = {}
    first = min(training.done for training in trainings) + 1
    last = max(training.epochs for training in trainings)
    device = trainings[0].problem.train.x.device
    group = _group(trainings)
    bar = Progress(last, f"train {len(trainings)} jobs", "epoch", max(first - 1, 0))
    with bar, ExitStack() as stack:
        stack.enter_context(reproducible(trainings[0].problem.network, device))
        try:
            for epoch in range(first, last + 1):
                now = [
                    number
                    for number, one in enumerate(trainings)
                    if one.done < epoch <= one.epochs and number not in failed
                ]
                if not now:
                    continue
                for number in now:
                    if first <= trainings[number].done == epoch - 1:
                        group.begin(number)
                if epoch > 0:
                    group.run_epoch(epoch, now)
                    bar.update()
                for number, scores in zip(now, group.scores(now), strict=True):
                    error = _note(trainings[number], epoch, scores)
                    if error is not None:
                        failed[number] = error
        except (KeyboardInterrupt, Interrupted):
            for training in trainings:
                training.record.commit()
            raise
    for number, training in enumerate(trainings):
        if number not in failed:
            training.record.commit()
            training.problem.network.cpu().load_state_dict(training.record.trainer.weights())
    return failed


def _note(training: Training, epoch: int, scores: dict[str, Score]) -> IbRunError | None:
    """Keep an epoch of one training; why it ends there, or None."""
    record = training.record
    try:
        record.note(epoch, scores, last=epoch == training.epochs)
        if epoch == 0:
            record.commit_first()
        elif epoch == training.epochs or record.is_due(epoch):
            record.commit()
    except IbRunError as error:
        record.commit()
        return error
    return None


class InTurn:
    """One training after the other, an epoch each: their own trainers, as alone to the byte."""

    def __init__(self, trainings: Sequence[Training]):
        self.trainings = list(trainings)

    def begin(self, number: int) -> None:
        """Nothing to do: each has stood where it goes on."""

    def run_epoch(self, epoch: int, active: Sequence[int]) -> None:
        """An epoch of the ``active`` ones."""
        for number in active:
            self.trainings[number].trainer.run_epoch(epoch)

    def scores(self, active: Sequence[int]) -> list[dict[str, Score]]:
        """Mean losses and errors of the ``active`` ones."""
        return [
            {
                "train": one.trainer.score(one.problem.train),
                "test": one.trainer.score(one.problem.test),
            }
            for one in (self.trainings[number] for number in active)
        ]


class AllAtOnce:
    """Steps of all trainings together, from where they are; it is their records' trainer.

    Those that are ahead, done or failed go along unrecorded: so every job keeps its place, and its
    sums their order, however often the whole is interrupted.
    """

    def __init__(self, trainings: Sequence[Training]):
        self.trainings = list(trainings)
        self.trainer = stacked_trainer([one.problem for one in trainings])
        for number, one in enumerate(trainings):
            one.record.trainer = Job(self.trainer, number)
            self.begin(number)

    def begin(self, number: int) -> None:
        """Put one where its own trainer stands."""
        own = self.trainings[number].trainer
        self.trainer.load(number, own.weights(), own.optimizer_state())

    def run_epoch(self, epoch: int, active: Sequence[int]) -> None:
        """An epoch of all."""
        del active
        self.trainer.run_epoch(epoch)

    def scores(self, active: Sequence[int]) -> list[dict[str, Score]]:
        """Mean losses and errors of the ``active`` ones."""
        scores = self.trainer.scores()
        return [scores[number] for number in active]


def _group(trainings: Sequence[Training]) -> InTurn | AllAtOnce:
    """What trains these: at once where they are alike, unless kernels for one alone are faster."""
    alone = any(one.trainer.is_compiled and not isinstance(one.trainer, Job) for one in trainings)
    if alone or not can_train_stacked([one.problem for one in trainings]):
        return InTurn(trainings)
    return AllAtOnce(trainings)
