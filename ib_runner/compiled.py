"""Compiled kernels: numba's ``njit`` with a cache on disk that may be old, broken or missing.

numba's own cache raises an error where no folder is writable (no home, read-only packages), where a
cached file is truncated, or where the disk is full; and it returns an outdated kernel after a
change in another kernel that the first one calls. Here the cache only saves time: a kernel is
compiled again whenever its module, or a module of this package that its module imports, has
changed, and whenever the cached file cannot be used. Processes that need the same kernel at once
compile it once (``compiled_once``).
"""

import gc
import hashlib
import logging
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import event, ir, types
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    NullCache,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.errors import CompilerError
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.typed_passes import AnnotateTypes
from numba.core.typing.templates import _OverloadFunctionTemplate

from ib_runner import compiled_faster
from ib_runner.collector import leave_to_a_full_collection
from ib_runner.compiled_once import Turn
from ib_runner.threads import results_of

_logger = logging.getLogger("ib_runner")
#: parts of a range of tasks for each thread: a thread that is done takes the next part
_PARTS = 8
_asked_for = 0
_IMPORT = re.compile(r"^from +([\w.]+) +import +(\([^)]*\)|[^\n]*)|^import +([\w.]+)", re.MULTILINE)


def has_triton(device: str) -> bool:
    """Whether our Triton kernels can work on devices of this type."""
    return device == "cuda" and find_spec("triton") is not None


def njit(**options: Any) -> Callable[[Callable], Any]:
    """``numba.njit`` with these options, and with the cache that this module describes.

    No other library is meant to call it by its address, for which numba would compile an entry.
    """
    options |= {"no_cfunc_wrapper": True}  # not in numba's type stubs

    def compiled(function: Callable) -> Any:
        kernel = numba.njit(**options)(function)
        try:
            kernel._cache = _Cache(function)  # what numba's own cache=True does
        except RuntimeError:  # numba found no writable folder for the cache
            kernel._cache = NullCache()
            _hint("there is no folder for them")
        return kernel

    return compiled


def inner(*, allocates: bool = False, **options: Any) -> Callable[[Callable], Any]:
    """``numba.njit`` with these options, for a function that only other kernels call.

    The function is compiled into each kernel that calls it, without a cached file, machine code of
    its own and the wrapper for Python, which would double the time to compile: a call from Python
    crashes.

    ``allocates``: whether it makes arrays or an error's text, or gets arrays that were made from
    another function. Functions that do not need not count the references to the arrays that they
    look at, which their callers hold: a seventh of a kernel's code before it is optimised.
    """
    options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # not in numba's type stubs
    options |= {"_nrt": allocates}  # numba's run time, which allocates
    return numba.njit(pipeline_class=_InnerCompiler, **options)


def parallel_range(**options: Any) -> Callable[[Callable], "ParallelRange"]:
    """``njit`` for a kernel f(begin, end, …) that does the tasks ``begin`` to ``end`` (exclusive).

    The tasks must not depend on one another: they are shared out among threads.
    """

    def compiled(function: Callable) -> ParallelRange:
        return ParallelRange(njit(nogil=True, **options)(function))

    return compiled


def is_kept(kernel: "ParallelRange") -> bool:
    """Whether the compiled code of ``kernel`` is in the cache and no older than its sources."""
    try:
        return bool(kernel.kernel._cache._cache_file._load_index())
    except Exception:  # no cache, or one that is broken
        return False


