//! What a feed would bring and need, before anything is written.
//!
//! The figures of disk and memory are estimates: so much for each product and picture that is new, from what is stored of
//! them (docs/operations.md). Time is tried out on a few pictures of the feed itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use url::Url;

use super::super::{CatalogueName, Engine, EngineError, ItemError};
use super::room::Room;
use super::run::{hash, item};
use super::{DryRun, ReadyFeed};
use crate::catalogue::Product;
use crate::catalogue::feeds::FeedRow;
use crate::fetch::{FetchOptions, Fetcher, Source};
use crate::image::decode_at_least;
use crate::model::preprocess;

/// Problems that are listed; all are counted.
const MOST_PROBLEMS: usize = 100;
/// Pictures of this machine that are embedded, and pictures of the network that are fetched, to know how long one takes.
const SAMPLE: usize = 6;
/// Milliseconds of one picture on one core when none could be tried.
const USUAL_MS: f64 = 22.0;
/// Seconds of one remote picture when none could be tried.
const USUAL_FETCH: f64 = 0.2;
/// Bytes of a remote picture, as long as nobody has seen it.
const USUAL_PICTURE: u64 = 150_000;
/// Longest time for a remote picture that is tried.
const TRY: Duration = Duration::from_secs(10);
/// Hosts that are told apart: more do not make an import faster.
const MOST_HOSTS: usize = 16;
/// Bytes on disk for one new picture besides its file: feature, inner layers, embedding in the index (16 bits a number, and its place in the
/// graph; twice while graphs are built), its sketch in the columns (twice while they are written), rows.
const PER_PICTURE: u64 = 2_560 + 3_744 + 2 * (512 + 128) + 2 * 68 + 500;
/// Bytes on disk for one product: its JSON, words and payload in the index, rows.
const PER_PRODUCT: u64 = 6_000;
/// Bytes of memory for one product, above all what the index holds of it, files that are mapped included. A million with short texts took
/// 1,000 a product at most (docs/benchmarks.md); longer ones say more words.
const MEMORY_PER_PRODUCT: u64 = 1_500;
/// Bytes of memory of the process at work with an empty catalogue: model, pipeline, caches.
const MEMORY_BASE: u64 = 500 << 20;

/// What reading through a feed has told.
#[derive(Debug, Default)]
pub(in crate::engine) struct Survey {
    pub(in crate::engine) dialect: String,
    pub(in crate::engine) rows: u64,
    products: u64,
    /// Of them, those that the catalogue does not have.
    new_products: u64,
    /// Products of all catalogues before.
    there: u64,
    images: u64,
    /// Sources by the hash of their text: whether the store has to read them.
    distinct: HashMap<u64, bool>,
    new_bytes: u64,
    /// Of the new pictures, those on the network, and the bytes of one as far as they were tried.
    new_remote: u64,
    remote_bytes: Option<u64>,
    hosts: HashSet<String>,
    fields: Vec<String>,
    unknown_columns: Vec<String>,
    problems: Vec<ItemError>,
    problem_count: u64,
    rejected: u64,
    sample: Vec<Vec<u8>>,
    /// New addresses by the hash of their text, the smallest ones: a sample of all, the same for the same feed.
    remote_sample: BTreeMap<u64, Place>,
    room: Room,
    file_problems: HashSet<u64>,
}

/// Where in a feed a picture is named.
#[derive(Debug, Clone)]
struct Place {
    line: u64,
    id: String,
    source: String,
}

impl Engine {
    /// Reads through a feed for a catalogue. `closely` looks at the pictures of all products; else only at those of products
    /// that the catalogue does not have, which is what it needs to know whether the import fits.
    pub(in crate::engine) fn survey(
        &self,
        feed: &ReadyFeed,
        catalogue: &CatalogueName,
        closely: bool,
    ) -> Result<Survey, EngineError> {
        let rows = feed.open()?;
        let known = self.ids_of(catalogue)?;
        let mut survey = Survey {
            dialect: rows.dialect().to_string(),
            fields: rows.fields().to_vec(),
            unknown_columns: rows.unknown_columns().to_vec(),
            room: Room::now(&self.options.data),
            there: self.catalogues()?.iter().map(|catalogue| catalogue.products).sum(),
            ..Survey::default()
        };
        for row in rows {
            survey.rows += 1;
            match row {
                FeedRow::Rejected { line, id, problem } => {
                    survey.rejected += 1;
                    survey.problem(item(line, id, problem, false));
                }
                FeedRow::Product { line, product, warnings } => {
                    survey.products += 1;
                    for warning in warnings {
                        survey.problem(item(line, Some(product.id.clone()), warning, true));
                    }
                    if let Err(problem) = product.check() {
                        survey.rejected += 1;
                        survey.products -= 1;
                        survey.problem(ItemError {
                            line,
                            id: Some(product.id.clone()),
                            field: Some(problem.field.clone()),
                            code: problem.code.to_owned(),
                            reason: problem.to_string(),
                            hint: problem.hint.to_owned(),
                            warning: false,
                        });
                    }
                    let new = !known.contains(&hash(&product.id));
                    survey.new_products += u64::from(new);
                    survey.images += product.images.len() as u64;
                    if new || closely {
                        self.look_at(&product, line, feed, closely, &mut survey)?;
                    }
                }
            }
        }
        Ok(survey)
    }

