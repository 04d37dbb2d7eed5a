//! Features of pictures, kept on disk so that a second run takes seconds.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use vetrina_engine::image::{Behind, ColourDescriptor, Limits, Picture, Sketch, Subject, decode_at_least, repaired};
use vetrina_engine::learn::Rows;
use vetrina_engine::model::{ImageModel, OnnxModel, RuntimeOptions, builtin_manifest, builtin_model, features_of};
use vetrina_engine::photo::{SecondLook, VERSION, first_look};
use vetrina_engine::region::regions;
use vetrina_engine::search::QueryColours;

/// Pictures that go through the model together.
const BATCH: usize = 4;

type Key = [u8; 32];

/// The model's features of pictures, by the hash of the file and the name of what was done to the picture.
pub struct Features {
    model: std::sync::OnceLock<OnnxModel>,
    known: HashMap<Key, Vec<f32>>,
    file: PathBuf,
    /// Numbers of a whole feature, and of its pooled vector.
    dims: (usize, usize),
}

impl Features {
    /// Opens the store, `$XDG_CACHE_HOME/vetrina/features/…`.
    pub fn open() -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).context("no home folder")?;
        let manifest = builtin_manifest()?;
        let dims = (manifest.feature_len(), manifest.outputs.pooled.dim);
        let (layers, preprocessing) = (manifest.of_heads(true), manifest.preprocessing());
        let model = blake3::hash(format!("{layers} {preprocessing}").as_bytes()).to_hex();
        let file = cache.join("vetrina/features").join(format!("{}.bin", &model[..16]));
        let known = read(&file, dims.0)?;
        Ok(Self { model: std::sync::OnceLock::new(), known, file, dims })
    }

    /// The pooled vectors of pictures as they are, in order.
    pub fn of(&mut self, paths: &[PathBuf]) -> Result<Rows> {
        let whole = self.whole_of(paths)?;
        self.pooled(&whole)
    }

    /// Their whole features: pooled vectors and what inner layers say.
    pub fn whole_of(&mut self, paths: &[PathBuf]) -> Result<Rows> {
        self.of_changed(paths, "", |_, picture| picture)
    }

    /// The pooled vectors of whole features.
    pub fn pooled(&self, whole: &Rows) -> Result<Rows> {
        Ok(whole.split_at(self.dims.1).context("features are too short")?.0)
    }

    /// The whole features of pictures after `change`, whose `name` tells it from all others; it is given the picture's place.
    pub fn of_changed(
        &mut self,
        paths: &[PathBuf],
        name: &str,
        change: impl Fn(usize, Picture) -> Picture + Sync,
    ) -> Result<Rows> {
        self.of_looked_at(paths, name, |model, places| {
            let side = model.manifest().input.size;
            let pictures = places
                .iter()
                .map(|&place| Ok(change(place, decode(&paths[place], side)?)))
                .collect::<Result<Vec<_>>>()?;
            Ok(features_of(model, &pictures, false)?.into_iter().map(|feature| feature.pooled).collect())
        })
    }

    /// The whole features of shoppers' photos, as a search takes them (see [`vetrina_engine::photo`]), after `change`.
    pub fn of_photos(
        &mut self,
        paths: &[PathBuf],
        name: &str,
        change: impl Fn(usize, Picture) -> Picture + Sync,
    ) -> Result<Rows> {
        self.of_looked_at(paths, &format!("{name}, as a photo, version {VERSION}"), |model, places| {
            let side = model.manifest().input.size;
            let each = places.iter().map(|&place| {
                let picture = change(place, decode(&paths[place], side)?);
                let first = first_look(model, &picture)?;
                let pooled = first.corrected(model);
                let sketch = Sketch::of(&picture);
                let (seen, behind) = (regions(&sketch, first.map.as_ref()), Behind::of(&Subject::of(&sketch)));
                let Some(second) = SecondLook::at(&seen, behind) else { return Ok(pooled) };
                let close = first_look(model, &picture.crop(&second.region))?.corrected(model);
                Ok(second.joined(model.manifest().outputs.pooled.dim, &pooled, &close))
            });
            each.collect()
        })
    }

    /// The colours of photos, after `change`, as a search takes them: where a photo is found as it is, and where it is looked at a
    /// second time. Takes one or two inferences a photo; not kept.
    pub fn colours_of_photos(
        &self,
        paths: &[PathBuf],
        change: impl Fn(usize, Picture) -> Picture + Sync,
    ) -> Result<Vec<[QueryColours; 2]>> {
        let model = self.model()?;
        let side = model.manifest().input.size;
        let one = |(place, path): (usize, &PathBuf)| {
            let picture = change(place, decode(path, side)?);
            let first = first_look(model, &picture)?;
            let sketch = Sketch::of(&picture);
            let (seen, behind) = (regions(&sketch, first.map.as_ref()), Behind::of(&Subject::of(&sketch)));
            let colours = first.colours(&picture);
            let close = match SecondLook::at(&seen, behind).filter(|_| behind == Behind::Busy) {
                Some(second) => {
                    let part = picture.crop(&second.region);
                    first_look(model, &part)?.colours(&part)
                }
                None => colours.clone(),
            };
            Ok([colours, close].map(|colours| QueryColours::of(colours, behind)))
        };
        paths.par_iter().enumerate().map(one).collect()
    }

    /// Whether a search repairs the pixels of each photo, after `change`, before it looks at it. Takes milliseconds a photo; not kept.
    pub fn repaired(paths: &[PathBuf], change: impl Fn(usize, Picture) -> Picture + Sync) -> Result<Vec<bool>> {
        let side = builtin_manifest()?.input.size;
        let one = |(place, path): (usize, &PathBuf)| Ok(repaired(&change(place, decode(path, side)?), side).is_some());
        paths.par_iter().enumerate().map(one).collect()
    }

    /// The colours of a catalogue's pictures, as an import takes them.
    pub fn colours(paths: &[PathBuf]) -> Result<Vec<ColourDescriptor>> {
        let side = builtin_manifest()?.input.size;
        paths.par_iter().map(|path| Ok(ColourDescriptor::of(&decode(path, side)?))).collect()
    }

    /// The whole features that `look` gives for the pictures at some places, where `name` tells it from all others.
    pub fn of_looked_at(
        &mut self,
        paths: &[PathBuf],
        name: &str,
        look: impl Fn(&OnnxModel, &[usize]) -> Result<Vec<Vec<f32>>> + Sync,
    ) -> Result<Rows> {
        let keys: Vec<Key> = paths.par_iter().map(|path| key(path, name)).collect::<Result<_>>()?;
        let missing: Vec<usize> = (0..paths.len()).filter(|&place| !self.known.contains_key(&keys[place])).collect();
        if !missing.is_empty() {
            self.compute(&keys, &missing, name, &look)?;
        }
        let mut rows = Rows::new(self.dims.0);
        for key in &keys {
            let feature = self.known.get(key).context("a feature was not stored")?;
            rows.push(feature);
        }
        Ok(rows)
    }

    fn model(&self) -> Result<&OnnxModel> {
        if let Some(model) = self.model.get() {
            return Ok(model);
        }
        let opened = builtin_model(&RuntimeOptions::default());
        let opened = opened.map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))?;
        Ok(self.model.get_or_init(|| opened))
    }

    fn compute(
        &mut self,
        keys: &[Key],
        missing: &[usize],
        name: &str,
        look: &(impl Fn(&OnnxModel, &[usize]) -> Result<Vec<Vec<f32>>> + Sync),
    ) -> Result<()> {
        let model = self.model()?;
        fs::create_dir_all(self.file.parent().context("no folder")?)?;
        let file = Mutex::new(OpenOptions::new().create(true).append(true).open(&self.file)?);
        let done = AtomicUsize::new(0);
        let computed: Vec<Vec<(Key, Vec<f32>)>> = missing
            .par_chunks(BATCH)
            .map(|places| {
                let features = look(model, places)?;
                let records: Vec<(Key, Vec<f32>)> = places.iter().map(|&place| keys[place]).zip(features).collect();
                let bytes: Vec<u8> = records.iter().flat_map(|(key, feature)| record(key, feature)).collect();
                file.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?.write_all(&bytes)?;
                let now = done.fetch_add(places.len(), Ordering::Relaxed) + places.len();
                if now / 500 != (now - places.len()) / 500 {
                    eprintln!("{now} of {} pictures {name}", missing.len());
                }
                Ok(records)
            })
            .collect::<Result<_>>()?;
        self.known.extend(computed.into_iter().flatten());
        Ok(())
    }
}

