"""The columns of a run, one row a trial. Units are in the names; a null is `unknown`, never zero."""

SCHEMA_VERSION = 5
EQUAL_DB = 999.0  # sqnr_db of outputs that are equal: their ratio to no error is infinite

COLUMNS: dict[str, str] = {
    # where
    "run_id": "string",
    "suite": "string",
    "machine_id": "string",
    "started_at": "timestamp",
    "block_id": "string",
    "group": "int16",
    "cell_id": "string",
    "round": "int16",  # null for a cell that was never started
    "purpose": "string",  # of the round: planned, retry (answers a bimodal trial) or confirm (the second batch)
    # what
    "model": "string",
    "model_sha256": "string",
    "precision": "string",
    "precision_effective": "string",
    "target": "string",
    "target_label": "string",
    "side": "string",  # of a duel: a or b
    "runtime": "string",
    "runtime_version": "string",
    "provider": "string",
    "device": "string",
    "options": "string",  # JSON object of what took effect
    "batch": "int32",
    "dims": "string",  # JSON object
    "threads": "int16",
    "threads_effective": "int16",
    "concurrency": "int16",
    "sessions": "int16",
    "scenario": "string",
    "scenario_kind": "string",
    "boundary": "string",
    "cache": "string",
    "page_cache": "string",  # of a cold start: where the model file was, warm or dropped
    # outcome
    "status": "string",
    "reason": "string",
    "flags": "list<string>",
    # time
    "spawn_ns": "int64",
    "import_ns": "int64",
    "translate_ns": "int64",  # to make the runtime's own form of the model, in a job before anything is timed
    "compile_ns": "int64",
    "create_ns": "int64",
    "first_ns": "int64",
    "warmup_ns": "list<int64>",
    "inferences_per_sample": "int32",
    "samples_ns": "list<int64>",  # each the time of `inferences_per_sample` inferences
    "sample_burst": "list<int16>",  # the burst a sample was taken in; burst i of two trials of a round are neighbours
    "window_ns": "list<int64>",
    "window_completed": "list<int32>",  # inferences, each of `batch` items
    "rate_per_s": "float64",  # server: the highest that held, queries a second
    "probe_rate_per_s": "list<float64>",  # server: one for each rate that was tried, in order
    "probe_queries": "list<int32>",
    "probe_late": "list<int32>",  # of these, over the limit
    "probe_latency_ns": "list<int64>",  # the percentile at that rate, waiting included; null where too few to say
    "cycle_ns": "list<int64>",  # churn: to open a session, run it once and close it
    "cycle_rss_bytes": "list<int64>",  # churn: resident after each; both have nulls where the other was not disturbed
    # space
    "rss_import_bytes": "int64",
    "rss_create_bytes": "int64",
    "rss_first_bytes": "int64",
    "peak_rss_bytes": "int64",
    "device_bytes": "int64",
    "model_bytes": "int64",
    # at the end of the warm-up, where the device is no CPU and tells
    "device_utilisation": "float64",  # share of the time in which it computed
    "device_clock_mhz": "int32",
    # truth
    "nodes_total": "int32",
    "nodes_on_provider": "int32",
    "time_on_provider": "float64",
    "placement": "string",  # JSON object: execution provider -> nodes
    "operators": "string",  # JSON object: "execution provider/operator" -> [nodes, ns an inference or null]
    "output_ok": "bool",
    "max_abs_error": "float64",
    "max_rel_error": "float64",
    "cosine": "float64",
    "sqnr_db": "float64",  # EQUAL_DB where equal
    "top1_agreement": "float64",
    "top5_agreement": "float64",
    "iou": "float64",  # of masks
    "rank_agreement": "float64",  # of embeddings
    "batch_error": "float64",  # the first item of the batch against the same item alone, as max_rel_error
    "repeat_error": "float64",  # the same input once more, as max_rel_error
}