    /// Hashes of the ids of a catalogue's products; none when there is no such catalogue.
    fn ids_of(&self, catalogue: &CatalogueName) -> Result<HashSet<u64>, EngineError> {
        let (mut ids, mut after) = (HashSet::new(), 0);
        let Ok(open) = self.catalogue(catalogue) else { return Ok(ids) };
        loop {
            let page = self.store.ids(open.key, after, 10_000)?;
            let Some((last, _)) = page.last() else { return Ok(ids) };
            after = *last;
            ids.extend(page.iter().map(|(_, id)| hash(id)));
        }
    }

    fn look_at(
        &self,
        product: &Product,
        line: u64,
        feed: &ReadyFeed,
        closely: bool,
        survey: &mut Survey,
    ) -> Result<(), EngineError> {
        for image in &product.images {
            let key = hash(&image.source);
            if survey.distinct.contains_key(&key) && !survey.file_problems.contains(&key) {
                continue;
            }
            let place = Place { line, id: product.id.clone(), source: image.source.clone() };
            let (new, trouble) = self.look_at_one(key, &place, feed, closely, survey)?;
            survey.distinct.insert(key, new && trouble.is_none());
            if let Some((code, reason, hint)) = trouble {
                survey.file_problems.insert(key);
                survey.problem(place.error(code, reason, hint));
            }
        }
        Ok(())
    }

