//! The first candidates of a photo, put in order anew by how their colours agree with the photo's.
//!
//! A network that was taught to name things looks little at colours; a histogram of them knows nothing else. Beside the cosine it
//! tells the blue shirt from the red one of the same cut. The light of a street is not that of a studio, so before a busy
//! background colours count less. Measured: docs/evaluation.md, "Re-ranking".

use super::SearchError;
use super::found::Search;
use super::rank::{Candidate, sort_by_score};
use crate::catalogue::StoreError;
use crate::image::{Behind, ColourDescriptor};

/// Candidates that are put in order anew.
pub const REORDERED: usize = 50;
/// What full disagreement of colours takes from the cosine with a photo whose background is white or of one colour,
const PLAIN: f32 = 0.3;
/// and with any other.
const BUSY: f32 = 0.15;

/// Colours of a picture of a query, and how much they count.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryColours {
    /// The colours.
    pub descriptor: ColourDescriptor,
    /// What full disagreement takes from the cosine, at least 0.
    pub counts: f32,
}

impl QueryColours {
    /// Of a picture with this background.
    #[must_use]
    pub fn of(descriptor: ColourDescriptor, behind: Behind) -> Self {
        Self { descriptor, counts: if behind == Behind::Busy { BUSY } else { PLAIN } }
    }

    /// What disagreement with a product takes from its cosine, and the agreement with its best agreeing picture, 0 to 1; `None`
    /// where the colours of none of its pictures are known.
    #[must_use]
    pub fn loss<'p>(&self, pictures: impl IntoIterator<Item = &'p ColourDescriptor>) -> Option<(f32, f32)> {
        let agreement = pictures.into_iter().map(|own| own.agreement(&self.descriptor)).reduce(f32::max)?;
        Some((self.counts * (1.0 - agreement), agreement))
    }
}

/// Tells the colours of the pictures of products, in the order of their numbers; none where they are not known.
pub type ColoursOf<'c> = &'c dyn Fn(&[u64]) -> Result<Vec<Vec<ColourDescriptor>>, StoreError>;

/// Puts the first [`REORDERED`] of `candidates`, which are best first, in the order of likeness and colours. One whose colours are
/// not known counts as the mean of the others; those behind the first lose what the least agreeing of them lost, so that scores
/// go on falling. Does nothing where the query's colours, or all others, are not known.
///
/// # Errors
/// [`SearchError::Store`] when the colours cannot be read.
pub(super) fn by_colours(search: &Search<'_>, candidates: &mut [Candidate]) -> Result<(), SearchError> {
    let asked: Vec<(&QueryColours, f32)> =
        search.query.pictures.iter().filter_map(|picture| Some((picture.colours.as_ref()?, picture.weight))).collect();
    let Some(colours_of) = search.colours_of.filter(|_| !asked.is_empty()) else { return Ok(()) };
    let first = candidates.len().min(REORDERED);
    let keys: Vec<u64> = candidates[..first].iter().map(|candidate| candidate.key).collect();
    let losses: Vec<Option<(f32, f32)>> = colours_of(&keys)?.iter().map(|pictures| loss(&asked, pictures)).collect();
    let known: Vec<f32> = losses.iter().flatten().map(|(loss, _)| *loss).collect();
    if known.is_empty() {
        return Ok(());
    }
    let mean = known.iter().sum::<f32>() / known.len() as f32;
    let most = known.iter().copied().fold(0.0, f32::max);
    for (place, candidate) in candidates.iter_mut().enumerate() {
        let found = losses.get(place).copied().flatten();
        candidate.agreement = found.map(|(_, agreement)| agreement);
        candidate.score -= if place < first { found.map_or(mean, |(loss, _)| loss) } else { most };
        candidate.likeness = candidate.score;
    }
    sort_by_score(&mut candidates[..first]);
    Ok(())
}

