"""Recordings of runs: what the kernel is told to keep (`recorder`), what it kept (`recorded`), and
the chain of waits that the run's length comes from (`chain`)."""
