"""A worker's start: keep the pipe for the protocol, tie its life to the parent's, then serve requests."""

import sys

from bench.worker.lifeline import die_with
from bench.worker.pipes import protocol_pipes
from bench.worker.serve import serve


def main() -> None:
    """Serve the parent whose process id is the first argument, until it closes the pipe."""
    requests, replies = protocol_pipes()
    die_with(int(sys.argv[1]))
    serve(requests, replies)


main()
