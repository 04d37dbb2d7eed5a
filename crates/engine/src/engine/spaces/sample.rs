//! Which pictures a head is fitted to, where there are more than it needs.

use std::collections::{HashMap, HashSet};

use super::assess::SEED;
use crate::learn::Random;

/// Labels with fewer pictures each are drawn as a whole: of a product with three pictures one in five would say nothing.
const FEW: usize = 8;

/// With fewer labels to part from each other a head knows little; what is alone with its label fills them up.
const LEAST_LABELS: usize = 60;

/// Whether a product is in a sample of this share of all; the same each time.
pub(super) fn in_sample(product: u64, share: f64) -> bool {
    share >= 1.0 || (Random::new(product).bits() as f64 / u64::MAX as f64) < share
}

/// At most so many of the places, drawn at random, in their order.
pub(super) fn some(mut places: Vec<usize>, most: usize, salt: u64) -> Vec<usize> {
    if places.len() > most {
        Random::new(SEED ^ salt).shuffle(&mut places);
        places.truncate(most);
        places.sort_unstable();
    }
    places
}

/// Those of the pictures that a head is fitted to, as places in `labels`, in their order; `None` for all.
///
/// What shares its label with others comes first: where some photos are confirmed among thousands of products with a picture each, they and what they
/// show are all there is to be learned from. What is alone with its label says only that it differs from the rest: all of it together so loudly that
/// the head looks for nothing else (decision 69), and a product whose one picture is learned by heart is not found by a photo of it (decision 80). So it
/// is drawn only where shared labels are few.
pub(super) fn sample(labels: &[u32], most: usize) -> Option<Vec<usize>> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    labels.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
    let (alone, mut shared): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(|&at| counts[&labels[at]] == 1);
    if shared.len() > most {
        let mut several: Vec<u32> = counts.iter().filter(|(_, count)| **count > 1).map(|(label, _)| *label).collect();
        if shared.len() < FEW * several.len() {
            several.sort_unstable();
            Random::new(SEED).shuffle(&mut several);
            let mut room = most;
            let whole = |label: &u32| {
                room = room.checked_sub(counts[label])?;
                Some(*label)
            };
            let drawn: HashSet<u32> = several.iter().map_while(whole).collect();
            shared.retain(|&at| drawn.contains(&labels[at]));
        }
        shared = some(shared, most, 0);
    }
    let labels_shared = shared.iter().map(|&at| labels[at]).collect::<HashSet<_>>().len();
    let room = LEAST_LABELS.saturating_sub(labels_shared).min(most - shared.len());
    if shared.len() + alone.len().min(room) == labels.len() {
        return None;
    }
    shared.extend(some(alone, room, 1));
    shared.sort_unstable();
    Some(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `shared` labels of `each` pictures, then `alone` with one.
    fn labels(shared: u32, each: usize, alone: u32) -> Vec<u32> {
        let several = (0..shared).flat_map(|label| std::iter::repeat_n(label, each));
        several.chain(shared..shared + alone).collect()
    }

    #[test]
    fn what_shares_its_label_comes_first_and_what_is_alone_fills_up() {
        let many = labels(150, 2, 900);
        let kept = sample(&many, 5_000).unwrap();
        assert!(kept.iter().copied().eq(0..300), "nothing that is alone: {kept:?}");
        assert_eq!(sample(&many, 5_000), Some(kept), "the same each time");
        assert_eq!(sample(&many, 250).unwrap().len(), 250);
        // Few labels that are shared do not leave nearly nothing to part them from.
        let kept = sample(&labels(10, 3, 900), 5_000).unwrap();
        assert!(kept.is_sorted() && kept[..30].iter().copied().eq(0..30));
        assert_eq!(kept.len(), 30 + 50, "60 labels");
        assert_eq!(sample(&labels(10, 3, 900), 40).unwrap().len(), 40);
        assert_eq!(sample(&labels(10, 3, 50), 5_000), None);
        assert_eq!(sample(&labels(0, 0, 900), 5_000).unwrap().len(), 60, "a catalogue of one picture a product");
        assert_eq!(sample(&[], 5_000), None);
    }

    #[test]
    fn small_labels_are_drawn_whole_and_large_ones_in_part() {
        let kept = sample(&labels(400, 3, 50), 100).unwrap();
        assert!(kept.chunks_exact(3).take(33).all(|whole| whole[0] % 3 == 0 && whole[2] == whole[0] + 2), "{kept:?}");
        assert_eq!(kept.len(), 100, "99 in whole labels, and one that is alone");
        let large = labels(4, 300, 0);
        let kept = sample(&large, 100).unwrap();
        assert_eq!(kept.len(), 100);
        for label in 0..4 {
            assert!(kept.iter().filter(|&&at| large[at] == label).count() > 10, "a part of each");
        }
    }
}
