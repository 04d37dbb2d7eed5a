//! Models: manifests and the runtime that runs them (the only place that knows `ort`).
