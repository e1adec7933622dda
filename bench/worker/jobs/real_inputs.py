"""Make a model's inputs of files that are no noise: pictures, recordings, texts, and files as they are."""

import re
import wave
from collections.abc import Callable, Iterator
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

Shapes = dict[str, tuple[tuple[int, ...], str]]  # input -> shape of one item, dtype
Item = dict[str, np.ndarray]
FEWEST_WORDS = 8  # of a paragraph that is worth an embedding


def run(
    prepare: str,
    files: list[str],
    options: dict[str, Any],
    shapes: dict[str, list[Any]],
    sets: int,
    held_out: bool,
    folder: str,
) -> list[dict[str, str]]:
    """Write `sets` input sets as .npy files; returns input name -> file name in `folder`, for each.

    `shapes` holds shape and dtype of each input, the batch first. With `held_out` the items share nothing with those
    without: they are of the other files, or of the other half of one recording. Where there are too few, they come
    again in turn; sets of the same items are the same files. Raises ValueError where one file alone has to be shared
    and cannot be halved, or where none makes an input.
    """
    items_of = PREPARATIONS[prepare]
    one = {name: (tuple(shape[1:]), dtype) for name, (shape, dtype) in shapes.items()}
    batch = next(shape[0] for shape, _ in shapes.values())
    half = files[held_out::2] if len(files) > 1 else files
    if len(files) == 1 and prepare in HALVED:
        options = options | {"half": int(held_out)}
    elif len(files) == 1 and held_out:
        raise ValueError(f"{Path(files[0]).name} alone leaves nothing to calibrate on: `{prepare}` takes several")
    pools = [islice(items_of(Path(file), one, options), sets * batch) for file in half]
    items = [item for row in zip_longest(*pools) for item in row if item is not None]  # each file's first, then on
    if not items:
        raise ValueError(f"nothing in {', '.join(Path(file).name for file in half)} makes an input of this shape")
    _refuse_other_shapes(items[0], one, prepare)
    turn = cycle(range(len(items)))
    chosen = [tuple(next(turn) for _ in range(batch)) for _ in range(sets)]
    written: dict[tuple[int, ...], dict[str, str]] = {}
    for which in chosen:
        if which not in written:
            written[which] = _write([items[each] for each in which], len(written), Path(folder))
    return [written[which] for which in chosen]


def _refuse_other_shapes(item: Item, wanted: Shapes, prepare: str) -> None:
    for name, value in item.items():
        if value.shape != (shape := wanted[name][0]):
            raise ValueError(f"`{prepare}` makes items of shape {value.shape}, and `{name}` takes {shape}")


def _write(items: list[Item], index: int, folder: Path) -> dict[str, str]:
    found = {}
    for position, name in enumerate(items[0]):
        found[name] = f"{index}-{position}.npy"
        np.save(folder / found[name], np.stack([item[name] for item in items]), allow_pickle=False)
    return found


def _bytes_of_files(file: Path, shapes: Shapes, options: dict[str, Any]) -> Iterator[Item]:
    """Half of the input from a file's begin, half from its end, blanks around left out: as Magika reads files.

    The file whole, then pieces of it: files that were cut. magika.py, `_extract_features_from_seekable`.
    """
    ((name, (shape, dtype)),) = shapes.items()
    half, block, padding = shape[0] // 2, int(options["block"]), int(options["padding"])
    content = file.read_bytes()
    for piece in (content, *(content[at : at + block] for at in range(0, len(content), block))):
        short = len(piece) <= block
        begin = (piece[:block].strip() if short else piece[:block].lstrip())[:half]
        end = (piece[-block:].strip() if short else piece[-block:].rstrip())[-half:]
        values = np.full(shape, padding, dtype)
        values[: len(begin)] = list(begin)
        values[shape[0] - len(end) :] = list(end)
        yield {name: values}


