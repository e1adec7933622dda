"""The program that runs inside a runtime's environment: numpy and that runtime, and of ours only `bench.contract`."""
