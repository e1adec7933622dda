"""Jobs: one request in a process of its own, in the `tools` environment (`export` in torch's)."""