pub fn decode(path: &Path, side: u32) -> Result<Picture> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    decode_at_least(&bytes, &Limits::default(), side).with_context(|| path.display().to_string())
}

fn key(path: &Path, name: &str) -> Result<Key> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(&bytes).as_bytes()).update(name.as_bytes());
    Ok(*hasher.finalize().as_bytes())
}

/// The key, then the numbers in little-endian order.
fn record(key: &Key, feature: &[f32]) -> Vec<u8> {
    key.iter().copied().chain(feature.iter().flat_map(|value| value.to_le_bytes())).collect()
}

fn read(path: &Path, dim: usize) -> Result<HashMap<Key, Vec<f32>>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => bail!("{}: {error}", path.display()),
    };
    let len = 32 + 4 * dim;
    // A run that was interrupted may have left part of a record: it is cut off, so that the next one begins in place.
    let whole = bytes.len() / len * len;
    if whole < bytes.len() {
        OpenOptions::new().write(true).open(path)?.set_len(whole as u64)?;
    }
    let parse = |record: &[u8]| -> Option<(Key, Vec<f32>)> {
        let (key, numbers) = record.split_first_chunk::<32>()?;
        let feature = numbers.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Some((*key, feature.collect()))
    };
    Ok(bytes.chunks_exact(len).filter_map(parse).collect())
}
