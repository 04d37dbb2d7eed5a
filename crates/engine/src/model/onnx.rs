//! An ONNX image encoder, run by ONNX Runtime.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{OutputSelector, RunOptions, Session};
use ort::value::{Outlet, TensorElementType, TensorRef};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::manifest::FeaturesOutput;
use super::{Feature, FeatureMap, ImageModel, Layout, Looking, Manifest, ModelError, Runtime, Tensor, load_runtime};

/// For how many microseconds a thread waits for the next piece of work without sleeping.
const SPINNING: &str = "20";

/// How a model is run.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// ONNX Runtime's library; `None` looks where [`super::find_runtime`] says.
    pub library: Option<PathBuf>,
    /// Threads that work on a batch while no other is worked on, at least 1.
    pub threads: usize,
    /// Batches that can be worked on at the same time, at least 1: then by one thread each.
    pub sessions: usize,
}

impl Default for RuntimeOptions {
    /// As many threads for a batch alone, and batches at once, as the machine has cores, four at most. On two cores (images a
    /// second / milliseconds of processor time for one, three times each): 2 threads, 1 caller 111–119 / 15–16; 1 thread each, 2 callers 136–143 / 14; 2 threads each, 2 callers 115–134 / 15–17. So one query alone is answered
    /// soonest, and imports and crowds get the most out of the cores. Larger batches gain nothing.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        Self { library: None, threads: cores, sessions: cores }
    }
}

/// An opened model. `ort` does not let two threads run one session at once, so there are a few: one for a batch that is alone,
/// which all threads work on, and those for batches at the same time, with a thread each, opened when there first are several (about
/// 40 MiB each for the built-in model). Who finds none free waits for the next in turn.
#[derive(Debug)]
pub struct OnnxModel {
    manifest: Manifest,
    bytes: Cow<'static, [u8]>,
    runtime: Runtime,
    alone: Mutex<Session>,
    shared: Vec<Mutex<Option<Session>>>,
    /// Batches that are worked on or wait for it.
    running: AtomicUsize,
    turn: AtomicUsize,
    threads: usize,
    /// Pictures that are looked at, whether their batch is worked on or not.
    looking: AtomicUsize,
}

impl OnnxModel {
    /// Opens a model: `bytes` is the ONNX file that `manifest` speaks of.
    ///
    /// # Errors
    /// The errors of [`load_runtime`]; [`ModelError::Checksum`] for another file; [`ModelError::Open`] when the runtime
    /// refuses the file or its inputs and outputs are not those of the manifest.
    pub fn open(
        manifest: Manifest,
        bytes: impl Into<Cow<'static, [u8]>>,
        options: &RuntimeOptions,
    ) -> Result<Self, ModelError> {
        let bytes = bytes.into();
        manifest.check_file(&bytes)?;
        let runtime = load_runtime(options.library.as_deref())?;
        let failed = |reason: String| ModelError::Open { model: manifest.name.clone(), reason };
        let alone = open_session(&runtime, &bytes, options.threads).map_err(failed)?;
        check_session(&manifest, &alone).map_err(failed)?;
        Ok(Self {
            manifest,
            bytes,
            runtime,
            alone: Mutex::new(alone),
            shared: (0..options.sessions.max(1)).map(|_| Mutex::default()).collect(),
            running: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            threads: options.threads.max(1),
            looking: AtomicUsize::new(0),
        })
    }

