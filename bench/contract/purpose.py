"""What a round is for."""

from enum import StrEnum


class Purpose(StrEnum):
    PLANNED = "planned"
    RETRY = "retry"  # answers a bimodal trial
    CONFIRM = "confirm"  # of the second, independent batch
