"""From a model's name to its files: fetched, exported where it has only a factory, inspected."""

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from bench.environments import Environment
from bench.models.origins import Source, catalog_source, local, model_source, saved_model, twin_source
from bench.models.sources import Fetched, fetch
from bench.models.subject import Description, Subject, batch_of, describe, named_inputs
from bench.models.variants import Workshop, export, inspect, key_of
from bench.suite import LoadedSuite


class Fetcher:
    """Fetches the models of one suite; `download_s` adds up the seconds spent downloading."""

    def __init__(
        self, loaded: LoadedSuite, shop: Workshop, torch: Callable[[], Environment], formats: Collection[str]
    ) -> None:
        self.loaded = loaded
        self.shop = shop
        self.torch = torch
        self.formats = formats  # that the suite's targets read: no twin is fetched for nobody
        self.download_s = 0.0

    def subject(self, name: str) -> Subject:
        """Return the model with its files here. Raises BenchError (not to be had) or Failure (not usable)."""
        about = describe(name, self.loaded.suite)
        made = about.factory and not (about.own.catalog and about.own.path)  # a duel's file stands in for the catalog's
        checkpoint, paths = self._origin(about) if made else ("", [])
        onnx, sha256, source = self._exported(about, checkpoint, paths) if made else self._stored(about)
        found = inspect(self.shop, onnx, sha256)
        inputs = named_inputs(found["inputs"], about)
        return Subject(
            description=about,
            onnx=onnx,
            sha256=sha256,
            bytes=onnx.stat().st_size,
            inputs=inputs,
            outputs=list(found["outputs"]),
            batch=batch_of(inputs, about),
            source=source,
            twins=self._twins(about),
            checkpoint=checkpoint,
            factory_paths=paths,
            operators=found["operators"],
            weights=found["weights"],
            subnormal=found["subnormal"],
        )

    def _fetch(self, source: Source) -> Fetched:
        fetched = fetch(source)
        self.download_s += fetched.seconds
        return fetched

    def _source(self, about: Description) -> Source:
        own = about.own  # a duel's side has a file in the place of the catalog's
        return catalog_source(own.catalog) if own.catalog and not own.path else model_source(own, self.loaded.folder)

    def _stored(self, about: Description) -> tuple[Path, str, str]:
        fetched = self._fetch(self._source(about))
        return fetched.path, fetched.sha256, fetched.source

    def _origin(self, about: Description) -> tuple[str, list[str]]:
        """Return the checkpoint's folder ("" where there is none) and the folders its factory is imported from."""
        if about.factory is None:
            return "", []
        if about.own.catalog:
            return str(self._fetch(self._source(about)).path), []
        return "", [str(self.loaded.folder.resolve())]

    def _exported(self, about: Description, checkpoint: str, paths: list[str]) -> tuple[Path, str, str]:
        factory = str(about.factory)
        module = Path(paths[0]) / (factory.partition(":")[0].replace(".", "/") + ".py") if paths else None
        text = module.read_bytes() if module and module.is_file() else b""
        origin = key_of(factory, Path(checkpoint).parent.name, hashlib.sha256(text).hexdigest(), about.shapes)
        path = export(
            self.torch(),
            self.shop.folder,
            self.shop.limits_s,
            origin,
            factory=factory,
            paths=paths,
            checkpoint=checkpoint,
            shapes=about.shapes,
        )
        source = f"exported from {about.row.package if about.row else factory}"
        return path, hashlib.sha256(path.read_bytes()).hexdigest(), source

    def _twins(self, about: Description) -> dict[str, Path]:
        own, found = about.own, {}
        if own.tflite:
            found["tflite"] = self._fetch(local(self.loaded.folder / own.tflite)).path
        if own.saved_model:
            found["saved_model"] = saved_model(self.loaded.folder / own.saved_model)
        for form in about.row.twins if about.row else ():
            if form in self.formats and form not in found:
                found[form] = self._fetch(twin_source(str(own.catalog), form)).path
        return found
