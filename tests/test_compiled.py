"""The cache of compiled kernels only saves time: old, broken or missing, results are the same."""

import ast
import errno
import gc
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import event

from ib_runner import compiled, vector_math
from ib_runner.training import kernel

INNER = "FACTOR = {factor}\n"
OUTER = """
from ib_runner.compiled import njit
from {package}.inner import FACTOR


@njit()
def scaled(x):
    return FACTOR * x
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    compiled._hint.cache_clear()


@pytest.fixture
def hints(monkeypatch):
    """What was said about kernels that are not kept."""
    said = []
    monkeypatch.setattr(compiled._logger, "warning", lambda text, *args: said.append(text % args))
    return said


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write, or write again, a package with a kernel that multiplies; returns the kernel."""
    name = f"kernels_{os.path.basename(tmp_path).replace('-', '_')}"
    monkeypatch.syspath_prepend(tmp_path)

    def written(factor):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "inner.py").write_text(INNER.format(factor=factor))
        (folder / "outer.py").write_text(OUTER.format(package=name))
        for module in [one for one in sys.modules if one.partition(".")[0] == name]:
            del sys.modules[module]
        for cached in (compiled.sources_digest, compiled._source, compiled._imported):
            cached.cache_clear()
        importlib.invalidate_caches()
        with pytest.MonkeyPatch.context() as patch:  # sources of one second are not told apart
            patch.setattr(sys, "dont_write_bytecode", True)
            return importlib.import_module(f"{name}.outer").scaled

    return written


def hits(scaled):
    return sum(scaled.stats.cache_hits.values())


def kept(tmp_path, kind="*"):
    return [path for path in (tmp_path / "cache").rglob(kind) if path.is_file()]


