"""What a rush costs: the benchmark, the app it is held against, and the budgets. Run by `make bench`."""
