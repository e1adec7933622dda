"""Processes of ours that run somebody else's code: started, driven, limited, suspended, ended with their trees."""

from bench.process.folder import worker_folder
from bench.process.job import run_job
from bench.process.worker import Worker

__all__ = ["Worker", "run_job", "worker_folder"]
