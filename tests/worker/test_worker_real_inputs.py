"""Input sets made of files: what each preparation reads, in which shapes, and that calibration sees other items."""

import wave

import numpy as np
import pytest
from PIL import Image

from bench.worker.jobs.real_inputs import run


def made(prepare, files, shapes, sets=2, held_out=False, folder=None, **options):
    folder.mkdir(exist_ok=True)
    named = run(prepare, [str(file) for file in files], options, shapes, sets, held_out, str(folder))
    return [{name: np.load(folder / file) for name, file in each.items()} for each in named]


@pytest.fixture
def pictures(tmp_path):
    """Four pictures of one colour each, red growing by 50, and their right half blue."""
    files = []
    for index in range(4):
        pixels = np.zeros((40, 60, 3), np.uint8)
        pixels[..., 0], pixels[:, 30:, 2] = 50 * (index + 1), 255
        files.append(tmp_path / f"{index}.png")
        Image.fromarray(pixels).save(files[-1])
    return files


def reds(sets):
    return {round(float(value) * 255) for each in sets for item in each["x"] for value in item[0, :, 0]}


def test_pictures_fill_the_shape_asked_in_either_layout(pictures, tmp_path):
    asked = {"range": [0.0, 1.0], "colours": "RGB"}
    first = made("picture", pictures, {"x": [[2, 3, 8, 12], "float32"]}, folder=tmp_path / "a", **asked)
    last = made("picture", pictures, {"x": [[2, 8, 12, 3], "float32"]}, folder=tmp_path / "b", **asked)
    assert first[0]["x"].shape == (2, 3, 8, 12) and first[0]["x"].dtype == np.float32
    np.testing.assert_array_equal(first[0]["x"], last[0]["x"].transpose(0, 3, 1, 2))
    assert first[0]["x"][0, 2, 0].tolist() == pytest.approx([0] * 6 + [1] * 6, abs=0.2)


def test_values_and_colours_are_as_the_model_is_fed(pictures, tmp_path):
    asked = {"range": [-1.0, 1.0], "colours": "BGR"}
    (found, _) = made("picture", pictures, {"x": [[1, 3, 40, 60], "float32"]}, folder=tmp_path / "a", **asked)
    blue, _, red = found["x"][0]
    assert (blue.min(), blue.max()) == (-1, 1)
    assert red.max() == pytest.approx(50 / 255 * 2 - 1)


def test_what_is_held_out_is_of_other_files(pictures, tmp_path):
    asked = {"range": [0.0, 1.0], "colours": "RGB"}
    shapes = {"x": [[3, 3, 8, 8], "float32"]}
    verified = made("picture", pictures, shapes, 4, False, tmp_path / "a", **asked)
    calibrating = made("picture", pictures, shapes, 4, True, tmp_path / "b", **asked)
    assert (reds(verified), reds(calibrating)) == ({50, 150}, {100, 200})


@pytest.mark.parametrize("prepare", ["recording", "power_spectra"])
def test_of_one_recording_no_sample_is_both_verified_and_calibrated_with(tmp_path, prepare):
    file = write_sound(tmp_path / "steps.wav", np.arange(1600) * 10, 16000)
    shapes = {"x": [[1, 100] if prepare == "recording" else [1, 9, 11], "float32"]}  # 100 samples an item, either way
    asked = {"rate": 16000} if prepare == "recording" else {"rate": 16000, "window": 20}
    looked_at = [set(), set()]
    for held in (False, True):
        for at in range(0, 1600, 10):  # which samples an item depends on: those whose change changes it
            samples = np.arange(1600) * 10
            samples[at : at + 10] += 3000
            other = write_sound(tmp_path / f"{at}.wav", samples, 16000)
            made_of = [
                made(prepare, [each], shapes, 16, held, tmp_path / f"{each.stem}-{held}", **asked)
                for each in (file, other)
            ]
            if any(not np.array_equal(one["x"], two["x"]) for one, two in zip(*made_of, strict=True)):
                looked_at[held].add(at)
    assert all(looked_at) and not looked_at[0] & looked_at[1]
    assert len(looked_at[0] | looked_at[1]) >= 140  # and hardly any is left unused


def test_one_picture_is_not_shared_between_both(pictures, tmp_path):
    asked = {"range": [0.0, 1.0], "colours": "RGB"}
    with pytest.raises(ValueError, match=r"0\.png alone leaves nothing to calibrate on"):
        made("picture", pictures[:1], {"x": [[1, 3, 8, 8], "float32"]}, held_out=True, folder=tmp_path / "a", **asked)


