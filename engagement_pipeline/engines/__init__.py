"""Where the core runs: this machine, bucket of people by bucket."""
