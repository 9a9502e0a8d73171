"""Downloading a published file from the first mirror that sends it undamaged."""

import http.client
import logging
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from ib_runner.errors import DamagedFileError, IbRunError

#: seconds without a byte after which a mirror is given up
TIMEOUT = 20.0
_CHUNK = 1 << 16
_logger = logging.getLogger(__name__)


def fetch(
    name: str,
    folder: Path,
    mirrors: Sequence[str],
    check: Callable[[Path], object],
    most_bytes: int,
) -> Path:
    """Download ``name`` from the first of ``mirrors`` (addresses that end in /) that works.

    ``check`` gets the downloaded file and raises ``DamagedFileError`` where its contents are wrong.
    The checked file is then moved into ``folder``, so that several processes may fetch at once.

    Raises ``IbRunError`` saying what each mirror answered and what to do without a network; a
    folder made for a failed download is removed.
    """
    made: list[Path] = []
    try:
        made = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            partial = Path(scratch) / name
            _from_any(name, partial, mirrors, check, most_bytes)
            with suppress(OSError):  # some file systems have no permissions
                # files in a temporary folder are private: give the file the user's usual mode
                partial.chmod(0o666 & ~_umask())
            os.replace(partial, folder / name)
    except OSError as error:
        raise IbRunError(
            f"{folder}: cannot be written to ({error.strerror or error}).\n"
            "IB_DATA names the folder for data files."
        ) from error
    finally:
        for one in made:
            with suppress(OSError):  # a folder that is not empty stays
                one.rmdir()
    return folder / name


def _from_any(
    name: str,
    target: Path,
    mirrors: Sequence[str],
    check: Callable[[Path], object],
    most_bytes: int,
) -> None:
    failures = []
    for mirror in mirrors:
        try:
            _download(mirror + name, target, most_bytes)
            check(target)
            return
        except DamagedFileError as error:
            failures.append(f"{mirror}: {str(error).partition(': ')[2]}")
        except urllib.error.HTTPError as error:
            failures.append(f"{mirror}: {error}")
        except urllib.error.URLError as error:
            failures.append(f"{mirror}: {error.reason}")
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            failures.append(f"{mirror}: {error}")
        _logger.warning("%s from %s", name, failures[-1])
    reasons = "; ".join(failure.replace("\n", " ") for failure in failures)
    raise IbRunError(
        f"{target.parents[1] / name}: not there, and no mirror has it ({reasons}).\n"
        f"Without a network: fetch {name} elsewhere, from {mirrors[0]}{name},\n"
        f"and put it there, or set IB_DATA to the folder whose {target.parents[1].name}/ has it."
    )


def _download(address: str, target: Path, most_bytes: int) -> None:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, target.open("wb") as file:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        with tqdm(total=total, desc=target.name, unit="B", unit_scale=True, leave=False) as bar:
            while chunk := answer.read(_CHUNK):
                bar.update(file.write(chunk))
                if bar.n > most_bytes:
                    raise DamagedFileError(f"{target}: more than {most_bytes} bytes were sent.")
        if total is not None and bar.n != total:
            raise DamagedFileError(f"{target}: broken off after {bar.n} of {total} bytes.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
