"""Everything that can go wrong for a reason a user can act on: a sentence, a next step, an exit code."""


class BenchError(Exception):
    """What happened and where (`message`), and what to do next (`hint`)."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(BenchError):
    """The command, its arguments or a file it was given cannot be used."""

    exit_code = 2


class SuiteError(UsageError):
    """A suite with mistakes: `problems` holds one line for each, all found in one reading."""

    def __init__(self, problems: list[str], hint: str = "") -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = problems


class EnvironmentFailed(BenchError):
    """A runtime's environment could not be built, or a package could not be had."""

    exit_code = 3


class NothingMeasured(BenchError):
    """The sweep ended without a single measured cell."""

    exit_code = 4