    /// A session for one of `running` batches: one that is free, or the next in turn when it becomes so.
    fn session(&self, running: usize) -> Result<MappedMutexGuard<'_, Session>, String> {
        if running == 1
            && self.looking.load(Ordering::Acquire) <= 1
            && let Some(alone) = self.alone.try_lock()
        {
            return Ok(MutexGuard::map(alone, |session| session));
        }
        let mut session = self.shared.iter().find_map(Mutex::try_lock).unwrap_or_else(|| {
            // There is always at least one, so the index is in range.
            self.shared[self.turn.fetch_add(1, Ordering::Relaxed) % self.shared.len()].lock()
        });
        if session.is_none() {
            *session = Some(open_session(&self.runtime, &self.bytes, 1)?);
        }
        MutexGuard::try_map(session, Option::as_mut).map_err(|_| "its session is not there".to_owned())
    }

    fn run(&self, session: &mut Session, batch: &[Tensor], want_maps: bool) -> Result<Vec<Feature>, String> {
        let side = self.manifest.input.size as usize;
        let shape = match self.manifest.input.layout {
            Layout::Nchw => [batch.len(), 3, side, side],
            Layout::Nhwc => [batch.len(), side, side, 3],
        };
        let joined;
        let values: &[f32] = match batch {
            [one] => one.values(),
            many => {
                joined = many.iter().flat_map(Tensor::values).copied().collect::<Vec<f32>>();
                &joined
            }
        };
        let pooled = &self.manifest.outputs.pooled;
        let maps = self.manifest.outputs.features.as_ref().filter(|_| want_maps);
        let mut wanted = OutputSelector::no_default().with(&pooled.name);
        if let Some(maps) = maps {
            wanted = wanted.with(&maps.name);
        }
        let finer = self.manifest.outputs.finer.as_ref().filter(|_| maps.is_some());
        if let Some(finer) = finer {
            wanted = wanted.with(&finer.name);
        }
        let layers = self.manifest.outputs.layers.as_ref();
        if let Some(layers) = layers {
            wanted = wanted.with(&layers.name);
        }
        let input = TensorRef::from_array_view((shape, values)).map_err(|error| error.to_string())?;
        let options = RunOptions::new().map_err(|error| error.to_string())?.with_outputs(wanted);
        let outputs = session
            .run_with_options(ort::inputs![self.manifest.input.name.as_str() => input], &options)
            .map_err(|error| error.to_string())?;
        let read = |name: &str, len: usize| -> Result<&[f32], String> {
            let value = outputs.get(name).ok_or_else(|| format!("no output `{name}`"))?;
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
            if values.len() == len * batch.len() { Ok(values) } else { Err(format!("`{name}` has shape {shape:?}")) }
        };
        let vectors = read(&pooled.name, pooled.dim)?.chunks_exact(pooled.dim);
        let inner = layers.map(|layers| Ok::<_, String>((read(&layers.name, layers.dim)?, layers.dim))).transpose()?;
        let joined = |(place, vector): (usize, &[f32])| match inner {
            Some((inner, dim)) => [vector, &inner[place * dim..(place + 1) * dim]].concat(),
            None => vector.to_vec(),
        };
        let vectors = vectors.enumerate().map(joined);
        let Some(maps) = maps else {
            return Ok(vectors.map(|pooled| Feature { pooled, map: None }).collect());
        };
        let all = |output: &FeaturesOutput| -> Result<Vec<Option<FeatureMap>>, String> {
            let (channels, height, width) = (output.channels, output.height, output.width);
            let planes = read(&output.name, channels * height * width)?.chunks_exact(channels * height * width);
            Ok(planes.map(|plane| FeatureMap::new(channels, height, width, plane.to_vec())).collect())
        };
        let mut finer = finer.map(all).transpose()?.unwrap_or_default().into_iter();
        let maps = all(maps)?.into_iter().map(|map| map.map(|map| map.with_finer(finer.next().flatten())));
        Ok(vectors.zip(maps).map(|(pooled, map)| Feature { pooled, map }).collect())
    }
}

impl ImageModel for OnnxModel {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn looking(&self) -> Looking<'_> {
        Looking(Some(Running::one_more(&self.looking)))
    }

    fn features(&self, batch: &[Tensor], want_maps: bool) -> Result<Vec<Feature>, ModelError> {
        check_batch(&self.manifest, batch)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let running = Running::one_more(&self.running);
        let done = self.session(running.count).and_then(|mut session| self.run(&mut session, batch, want_maps));
        done.map_err(|reason| ModelError::Inference { model: self.manifest.name.clone(), batch: batch.len(), reason })
    }
}

/// Counts a batch, or a picture that is looked at, until it is dropped.
#[derive(Debug)]
pub(super) struct Running<'m> {
    of: &'m AtomicUsize,
    /// How many there were with this one.
    count: usize,
}

impl<'m> Running<'m> {
    fn one_more(of: &'m AtomicUsize) -> Self {
        Self { of, count: of.fetch_add(1, Ordering::AcqRel) + 1 }
    }