def write_sound(path, samples, rate, channels=1):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.asarray(samples, "<i2").tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
def test_a_tone_keeps_its_pitch_at_another_rate(tmp_path, rate):
    tone = 10000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    file = write_sound(tmp_path / "tone.wav", np.repeat(tone, 2), 16000, channels=2)
    (found, _) = made("recording", [file], {"x": [[1, rate // 4, 1], "float32"]}, folder=tmp_path / "a", rate=rate)
    spectrum = np.abs(np.fft.rfft(found["x"][0, :, 0]))
    assert np.argmax(spectrum) * 4 == 440
    assert found["x"].max() == pytest.approx(10000 / 32768, rel=0.01)


def test_a_standardised_stretch_has_mean_0_and_deviation_1(tmp_path):
    file = write_sound(tmp_path / "ramp.wav", np.arange(1600) * 10, 16000)
    asked = {"rate": 16000, "standardise": True}
    for each in made("recording", [file], {"x": [[2, 100], "float32"]}, folder=tmp_path / "a", **asked):
        assert np.abs(each["x"].mean(axis=1)).max() < 1e-5 and each["x"].std(axis=1) == pytest.approx([1, 1])


def test_power_spectra_show_a_tone_in_its_bin(tmp_path):
    file = write_sound(tmp_path / "tone.wav", 10000 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000), 16000)
    asked = {"rate": 16000, "window": 320}
    (found, _) = made("power_spectra", [file], {"x": [[2, 20, 161], "float32"]}, folder=tmp_path / "a", **asked)
    assert found["x"].shape == (2, 20, 161)
    assert set(found["x"].argmax(axis=-1).flat) == {1000 // 50}


def test_bytes_come_from_begin_and_end_of_a_file_as_magika_reads_it(tmp_path):
    long, short = tmp_path / "long", tmp_path / "short"
    long.write_bytes(b" \n" + bytes(range(1, 9)) + b"x" * 100 + bytes(range(11, 19)) + b"\n ")
    short.write_bytes(b"  abc ")
    shapes = {"x": [[1, 16], "int32"]}
    asked = {"block": 32, "padding": 256}
    found = [made("bytes_of_files", [file, file], shapes, 1, False, tmp_path / file.name[:1], **asked)[0]["x"][0] for
             file in (long, short)]  # fmt: skip
    assert found[0].tolist() == [*range(1, 9), *range(11, 19)]
    assert found[1].tolist() == [97, 98, 99] + [256] * 10 + [97, 98, 99]


def test_a_file_that_holds_nothing_of_the_shape_is_told_by_name(tmp_path):
    file = write_sound(tmp_path / "brief.wav", np.zeros(10), 16000)
    with pytest.raises(ValueError, match=r"nothing in brief.wav makes an input of this shape"):
        made("recording", [file], {"x": [[1, 100], "float32"]}, folder=tmp_path / "a", rate=16000)


def test_each_channel_has_its_mean_and_deviation(pictures, tmp_path):
    asked = {"mean": [0.1, 0.2, 0.3], "deviation": [1, 2, 4]}
    (found, _) = made("picture", pictures, {"x": [[1, 40, 60, 3], "float32"]}, folder=tmp_path / "a", **asked)
    assert found["x"][0, 0, 59].tolist() == pytest.approx([50 / 255 - 0.1, -0.1, (1 - 0.3) / 4])


def test_an_input_of_one_channel_sees_no_colours(pictures, tmp_path):
    asked = {"range": [0, 255]}
    (found, _) = made("picture", pictures, {"x": [[1, 1, 40, 60], "uint8"]}, folder=tmp_path / "a", **asked)
    assert found["x"].shape == (1, 1, 40, 60) and found["x"][0, 0, 0, 0] == round(0.299 * 50)


def test_sets_of_the_same_items_are_the_same_files(pictures, tmp_path):
    shapes = {"x": [[1, 3, 8, 8], "float32"]}
    named = run("picture", [str(file) for file in pictures[:2]], {"range": [0, 1]}, shapes, 25, True, str(tmp_path))
    assert len({each["x"] for each in named}) == 10 and named[0] == named[10] == named[20]


@pytest.mark.parametrize(
    ("prepare", "options", "shape", "expected"),
    [
        ("picture", {"range": [0, 1]}, [1, 4, 8, 8], r"takes \(4, 8, 8\), and a picture has 3 dimensions"),
        ("recording", {"rate": 8000}, [1, 10], "0.png is not a WAV file"),
    ],
)
def test_a_file_that_does_not_fit_is_told(pictures, tmp_path, prepare, options, shape, expected):
    with pytest.raises(ValueError, match=expected):
        made(prepare, pictures, {"x": [shape, "float32"]}, folder=tmp_path / "a", **options)


def test_spectra_of_another_width_than_the_inputs_are_refused(tmp_path):
    file = write_sound(tmp_path / "tone.wav", np.arange(16000), 16000)
    asked = {"rate": 16000, "window": 512}
    with pytest.raises(ValueError, match=r"makes items of shape \(20, 257\), and `x` takes \(20, 161\)"):
        made("power_spectra", [file], {"x": [[1, 20, 161], "float32"]}, folder=tmp_path / "a", **asked)
