from support.wheelhouse import wheelhouse

__all__ = ["wheelhouse"]