    /// How many there are now.
    pub(super) fn now(&self) -> usize {
        self.of.load(Ordering::Acquire)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.of.fetch_sub(1, Ordering::AcqRel);
    }
}

fn open_session(runtime: &Runtime, bytes: &[u8], threads: usize) -> Result<Session, String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    Session::builder(runtime.environment())
        .map_err(|error| say(&error))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(|error| say(&error))?
        .with_intra_threads(threads.max(1))
        .map_err(|error| say(&error))?
        // Between two layers a thread has nothing to do for microseconds: to sleep and be woken takes longer (decision 74).
        .with_intra_op_spinning(true)
        .map_err(|error| say(&error))?
        .with_config_entry("session.intra_op.spin_duration_us", SPINNING)
        .map_err(|error| say(&error))?
        // No room for all layers at once: as fast, and 15 MiB a session less (decision 65).
        .with_memory_pattern(false)
        .map_err(|error| say(&error))?
        .commit_from_memory(bytes)
        .map_err(|error| say(&error))
}

/// Refuses a batch with a tensor of another size than the manifest says.
pub(super) fn check_batch(manifest: &Manifest, batch: &[Tensor]) -> Result<(), ModelError> {
    let expected = manifest.input_len();
    match batch.iter().position(|tensor| tensor.values().len() != expected) {
        None => Ok(()),
        Some(index) => Err(ModelError::Input {
            model: manifest.name.clone(),
            index,
            found: batch.get(index).map_or(0, |tensor| tensor.values().len()),
            expected,
        }),
    }
}

/// Refuses a session whose inputs and outputs are not those of the manifest. Sizes the graph leaves open (negative) fit.
fn check_session(manifest: &Manifest, session: &Session) -> Result<(), String> {
    let (inputs, outputs) = (session.inputs(), session.outputs());
    let side = i64::from(manifest.input.size);
    let image = match manifest.input.layout {
        Layout::Nchw => vec![-1, 3, side, side],
        Layout::Nhwc => vec![-1, side, side, 3],
    };
    check_port("input", inputs, &manifest.input.name, &image)?;
    if inputs.len() != 1 {
        return Err(format!("the graph has {} inputs, an image encoder has one", inputs.len()));
    }
    let len = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let pooled = &manifest.outputs.pooled;
    check_port("output", outputs, &pooled.name, &[-1, len(pooled.dim)])?;
    for map in [&manifest.outputs.features, &manifest.outputs.finer].into_iter().flatten() {
        check_port("output", outputs, &map.name, &[-1, len(map.channels), len(map.height), len(map.width)])?;
    }
    if let Some(layers) = &manifest.outputs.layers {
        check_port("output", outputs, &layers.name, &[-1, len(layers.dim)])?;
    }
    Ok(())
}

fn check_port(kind: &str, ports: &[Outlet], name: &str, expected: &[i64]) -> Result<(), String> {
    let Some(port) = ports.iter().find(|port| port.name() == name) else {
        let names: Vec<&str> = ports.iter().map(Outlet::name).collect();
        return Err(format!("the graph has no {kind} `{name}`, only {names:?}"));
    };
    if port.dtype().tensor_type() != Some(TensorElementType::Float32) {
        return Err(format!("{kind} `{name}` is {}, not a tensor of 32-bit floats", port.dtype()));
    }
    let shape = port.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
    let fits = shape.len() == expected.len()
        && shape.iter().zip(expected).all(|(&has, &wants)| has < 0 || wants < 0 || has == wants);
    if fits { Ok(()) } else { Err(format!("{kind} `{name}` has shape {shape:?}, the manifest says {expected:?}")) }
}

#[cfg(test)]
mod tests {
    use super::super::builtin::MANIFEST;
    use super::super::{builtin_model, preprocess};
    use super::*;
    use crate::image::Picture;

    fn one_session() -> OnnxModel {
        builtin_model(&RuntimeOptions { sessions: 1, ..RuntimeOptions::default() }).expect("run `make setup`")
    }

    fn picture(seed: u8) -> Picture {
        let rgb = (0..300 * 200 * 3).map(|at| ((at / 97) as u8).wrapping_mul(seed)).collect();
        Picture::from_rgb(300, 200, rgb).unwrap()
    }