def _picture(file: Path, shapes: Shapes, options: dict[str, Any]) -> Iterator[Item]:
    """A picture at the input's size and channels: whole, then its quarters, then all that mirrored.

    Its values fill `range`, or are less the `mean` and over the `deviation` of each channel, of values from 0 to 1.
    With `tile` (width and height in pixels) its tiles, row by row, instead.
    """
    from PIL import Image, ImageOps

    ((name, (shape, dtype)),) = shapes.items()
    channels_first = len(shape) == 3 and shape[0] in (1, 3)
    if not channels_first and (len(shape) != 3 or shape[2] not in (1, 3)):
        raise ValueError(
            f"`{name}` takes {shape}, and a picture has 3 dimensions, the first or last of 1 or 3 channels"
        )
    height, width, channels = (*shape[1:], shape[0]) if channels_first else shape
    low, span = _scale(options)
    with Image.open(file) as opened:
        picture = opened.convert("L" if channels == 1 else "RGB")
    across, down = map(int, options.get("tile") or (picture.width // 2, picture.height // 2))
    tiles = [
        (left, top, left + across, top + down)
        for top in range(0, picture.height - down + 1, down)
        for left in range(0, picture.width - across + 1, across)
    ]
    boxes = tiles if "tile" in options else [(0, 0, picture.width, picture.height), *tiles]
    for seen in (picture, ImageOps.mirror(picture)):
        for box in boxes:
            pixels = np.asarray(seen.resize((width, height), Image.Resampling.BILINEAR, box), np.float64)
            pixels = pixels.reshape(height, width, channels)
            if options.get("colours") == "BGR":
                pixels = pixels[..., ::-1]
            values = (low + pixels / 255 * span).astype(dtype)
            yield {name: np.ascontiguousarray(values.transpose(2, 0, 1) if channels_first else values)}


def _scale(options: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return what 0 becomes, and by how much 1 lies above it: of all channels, or of each."""
    if "mean" in options:
        mean, deviation = np.array(options["mean"]), np.array(options["deviation"])
        return -mean / deviation, 1 / deviation
    low, high = options["range"]
    return np.array(low), np.array(high - low)


def _recording(file: Path, shapes: Shapes, options: dict[str, Any]) -> Iterator[Item]:
    """Stretches of a recording at the input's `rate`. With `standardise` each has mean 0 and deviation 1."""
    ((name, (shape, dtype)),) = shapes.items()
    for stretch in _stretches(_sound(file, int(options["rate"])), int(np.prod(shape)), options.get("half")):
        if options.get("standardise"):
            stretch = (stretch - stretch.mean()) / max(float(stretch.std()), 1e-10)
        yield {name: stretch.reshape(shape).astype(dtype)}


def _power_spectra(file: Path, shapes: Shapes, options: dict[str, Any]) -> Iterator[Item]:
    """Logarithmic power spectra of stretches of a recording, frame by frame, as NSNet2 is fed.

    Windows of `window` samples, the root of Hann's, half of each in the next; featurelib.py, `calcFeat`.
    """
    ((name, (shape, dtype)),) = shapes.items()
    window, (frames, _) = int(options["window"]), shape
    hop = window // 2
    length = (frames - 1) * hop + window
    for stretch in _stretches(_sound(file, int(options["rate"])), length, options.get("half")):
        cut = [stretch[step * hop : step * hop + window] for step in range(frames)]
        spectra = np.fft.rfft(np.stack(cut) * np.sqrt(np.hanning(window)), axis=-1)
        yield {name: np.log10(np.maximum(np.abs(spectra) ** 2, 1e-12)).astype(dtype)}


def _stretches(sound: np.ndarray, length: int, half: int | None) -> Iterator[np.ndarray]:
    """Yield stretches of `length` samples, one after another, then again half a stretch later.

    Those of `half` 0 and of 1 have no sample in common: they lie before and behind the middle.
    """
    if half is not None:
        middle = len(sound) // 2
        sound = sound[middle:] if half else sound[:middle]
    for offset in (0, length // 2):
        for start in range(offset, len(sound) - length + 1, length):
            yield sound[start : start + length]


def _sound(file: Path, rate: int) -> np.ndarray:
    """Return a recording in 16 bits as one channel from -1 to 1, at `rate` samples a second (Fourier's method)."""
    try:
        with wave.open(str(file)) as opened:
            if opened.getsampwidth() != 2:
                raise ValueError(f"{file.name} has samples of {8 * opened.getsampwidth()} bits, not of 16")
            own, channels = opened.getframerate(), opened.getnchannels()
            samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2").reshape(-1, channels)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{file.name} is not a WAV file of whole numbers: {error}") from error
    sound: np.ndarray = samples.mean(axis=1) / 32768
    if own == rate:
        return sound
    length = len(sound) * rate // own
    resampled: np.ndarray = np.fft.irfft(np.fft.rfft(sound)[: length // 2 + 1], length) * (length / len(sound))
    return resampled


def _text(file: Path, shapes: Shapes, options: dict[str, Any]) -> Iterator[Item]:
    """Paragraphs of a text, in tokens of the `tokenizer`, cut and filled up to the input's length."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(options["tokenizer"])
    length = shapes["input_ids"][0][0]
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length)
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", file.read_text("utf-8")))
    for paragraph in paragraphs:
        if len(paragraph.split()) < FEWEST_WORDS:
            continue
        found = tokenizer.encode(paragraph)
        told = {"input_ids": found.ids, "attention_mask": found.attention_mask, "token_type_ids": found.type_ids}
        yield {name: np.array(told[name], dtype) for name, (_, dtype) in shapes.items()}


PREPARATIONS: dict[str, Callable[[Path, Shapes, dict[str, Any]], Iterator[Item]]] = {
    "bytes_of_files": _bytes_of_files,
    "picture": _picture,
    "recording": _recording,
    "power_spectra": _power_spectra,
    "text": _text,
}
HALVED = {"recording", "power_spectra"}  # a single file of these is verified and calibrated with, half by half
