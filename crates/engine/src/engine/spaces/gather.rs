//! What a space is trained on: stored features and what the catalogue says of them. No picture is touched.

use std::collections::{HashMap, HashSet};

use super::super::catalogue::Catalogue;
use super::super::people::Pair;
use super::super::{Engine, EngineError};
use super::recipe::Learned;
use super::sample::in_sample;
use crate::catalogue::{AttributeValue, Product};
use crate::image::{ColourDescriptor, ImageHash};
use crate::learn::Rows;
use crate::model::builtin_manifest;

/// Most pictures that are learned from: 100,000 × 1,280 numbers are 512 MB. Of larger catalogues a sample of products is
/// taken, the same each time.
const MOST_PICTURES: usize = 100_000;
/// Most pictures whose layers before the last one are learned from, by spaces and by classifiers: they are 10 KB each, and a fit to 4,000 pictures takes
/// two seconds.
pub(in crate::engine) const MOST_LAYERED: u64 = 10_000;
/// With more pictures colours are not tried: a comparison with them takes twice as long, and a training has a minute.
pub(super) const MOST_COLOURED: u64 = 50_000;
/// Most photos that are learned from though nobody said what they show, latest first.
const MOST_UNLABELLED: usize = 2_000;
/// Products that are read at once.
const PAGE: usize = 512;
/// Stands for no label.
pub(super) const NO_LABEL: u32 = u32::MAX;

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is in the catalogue.
    Catalogue,
    /// A photo that somebody asked with, and said what is on it.
    Photo,
    /// A damaged copy of a catalogue picture: asked with, never learned from.
    Copy,
    /// A photo of which nobody said what is on it: learned from by what it is taken for, and never asked with.
    Unlabelled,
}

/// Pictures with what is known of each; all vectors but `rows` and `products` have one entry a picture.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Pooled vectors of unit length, [pictures, dim].
    pub(super) rows: Rows,
    /// What layers before the last one say, where it is known; empty where they are not learned from.
    pub(super) layers: Vec<Vec<f32>>,
    pub(super) origins: Vec<Origin>,
    /// Number of the product a picture shows.
    pub(super) owners: Vec<u32>,
    /// Number of the label, or [`NO_LABEL`].
    pub(super) labels: Vec<u32>,
    /// The pictures' hashes.
    pub(super) hashes: Vec<ImageHash>,
    /// Colours, where they are known; about a kilobyte each.
    pub(super) colours: Vec<Option<ColourDescriptor>>,
    pub(super) products: Vec<Shown>,
    /// Products of the catalogue that were looked at.
    pub(super) product_count: usize,
    /// How many labels there are.
    pub(super) label_count: usize,
    /// Pictures left out because products with different labels show them.
    pub(super) contradictory: usize,
    /// Confirmed and rejected pairs that were used.
    pub(super) pairs: usize,
    /// Revision of the catalogue when it was read.
    pub(super) revision: i64,
    /// Number of the latest product.
    pub(super) last_product: u64,
    /// Whether this is a sample of a larger catalogue.
    pub(super) sampled: bool,
    /// Whether layers were read.
    pub(super) layered: bool,
    /// The catalogue's pictures that photos nobody labelled can be taken for; `None` for all of them.
    pub(super) shortlist: Option<Vec<usize>>,
    /// The label of what photos nobody labelled are taken for by a head that learned from everything, by their places.
    pub(super) taken: HashMap<usize, u32>,
}

/// A product among those that are learned from.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Products of one family (a variant group) are never on both sides of a test.
    pub(super) family: u32,
}

/// Gives numbers to names.
#[derive(Debug, Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn of(&mut self, name: String) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(name).or_insert(next)
    }
}

