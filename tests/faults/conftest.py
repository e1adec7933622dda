from support.scripted_sweep import sweep

__all__ = ["sweep"]
