"""Trains once in peace and once with processes that are killed: FOLDER KIND KILLS.

A process of its own, because it forks: nothing may have started threads before.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from small_training import NETWORKS, train_into

EPOCHS = 60


def main(folder: Path, kind: str, kills: int) -> None:
    torch.set_num_threads(1)
    network = NETWORKS[kind]
    train_into(folder / "warm up", network(), 1)  # compiles
    start = time.perf_counter()
    train_into(folder / "peace", network(), EPOCHS)
    duration = time.perf_counter() - start
    moments = random.Random(0)
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            train_into(folder / "killed", network(), EPOCHS)
            os._exit(0)
        time.sleep(moments.uniform(0, duration / 2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    train_into(folder / "killed", network(), EPOCHS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