impl Gathered {
    fn push(
        &mut self,
        (feature, colours): (&[f32], Option<ColourDescriptor>),
        origin: Origin,
        owner: u32,
        label: u32,
        hash: ImageHash,
    ) {
        let (pooled, layers) = feature.split_at_checked(self.rows.dim()).unwrap_or((feature, &[]));
        let length = pooled.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return;
        }
        let unit: Vec<f32> = pooled.iter().map(|value| (f64::from(*value) / length) as f32).collect();
        if self.rows.push(&unit) {
            self.layers.push(if self.layered { layers.to_vec() } else { Vec::new() });
            self.origins.push(origin);
            self.owners.push(owner);
            self.labels.push(label);
            self.hashes.push(hash);
            self.colours.push(colours);
        }
    }

    /// A number for what a photo shows when it is no product that is known.
    fn stranger(&mut self) -> u32 {
        let owner = self.products.len() as u32;
        self.products.push(Shown { family: u32::MAX - owner });
        owner
    }

    /// Adds damaged copies that queries are made of.
    pub(super) fn push_copy(&mut self, of: usize, feature: &[f32], colours: Option<ColourDescriptor>) {
        self.push((feature, colours), Origin::Copy, self.owners[of], self.labels[of], self.hashes[of]);
    }

    /// Places of all but the photos nobody labelled, of which those that a head cannot see are simply left out.
    fn others(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&place| self.origins[place] != Origin::Unlabelled)
    }

    /// How many pictures there are of which only the pooled vector is known.
    pub(super) fn without_layers(&self) -> usize {
        self.others().filter(|&place| self.layers[place].is_empty()).count()
    }

    /// How many pictures there are whose colours are not known.
    pub(super) fn without_colours(&self) -> usize {
        self.others().filter(|&place| self.colours[place].is_none()).count()
    }

    /// Places of the pictures that may be learned from.
    pub(super) fn learnable(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&place| !matches!(self.origins[place], Origin::Copy | Origin::Unlabelled))
    }

    /// Places of the catalogue's own pictures.
    pub(super) fn of_catalogue(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&place| self.origins[place] == Origin::Catalogue)
    }

    /// How many labels more than one picture has.
    pub(super) fn shared_labels(&self) -> usize {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        let labels = self.learnable().map(|place| self.labels[place]).filter(|label| *label != NO_LABEL);
        labels.for_each(|label| *counts.entry(label).or_default() += 1);
        counts.into_values().filter(|count| *count > 1).count()
    }

    /// Places of the photos of which nobody said what they show.
    pub(super) fn unlabelled(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&place| self.origins[place] == Origin::Unlabelled)
    }
}

impl Engine {
    /// Features of stored pictures, with what layers before the last one say where that is wanted and known.
    pub(in crate::engine) fn features(
        &self,
        hashes: &[ImageHash],
        layers: bool,
    ) -> Result<Vec<Option<Vec<f32>>>, EngineError> {
        Ok(self.store.features_as(hashes, &self.feature_key, layers)?)
    }

