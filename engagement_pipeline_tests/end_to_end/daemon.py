"""What Dagster's daemon does with sensors, one tick at a time, on a clock of our own.

Here: evaluating sensors and running what they request. Not here: any expectation.
"""

from dataclasses import dataclass, field

import dagster as dg

from engagement_pipeline_tests.end_to_end.corner_shop import CornerShop, failure


@dataclass(frozen=True)
class Ran:
    """One run that a sensor asked for."""

    job: str
    days: tuple[str, ...]
    error: str
    """Empty where it succeeded."""


@dataclass
class Daemon:
    """Keeps what the real one keeps between ticks: cursors, and the keys of runs that were made."""

    shop: CornerShop
    cursors: dict[str, str | None] = field(default_factory=dict)
    keys: set[tuple[str, str]] = field(default_factory=set)

    def tick(self, name: str) -> list[Ran]:
        """One tick of a sensor, and every run it requests that was not made before."""
        sensor = self.shop.definitions.resolve_sensor_def(name)
        context = dg.build_sensor_context(
            instance=self.shop.instance, cursor=self.cursors.get(name), definitions=self.shop.definitions
        )
        said = sensor.evaluate_tick(context)
        self.cursors[name] = said.cursor
        return [self._run(sensor, request) for request in said.run_requests or [] if self._new(name, request)]

    def ticks(self) -> list[Ran]:
        """Every sensor in turn until none requests anything; the runs in order."""
        ran: list[Ran] = []
        for _ in range(10):
            now = [run for name in ("landed_files", "event_days", "as_of_dates") for run in self.tick(name)]
            if not now:
                return ran
            ran += now
        raise AssertionError(f"the sensors never come to rest: {ran}")

    def _new(self, sensor: str, request: dg.RunRequest) -> bool:
        key = (sensor, str(request.run_key))
        known = key in self.keys
        self.keys.add(key)
        return not known

    def _run(self, sensor: dg.SensorDefinition, request: dg.RunRequest) -> Ran:
        job = request.job_name or sensor.job_name
        result = self.shop.run(job, request.partition_key, request.tags, request.asset_selection)
        days = [
            value for tag, value in sorted(request.tags.items()) if tag.startswith("dagster/asset_partition")
        ]
        return Ran(
            job,
            (request.partition_key,) if request.partition_key else tuple(reversed(days)),
            "" if result.success else failure(result) or "failed",
        )
