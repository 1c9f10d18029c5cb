"""Every benchmark, one after another."""

from engagement_pipeline_tests.benchmarks import (
    bench_backfill,
    bench_definitions,
    bench_landing,
    bench_scores,
    bench_stored,
)

if __name__ == "__main__":
    bench_landing.main()
    bench_scores.main()
    bench_stored.main()
    bench_definitions.main()
    bench_backfill.main()