    /// Reads features and labels of a catalogue. `None` when `go_on` says no.
    pub(super) fn gather(
        &self,
        catalogue: &Catalogue,
        learned: &Learned,
        pairs: &[Pair],
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Gathered>, EngineError> {
        let (_, pictures) = self.store.sizes(catalogue.key)?;
        let share = MOST_PICTURES as f64 / pictures.max(1) as f64;
        let mut gathered = Gathered {
            rows: Rows::new(builtin_manifest()?.outputs.pooled.dim),
            revision: self.store.revision(catalogue.key)?,
            sampled: share < 1.0,
            layered: learned.supervised() && pictures <= MOST_LAYERED,
            ..Gathered::default()
        };
        let coloured = learned.supervised()
            && (pictures <= MOST_COLOURED
                || catalogue.snapshots().iter().any(|snapshot| snapshot.space.sees_colours()));
        let (mut labels, mut families) = (Numbers::default(), Numbers::default());
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let same = same_products(pairs);
        // Of a sample of products, too: what people said is little, and says most.
        let spoken_of: HashSet<&str> =
            pairs.iter().flat_map(|pair| [Some(pair.product.as_str()), pair.other.as_deref()]).flatten().collect();
        // Labels under which a picture was seen, to find those that contradict each other.
        let mut seen: HashMap<ImageHash, u32> = HashMap::new();
        let mut after = 0;
        loop {
            let page = self.store.page_of_products(catalogue.key, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.key;
            gathered.last_product = after;
            for stored in page {
                let product = stored.product;
                if !in_sample(stored.key, share) && !spoken_of.contains(product.id.as_str()) {
                    continue;
                }
                let owner = gathered.products.len() as u32;
                let family = product.group.clone().unwrap_or_else(|| format!("\0{}", product.id));
                gathered.products.push(Shown { family: families.of(family) });
                let label = label(&product, learned, &same).map_or(NO_LABEL, |name| labels.of(name));
                numbers.insert(product.id.clone(), owner);
                let hashes = product.image_hashes();
                let features = self.features(&hashes, gathered.layered)?;
                let colours = if coloured { self.store.colours(&hashes)? } else { vec![None; hashes.len()] };
                for ((hash, feature), colours) in hashes.into_iter().zip(features).zip(colours) {
                    let Some(feature) = feature else { continue };
                    match seen.get(&hash) {
                        // The same picture twice says nothing new.
                        Some(before) if *before == label => continue,
                        Some(_) => {
                            gathered.contradictory += 1;
                            contradict(&mut gathered, &hash);
                            continue;
                        }
                        None => seen.insert(hash, label),
                    };
                    gathered.push((&feature, colours), Origin::Catalogue, owner, label, hash);
                }
            }
            if !go_on(gathered.products.len() as u64) {
                return Ok(None);
            }
        }
        gathered.product_count = gathered.products.len();
        self.add_photos(&mut gathered, learned, pairs, &numbers, &mut labels)?;
        if learned.confirmed && learned.of_products() {
            self.add_unlabelled(catalogue, &mut gathered)?;
        }
        gathered.label_count = labels.0.len();
        Ok(Some(gathered))
    }

    /// Adds the photos that people said something about: a confirmed one shows its product; one that was only ever rejected
    /// has a label of its own, which keeps it apart from what it was taken for.
    fn add_photos(
        &self,
        gathered: &mut Gathered,
        learned: &Learned,
        pairs: &[Pair],
        numbers: &HashMap<String, u32>,
        labels: &mut Numbers,
    ) -> Result<(), EngineError> {
        if !learned.confirmed {
            return Ok(());
        }
        let mut wanted: HashMap<ImageHash, Option<u32>> = HashMap::new();
        for pair in pairs {
            let Some(&owner) = numbers.get(&pair.product) else { continue };
            gathered.pairs += 1;
            let Some(hash) = pair.photo else { continue };
            let place = wanted.entry(hash).or_default();
            if pair.confirmed {
                *place = Some(owner);
            }
        }
        // The label of each product's pictures, which its photos share.
        let mut of_owner: HashMap<u32, u32> = HashMap::new();
        for (owner, label) in gathered.owners.iter().zip(&gathered.labels) {
            of_owner.insert(*owner, *label);
        }
        let mut hashes: Vec<ImageHash> = wanted.keys().copied().collect();
        hashes.sort_unstable();
        let features = self.features(&hashes, gathered.layered)?;
        // Few: those that were sent before colours were kept are looked at now.
        let colours = self.colours().of(&self.store, &hashes)?;
        for ((hash, feature), colours) in hashes.into_iter().zip(features).zip(colours) {
            let Some(feature) = feature else { continue };
            match wanted.get(&hash).copied().flatten() {
                Some(owner) => {
                    let label = of_owner.get(&owner).copied().unwrap_or(NO_LABEL);
                    gathered.push((&feature, colours), Origin::Photo, owner, label, hash);
                }
                None => {
                    let (owner, alone) = (gathered.stranger(), format!("\0{hash}"));
                    gathered.push((&feature, colours), Origin::Photo, owner, labels.of(alone), hash);
                }
            }
        }
        Ok(())
    }

    /// Adds the photos of which nobody said anything.
    fn add_unlabelled(&self, catalogue: &Catalogue, gathered: &mut Gathered) -> Result<(), EngineError> {
        let known: HashSet<ImageHash> = gathered.hashes.iter().copied().collect();
        let mut hashes = self.store.photos(catalogue.key, MOST_UNLABELLED)?;
        hashes.retain(|hash| !known.contains(hash));
        // In an order that does not depend on when they came.
        hashes.sort_unstable();
        let features = self.features(&hashes, gathered.layered)?;
        let colours = self.store.colours(&hashes)?;
        for ((hash, feature), colours) in hashes.into_iter().zip(features).zip(colours) {
            let Some(feature) = feature else { continue };
            let owner = gathered.stranger();
            gathered.push((&feature, colours), Origin::Unlabelled, owner, NO_LABEL, hash);
        }
        Ok(())
    }
}

/// A picture that products with different labels show teaches nothing: its label is taken away.
fn contradict(gathered: &mut Gathered, hash: &ImageHash) {
    if let Some(place) = gathered.hashes.iter().rposition(|known| known == hash) {
        gathered.labels[place] = NO_LABEL;
    }
}

/// For products that people said are the same: the one that stands for them.
fn same_products(pairs: &[Pair]) -> HashMap<String, String> {
    let mut stands: HashMap<String, String> = HashMap::new();
    let first = |stands: &HashMap<String, String>, id: &str| {
        let mut id = id.to_owned();
        while let Some(next) = stands.get(&id) {
            id.clone_from(next);
        }
        id
    };
    for pair in pairs.iter().filter(|pair| pair.confirmed) {
        let Some(other) = &pair.other else { continue };
        let (a, b) = (first(&stands, other), first(&stands, &pair.product));
        if a != b {
            stands.insert(a, b);
        }
    }
    let ids: Vec<String> = stands.keys().cloned().collect();
    ids.into_iter().map(|id| (id.clone(), first(&stands, &id))).collect()
}

/// The label of a product, folded so that spelling with capitals does not make two.
fn label(product: &Product, learned: &Learned, same: &HashMap<String, String>) -> Option<String> {
    let own = || same.get(&product.id).unwrap_or(&product.id).clone();
    let name = match learned.labels.as_deref() {
        None if learned.confirmed => own(),
        None => return None,
        Some("product") => own(),
        Some("group") => product.group.clone()?,
        Some("brand") => product.brand.clone()?.to_lowercase(),
        Some("category") if product.category.is_empty() => return None,
        Some("category") => product.category.join(" > ").to_lowercase(),
        Some(name) => {
            let value = product.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1;
            match value {
                AttributeValue::Text(text) => text.to_lowercase(),
                AttributeValue::Number(number) => number.to_string(),
                AttributeValue::Flag(flag) => flag.to_string(),
                AttributeValue::List(list) => list.first()?.to_lowercase(),
            }
        }
    };
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