    /// Whether a picture is new, and what is wrong with it.
    #[expect(clippy::type_complexity, reason = "code, reason and hint of a problem")]
    fn look_at_one(
        &self,
        key: u64,
        place: &Place,
        feed: &ReadyFeed,
        closely: bool,
        survey: &mut Survey,
    ) -> Result<(bool, Option<(String, String, &'static str)>), EngineError> {
        let mut new = true;
        match feed.sources.resolve(&place.source) {
            Ok(Source::Remote(url)) => {
                new = self.store.source(&url)?.is_none();
                if new {
                    survey.new_remote += 1;
                    if survey.hosts.len() < MOST_HOSTS
                        && let Some(host) = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned))
                    {
                        survey.hosts.insert(host);
                    }
                    survey.remote_sample.insert(key, place.clone());
                    if survey.remote_sample.len() > SAMPLE {
                        survey.remote_sample.pop_last();
                    }
                }
            }
            Ok(Source::File(path)) => match std::fs::metadata(&path) {
                Ok(metadata) => {
                    let file = format!("file:{}", std::path::absolute(&path).unwrap_or(path.clone()).display());
                    new = self.store.source(&file)?.is_none();
                    survey.new_bytes += if new { metadata.len() } else { 0 };
                    let readable = metadata.is_file() && metadata.len() <= self.options.limits.file_bytes;
                    if closely && new && survey.sample.len() < SAMPLE && readable {
                        survey.sample.extend(std::fs::read(&path).ok());
                    }
                }
                Err(error) => {
                    let reason = format!("{}: {error}", path.display());
                    return Ok((true, Some(("missing-picture".to_owned(), reason, ""))));
                }
            },
            Ok(Source::Data) => survey.new_bytes += place.source.len() as u64 * 3 / 4,
            Ok(Source::Archive(name)) => {
                if let Some((key, size, _)) = feed.sources.packed(&name) {
                    new = self.store.source(&key)?.is_none();
                    survey.new_bytes += if new { size } else { 0 };
                }
                if closely && new && survey.sample.len() < SAMPLE {
                    let read = feed.sources.read(&Source::Archive(name), &place.source, self.options.limits.file_bytes);
                    survey.sample.extend(read.ok());
                }
            }
            Err(error) => return Ok((true, Some((error.code().to_owned(), error.to_string(), error.hint())))),
        }
        Ok((new, None))
    }

    /// What the survey comes to: how long, how much, whether it fits. A few pictures are embedded and fetched to know it.
    pub(in crate::engine) fn reckon(&self, mut survey: Survey) -> DryRun {
        let new_images = survey.distinct.values().filter(|new| **new).count() as u64;
        let fetched = self.try_fetching(&mut survey);
        survey.sample.extend(fetched.bytes);
        survey.sample.truncate(SAMPLE);
        let each = self.milliseconds_each(&survey.sample).unwrap_or(USUAL_MS);
        let embedding = new_images as f64 * each / 1000.0 / self.threads() as f64;
        let at_once = (survey.hosts.len() * FetchOptions::default().per_host).clamp(1, MOST_HOSTS);
        let fetching = survey.new_remote as f64 * fetched.seconds / at_once as f64;
        let seconds = embedding.max(fetching) + survey.products as f64 * 0.0008 + 0.2;
        let (disk_bytes, memory_bytes) = (survey.disk_bytes(), survey.memory_bytes());
        let why = survey.why_not().unwrap_or_default();
        DryRun {
            dialect: survey.dialect,
            products: survey.products,
            new_products: survey.new_products,
            images: survey.images,
            distinct_images: survey.distinct.len() as u64,
            new_images,
            fields: survey.fields,
            unknown_columns: survey.unknown_columns,
            problems: survey.problems,
            problem_count: survey.problem_count,
            rejected: survey.rejected,
            seconds,
            disk_bytes,
            memory_bytes,
            fits: why.is_empty(),
            why,
        }
    }

    /// Fetches the sample of remote pictures, all at once, and notes their sizes and problems.
    fn try_fetching(&self, survey: &mut Survey) -> Tried {
        let fetcher = Fetcher::new(FetchOptions {
            allow_private: self.options.allow_private_addresses,
            max_bytes: self.options.limits.file_bytes,
            connect_timeout: TRY / 2,
            timeout: TRY,
            retries: 0,
            ..FetchOptions::default()
        });
        let sample: Vec<Place> = std::mem::take(&mut survey.remote_sample).into_values().collect();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let fetch = |place: &Place| {
                let started = Instant::now();
                let url = if place.source.starts_with("//") {
                    format!("https:{}", place.source)
                } else {
                    place.source.clone()
                };
                fetcher.get(&url).map(|fetched| (fetched.bytes, started.elapsed().as_secs_f64()))
            };
            let threads: Vec<_> = sample.iter().map(|place| scope.spawn(move || fetch(place))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let mut tried = Tried { bytes: Vec::new(), seconds: USUAL_FETCH };
        let mut times = Vec::new();
        for (place, answer) in sample.iter().zip(answers) {
            match answer {
                Ok((bytes, seconds)) => {
                    times.push(seconds);
                    tried.bytes.push(bytes);
                }
                Err(error) => survey.problem(place.error(error.code().to_owned(), error.to_string(), error.hint())),
            }
        }
        if !times.is_empty() {
            tried.seconds = times.iter().sum::<f64>() / times.len() as f64;
        }
        let sizes: u64 = tried.bytes.iter().map(|bytes| bytes.len() as u64).sum();
        survey.remote_bytes = sizes.checked_div(tried.bytes.len() as u64);
        tried
    }

    /// Milliseconds of one picture on one core, by trying; nothing when there is no picture or no model.
    fn milliseconds_each(&self, sample: &[Vec<u8>]) -> Option<f64> {
        let model = self.model().ok()?;
        let mut times = Vec::new();
        for bytes in sample {
            let started = Instant::now();
            let Ok(picture) = decode_at_least(bytes, &self.options.limits, model.manifest().input.size) else {
                continue;
            };
            let tensor = preprocess(model.manifest(), &picture);
            model.features(&[tensor], false).ok()?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        // All cores worked on one picture at a time, and two at once gain a little more.
        times.get(times.len() / 2).map(|median| median * self.threads() as f64 * 0.85)
    }
}

impl Survey {
    fn problem(&mut self, problem: ItemError) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Bytes that the import adds on disk.
    fn disk_bytes(&self) -> u64 {
        let new_images = self.distinct.values().filter(|new| **new).count() as u64;
        self.new_bytes
            + self.new_remote * self.remote_bytes.unwrap_or(USUAL_PICTURE)
            + new_images * PER_PICTURE
            + self.new_products * PER_PRODUCT
    }

    /// Bytes of the process at its height.
    fn memory_bytes(&self) -> u64 {
        MEMORY_BASE + (self.there + self.new_products) * MEMORY_PER_PRODUCT
    }

    /// Why it does not fit, if it does not.
    pub(in crate::engine) fn why_not(&self) -> Option<String> {
        self.room.lacks(self.disk_bytes(), self.memory_bytes())
    }
}

/// What trying to fetch a few pictures gave.
struct Tried {
    bytes: Vec<Vec<u8>>,
    /// Seconds of one.
    seconds: f64,
}

impl Place {
    fn error(&self, code: String, reason: String, hint: &str) -> ItemError {
        let (id, field) = (Some(self.id.clone()), Some(self.source.chars().take(200).collect()));
        ItemError { line: self.line, id, field, code, reason, hint: hint.to_owned(), warning: true }
    }
}
