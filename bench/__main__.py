"""`python -m bench` is the `ortbench` command."""

from bench.cli import main

main()
