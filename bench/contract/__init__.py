"""What crosses the process boundary between the parent and a worker. Standard library only."""
