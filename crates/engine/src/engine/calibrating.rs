//! The calibration of a catalogue: what its scores are worth, found out in the background and without anybody labelling.
//!
//! The catalogue asks itself. A product with several pictures is asked for with one of them held out; any product with a
//! damaged copy of its picture (cropped, too dark, too light, blurred, partly covered), with words of its title, and with both.
//! Each question is put twice: to the catalogue as it is, where the product is the right answer and everything else wrong, and
//! without the product and its variants, where nothing is right.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::catalogue::Catalogue;
use super::looking::Want;
use super::snapshot::Snapshot;
use super::{Engine, EngineError};
use crate::catalogue::Product;
use crate::image::{Behind, ColourDescriptor, Picture, Region, decode_at_least};
use crate::index::fields::fold;
use crate::index::{Index, group};
use crate::linear::dot;
use crate::search::{ColoursOf, Query, QueryColours, RankedHit, Weighted, execute_with};
use crate::space::{CROWD_TO, Calibration, Curve, Curves, Example, QueryKind, Standing};

/// Products with pictures from which a catalogue is worth asking.
const LEAST: usize = 50;
/// Products that are asked for with damaged copies, and with words; a copy takes some 30 ms.
const ASKED: usize = 120;
/// Products that are asked for with a picture held out; these cost no inference.
const HELD_OUT: usize = 300;
/// Hits of a list that are learned from.
const LEARNED: usize = 10;
/// How many examples the shipped curves are worth.
const TRUST: f64 = 20.0;
/// Examples, and right ones among them, from which a category has a curve of its own; and what the catalogue's is worth then.
const OF_CATEGORY: (usize, usize, f64) = (400, 25, 60.0);

/// A question whose answer is known.
struct Question<'p> {
    product: &'p Product,
    key: u64,
    kind: QueryKind,
    picture: Option<Weighted>,
    text: Option<String>,
    /// The product's own score where its picture was held out.
    own: Option<f32>,
}

/// What was learned from the answers.
#[derive(Default)]
struct Lessons {
    same: BTreeMap<QueryKind, Vec<Example>>,
    alike: BTreeMap<QueryKind, Vec<Example>>,
    by_category: BTreeMap<String, Vec<Example>>,
    queries: BTreeMap<QueryKind, usize>,
}

impl Engine {
    /// The calibration in force: the catalogue's own, or the shipped one.
    pub(super) fn calibration(&self, open: &Catalogue, snapshot: &Snapshot) -> Arc<Calibration> {
        let space = snapshot.space.id().to_string();
        let known = self.calibrations.read().get(&(open.key, space.clone())).cloned();
        known.unwrap_or_else(|| {
            let own = fs::read(calibration_file(snapshot)).ok();
            let own: Option<Calibration> = own.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let own = own.filter(|own| own.format == crate::space::calibration::FORMAT && own.space == space);
            let calibration = Arc::new(own.unwrap_or_else(|| Calibration::shipped(&space)));
            self.calibrations.write().insert((open.key, space), Arc::clone(&calibration));
            calibration
        })
    }

    /// Fits calibrations that are missing or of a catalogue that has changed by a fifth since; in the background, one at a time.
    pub(super) fn calibrate_soon(self: &Arc<Self>) {
        if self.closing() || self.calibrating.swap(true, Ordering::AcqRel) {
            return;
        }
        let wants = |open: &Arc<Catalogue>| {
            let snapshot = open.snapshot();
            let pictured = snapshot.index.table().pictured().len() as usize;
            let known = self.calibration(open, &snapshot).products;
            pictured >= LEAST && pictured.abs_diff(known) * 5 > pictured && !self.imports_into(&open.name)
        };
        let Some(open) = self.open_catalogues().into_iter().find(wants) else {
            self.calibrating.store(false, Ordering::Release);
            return;
        };
        let engine = Arc::clone(self);
        let thread = std::thread::spawn(move || {
            if let Err(error) = engine.calibrate(&open) {
                tracing::warn!(catalogue = %open.name, %error, "the calibration could not be fitted; the one in force stays");
                // Not again before the next start: it would most likely fail again.
                return;
            }
            engine.calibrating.store(false, Ordering::Release);
        });
        self.background.lock().push(thread);
    }

