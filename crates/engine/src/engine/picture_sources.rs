//! Pictures of products: found where a product says they are, read, put through the model.
//!
//! A picture is known by the hash of its bytes. What is known is not decoded again: not when the store has its feature, and
//! not when another thread has it at work right now.

use std::collections::HashMap;
use std::io::{Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use half::f16;
use parking_lot::Mutex;
use tempfile::{SpooledTempFile, spooled_tempfile_in};

use super::looking::{Want, look_at};
use super::{Engine, EngineError};
use crate::catalogue::store::{ImageRow, SourceRow};
use crate::fetch::{Source, Sources, Validators};
use crate::image::{ColourDescriptor, ImageHash, decode_at_least};
use crate::understand::{self, Understanding};

/// Pictures that cannot be read are remembered up to this many, so that a broken one that all products show is tried once.
const MOST_BROKEN: usize = 1_000;
/// A fetched picture of more bytes waits on disk.
const IN_MEMORY: usize = 1 << 20;

/// Pictures that are at work in this job, so that the same bytes are embedded once however many products show them.
#[derive(Debug, Default)]
pub(super) struct AtWork {
    pictures: Mutex<HashMap<ImageHash, Arc<OnceLock<Result<Learned, Problem>>>>>,
}

impl AtWork {
    /// Forgets pictures that are in the store now, and broken ones when there are many.
    pub(super) fn forget<'a>(&self, hashes: impl Iterator<Item = &'a ImageHash>) {
        let mut pictures = self.pictures.lock();
        for hash in hashes {
            pictures.remove(hash);
        }
        if pictures.len() > MOST_BROKEN {
            pictures.retain(|_, picture| !matches!(picture.get(), Some(Err(_))));
        }
    }
}

/// A picture that was read and put through the model.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub(super) row: ImageRow,
    pub(super) feature: Arc<Vec<f16>>,
    pub(super) colours: Option<Arc<ColourDescriptor>>,
    pub(super) understanding: Option<Arc<Understanding>>,
}

/// Why a picture of a product cannot be used.
#[derive(Debug, Clone)]
pub(super) enum Problem {
    /// The picture's own fault; the product may do without it.
    Item {
        /// Kebab-case name.
        code: String,
        /// What happened.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Not the picture's fault: nothing can go on.
    Fatal(Arc<EngineError>),
}

/// What an address gave.
#[derive(Debug)]
pub(super) enum Remote {
    /// A picture that is known.
    Known {
        hash: ImageHash,
        learned: Learned,
        /// To be noted, where something was learnt about the address.
        source: Option<SourceRow>,
    },
    /// Bytes that may be a picture; on disk when they are many.
    Bytes { bytes: SpooledTempFile, media_type: Option<String>, validators: Validators, fresh_for: Duration },
}

/// How a candidate's pictures are looked for.
pub(super) struct Looking<'a> {
    pub(super) sources: &'a Sources,
    pub(super) revalidate: bool,
    pub(super) want: Want,
    /// Whether the catalogue's space sees colours.
    pub(super) colours: bool,
    pub(super) at_work: &'a AtWork,
}

impl Engine {
    /// One picture of a product: found, known or learned.
    pub(super) fn picture(
        &self,
        source: &str,
        looking: &Looking<'_>,
        fetched: &mut HashMap<String, Result<Remote, Problem>>,
    ) -> Result<Found, Problem> {
        let sources = looking.sources;
        let resolved = sources.resolve(source).map_err(|error| item(error.code(), &error, error.hint()))?;
        match resolved {
            Source::Remote(url) => {
                let remote = fetched.remove(&url).unwrap_or_else(|| self.fetch(&url, looking.revalidate, &|| false))?;
                self.remote(url, remote, looking)
            }
            Source::File(path) => {
                let key = file_key(&path);
                let (size, modified) = stat(&path);
                let row = self.store.source(&key).map_err(fatal)?;
                if let Some(row) = row.filter(|row| size.is_some() && (row.size, row.modified) == (size, modified))
                    && let Some(learned) = self.known(&row.hash)?
                {
                    return Ok(Found { hash: row.hash, learned, new: false, embedded: false, source: None });
                }
                let bytes = self.read_source(&Source::File(path), source, sources)?;
                let mut found = self.learn(&bytes, looking)?;
                let row = SourceRow { size, modified, ..SourceRow::of(found.hash) };
                found.source = Some((key, row));
                Ok(found)
            }
            Source::Archive(name) => {
                let packed = sources.packed(&name);
                if let Some((key, size, sum)) = &packed
                    && let Some(row) = self.store.source(key).map_err(fatal)?
                    && (row.size, row.modified) == (Some(*size), Some(*sum))
                    && let Some(learned) = self.known(&row.hash)?
                {
                    return Ok(Found { hash: row.hash, learned, new: false, embedded: false, source: None });
                }
                let bytes = self.read_source(&Source::Archive(name), source, sources)?;
                let mut found = self.learn(&bytes, looking)?;
                found.source = packed.map(|(key, size, sum)| {
                    (key, SourceRow { size: Some(size), modified: Some(sum), ..SourceRow::of(found.hash) })
                });
                Ok(found)
            }
            Source::Data => {
                let bytes = self.read_source(&Source::Data, source, sources)?;
                self.learn(&bytes, looking)
            }
        }
    }

