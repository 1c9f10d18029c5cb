"""Whether a file can be read without harm to this process, found out in another one.

Here: a process that reads files before this one does. Not here: what is in them (`parquet`).

A damaged parquet file may end the process that reads it: polars trusts the lengths that stand in it, and one
wrong bit is a broken address, a demand for more memory than there is, or a wait without end. Nothing can be
caught then.
"""

import atexit
import subprocess
import sys
from pathlib import Path
from threading import Event, Lock, Timer

from engagement_pipeline.ingestion.readers.rows import Unreadable

PROGRAM = """
import sys
import polars
from polars.exceptions import PanicException
for path in sys.stdin:
    try:
        scan = polars.scan_parquet(path.rstrip("\\n"), glob=False, hive_partitioning=False)
        for _ in scan.collect_batches(chunk_size=65_536):
            pass
    except (Exception, PanicException):
        pass
    print("read", flush=True)
"""
"""What fails in words fails again where the words are wanted."""
PATIENCE = 600.0
"""Seconds that every file is given, however busy the machine is."""
SLOWEST = 1_000_000
"""Bytes for which it is given one more; a plain disk and one core read a hundred times as many."""


class Probe:
    """Reads parquet files in a process of its own, started at the first and again when one ended it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.lock = Lock()
        atexit.register(self.close)

    def look(self, path: Path) -> None:
        """Reads the file: costs what reading does, and 0.3 s once.

        Raises Unreadable when the process did not live to say that it read it, or did not come to an end.
        """
        if "\n" in str(path):
            return
        limit = PATIENCE + path.stat().st_size / SLOWEST
        with self.lock:
            late, read = self._asked(path, limit)
            if late or not read:
                self.close()
        if read:
            return
        if late:
            raise Unreadable(
                f"reading it takes more than {limit / 60:.0f} minutes, so it is damaged or the disk hangs",
                "Have it delivered again, or mend the disk; a complete copy lands by itself",
            )
        raise Unreadable(
            "it is damaged, or nests very deep: reading it ends the program that tries",
            "Have it delivered again; a complete copy lands by itself",
        )

    def _asked(self, path: Path, limit: float) -> tuple[bool, bool]:
        """Whether the process was ended for taking too long, and whether it said that it read the file."""
        process, late = self._started(), Event()
        assert process.stdin and process.stdout  # noqa: S101 - both are pipes

        def end() -> None:
            late.set()
            process.kill()

        timer = Timer(limit, end)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            read = process.stdout.readline() == "read\n"
        except BrokenPipeError:
            read = False
        finally:
            timer.cancel()
        return late.is_set(), read

    def close(self) -> None:
        """Ends the process."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.communicate()

    def _started(self) -> "subprocess.Popen[str]":
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self.process


PROBE = Probe()
