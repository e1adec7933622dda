"""The suite as a user writes it. Everything here is also the published JSON Schema."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
AFew = Annotated[int, Field(ge=1, le=1024)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Numbers = Annotated[tuple[float, float], Field(strict=False)]  # YAML has lists only
WholeNumbers = Annotated[tuple[int, int], Field(strict=False)]
OneOrMany = BeforeValidator(_listed)
Names = Annotated[list[str], OneOrMany, Field(min_length=1)]
Counts = Annotated[list[Positive], OneOrMany, Field(min_length=1)]
Threads = Annotated[list[AFew], OneOrMany, Field(min_length=1)]
FILLS = ("uniform", "normal", "integers", "constant", "files")
DimSets = Annotated[list[dict[str, Positive]], OneOrMany, Field(min_length=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Input(Strict):
    """How to fill one input of a model: one of the four kinds of seeded values, or files."""

    shape: list[str | Positive] | None = Field(
        None, description="sizes, or names of dimensions; read from the model if left out"
    )
    dtype: str | None = Field(None, description="read from the model if left out")
    uniform: Numbers | None = Field(None, description="low and high of seeded uniform noise")
    normal: Numbers | None = Field(None, description="mean and standard deviation of seeded normal noise")
    integers: WholeNumbers | None = Field(None, description="lowest and highest of seeded integers, both included")
    constant: float | None = Field(None, description="every element is this")
    files: list[str] | None = Field(
        None, min_length=1, description=".npy files, one an input set, shape with batch 1 or the full batch"
    )

    @property
    def fill(self) -> dict[str, Any]:
        """Return what says how to fill it, by its kind; empty where nothing does."""
        return {kind: value for kind in FILLS if (value := getattr(self, kind)) is not None}


class RealInputs(Strict):
    """Inputs made of files of one's own. What is left out is that of the catalog's model this one starts from."""

    files: list[str] = Field(min_length=1, description="pictures, recordings or texts, relative to the suite")
    inputs: Names | None = Field(None, description="the inputs they fill")
    prepare: Literal["picture", "recording", "power_spectra", "text", "bytes_of_files"] | None = Field(
        None, description="how inputs are made of them"
    )
    options: dict[str, str | int | float | bool | list[float]] = Field(
        default_factory=dict, description="of the preparation"
    )
    tokenizer: str | None = Field(
        None, description="text: a tokenizer.json, or a model of the catalog that comes with one"
    )


class Tolerance(Strict):
    """How far an output may be from the reference. A cell passes when every bound given here holds."""

    relative: float | None = Field(None, ge=0, description="bound on |d| / |ref|, added to `absolute`")
    absolute: float | None = Field(None, ge=0, description="bound on |d| in units of max|ref|")
    sqnr_db: float | None = Field(None, description="lowest signal to quantisation noise ratio, dB")
    cosine: float | None = Field(None, ge=-1, le=1, description="lowest cosine similarity")
    top1: float | None = Field(None, ge=0, le=1, description="lowest share of rows with the same largest element")
    top5: float | None = Field(None, ge=0, le=1, description="lowest share of the five largest that are the same")
    iou: float | None = Field(None, ge=0, le=1, description="lowest intersection over union of the masks")
    rank: float | None = Field(None, ge=-1, le=1, description="lowest rank agreement of the embeddings' similarities")


class Model(Strict):
    """A model that is not in the catalog, or a catalog model with something changed (`catalog`)."""

    catalog: str | None = Field(None, description="name of the catalog model this one starts from")
    path: str | None = Field(None, description="an ONNX file, relative to the suite")
    url: str | None = Field(None, description="where to download it; needs sha256")
    package: str | None = Field(
        None, description="a package in a registry, such as magika==1.0.3; needs file and sha256"
    )
    registry: Literal["pypi", "npm"] = "pypi"
    file: str | None = Field(None, description="the file inside the package's archive")
    factory: str | None = Field(
        None, pattern=r"^[\w.]+:\w+$", description="module:function that returns a torch module and example inputs"
    )
    sha256: Sha256 | None = None
    batch: str | Positive | None = Field(
        None, description="name of the batch dimension, or the fixed batch of the file"
    )
    dims: dict[str, Positive] = Field(default_factory=dict, description="values of the other symbolic dimensions")
    inputs: dict[str, Input] = Field(default_factory=dict)
    real: RealInputs | None = Field(None, description="inputs made of pictures, recordings or texts of one's own")
    tolerances: dict[str, Tolerance] = Field(default_factory=dict, description="by precision")
    output_kind: Literal["classification", "mask", "embedding"] | None = Field(
        None, description="what its outputs are, and so what else they are compared by"
    )
    mask_threshold: float | None = Field(None, description="what is above it belongs to a mask")
    tflite: str | None = Field(None, description="the same weights as a .tflite file, relative to the suite")
    saved_model: str | None = Field(None, description="the same weights as TensorFlow's folder, relative to the suite")


class ToolList(Strict):
    """A placeholder made of all inputs, in the model's order."""

    each: str = Field(description="of one input: {name}, {shape}, {dtype}, {file} (.npy), {raw} (its bytes alone)")
    unnamed: str = Field(
        "", description="instead of `each`, where a name is more than letters, digits, underscores and dots"
    )
    between: str = Field(",", description="what stands between inputs")
    sizes: str = Field(",", description="what stands between the sizes of a {shape}")
    types: str = Field("", description="how types are spelled, where not as numpy does: float32=f32 int64=i64")


