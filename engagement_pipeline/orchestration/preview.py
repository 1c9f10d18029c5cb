"""The parts of Dagster that still warn of being beta or preview, in one place.

Here: what of them is used, so that a Dagster release that changes one breaks here and nowhere else.
`build_definitions` accepts their warnings while assets are defined; every other warning is an error in tests.
"""

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg


class Finding(NamedTuple):
    """A check's result for one partition."""

    passed: bool
    metadata: Mapping[str, Any]
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR


@contextmanager
def accepted_warnings() -> Iterator[None]:
    """Within it, Dagster's beta and preview warnings are silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


def in_ranges(partitions_per_run: int = 30) -> dg.BackfillPolicy:
    """Backfills of days go through in runs of this many, not one by one."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=partitions_per_run)


ALL_DAYS = 200 * 366
"""More than any project has."""


def lookback(days: int | None) -> dg.TimeWindowPartitionMapping:
    """As-of date D reads the event days [D-days+1, D], or all up to D; days before the project's start are
    none."""
    return dg.TimeWindowPartitionMapping(
        start_offset=1 - (ALL_DAYS if days is None else days),
        end_offset=0,
        allow_nonexistent_upstream_partitions=True,
    )


def day_before() -> dg.TimeWindowPartitionMapping:
    """As-of date D reads the one before; the project's first day reads none."""
    return dg.TimeWindowPartitionMapping(
        start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
    )


def check_spec(
    name: str, asset: dg.AssetKey, description: str, partitions: dg.PartitionsDefinition | None
) -> dg.AssetCheckSpec:
    """A check that keeps one history per partition of its asset."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=partitions)


def check_result(
    context: dg.AssetExecutionContext,
    asset: dg.AssetKey,
    name: str,
    passed: bool,
    metadata: Mapping[str, Any],
    partitions: list[str],
    passed_for: Collection[str] = (),
    findings: Mapping[str, Finding] | None = None,
) -> dg.AssetCheckResult:
    """The check's result for every partition of the run; `partitions` is empty for a check without any. One
    that failed as a whole may have `passed_for` some of them, or have a finding for each.

    A run over several partitions leaves `planned` rows for ever unless each partition's evaluation is
    logged from inside the step, and so does a run for one day of a check that has no days (measured on
    1.13.27; `test_preview` notices when that changes).
    """
    planned, findings = context.run.partitions_subset, findings or {}
    severity = (
        dg.AssetCheckSeverity.ERROR
        if not findings
        or any(not each.passed and each.severity.value == "ERROR" for each in findings.values())
        else dg.AssetCheckSeverity.WARN
    )
    if len(partitions) == 1:
        if (only := findings.get(partitions[0])) is not None:
            passed, metadata, severity = only.passed, {**only.metadata, **metadata}, only.severity
        partitions = []  # the result below is logged for it
    elif not partitions and planned is not None:
        partitions = list(planned.get_partition_keys())
    with accepted_warnings():
        for partition in partitions:
            plain = Finding(passed or partition in passed_for, metadata)
            found = findings.get(partition, plain)
            context.log_event(
                dg.AssetCheckEvaluation(
                    asset_key=asset,
                    check_name=name,
                    passed=found.passed,
                    metadata=found.metadata,
                    severity=found.severity,
                    partition=partition,
                )
            )
        return dg.AssetCheckResult(
            asset_key=asset, check_name=name, passed=passed, metadata=metadata, severity=severity
        )
