"""Private folders where runs put rows for a while: on the lake's own disk, and the machine's temporary ones.

Here: where they lie, making one, and sweeping away what killed runs left. Not here: what is written into them
(`staging`).
"""

import shutil
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

from engagement_pipeline.storage.settings import is_remote
from engagement_pipeline.storage.tables import LakeNotWritable

ABANDONED_SECONDS = 2 * 24 * 3600
"""A staging folder this old belongs to a run that was killed."""


def staging_folder(root: str) -> Path:
    """A new folder for rows of the lake below this root, on its own disk so that publishing is a rename.
    Raises LakeNotWritable."""
    parent = _staging(root)
    folder = parent / uuid.uuid4().hex
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise LakeNotWritable(
            f"the lake's folder {parent.parent} cannot be written ({error.strerror}): make it writable, "
            "or set ENGAGEMENT_LAKE to a folder that is"
        ) from None
    for other in parent.iterdir():
        with suppress(FileNotFoundError):  # another run sweeps as well
            if _age(other) > ABANDONED_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    return folder


def scratch_folders(root: str) -> list[Path]:
    """Every folder in which a run may have rows, living or killed."""
    return [folder for folder in [*_staging(root).glob("*"), *_temporary()] if folder.is_dir()]


def sweep_temporary(hours: float) -> None:
    """Removes what killed runs left in the machine's temporary folder, when it is older than these hours."""
    for folder in _temporary():
        if folder.is_dir() and _age(folder) > hours * 3600:
            shutil.rmtree(folder, ignore_errors=True)


def _staging(root: str) -> Path:
    return Path(tempfile.gettempdir() if is_remote(root) else root) / ".staging"


def _temporary() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("engagement-*"))


def _age(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime
