"""Where models come from, and the content-addressed cache they are kept in."""

from bench.models.cache import stored
from bench.models.origins import Source, catalog_model, catalog_source, local, model_source, twin_source
from bench.models.sources import Fetched, cached, fetch, fetch_catalog, fetch_source, fetch_twin

__all__ = [
    "Fetched",
    "Source",
    "cached",
    "catalog_model",
    "catalog_source",
    "fetch",
    "fetch_catalog",
    "fetch_source",
    "fetch_twin",
    "local",
    "model_source",
    "stored",
    "twin_source",
]
