"""The valid name nearest to one that is not."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 8


def nearest(name: object, known: Iterable[str]) -> str:
    """Return `, did you mean x?`, or the names to choose from where none is near."""
    names = sorted(known)
    near = get_close_matches(str(name)[:80], names, n=1)
    if near:
        return f" (did you mean `{near[0]}`?)"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f" ({', '.join(names[:SHOWN])}{more})" if names else ""
