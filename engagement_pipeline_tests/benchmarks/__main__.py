"""Every benchmark, one after another."""

from engagement_pipeline_tests.benchmarks import bench_scores

if __name__ == "__main__":
    bench_scores.main()
