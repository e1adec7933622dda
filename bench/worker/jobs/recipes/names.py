"""Names that options of recipes give: a tool passes over one that is not there in silence."""

from difflib import get_close_matches

from bench.contract.status import Failure, Status


def refuse_unknown(option: str, given: list[str], names: set[str], otherwise: str) -> None:
    """Raise Failure where an option names what is not among `names`, with those near it."""
    for name in given:
        if name not in names:
            near = " or ".join(f"`{each}`" for each in get_close_matches(name, sorted(names), n=3))
            told = f"`{option}` names `{name}`, and {otherwise}"
            raise Failure(Status.CONVERSION_FAILED, f"{told}. Near it: {near}" if near else told)
