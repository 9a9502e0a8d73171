"""Trains once undisturbed and once with processes that are killed: FOLDER KIND KILLS.

This process only forks. A training process has threads, and locks that are shared with its forks
(those of tqdm's bars), and a killed process never releases the locks it holds.
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch
from small_training import NETWORKS, train_into

EPOCHS = 60


def train_in_a_process(folder: Path, kind: str, epochs: int) -> int:
    """Start training in a fork; returns its process number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        torch.set_num_threads(1)
        train_into(folder, NETWORKS[kind](), epochs)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def train_to_the_end(folder: Path, kind: str, epochs: int) -> None:
    _, status = os.waitpid(train_in_a_process(folder, kind, epochs), 0)
    if status != 0:
        sys.exit(f"{folder}: training ended with {status}")


def main(folder: Path, kind: str, kills: int) -> None:
    train_to_the_end(folder / "warm up", kind, 1)  # compiles
    start = time.perf_counter()
    train_to_the_end(folder / "peace", kind, EPOCHS)
    duration = time.perf_counter() - start
    moments = random.Random(0)
    for _ in range(kills):
        child = train_in_a_process(folder / "killed", kind, EPOCHS)
        time.sleep(moments.uniform(0, duration / 2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    train_to_the_end(folder / "killed", kind, EPOCHS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