    #[test]
    fn a_batch_is_its_pictures_in_order_and_maps_pool_to_the_vector() {
        let model = one_session();
        let batch: Vec<Tensor> = [3, 5, 7].map(|seed| preprocess(model.manifest(), &picture(seed))).into();
        let together = model.features(&batch, true).unwrap();
        assert_eq!(together.len(), 3);
        for (tensor, feature) in batch.iter().zip(&together) {
            let alone = model.features(std::slice::from_ref(tensor), false).unwrap().remove(0);
            assert_eq!(alone.map, None);
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-3 * (1.0 + a.abs()));
            assert!(close(&alone.pooled, &feature.pooled));
            assert_eq!(feature.pooled.len(), model.manifest().feature_len());
            let inner = &feature.pooled[1280..];
            let length = inner.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((0.3..10.0).contains(&length), "scaled to stand beside a unit vector: {length}");
            assert!(close(&feature.map.as_ref().unwrap().generalised_mean(3.0), &feature.pooled));
        }
        assert!(model.features(&[], true).unwrap().is_empty());
    }

    #[test]
    fn more_threads_than_sessions_wait_for_their_turn() {
        let model = one_session();
        let tensor = preprocess(model.manifest(), &picture(3));
        let expected = model.features(std::slice::from_ref(&tensor), false).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(model.features(std::slice::from_ref(&tensor), false).unwrap(), expected));
            }
        });
    }

    #[test]
    fn a_batch_is_alone_where_no_other_picture_is_looked_at_and_says_the_same_beside_one() {
        let model = one_session();
        let tensor = preprocess(model.manifest(), &picture(3));
        let features = || model.features(std::slice::from_ref(&tensor), false).unwrap().remove(0).pooled;
        let own = model.looking();
        assert!(own.is_alone());
        let alone = features();
        let shared = || model.shared.iter().any(|session| session.lock().is_some());
        assert!(!shared(), "no session of one thread is opened for a batch that is alone");
        let other = model.looking();
        assert!(!own.is_alone() && !other.is_alone());
        assert_eq!(features(), alone, "the same to the last bit");
        assert!(shared());
        drop(other);
        assert!(own.is_alone());
    }

    #[test]
    fn a_tensor_of_another_size_is_refused_with_its_place() {
        let model = one_session();
        let good = preprocess(model.manifest(), &picture(3));
        let error = model.features(&[good, Tensor::new(vec![0.0; 10])], false).unwrap_err();
        assert!(matches!(error, ModelError::Input { index: 1, found: 10, .. }), "{error}");
    }

    #[test]
    fn a_manifest_that_speaks_of_another_graph_is_refused() {
        let bytes = std::fs::read("../../models/efficientnet-lite2/model.onnx").unwrap();
        for (from, to, says) in [
            ("size = 260", "size = 224", "shape"),
            ("name = \"image\"", "name = \"picture\"", "no input `picture`"),
            ("dim = 1280", "dim = 640", "`pooled` has shape"),
            ("name = \"features\"", "name = \"maps\"", "no output `maps`"),
            ("name = \"layers\"", "name = \"inner\"", "no output `inner`"),
            ("dim = 3744", "dim = 64", "`layers` has shape"),
        ] {
            let manifest = Manifest::from_toml(&MANIFEST.replace(from, to), "test").unwrap();
            let error = OnnxModel::open(manifest, bytes.clone(), &RuntimeOptions::default()).unwrap_err();
            assert!(matches!(error, ModelError::Open { .. }) && error.to_string().contains(says), "{to}: {error}");
        }
    }

    #[test]
    fn a_damaged_file_is_refused_even_when_its_checksum_is_said_to_be_right() {
        let mut bytes = std::fs::read("../../models/efficientnet-lite2/model.onnx").unwrap();
        bytes.truncate(100_000);
        let checksum = super::super::manifest::hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
        let mut manifest = Manifest::from_toml(MANIFEST, "test").unwrap();
        let error = OnnxModel::open(manifest.clone(), bytes.clone(), &RuntimeOptions::default()).unwrap_err();
        assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
        manifest.file_sha256 = Some(checksum);
        let error = OnnxModel::open(manifest, bytes, &RuntimeOptions::default()).unwrap_err();
        assert!(matches!(error, ModelError::Open { .. }), "{error}");
    }
}