    /// Fits the calibration of a catalogue, keeps it, and puts it in force.
    fn calibrate(&self, open: &Catalogue) -> Result<(), EngineError> {
        let snapshot = open.snapshot();
        let pictured = snapshot.index.table().pictured().len() as usize;
        let Some(lessons) = self.lessons(open, &snapshot)? else { return Ok(()) };
        let shipped = Calibration::shipped(&snapshot.space.id().to_string());
        let calibration = lessons.fit(shipped, pictured);
        let path = calibration_file(&snapshot);
        let failed = EngineError::io("cannot write", &path);
        let json = serde_json::to_vec_pretty(&calibration).unwrap_or_default();
        let write = || {
            let folder = snapshot.folder.as_path();
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&json)?;
            file.persist(&path).map_err(|error| error.error)
        };
        write().map_err(failed)?;
        tracing::info!(catalogue = %open.name, queries = ?calibration.queries, "calibrated");
        self.calibrations.write().insert((open.key, calibration.space.clone()), Arc::new(calibration));
        Ok(())
    }

    /// Asks the catalogue; `None` when the engine closes meanwhile.
    fn lessons(&self, open: &Catalogue, snapshot: &Snapshot) -> Result<Option<Lessons>, EngineError> {
        let (mut keys, _) = snapshot.index.keys(Some(&pictured()), None, usize::MAX - 1)?;
        keys.sort_by_cached_key(|key| *blake3::hash(&key.to_le_bytes()).as_bytes());
        keys.truncate(HELD_OUT);
        let products = self.store.products_of(open.key, &keys)?;
        let mut lessons = Lessons::default();
        let colours_of: ColoursOf<'_> = &|keys| self.colours_of(snapshot, keys);
        for (place, stored) in products.iter().enumerate() {
            if self.closing() {
                return Ok(None);
            }
            let vectors = snapshot.index.vectors_of(&[stored.key])?.pop().unwrap_or_default();
            let ask = |kind, picture, text, own| Question {
                product: &stored.product,
                key: stored.key,
                kind,
                picture,
                text,
                own,
            };
            if let [first @ .., last] = vectors.as_slice()
                && !first.is_empty()
            {
                let own = first.iter().map(|vector| dot(vector, last)).fold(f32::MIN, f32::max);
                // The same picture twice is no question.
                if own < 0.999 {
                    let seen = self.colours_of(snapshot, &[stored.key])?.pop().unwrap_or_default();
                    // Only where each picture's are known is it known whose they are.
                    let colours = seen.get(first.len()).map(|colours| QueryColours::of(colours.clone(), Behind::Busy));
                    let loss = colours.as_ref().and_then(|colours| colours.loss(seen.iter().take(first.len())));
                    let own = own - loss.map_or(0.0, |(loss, _)| loss);
                    let picture = Weighted { colours, ..Weighted::one(last.clone()) };
                    lessons.ask(
                        colours_of,
                        &snapshot.index,
                        &ask(QueryKind::Picture, Some(picture), None, Some(own)),
                    )?;
                }
            }
            if place >= ASKED {
                continue;
            }
            let words = some_words(&stored.product.title, place);
            if let Some(copy) = self.damaged_copy(snapshot, &stored.product, place)? {
                lessons.ask(colours_of, &snapshot.index, &ask(QueryKind::Picture, Some(copy.clone()), None, None))?;
                if words.is_some() {
                    lessons.ask(colours_of, &snapshot.index, &ask(QueryKind::Both, Some(copy), words.clone(), None))?;
                }
            }
            if words.is_some() {
                lessons.ask(colours_of, &snapshot.index, &ask(QueryKind::Words, None, words, None))?;
            }
        }
        Ok(Some(lessons))
    }

    /// A damaged copy of a product's first picture, as a search with it asks; `None` when its file is not there.
    fn damaged_copy(
        &self,
        snapshot: &Snapshot,
        product: &Product,
        place: usize,
    ) -> Result<Option<Weighted>, EngineError> {
        let Some(hash) = product.image_hashes().first().copied() else { return Ok(None) };
        let bytes = match self.image(&hash) {
            Ok(stored) => stored.bytes,
            Err(EngineError::NoSuchImage { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let model = self.model()?;
        let Ok(picture) = decode_at_least(&bytes, &self.options.limits, model.manifest().input.size * 2) else {
            return Ok(None);
        };
        let Some(picture) = damaged(&picture, place) else { return Ok(None) };
        let known = |pooled: &[f32], colours: Option<&ColourDescriptor>| snapshot.knows(pooled, colours);
        let closer = |part: &Region| Ok(picture.crop(part));
        let look = self.photo(&picture, Some(&closer), Want::Feature, true, &known)?;
        Ok(Some(snapshot.asks_with(&look, 1.0)?))
    }
}

impl Lessons {
    fn ask(&mut self, colours_of: ColoursOf<'_>, index: &Index, question: &Question<'_>) -> Result<(), EngineError> {
        let query = |exclude: Vec<u64>| Query {
            pictures: question.picture.iter().cloned().collect(),
            text: question.text.clone(),
            limit: CROWD_TO,
            collapse: true,
            exclude,
            ..Query::default()
        };
        let without = execute_with(index, &query(vec![question.key]), colours_of)?.hits;
        let mut with: Vec<(u64, f32)> = match question.own {
            Some(own) => without.iter().map(scored).chain([(question.key, own)]).collect(),
            None => execute_with(index, &query(Vec::new()), colours_of)?.hits.iter().map(scored).collect(),
        };
        with.sort_by(|a, b| b.1.total_cmp(&a.1));
        let without: Vec<(u64, f32)> = without.iter().map(scored).collect();
        *self.queries.entry(question.kind).or_default() += 1;
        for hits in [&with, &without] {
            self.learn(index, question, hits);
        }
        Ok(())
    }

    fn learn(&mut self, index: &Index, question: &Question<'_>, hits: &[(u64, f32)]) {
        let scores: Vec<f32> = hits.iter().map(|(_, score)| *score).collect();
        let crowd = Standing::of(&scores);
        let table = index.table();
        let asked = table.row(question.key);
        let own = |key: u64| {
            let row = table.row(key);
            key == question.key
                || (group(question.product).is_some()
                    && row.zip(asked).is_some_and(|(a, b)| table.card(a, true) == table.card(b, true)))
        };
        for (place, (key, score)) in hits.iter().take(LEARNED).enumerate() {
            let standing = crowd.standing(*score, place == 0);
            let right = own(*key);
            let example = |right| Example { standing, right, weight: 1.0 };
            self.same.entry(question.kind).or_default().push(example(right));
            let kind = table.row(*key).and_then(|row| table.kind(row));
            let wanted = asked.and_then(|row| table.kind(row));
            if let Some(wanted) = wanted {
                self.alike.entry(question.kind).or_default().push(example(right || kind == Some(wanted)));
            }
            if question.kind == QueryKind::Picture
                && let Some(first) = question.product.category.first()
            {
                self.by_category.entry(fold(first)).or_default().push(example(right));
            }
        }
    }

    fn fit(self, shipped: Calibration, products: usize) -> Calibration {
        let mut calibration = Calibration { products, queries: self.queries, ..shipped };
        for (kind, curves) in &mut calibration.curves {
            let fitted = |examples: Option<&Vec<Example>>, prior: &Curve| {
                examples.map_or(*prior, |examples| Curve::fit(examples, prior, TRUST))
            };
            *curves = Curves {
                same: fitted(self.same.get(kind), &curves.same),
                alike: fitted(self.alike.get(kind), &curves.alike),
            };
        }
        let (examples, right, trust) = OF_CATEGORY;
        if let Some(whole) = calibration.curves.get(&QueryKind::Picture).map(|curves| curves.same) {
            let enough =
                |of: &Vec<Example>| of.len() >= examples && of.iter().filter(|example| example.right).count() >= right;
            let own = self.by_category.into_iter().filter(|(_, of)| enough(of));
            calibration.categories = own.map(|(name, of)| (name, Curve::fit(&of, &whole, trust))).collect();
        }
        calibration
    }
}

/// Where the calibration of a space of a catalogue is kept; it goes when the space goes.
fn calibration_file(snapshot: &Snapshot) -> PathBuf {
    snapshot.folder.join("calibration.json")
}

fn scored(hit: &RankedHit) -> (u64, f32) {
    (hit.key, hit.score)
}

fn pictured() -> crate::index::Filter {
    crate::index::Filter::new_must(Index::has_picture())
}

/// Two to four words of a title, others for each place; `None` for titles of one word.
fn some_words(title: &str, place: usize) -> Option<String> {
    let words: Vec<&str> = title.split_whitespace().collect();
    if words.len() < 2 {
        return None;
    }
    let count = (2 + place % 3).min(words.len());
    let from = place % (words.len() - count + 1);
    Some(words[from..from + count].join(" "))
}

/// One of four ways in which shoppers' photos differ from a shop's.
fn damaged(picture: &Picture, place: usize) -> Option<Picture> {
    let crop = |share: f32, x: f32, y: f32| {
        let side = share.sqrt();
        Some(picture.crop(&Region::new((1.0 - side) * x, (1.0 - side) * y, side, side).ok()?))
    };
    match place % 4 {
        0 => lit(&crop(0.6, 0.5, 0.5)?, 0.5),
        1 => lit(&crop(0.75, 0.0, 1.0)?, 1.6),
        2 => {
            let image = image::RgbImage::from_raw(picture.width(), picture.height(), picture.rgb().to_vec())?;
            let sigma = picture.width().min(picture.height()) as f32 / 100.0;
            let blurred = image::imageops::fast_blur(&image::imageops::flip_horizontal(&image), sigma.max(0.5));
            Picture::from_rgb(blurred.width(), blurred.height(), blurred.into_raw())
        }
        _ => covered(picture),
    }
}

fn lit(picture: &Picture, factor: f32) -> Option<Picture> {
    let rgb = picture.rgb().iter().map(|value| (f32::from(*value) * factor).min(255.0) as u8).collect();
    Picture::from_rgb(picture.width(), picture.height(), rgb)
}

/// A grey square over a quarter of the area, in the lower left.
fn covered(picture: &Picture) -> Option<Picture> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut rgb = picture.rgb().to_vec();
    for line in rgb.chunks_exact_mut(width * 3).skip(height / 2) {
        line[..width / 2 * 3].fill(128);
    }
    Picture::from_rgb(picture.width(), picture.height(), rgb)
}

/// Calibrations in memory, by catalogue and space.
pub(super) type Calibrations = HashMap<(i64, String), Arc<Calibration>>;
