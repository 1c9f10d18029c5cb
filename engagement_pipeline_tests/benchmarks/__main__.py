"""Every benchmark, one after another."""

from engagement_pipeline_tests.benchmarks import bench_scores, bench_stored

if __name__ == "__main__":
    bench_scores.main()
    bench_stored.main()