    fn read_source(&self, resolved: &Source, source: &str, sources: &Sources) -> Result<Vec<u8>, Problem> {
        sources
            .read(resolved, source, self.options.limits.file_bytes)
            .map_err(|error| item(error.code(), &error, error.hint()))
    }

    /// Fetches what is at an address, unless it is known to be as before. `stop` ends waiting.
    pub(super) fn fetch(&self, url: &str, revalidate: bool, stop: &dyn Fn() -> bool) -> Result<Remote, Problem> {
        let row = self.store.source(url).map_err(fatal)?;
        let known = match &row {
            Some(row) => self.known(&row.hash)?.map(|learned| (row, learned)),
            None => None,
        };
        if let Some((row, learned)) = &known
            && !revalidate
            && is_fresh(row)
        {
            return Ok(Remote::Known { hash: row.hash, learned: learned.clone(), source: None });
        }
        let validators = known.as_ref().map_or_else(Validators::default, |(row, _)| Validators {
            etag: row.etag.clone(),
            last_modified: row.last_modified.clone(),
        });
        let fetched = match (self.fetcher.get_if_changed(url, &validators, stop), known) {
            (Ok(Some(fetched)), _) => fetched,
            (Ok(None), Some((row, learned))) => {
                let row = SourceRow { checked_at: Utc::now(), ..row.clone() };
                return Ok(Remote::Known { hash: row.hash, learned, source: Some(row) });
            }
            // A server that is away for a moment takes no picture from the shop window.
            (Err(error), Some((row, learned))) if error.may_pass() => {
                tracing::warn!(url, %error, "the picture could not be looked at again; the one known is kept");
                return Ok(Remote::Known { hash: row.hash, learned, source: None });
            }
            (Ok(None), None) => return Err(item("network", &"the server did not send the picture", "try again later")),
            (Err(error), _) => return Err(item(error.code(), &error, error.hint())),
        };
        let mut bytes = spooled_tempfile_in(IN_MEMORY, &self.options.data);
        bytes.write_all(&fetched.bytes).map_err(|error| self.spool(error))?;
        Ok(Remote::Bytes {
            bytes,
            media_type: fetched.media_type,
            validators: fetched.validators,
            fresh_for: fetched.fresh_for,
        })
    }

    fn spool(&self, error: std::io::Error) -> Problem {
        fatal(EngineError::io("cannot keep a fetched picture in", &self.options.data)(error))
    }

