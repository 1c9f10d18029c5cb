"""The platform's tables as files in a landing folder, one delivery a table; minutes watched one a month.

Here: finding the tables, and leaving out what came after the purchases end. The rows stay as recorded. Not
here: reading them.
"""

from datetime import date
from pathlib import Path

import polars as pl

from engagement_pipeline.example.complete_journey.prepare import MissingDataError, Prepared

LAST = date(2022, 10, 20)
"""The last day of which purchases are known; minutes and exams go on to the end of the month, and who bought
in those days nobody knows."""
TABLES = {
    "registrations": ("365_student_info.csv", "date_registered"),
    "minutes": ("student_learning.csv", "date_watched"),
    "exams": ("student_exam_attempts.csv", "date_exam_completed"),
    "certificates": ("student_certificates.csv", "date_issued"),
    "ratings": ("365_course_ratings.csv", "date_rated"),
    "purchases": ("365_student_purchases.csv", "date_purchased"),
}
"""Source -> its file, and the column with the day."""


def find_data(path: Path | None = None) -> Path:
    """The folder with the dataset's CSV files. Raises MissingDataError naming what is missing and what to
    do."""
    if path is None:
        raise MissingDataError(
            "the data of the learning platform is not part of this project: say where its CSV files lie, "
            f"{', '.join(file for file, _ in TABLES.values())}, with --path DIR"
        )
    if missing := [file for file, _ in TABLES.values() if not (path / file).is_file()]:
        raise MissingDataError(
            f"{path} is not the learning platform's data: {', '.join(missing)} missing there; "
            "give the folder that holds all its CSV files with --path"
        )
    return path


def prepare(landing: Path, path: Path | None = None) -> Prepared:
    """Writes the landing files of every source. Running it again writes the same bytes.

    Raises MissingDataError as `find_data` does.
    """
    data, files, rows = find_data(path), 0, 0
    for source, (file, day) in TABLES.items():
        table = pl.read_csv(data / file, infer_schema=False).filter(pl.col(day) <= LAST.isoformat())
        parts = {"2022": table}
        if source == "minutes":
            by_month = table.with_columns(_month=pl.col(day).str.head(7)).partition_by(
                "_month", as_dict=True, maintain_order=True, include_key=False
            )
            parts = {str(month): part for (month,), part in sorted(by_month.items())}
        for name, part in parts.items():
            target = landing / source / f"{name}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_csv(target)
            files, rows = files + 1, rows + part.height
    return Prepared(landing, files, rows)
