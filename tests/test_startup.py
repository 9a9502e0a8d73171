"""The modules that a short command imports, which decide how long its user waits."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SLOW = ("torch", "scipy", "numba", "matplotlib", "pandas", "distributed")
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
{work}
print([name for name in {slow!r} if name in sys.modules], file=sys.stderr)
"""


def imported(work: str, folder: Path, slow=SLOW) -> str:
    """Standard error of ``work`` in a new process; its last line says what is imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(root=str(ROOT), work=work, slow=slow)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With a complete run of two epochs at ``run``, its path written into ``path``."""
    made = tmp_path_factory.mktemp("startup")
    words = ["train", "network.widths=[3,2]", "trainer.epochs=2"]
    work = f"from ib_runner.cli import main; assert main({words!r}) == 0"
    imported(work, made)
    (path,) = (made / "outputs" / "szt_tanh").iterdir()
    (made / "run").symlink_to(path)
    return made


#: command lines with the exit status that each has
LINES = [
    (["--help"], 0),
    (["--version"], 0),
    (["list"], 0),
    (["train", "--help"], 0),
    (["measure", "--cfg", "job"], 0),
    (["plot", "run=run", "--cfg", "job"], 0),
    (["plot", "run=run", "--dry-run"], 0),
    (["check", "run=run", "--dry-run"], 0),
    (["trian"], 2),
    (["train", "trainer.epoch=3"], 2),
    (["train", "seed=-1"], 2),
    (["train", "network.widths=[3,0]"], 2),
    (["train", "noise.beta=-1"], 2),
    (["all", "measure.methods=[cuopled]"], 2),
    (["all", "measurement.guarantee.error=-1"], 2),
    (["train", "-m", "seed=0,1,-1"], 2),
    (["train", "hydra/launcher=jobli"], 2),
    (["measure", "run=nowhere"], 2),
    (["measure", "run=run", "seed=4"], 2),
    (["train", "run=run", "noise.beta=0.1"], 2),
    (["plot", "output_root=nowhere"], 2),
]


def test_command_lines_that_need_no_data(folder):
    work = (
        "from ib_runner.cli import main\n"
        f"for words, status in {LINES!r}:\n"
        "    assert main(words) == status, words\n"
        f"    slow = [name for name in {SLOW!r} if name in sys.modules]\n"
        "    assert not slow, (words, slow)\n"
    )
    assert imported(work, folder).endswith("[]\n")


def test_a_table_needs_neither_torch_nor_hydra(folder):
    work = "import ib_runner; assert len(ib_runner.open_run('run').table('training')) == 6"
    slow = ("torch", "hydra", "numba", "scipy", "matplotlib")
    assert imported(work, folder, slow).endswith("[]\n")


def test_drawing_needs_no_torch(folder):
    # figures are of tables, and torch is most of what there would be to import
    words = ["plot", "run=run", "plot.figures=[losses]", "plot.formats=[png]"]
    work = f"from ib_runner.cli import main; assert main({words!r}) == 0"
    assert imported(work, folder, ("torch", "scipy.stats", "numba")).endswith("[]\n")


def test_estimates_do_not_import_all_of_statistics(folder):
    work = "import ib_runner; ib_runner.information.estimate_layers"
    assert imported(work, folder, ("scipy.stats",)).endswith("[]\n")


def test_training_imports_neither_torchs_compiler_nor_what_draws(folder):
    words = ["train", "network.widths=[3,2]", "trainer.epochs=2000"]
    work = f"from ib_runner.cli import main; assert main({words!r}) == 0"
    slow = ("torch._dynamo", "torch._inductor", "sympy", "matplotlib", "scipy.stats", "joblib")
    assert imported(work, folder, slow).endswith("[]\n")
