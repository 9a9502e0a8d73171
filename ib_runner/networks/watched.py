"""Watching torch's operations without loading torch's compiler, which takes seconds."""

import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class OperationsWatched(TorchDispatchMode):
    """A torch mode whose ``__torch_dispatch__`` is kept from torch's compiler where that is in use.

    torch does so for each mode, and loads the compiler for it.
    """

    def __init__(self) -> None:
        super().__init__()
        kind = type(self)
        if "torch._dynamo" in sys.modules and "_uncompiled" not in vars(kind):
            kind._uncompiled = kind.__torch_dispatch__
            kind.__torch_dispatch__ = torch.compiler.disable(kind._uncompiled)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