class Tool(Strict):
    """How a program that measures by itself is called and read. What is left out is that of the catalog's row."""

    command: list[str] | None = Field(None, min_length=1, description="the program and its arguments, one by one")
    read: dict[str, str] | None = Field(None, description="figure with its unit -> regular expression, or keys")
    report: str | None = Field(None, description="a JSON file that the program writes, in {folder}")
    scenario: Literal["latency", "throughput"] | None = None
    lists: dict[str, ToolList] | None = Field(None, description="placeholders made of all inputs, by name")
    reach: list[str] | None = Field(None, description="a program in front, such as ssh: the command runs elsewhere")
    send: list[str] | None = Field(None, description="the command that copies a file {from} here {to} there")
    there: str | None = Field(None, description="the folder elsewhere that files are copied into")
    check: list[str] | None = Field(None, description="a command that proves it can be used")
    comes_with: str | None = Field(None, description="where the program is to be had")
    as_stored: bool | None = Field(None, description="it runs a file at the sizes stored in it: batch 1, no dims")


class Target(Strict):
    """A target of the catalog with something changed."""

    target: str = Field(description="name of the catalog target this one starts from")
    label: str | None = None
    device: str | None = None
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="provider or runtime options"
    )
    session: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        description="graph_optimization_level, execution_mode, and ONNX Runtime session config entries",
    )
    variables: dict[str, str] = Field(default_factory=dict, description="environment variables its worker starts with")
    requirements: list[str] = Field(
        default_factory=list, description="packages that replace the catalog's, such as onnxruntime==1.20.1"
    )
    environment: str = Field(
        "isolated", description="`current`: the interpreter ortbench runs in; or the folder of a virtual environment"
    )
    tool: Tool | None = Field(None, description="a program that measures by itself: how it is called and read")


class Placement(Strict):
    """What an execution provider has to take of a model itself. A cell of which it takes less is unsupported."""

    nodes: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="least share of the nodes")
    time: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="least share of the operators' time")
    strict: bool = Field(False, description="refuse a session of which any node would fall to the CPU provider")


class Precision(Strict):
    """A recipe of the catalog with some of its options changed."""

    precision: str = Field(description="name of the catalog recipe this one starts from")
    options: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)
    tolerance: Tolerance | None = None


