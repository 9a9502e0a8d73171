"""A measurement that writes its process number into ``folder`` and never ends by itself."""

import os
import time
from pathlib import Path


class Endless:
    table = "parameter"

    def __init__(self, folder: str):
        self.folder = Path(folder)

    def select(self, epochs):
        return epochs

    def __call__(self, snapshot):
        (self.folder / str(os.getpid())).touch()
        time.sleep(600)
