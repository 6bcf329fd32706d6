"""The benchmark of `bench/run.py`: what is run, how it is measured, how it is told."""
