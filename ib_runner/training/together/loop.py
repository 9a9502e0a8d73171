"""Several trainings in one loop, epoch by epoch; each is recorded as if trained alone."""

from collections.abc import Sequence
from contextlib import ExitStack

from ib_runner.errors import IbRunError, Interrupted
from ib_runner.progress import Progress
from ib_runner.training.determinism import reproducible
from ib_runner.training.fused import FusedTrainer, Passed
from ib_runner.training.loop import Training
from ib_runner.training.targets import Score
from ib_runner.training.together.job import Job, stacked_trainer
from ib_runner.training.together.stacked_trainer import can_train_stacked


def train_together(trainings: Sequence[Training]) -> dict[int, IbRunError]:
    """Train all ``trainings`` to their last epochs; returns the error of each failed one by number.

    Each ends with the same files as alone. They may begin at different epochs: a training that is
    ahead waits for the others. A failed training stops no other. A ``KeyboardInterrupt`` or
    ``Interrupted`` is raised again after each training's last whole epoch is committed.
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
    """Record an epoch of one training; returns the error that ends the training there, or None."""
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
    """Trains one epoch of each training in turn, with its own trainer: the same bytes as alone."""

    def __init__(self, trainings: Sequence[Training]):
        self.trainings = list(trainings)
        self._made: dict[int, Passed] = {}

    def begin(self, number: int) -> None:
        """Nothing: each training's own trainer is at its last epoch already."""

    def run_epoch(self, epoch: int, active: Sequence[int]) -> None:
        """One epoch of each of the ``active`` trainings, given by number."""
        for number in active:
            trainer = self.trainings[number].trainer
            if isinstance(trainer, FusedTrainer):
                self._made[number] = trainer.run_epochs(epoch, [trainer.problem.schedule(epoch)])
            else:
                trainer.run_epoch(epoch)

    def scores(self, active: Sequence[int]) -> list[dict[str, Score]]:
        """Mean losses and errors of the ``active`` ones."""
        return [self._scores(number) for number in active]

    def _scores(self, number: int) -> dict[str, Score]:
        if number in self._made:
            return self._made[number].last_scores
        one = self.trainings[number]
        return {
            "train": one.trainer.score(one.problem.train),
            "test": one.trainer.score(one.problem.test),
        }


class AllAtOnce:
    """Makes each step for all trainings together, with one stacked trainer.

    Trainings that are ahead, complete or failed take part unrecorded, so that every job keeps its
    place in the arrays, and its sums their order, however often the program is interrupted.
    """

    def __init__(self, trainings: Sequence[Training]):
        self.trainings = list(trainings)
        self.trainer = stacked_trainer([one.problem for one in trainings])
        for number, one in enumerate(trainings):
            one.record.trainer = Job(self.trainer, number)
            self.begin(number)

    def begin(self, number: int) -> None:
        """Copy the state of training ``number`` from its own trainer."""
        own = self.trainings[number].trainer
        self.trainer.load(number, own.weights(), own.optimizer_state())

    def run_epoch(self, epoch: int, active: Sequence[int]) -> None:
        """One epoch of all trainings, whichever are ``active``."""
        del active
        self.trainer.run_epoch(epoch)

    def scores(self, active: Sequence[int]) -> list[dict[str, Score]]:
        """Mean losses and errors of the ``active`` ones."""
        scores = self.trainer.scores()
        return [scores[number] for number in active]


def _group(trainings: Sequence[Training]) -> InTurn | AllAtOnce:
    """The way to train these: at once where they are alike, unless one alone has faster kernels."""
    alone = any(one.trainer.is_compiled and not isinstance(one.trainer, Job) for one in trainings)
    if alone or not can_train_stacked([one.problem for one in trainings]):
        return InTurn(trainings)
    return AllAtOnce(trainings)