/// The means, over the query's pictures by weight, of loss and agreement; `None` where the product's colours are not known.
fn loss(asked: &[(&QueryColours, f32)], pictures: &[ColourDescriptor]) -> Option<(f32, f32)> {
    let total: f32 = asked.iter().map(|(_, weight)| weight).sum();
    let mut sums = (0.0, 0.0);
    for (colours, weight) in asked {
        let (loss, agreement) = colours.loss(pictures)?;
        sums = (sums.0 + weight * loss, sums.1 + weight * agreement);
    }
    (total > 0.0).then(|| (sums.0 / total, sums.1 / total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Product;
    use crate::image::Picture;
    use crate::index::{Index, IndexOptions, IndexPoint};
    use crate::search::{Query, Weighted, execute, execute_with};

    fn of(colour: [u8; 3]) -> ColourDescriptor {
        let inside = |at: u32| (8..24).contains(&at);
        let pixel = |at: u32| if inside(at % 32) && inside(at / 32) { colour } else { [255; 3] };
        ColourDescriptor::of(&Picture::from_rgb(32, 32, (0..1024).flat_map(pixel).collect()).unwrap())
    }

    /// A hundred products, each a little less like the query than the one before; every third is red.
    fn shop(folder: &std::path::Path) -> Index {
        let index = Index::open(folder, &IndexOptions::new(2)).unwrap().index;
        let points = (1..=100).map(|key| {
            let angle = key as f32 * 0.001;
            let product = Product { id: key.to_string(), ..Product::default() };
            IndexPoint::of(&product, key, vec![vec![angle.cos(), angle.sin()]])
        });
        index.upsert(&points.collect::<Vec<_>>()).unwrap();
        index
    }

    fn colours_of(keys: &[u64]) -> Vec<Vec<ColourDescriptor>> {
        keys.iter().map(|key| vec![of(if key % 3 == 0 { [200, 20, 30] } else { [30, 60, 200] })]).collect()
    }

    fn red() -> Query {
        let colours = Some(QueryColours::of(of([200, 20, 30]), Behind::White));
        let pictures = vec![Weighted { colours, ..Weighted::one(vec![1.0, 0.0]) }];
        Query { pictures, limit: 100, ..Query::default() }
    }

    #[test]
    fn of_the_first_fifty_those_in_the_photo_s_colours_come_first_and_scores_go_on_falling() {
        let folder = tempfile::tempdir().unwrap();
        let index = shop(folder.path());
        let found = execute_with(&index, &red(), &|keys| Ok(colours_of(keys))).unwrap().hits;
        let keys: Vec<u64> = found.iter().map(|hit| hit.key).collect();
        let (red, blue): (Vec<u64>, Vec<u64>) = (1..=50).partition(|key| key % 3 == 0);
        assert_eq!(keys, red.into_iter().chain(blue).chain(51..=100).collect::<Vec<u64>>());
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        assert!(found[0].agreement.unwrap() > 0.99 && found[60].agreement.is_none());
        // What agrees in everything keeps its cosine.
        assert!((found[0].score - found[0].picture.unwrap()).abs() < 1e-4);
    }

    #[test]
    fn pages_join_and_a_page_behind_the_first_fifty_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let index = shop(folder.path());
        let keys = |query: &Query| -> Vec<u64> {
            execute_with(&index, query, &|keys| Ok(colours_of(keys))).unwrap().hits.iter().map(|hit| hit.key).collect()
        };
        let joined: Vec<u64> =
            (0..100).step_by(7).flat_map(|offset| keys(&Query { offset, limit: 7, ..red() })).collect();
        assert_eq!(joined, keys(&red()));
    }

    #[test]
    fn without_known_colours_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        let index = shop(folder.path());
        let plain = execute(&index, &red()).unwrap();
        assert_eq!(execute_with(&index, &red(), &|keys| Ok(vec![Vec::new(); keys.len()])).unwrap(), plain);
        let uncoloured = Query { pictures: vec![Weighted::one(vec![1.0, 0.0])], ..red() };
        assert_eq!(execute_with(&index, &uncoloured, &|keys| Ok(colours_of(keys))).unwrap(), plain);
    }

    #[test]
    fn a_product_of_unknown_colours_is_neither_first_nor_last() {
        let folder = tempfile::tempdir().unwrap();
        let index = shop(folder.path());
        let known = |keys: &[u64]| {
            let colours = colours_of(keys).into_iter().zip(keys);
            Ok(colours.map(|(colours, key)| if *key == 1 { Vec::new() } else { colours }).collect())
        };
        let hits = execute_with(&index, &red(), &known).unwrap().hits;
        let place = hits.iter().position(|hit| hit.key == 1).unwrap();
        assert_eq!(place, 16, "behind 16 red ones, before 33 blue ones");
        assert_eq!(hits[place].agreement, None);
    }
}