class Scenario(Strict):
    """A scenario of the catalog with some of its settings changed."""

    scenario: str = Field(
        description="the kind: latency, device_resident, throughput, server, cold_start, churn or idle"
    )
    label: str | None = None
    concurrency: AFew | None = Field(None, description="throughput, server: requests in flight")
    sessions: AFew | None = Field(None, description="throughput, server: sessions these requests are spread over")
    percentile: Annotated[float, Field(ge=0.5, lt=1)] | None = Field(
        None, description="server: share of the queries that has to be answered within `limit_ms`"
    )
    limit_ms: Annotated[float, Field(gt=0)] | None = Field(
        None, description="server: highest latency at that percentile, waiting included"
    )
    queries: Annotated[int, Field(ge=100, le=1_000_000)] | None = Field(None, description="server: of one probe")
    within: Annotated[float, Field(ge=0.005, le=0.5)] | None = Field(
        None, description="server: where the bisection ends, as a share of the rate"
    )
    processes: Annotated[int, Field(ge=1, le=100)] | None = Field(None, description="cold_start: fresh processes")
    page_cache: Literal["warm", "dropped"] | None = Field(
        None, description="cold_start: whether the model file is in the system's page cache"
    )
    cache: Literal["none", "empty", "warm"] | None = Field(
        None, description="cold_start: what the provider keeps of compiling: not used, empty or filled beforehand"
    )
    cycles: Annotated[int, Field(ge=8, le=10_000)] | None = Field(
        None, description="churn: sessions opened and closed, one after another in one process"
    )
    pause_ms: Annotated[float, Field(ge=0, le=600_000)] | None = Field(
        None, description="idle: before each inference that is timed"
    )
    pauses: Annotated[int, Field(ge=3, le=10_000)] | None = Field(None, description="idle: of one trial")


class Duel(Strict):
    """Two sides measured together in lockstep. Each is the suite with one thing changed, the same thing on both."""

    a: str = Field("as-is", description="the side compared with, such as onnxruntime==1.31.0; as-is changes nothing")
    b: str = Field(
        description="the other side: a package, target, precision, model file, or a setting such as threads=1"
    )


class Axes(Strict):
    """Values of the axes of a sweep; each may be one value or a list. What is left out keeps its default."""

    model: Names | None = None
    target: Names | None = Field(
        None, description="names of targets, on a device where one is named (cuda:1), or `all` the catalog knows"
    )
    precision: Names | None = None
    batch: Counts | None = None
    dims: DimSets | None = Field(None, description="values of symbolic dimensions, such as {sequence: 64}")
    threads: Threads | None = None
    scenario: Names | None = None


class Measure(Strict):
    """What a preset decides, for those who want to decide themselves."""

    rounds: Annotated[int, Field(ge=1, le=100)] | None = None
    max_rounds: Annotated[int, Field(ge=1, le=100)] | None = None
    half_width: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="stop once every interval is this narrow"
    )
    bursts: Annotated[int, Field(ge=6, le=30)] | None = Field(
        None, description="bursts a worker in a round; an even number"
    )
    burst_ms: Annotated[float, Field(gt=0, le=1000)] | None = None
    windows: Annotated[int, Field(ge=0, le=30)] | None = Field(
        None, description="throughput windows a worker in a round"
    )
    window_ms: Annotated[float, Field(ge=200, le=60_000)] | None = None
    concurrency: AFew | None = Field(None, description="requests in flight in a throughput window")
    trial_s: Annotated[float, Field(gt=0)] | None = Field(None, description="driven seconds a trial may take")
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="the smallest change that is worth a word, as a share"
    )
    confirm: bool | None = Field(None, description="a duel: measure once more what reads as slower")


class Suite(Strict):
    """One declarative sweep."""

    suite: Name = Field(description="its name; results are named after it")
    description: str = ""
    preset: Literal["quick", "standard", "precise"] = "standard"
    baseline: str = Field("cpu", description="the target every speedup is against, at FP32")
    seed: int = Field(0, ge=0, lt=2**32, description="of inputs, calibration and the order of rounds")
    models: dict[Name, Model] = Field(default_factory=dict)
    targets: dict[Name, Target] = Field(default_factory=dict)
    precisions: dict[Name, Precision] = Field(default_factory=dict)
    scenarios: dict[Name, Scenario] = Field(default_factory=dict)
    matrix: Axes | None = None
    include: list[Axes] = Field(default_factory=list, description="more cells: each entry is a small matrix of its own")
    exclude: list[Axes] = Field(
        default_factory=list, description="cells to leave out: those that match every axis given"
    )
    duel: Duel | None = Field(None, description="measure every cell twice, side a against side b")
    tolerances: dict[str, Tolerance] = Field(default_factory=dict, description="by precision, over the catalog's")
    placement: Placement = Field(default_factory=Placement)
    measure: Measure = Field(default_factory=Measure)
    limits_s: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict, description="time limits by phase")