def test_what_is_kept_is_used_until_a_module_below_changes(package, tmp_path):
    first, again = package(2), package(2)
    assert (first(3), again(3)) == (6, 6)
    assert (hits(first), hits(again)) == (0, 1)
    changed = package(5)
    assert changed(3) == 15
    assert hits(changed) == 0


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("harm", [lambda data: b"", lambda data: data[: len(data) // 2]])
def test_a_broken_file_costs_time_only(package, tmp_path, kind, harm, hints):
    assert package(2)(3) == 6
    (path,) = kept(tmp_path, kind)
    path.write_bytes(harm(path.read_bytes()))
    assert package(2)(3) == 6
    mended = package(2)
    assert mended(3) == 6
    assert hits(mended) == 1
    assert hints == []


def test_a_full_disk_costs_time_only(package, tmp_path, hints, monkeypatch):

    def refuse(self, name, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", refuse)
    scaled = package(2)
    assert (scaled(3), scaled(1.5)) == (6, 3.0)
    (hint,) = hints
    assert "compiled kernels are not kept" in hint
    assert "No space left on device" in hint
    assert "NUMBA_CACHE_DIR" in hint


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """Packages that may only be read, and a user without a home."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled._Places, "_locator_classes", compiled._Places._locator_classes)
    monkeypatch.setattr(compiled._InTree, "ensure_cache_path", refused)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp" / f"ib-run-kernels-{os.getuid()}"


def refused(self):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


_LATER = """
import sys
import numba, numpy as np
from ib_runner.information.interval.mixtures import fit

found = fit(np.arange(512, dtype=np.float32).reshape(4, 2, 64) % 7, 4)  # allocates
loaded = "numba.cpython.setobj" in sys.modules


@numba.njit
def also(x):  # compiled behind one that was kept
    return np.sort(x)[0] + len({1, 2})


print(found.records.tobytes().hex(), loaded, also(np.ones(3)))
"""


def test_what_compiles_is_not_loaded_for_what_is_kept(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    first, again = (
        subprocess.run(
            [sys.executable, "-c", _LATER],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    )
    assert first[1:] == ["True", "3.0"]
    assert again == [first[0], "False", "3.0"]


def test_without_a_home_a_folder_of_ones_own_holds_the_cache(package, no_home, monkeypatch):
    monkeypatch.chdir(no_home.parent)
    assert package(2)(3) == 6
    again = package(2)
    assert (again(3), hits(again)) == (6, 1)
    assert no_home.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in no_home.parent.iterdir()] == [no_home.name]  # no folder ~


@pytest.mark.parametrize("other", ["open", "link", "file"])
def test_what_others_could_write_to_is_not_run(package, no_home, other, hints, monkeypatch):
    if other == "open":
        no_home.mkdir()
        no_home.chmod(0o777)
    elif other == "link":
        (no_home.parent / "elsewhere").mkdir(mode=0o700)
        no_home.symlink_to(no_home.parent / "elsewhere")
    else:
        no_home.touch()
    scaled = package(2)
    assert (scaled(3), scaled(1.5)) == (6, 3.0)
    (hint,) = hints
    assert "compiled kernels are not kept: there is no folder for them" in hint


def test_the_kernels_of_this_package_know_the_modules_they_are_made_from():
    closure = compiled._closure(kernel.__file__)
    assert {kernel.__file__, vector_math.__file__} <= closure
    assert compiled.__file__ not in closure  # what keeps them does not make them
    digest = compiled.sources_digest(kernel.__file__)
    assert digest != compiled.sources_digest(vector_math.__file__)


def test_every_kernel_has_this_cache():
    with_numbas_own = [
        path.name
        for path in Path(compiled.__file__).parent.rglob("*.py")
        if re.search(r"numba\.(n?jit|vectorize|guvectorize|stencil)\(", path.read_text())
    ]
    assert with_numbas_own == ["compiled.py"]


@compiled.parallel_range()
def _count(begin, end, counts, ranges):
    for k in range(begin, end):
        counts[k] += 1
    ranges[begin] = end


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_every_task_of_a_range_is_done_once(n, threads):
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    counts, ranges = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    try:
        _count(n, counts, ranges)
    finally:
        numba.set_num_threads(before)
    assert counts[:n].tolist() == [1] * n
    assert counts[n] == 0
    if min(threads, before) > 1 and n == 1000:
        assert np.count_nonzero(ranges) == 16  # eight parts a thread


def test_wrong_arguments_of_a_range_are_an_error_on_any_number_of_threads():
    with pytest.raises(numba.TypingError):
        _count(1000, "counts", np.zeros(1000, np.int64))


@compiled.inner(allocates=True)
def _checked(x):
    if x < 0:
        raise ValueError(f"{x} is below 0")
    return x


@compiled.inner(allocates=True)
def _twice(x):
    return 2 * _checked(x)


def _twice_and_once(x):
    return _twice(x) + _checked(x)


def test_functions_of_kernels_work_and_raise_from_any_depth_compiled_or_kept():
    first = compiled.njit()(_twice_and_once)
    again = compiled.njit()(_twice_and_once)
    for one in (first, again):
        assert one(7) == 21
        with pytest.raises(ValueError, match="-3 is below 0"):
            one(-3)
    assert (hits(first), hits(again)) == (0, 1)


def test_functions_of_kernels_are_no_machine_code_of_their_own():
    compiled.njit()(_twice_and_once)(np.float32(1.5))
    for function in (_twice, _checked):
        (made,) = (
            one for one in function.overloads.values() if one.signature.args[0].bitwidth == 32
        )
        with pytest.raises(RuntimeError, match="no compiled object"):
            made.library._get_compiled_object()


def _with_numbas_functions(x):
    y = np.zeros((x.size, 2))
    for k in range(x.size):
        y[k, 0] = max(x[k], 0.5) + min(x[0], x[k])
    return y[:, 0].sum() + np.zeros(int(x[0]))[0]


def compiled_for(kernel, call):
    """Whether each function that is compiled with the first call has machine code of its own."""
    found = {}

    class Seen(event.Listener):
        def on_start(self, event):
            pass

        def on_end(self, event):
            dispatcher = event.data["dispatcher"]
            if dispatcher.py_func is not kernel.py_func:
                (*_, made) = dispatcher.overloads.values()
                found[dispatcher.py_func] = not isinstance(made.library, compiled._InnerLibrary)

    with event.install_listener("numba:compile", Seen()):
        call(kernel)
    return found


def test_functions_of_numbas_are_no_machine_code_of_their_own_in_kernels():
    x = np.array([2.0, 0.25, 3.0], np.float32)
    # numba keeps its functions by options and types: these are options that no other test has
    ways = [(compiled.njit, {"nsz"}), (numba.njit, {"nsz", "arcp"}), (compiled.njit, {"nsz"})]
    whole = []
    for make, options in ways:
        kernel = make(fastmath=options)(_with_numbas_functions)
        whole.append(set(compiled_for(kernel, lambda kernel: kernel(x)).values()))
        assert kernel(x) == _with_numbas_functions(x)
        with pytest.raises(ValueError, match="negative dimensions not allowed"):
            kernel(-x)
    assert whole == [{False}, {True}, set()]


def _last_of(x):
    rest = x
    for k in range(1, x.size):
        rest = x[k:]
    return rest[0]


def _makes(x):
    return np.empty(x.size).size


def _copies(x):
    return x.copy()[0]


def _returns_its_argument(x):
    return x


def _returns_a_view(x):
    return x[1:]


def _returns_two(x):
    return x[0], x[1:]


@compiled.inner(allocates=True)
def _made(n):
    return np.ones(n)


def _gets(x):
    return _made(x.size)[0]


def _lists(x):
    return [x.size][0]


@pytest.mark.parametrize(
    "function",
    [_makes, _copies, _returns_its_argument, _returns_a_view, _returns_two, _gets, _lists],
)
def test_a_function_that_has_arrays_of_its_own_has_to_say_so(function):
    def kernel_of(called):
        def kernel(x):
            called(x)
            return x[0]

        return compiled.njit()(kernel)

    with pytest.raises(numba.core.errors.NumbaError):
        kernel_of(compiled.inner()(function))(np.ones(3))
    assert kernel_of(compiled.inner(allocates=True)(function))(np.ones(3)) == 1.0


@pytest.mark.parametrize("allocates", [False, True])
def test_functions_that_make_no_arrays_do_not_count_references(allocates):
    last_of = compiled.inner(allocates=allocates)(_last_of)

    def kernel(x):
        return last_of(x) + _made(x.size)[0]

    x = np.arange(5.0)
    before = sys.getrefcount(x)
    assert compiled.njit()(kernel)(x) == 5.0
    assert sys.getrefcount(x) == before
    ((_, made),) = last_of.overloads.items()
    assert made.target_context.enable_nrt is allocates


@compiled.inner(fastmath=True, error_model="numpy")
def _add_squares(x, y):
    total = np.float32(0.0)
    for k in range(x.size):
        total += (x[k] - y[0]) * (x[k] - y[1])
    return total


def test_a_kernel_has_vector_code_of_the_functions_that_it_calls():
    kernel = compiled.njit()(lambda x, y: _add_squares(x, y))
    x = np.arange(20, dtype=np.float32)
    assert kernel(x, x[:2]) == (x * (x - 1)).sum()
    (code,) = kernel.inspect_llvm().values()
    assert re.search(r"fmul fast <\d+ x float>", code)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_it_was_after_compiling(enabled):
    (gc.enable if enabled else gc.disable)()

    try:
        assert compiled.njit()(_twice_and_once)(7) == 21
        assert gc.isenabled() == enabled
        with pytest.raises(numba.TypingError):
            compiled.njit()(_twice_and_once)("seven")
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_what_numba_leaves_behind_waits_for_a_full_collection(monkeypatch):
    left = []
    monkeypatch.setattr(compiled, "leave_to_a_full_collection", lambda: left.append(None))
    assert compiled.njit()(_twice_and_once)(np.int16(7)) == 21  # three functions, one kernel
    assert len(left) == 1


def test_it_is_known_which_kernels_are_kept(monkeypatch):
    def anew():
        return compiled.parallel_range()(_count.kernel.py_func)

    one = anew()
    assert not compiled.is_kept(one)
    one(3, np.zeros(3, np.int64), np.zeros(4, np.int64))
    assert compiled.is_kept(anew())
    monkeypatch.setattr(compiled, "sources_digest", lambda path: "another")
    assert not compiled.is_kept(anew())


def _decorators(function):
    calls = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
    return {one.id for one in calls if isinstance(one, ast.Name)}


def test_python_calls_no_function_that_has_no_entry_from_it():
    """A call would not be an error but a crash."""
    functions = {
        (path, one)
        for path in Path(compiled.__file__).parent.rglob("*.py")
        for one in ast.walk(ast.parse(path.read_text()))
        if isinstance(one, ast.FunctionDef)
    }
    of_kernels = {(path, one.name) for path, one in functions if "inner" in _decorators(one)}
    assert len(of_kernels) > 40
    names = {name for _, name in of_kernels if not name.startswith("_")}
    for path, function in functions:
        if _decorators(function) & {"inner", "njit", "parallel_range"}:
            continue
        known = names | {name for file, name in of_kernels if file == path}
        used = {one.id for one in ast.walk(function) if isinstance(one, ast.Name)}
        assert not used & known, (path, function.name)