    fn remote(&self, url: String, remote: Remote, looking: &Looking<'_>) -> Result<Found, Problem> {
        let (mut file, media_type, validators, fresh_for) = match remote {
            Remote::Known { hash, learned, source } => {
                return Ok(Found { hash, learned, new: false, embedded: false, source: source.map(|row| (url, row)) });
            }
            Remote::Bytes { bytes, media_type, validators, fresh_for } => (bytes, media_type, validators, fresh_for),
        };
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|error| self.spool(error))?;
        let mut found = self.learn(&bytes, looking).map_err(|problem| match (problem, media_type) {
            (Problem::Item { code, reason, hint }, Some(media_type)) if code == "not-a-picture" => {
                Problem::Item { code, reason: format!("{reason} (the server calls it {media_type})"), hint }
            }
            (problem, _) => problem,
        })?;
        let row = SourceRow {
            etag: validators.etag,
            last_modified: validators.last_modified,
            fresh_seconds: Some(fresh_for.as_secs()),
            ..SourceRow::of(found.hash)
        };
        found.source = Some((url, row));
        Ok(found)
    }

    /// What the store knows of an image, wholly: size, feature, file.
    fn known(&self, hash: &ImageHash) -> Result<Option<Learned>, Problem> {
        let Some(row) = self.store.image(hash).map_err(fatal)? else { return Ok(None) };
        let feature = self.features(std::slice::from_ref(hash), true).map_err(fatal)?.pop().flatten();
        let Some(feature) = feature.filter(|_| self.files.has(hash, row.bytes)) else { return Ok(None) };
        let understood = self.store.understandings(std::slice::from_ref(hash), understand::VERSION).map_err(fatal)?;
        Ok(Some(Learned {
            row,
            feature: Arc::new(feature.into_iter().map(f16::from_f32).collect()),
            // Read where the space sees them: see `complete`.
            colours: None,
            understanding: understood.into_iter().next().flatten().map(Arc::new),
        }))
    }

    /// Learns a picture from its bytes, once.
    fn learn(&self, bytes: &[u8], looking: &Looking<'_>) -> Result<Found, Problem> {
        let hash = ImageHash::of(bytes);
        if let Some(learned) = self.known(&hash)? {
            return Ok(Found { hash, learned, new: false, embedded: false, source: None });
        }
        let entry = Arc::clone(looking.at_work.pictures.lock().entry(hash).or_default());
        let (mut new, mut embedded) = (true, false);
        let learned = entry.get_or_init(|| {
            // Another product may have brought it into the store since.
            if let Some(learned) = self.known(&hash)? {
                new = false;
                return Ok(learned);
            }
            embedded = true;
            // Decoders are foreign code: what makes one panic is a broken picture, not the end of the job.
            catch_unwind(AssertUnwindSafe(|| self.read_and_learn(&hash, bytes, looking))).unwrap_or_else(|_| {
                Err(item("picture-unreadable", &"reading the picture failed badly", "save it anew"))
            })
        });
        if !new {
            looking.at_work.forget([hash].iter());
        }
        Ok(Found { hash, learned: learned.clone()?, new, embedded, source: None })
    }

    fn read_and_learn(&self, hash: &ImageHash, bytes: &[u8], looking: &Looking<'_>) -> Result<Learned, Problem> {
        let model = self.model().map_err(fatal)?;
        let side = model.manifest().input.size;
        let picture = decode_at_least(bytes, &self.options.limits, side)
            .map_err(|error| item(error.code(), &error, error.hint()))?;
        let (width, height) = picture.original_size();
        let (feature, understanding) = look_at(model.as_ref(), &picture, looking.want).map_err(fatal)?;
        let colours = looking.colours.then(|| Arc::new(ColourDescriptor::of(&picture)));
        drop(picture);
        // Rounded before it is used, so that an embedding made now and one made again from the store are the same.
        let feature = self.feature_key.rounded(&feature.pooled);
        self.files
            .put(hash, bytes)
            .map_err(|error| fatal(EngineError::io("cannot keep a picture under", &self.options.data)(error)))?;
        Ok(Learned {
            row: ImageRow { width, height, bytes: bytes.len() as u64 },
            feature: Arc::new(feature),
            colours,
            understanding: understanding.map(Arc::new),
        })
    }

    /// A picture that was known by a version that kept pooled vectors alone, learned again from its kept file.
    pub(super) fn learned_anew(&self, found: Found, looking: &Looking<'_>) -> Result<Found, Problem> {
        let failed = |error| fatal(EngineError::io("cannot read a picture under", &self.options.data)(error));
        let gone = || item("picture-unreadable", &"the kept file of this picture is gone", "send the picture again");
        let bytes = self.files.get(&found.hash).map_err(failed)?.ok_or_else(gone)?;
        let learned = self.read_and_learn(&found.hash, &bytes, looking)?;
        Ok(Found { learned, new: true, embedded: true, ..found })
    }

    /// Adds the colours of a picture that was known, or learned before they were wanted.
    pub(super) fn complete(&self, found: &mut Found) -> Result<(), Problem> {
        if found.learned.colours.is_none() {
            let colours = self.colours().of(&self.store, &[found.hash]).map_err(fatal)?.pop().flatten();
            found.learned.colours = colours.map(Arc::new);
        }
        Ok(())
    }
}

/// A picture of a product.
pub(super) struct Found {
    pub(super) hash: ImageHash,
    pub(super) learned: Learned,
    /// Whether the store has yet to be told.
    pub(super) new: bool,
    /// Whether it was this product that had it embedded.
    pub(super) embedded: bool,
    pub(super) source: Option<(String, SourceRow)>,
}

impl SourceRow {
    fn of(hash: ImageHash) -> Self {
        let checked_at = Utc::now();
        Self { hash, size: None, modified: None, etag: None, last_modified: None, fresh_seconds: None, checked_at }
    }
}

/// Whether an address need not be asked again, as its server said the last time.
pub(super) fn is_fresh(row: &SourceRow) -> bool {
    let seconds = row.fresh_seconds.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0);
    Utc::now() - row.checked_at < TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX)
}

pub(super) fn file_key(path: &std::path::Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("file:{}", absolute.display())
}

/// Length and time of change of a file; nothing when it is not there.
pub(super) fn stat(path: &std::path::Path) -> (Option<u64>, Option<i64>) {
    let Ok(metadata) = std::fs::metadata(path) else { return (None, None) };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    (Some(metadata.len()), modified.and_then(|time| i64::try_from(time.as_nanos()).ok()))
}

pub(super) fn item(code: &str, reason: &impl ToString, hint: &str) -> Problem {
    Problem::Item { code: code.to_owned(), reason: reason.to_string(), hint: hint.to_owned() }
}

pub(super) fn fatal(error: impl Into<EngineError>) -> Problem {
    Problem::Fatal(Arc::new(error.into()))
}