class ParallelRange:
    """``kernel`` called as (n, …): its tasks 0 to n − 1, on as many threads as numba is set to use.

    numba's own ``parallel=True`` compiles a kernel twice, which takes twice as long.
    """

    def __init__(self, kernel: Any):  # what numba makes of a function
        self.kernel = kernel

    def __call__(self, n: int, *arguments: Any) -> None:
        threads = min(numba.get_num_threads(), n)
        if threads <= 1:
            self.kernel(0, n, *arguments)
            return
        step = -(-n // (_PARTS * threads))
        with ThreadPoolExecutor(threads) as pool:
            parts = [
                pool.submit(self.kernel, begin, min(begin + step, n), *arguments)
                for begin in range(0, n, step)
            ]
            results_of(pool, parts)


def kernels_asked_for() -> int:
    """How many kernels this process has loaded or compiled, each the first time it was called."""
    return _asked_for


@cache
def _hint(why: str) -> None:
    """Log once why each process has to compile its kernels again (about half a minute)."""
    _logger.warning(
        "compiled kernels are not kept: %s.\nSet NUMBA_CACHE_DIR to a folder with room in it that "
        "you may write to.",
        why,
    )


@cache
def _say_compiling() -> None:
    _logger.info("compiling kernels for this machine: once, for about half a minute")


class _OfPackage:
    """Mixin for numba's cache locators: a change in any source of a kernel outdates the kernel."""

    _py_file: str

    def get_source_stamp(self) -> str:
        return sources_digest(self._py_file)


class _Given(_OfPackage, UserProvidedCacheLocator):
    """The folder that NUMBA_CACHE_DIR names."""


class _InTree(_OfPackage, InTreeCacheLocator):
    """``__pycache__`` beside the module."""


class _UserWide(_OfPackage, UserWideCacheLocator):
    """numba's folder in the user's cache, ``~/.cache/numba`` on Linux."""

    def ensure_cache_path(self) -> None:
        if not os.path.isabs(self._cache_path):  # without a home it would be ./~/.cache
            raise NotADirectoryError(self._cache_path)
        super().ensure_cache_path()


class _Temporary(_OfPackage, UserWideCacheLocator):
    """A folder below the system's temporary folder that only this user can read and write."""

    def __init__(self, py_func: Callable, py_file: str):
        super().__init__(py_func, py_file)
        self._above = Path(tempfile.gettempdir()) / f"ib-run-kernels-{os.getuid()}"
        self._cache_path = str(self._above / self.get_suitable_cache_subpath(py_file))

    def ensure_cache_path(self) -> None:
        self._above.mkdir(mode=0o700, exist_ok=True)
        found = self._above.lstat()
        # compiled kernels in this folder are run as code: nobody else may be able to put one there
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(str(self._above))
        super().ensure_cache_path()


class _Places(CompileResultCacheImpl):
    _locator_classes = [_Given, _InTree, _UserWide, _Temporary]  # noqa: RUF012 - numba's


class _Cache(FunctionCache):
    _impl_class = _Places

    def __init__(self, function: Callable):
        super().__init__(function)
        self._turn = Turn()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        global _asked_for
        _asked_for += 1
        found = self._kept(sig, target_context)
        if found is None:
            self._take_turn()
            found = self._kept(sig, target_context)  # another process may have compiled it
        if found is None:
            _say_compiling()
        else:
            self.end_turn()
        return found

    def _kept(self, sig: Any, target_context: Any) -> Any:
        # numba's own would first load all that compiling needs, for a third of a second in each
        # process: what is kept needs the run time that allocates, and the compiler loads the rest
        rtsys.initialize(target_context)
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:  # reading a truncated or altered cache file may raise anything
            return None

    def _take_turn(self) -> None:
        with suppress(OSError):
            self._impl.locator.ensure_cache_path()
            self._turn.take(f"{self._cache_file._index_path}.lock")

    def end_turn(self) -> None:
        """Let other processes compile the kernel, or load what was saved."""
        self._turn.end()

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:  # the cache's index may be damaged: begin a new one
            self._save_anew(sig, data)
        finally:
            self.end_turn()

    def _save_anew(self, sig: Any, data: Any) -> None:
        try:
            self.flush()
            super().save_overload(sig, data)
        except Exception as error:  # the kernel is compiled, and runs without a cache
            self.disable()
            _hint(f"{self.cache_path}: {getattr(error, 'strerror', None) or error}")


class _CollectorRests(event.Listener):
    """Python's garbage collector rests while numba compiles, a fifth of whose time it takes.

    What numba leaves behind, up to 10^5 objects of a kernel, waits for the next full collection.
    """

    def __init__(self) -> None:
        self._depth, self._was_enabled = 0, False

    def on_start(self, event: Any) -> None:
        if self._depth == 0 and (enabled := gc.isenabled()):
            self._was_enabled = enabled
            gc.disable()
        self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth -= 1
        if self._depth == 0 and self._was_enabled:
            self._was_enabled = False
            leave_to_a_full_collection()
            gc.enable()


class _TurnsEnd(event.Listener):
    """A compilation that fails or is interrupted ends the process's turn: nothing is saved."""

    def on_start(self, event: Any) -> None:
        pass

    def on_end(self, event: Any) -> None:
        failed = any(event._exc_details or ())  # its is_failed is about something else
        if failed and isinstance(kept := event.data["dispatcher"]._cache, _Cache):
            kept.end_turn()


event.register("numba:compile", _CollectorRests())
event.register("numba:compile", _TurnsEnd())


class _InnerLibrary(JITCodeLibrary):
    """The code of an inner function as it was written down, for the kernels that call it.

    numba optimises a function and makes machine code of it, then does both again in each caller,
    and in theirs. The kernels alone suffice. Before that, a function is only made shorter, which
    takes half of the time of numba's passes for functions: the kernels' passes hold all of them.
    """

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout
        builder = self._codegen._pass_builder()
        shorter = llvm.create_new_function_pass_manager()
        shorter.add_sroa_pass()
        shorter.add_simplify_cfg_pass()
        shorter.add_instruction_combine_pass()
        for function in ll_module.functions:
            if not function.is_declaration:
                shorter.run(function, builder)

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._add_environments()
        self._finalized = True

    def _add_environments(self) -> None:
        """Give the variables for functions' environments, which numba sets now, their addresses."""
        module = self._codegen._create_empty_module(f"{self.name}.environments")
        for one in self._final_module.global_variables:
            if one.linkage == llvm.Linkage.common:
                cpu_target.target_context.declare_env_global(module, one.name)
        self._environments = llvm.parse_assembly(str(module))
        self._codegen._add_module(self._environments)


@register_pass(mutates_CFG=False, analysis_only=True)
class _WriteDownOnly(AnalysisPass):
    """Have the function that is compiled kept in an ``_InnerLibrary``.

    Refuses one that does not count references, but would return or get an array that others count.
    """

    _name = "ib_runner_write_down_only"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        if not state.flags.nrt:
            for name, returned in _returned_types(state):
                if state.targetctx.data_model_manager[returned].contains_nrt_meminfo():
                    raise CompilerError(
                        f"{name} returns {returned}: {state.func_id.func_name} needs "
                        "inner(allocates=True)"
                    )
        state.library = _InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()  # as numba does for each library
        return False


def _returned_types(state: Any) -> Iterator[tuple[str, Any]]:
    """What the function that is compiled, and the compiled functions that it calls, return."""
    yield state.func_id.func_name, state.return_type
    for called, signature in state.calltypes.items():
        if isinstance(called, ir.Expr) and called.op == "call":
            function = state.typemap[called.func.name]
            if isinstance(function, types.Dispatcher):
                yield function.dispatcher.py_func.__name__, signature.return_type


class _InnerCompiler(CompilerBase):
    """numba's compiler, for functions that only kernels call."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_WriteDownOnly, AnnotateTypes)
        passes.finalize()
        return [passes]


class _OfOurs(event.Listener):
    """Knows whether a kernel of this package is being compiled, with all that it calls."""

    def __init__(self) -> None:
        self._depth = 0

    @property
    def now(self) -> bool:
        """Whether what is compiled is for a kernel of this package."""
        return self._depth > 0

    def on_start(self, event: Any) -> None:
        dispatcher = event.data["dispatcher"]
        ours = dispatcher._compiler.pipeline_class is _InnerCompiler
        if self._depth > 0 or ours or isinstance(dispatcher._cache, _Cache):
            self._depth += 1

    def on_end(self, event: Any) -> None:
        self._depth = max(self._depth - 1, 0)


_of_ours = _OfOurs()
compiled_faster.install(lambda: _of_ours.now)
_their_decorator = _OverloadFunctionTemplate._get_jit_decorator


def _decorator(self: Any) -> Any:
    """numba's ``jit`` for the functions that it has for ``np.empty``, ``max`` and so on.

    In kernels of this package they are inner functions, as Python cannot call them anyway.
    """
    theirs = _their_decorator(self)
    if not _of_ours.now or "pipeline_class" in self._jit_options:
        return theirs
    return partial(theirs, pipeline_class=_InnerCompiler, no_cfunc_wrapper=True)


_OverloadFunctionTemplate._get_jit_decorator = _decorator  # type: ignore[method-assign]
event.register("numba:compile", _of_ours)


@cache
def sources_digest(path: str) -> str:
    """SHA-256 of the module at ``path`` and all modules of its package that it imports, in turn."""
    digest = hashlib.sha256()
    for name in sorted(_closure(path)):
        digest.update(hashlib.sha256(_source(name).encode()).digest())
    return digest.hexdigest()


def _closure(path: str) -> set[str]:
    files, found = [path], set()
    while files:
        file = files.pop()
        if file not in found:
            found.add(file)
            files += _imported(file)
    return found


@cache
def _source(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@cache
def _imported(path: str) -> list[str]:
    """The files of the modules that the module at ``path`` imports from its own package."""
    package = _package(Path(path))
    names = {name for name in _names(_source(path)) if name.partition(".")[0] == package}
    files = (_file(sys.modules.get(name)) for name in names - {__name__})
    return [file for file in files if file]


def _package(path: Path) -> str:
    """The name of the outermost package that the module at ``path`` is in."""
    folder = path.parent
    while (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder.name


def _names(source: str) -> Iterator[str]:
    for module, words, plain in _IMPORT.findall(source):
        yield module or plain
        yield from (f"{module}.{word}" for word in re.findall(r"\w+", words))


def _file(module: Any) -> str | None:
    return getattr(module, "__file__", None)
