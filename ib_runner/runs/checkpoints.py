"""Checkpoints: the weights of a run's epochs, stacked in shards, and the state to resume from.

    checkpoints/index.json                              the list of valid files; written last
    checkpoints/epochs-000000-000099.safetensors        weights of these epochs, [n, …] each
    resume/epoch-000100.safetensors                     weights and optimizer state to go on from

A shard holds the checkpointed epochs of one fixed range [k·shard_epochs, (k+1)·shard_epochs). Its
name has the first epoch of that range and the last epoch that the shard holds. So a shard that
grows gets a new name, the files of the last commit are never changed, and files that a killed
process left behind are overwritten or removed. A run that was killed and resumed, or extended, ends
with the same bytes as one trained in one go. The name of a thinned shard also has the number of
its epochs.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.files.atomic import remove_temporaries
from ib_runner.runs.checkpoint_index import Index, read_index, write_index
from ib_runner.runs.packed import stacked
from ib_runner.runs.tensor_file import TensorFile, read_tensor_file, write_tensor_file

#: names of files that we write: any other file is the user's own
OURS = re.compile(r"(epoch-\d{6,}|epochs-\d{6,}-\d{6,}(-\d+)?)\.safetensors")


class Checkpoints:
    """The checkpoints in run folder ``folder``, which need not exist before the first commit.

    Only the process that holds the run's lock may write; any number of processes may read.
    """

    def __init__(self, folder: str | Path, shard_epochs: int = 100):
        self.folder = Path(folder)
        self.shard_epochs = shard_epochs
        self._weights_folder = self.folder / "checkpoints"
        self._resume_folder = self.folder / "resume"
        self._index_path = self._weights_folder / "index.json"
        self._index = read_index(self._index_path)
        self._appended: dict[int, Mapping[str, Tensor]] = {}
        self._dropped: set[int] = set()
        self._last_read: tuple[TensorFile, dict[str, Tensor]] | None = None

    @property
    def epochs(self) -> list[int]:
        """The checkpointed epochs, ascending."""
        return self._index.epochs

    def weights(self, epoch: int) -> dict[str, Tensor]:
        """Weights and buffers of ``epoch``, copies on the CPU.

        Raises ``UsageError`` where ``epoch`` has no checkpoint, ``DamagedFileError`` where the file
        is missing, truncated, altered or exchanged.
        """
        while True:
            try:
                return self._weights(epoch)
            except DamagedFileError:
                # another process may have added epochs to the shard, which changes its name
                index = read_index(self._index_path)
                if index == self._index:
                    raise
                self._index = index

    def _weights(self, epoch: int) -> dict[str, Tensor]:
        for shard in self._index.shards:
            if epoch in shard.epochs:
                row = shard.epochs.index(epoch)
                return {name: stack[row].clone() for name, stack in self._read(shard).items()}
        epochs = self.epochs
        there = f"{len(epochs)} from {epochs[0]} to {epochs[-1]}" if epochs else "none yet"
        raise UsageError(f"{self.folder}: no checkpoint of epoch {epoch}; epochs there: {there}.")

    def resume(self) -> tuple[int, dict[str, Tensor]] | None:
        """The last committed epoch and its resume state; None before the first commit."""
        file = self._index.resume
        if file is None:
            return None
        return file.epochs[0], read_tensor_file(self._resume_folder, file)

    def append(self, epoch: int, weights: Mapping[str, Tensor]) -> None:
        """Keep ``weights``, which must not be changed afterwards, for the next commit."""
        self._appended[epoch] = weights

    def drop(self, epoch: int) -> None:
        """Remove ``epoch`` with the next commit: a longer training has no checkpoint there."""
        self._dropped.add(epoch)

    def commit(self, epoch: int, resume_state: Mapping[str, Tensor]) -> None:
        """Write the appended epochs up to ``epoch`` to disk, and ``resume_state`` to go on from.

        May be interrupted at any moment and called again.
        """
        committed = self._index.resume.epochs[0] if self._index.resume else -1
        new = {e: w for e, w in self._appended.items() if committed < e <= epoch}
        if committed == epoch and not new:
            return
        shards = self._shards_with(new)
        resume = write_tensor_file(
            self._resume_folder,
            f"epoch-{epoch:06d}.safetensors",
            (epoch,),
            {name: tensor.contiguous().clone() for name, tensor in resume_state.items()},
        )
        index = Index(tuple(shards), resume)
        write_index(self._index_path, index)
        self._index = index
        self._appended = {e: w for e, w in self._appended.items() if e > epoch}
        self._dropped = set()
        self.tidy()

    def sizes(self, keep: Collection[int]) -> tuple[int, int]:
        """Bytes of the shards now, and approximately after ``thin(keep)``."""
        shards = self._index.shards
        shares = [len(set(shard.epochs) & set(keep)) / len(shard.epochs) for shard in shards]
        left = sum(shard.size * share for shard, share in zip(shards, shares, strict=True))
        return sum(shard.size for shard in shards), round(left)

    def thin(self, keep: Collection[int]) -> None:
        """Remove all checkpoints but those of the epochs ``keep``; training can still go on.

        May be interrupted at any moment: the old shards stay valid until the new index is written.
        """
        shards = []
        for shard in self._index.shards:
            kept = [epoch for epoch in shard.epochs if epoch in keep]
            if len(kept) == len(shard.epochs):
                shards.append(shard)
            elif kept:
                number = shard.epochs[0] // self.shard_epochs
                weights = {epoch: self._weights(epoch) for epoch in kept}
                shards.append(self._write_shard(number, weights, f"-{len(kept)}"))
        index = Index(tuple(shards), self._index.resume)
        if index != self._index:
            write_index(self._index_path, index)
            self._index = index
        self.tidy()

    def _shards_with(self, new: Mapping[int, Mapping[str, Tensor]]) -> list[TensorFile]:
        """The list of shards with the epochs ``new`` added; shards that change are written."""
        shards = []
        changing: dict[int, dict[int, Mapping[str, Tensor]]] = {}
        for epoch, weights in new.items():
            changing.setdefault(epoch // self.shard_epochs, {})[epoch] = weights
        for shard in self._index.shards:
            number = shard.epochs[0] // self.shard_epochs
            if number not in changing and self._dropped.isdisjoint(shard.epochs):
                shards.append(shard)
                continue
            kept = {e: self.weights(e) for e in shard.epochs if e not in self._dropped}
            changing[number] = kept | changing.get(number, {})
        return shards + [
            self._write_shard(number, changing[number])
            for number in sorted(changing)
            if changing[number]
        ]

    def _write_shard(
        self, number: int, weights: Mapping[int, Mapping[str, Tensor]], mark: str = ""
    ) -> TensorFile:
        epochs = tuple(sorted(weights))
        stacks = stacked([weights[epoch] for epoch in epochs])
        name = f"epochs-{number * self.shard_epochs:06d}-{epochs[-1]:06d}{mark}.safetensors"
        return write_tensor_file(self._weights_folder, name, epochs, stacks)

    def _read(self, shard: TensorFile) -> dict[str, Tensor]:
        if self._last_read is None or self._last_read[0] != shard:
            stacks = read_tensor_file(self._weights_folder, shard)
            if any(stack.shape[:1] != (len(shard.epochs),) for stack in stacks.values()):
                raise DamagedFileError(
                    f"{self._weights_folder / shard.name}: not one row for each of its epochs."
                )
            self._last_read = shard, stacks
        return self._last_read[1]

    def tidy(self) -> None:
        """Remove checkpoint files that are not in the index, and killed processes' temporary files.

        The caller must hold the run's lock; temporary files in the run folder itself go as well.
        """
        counting = self._index.names()
        for folder in (self._weights_folder, self._resume_folder):
            for path in folder.glob("epoch*-*.safetensors"):
                if OURS.fullmatch(path.name) and path.name not in counting:
                    path.unlink(missing_ok=True)
        for folder in (self.folder, self._weights_folder, self._resume_folder):
            remove_temporaries(folder)
