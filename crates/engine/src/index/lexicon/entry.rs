//! What a product brought to the lexicon, so that it can be taken back.

use super::WordId;
use crate::index::packed::Packed;

/// Words, brand and categories of one product. Packed: how many words are of title, brand, category and attributes, how many of
/// the others; those words, each kind in rising order, each as the step from the one before; the brand's number plus one, or 0; the
/// categories' numbers.
#[derive(Debug)]
pub(super) struct Entry(Packed);

/// An [`Entry`] to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Brought {
    /// Words of title, brand, category and attributes.
    pub(super) head: Vec<WordId>,
    /// The other words.
    pub(super) body: Vec<WordId>,
    pub(super) brand: Option<u32>,
    pub(super) categories: Vec<u32>,
}

impl Entry {
    pub(super) fn of(brought: Brought) -> Self {
        let Brought { head, body, brand, categories } = brought;
        let lengths = [head.len() as u32, body.len() as u32];
        let brand = brand.map_or(0, |brand| brand + 1);
        let words = steps(head).into_iter().chain(steps(body));
        Self(lengths.into_iter().chain(words).chain([brand]).chain(categories).collect())
    }

    /// What [`Entry::read`] takes.
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.0.iter().collect()
    }

    /// An entry as it was written; `None` for numbers that are none.
    pub(super) fn read(numbers: &[u32]) -> Option<Self> {
        let [head, body, rest @ ..] = numbers else { return None };
        let (head, body) = (*head as usize, *body as usize);
        let (first, rest) = rest.split_at_checked(head)?;
        let (second, rest) = rest.split_at_checked(body)?;
        let fits = |steps: &[u32]| steps.iter().try_fold(0_u32, |sum, step| sum.checked_add(*step)).is_some();
        (fits(first) && fits(second) && !rest.is_empty()).then(|| Self(numbers.iter().copied().collect()))
    }

    /// What it was made of, words in rising order.
    pub(super) fn brought(&self) -> Brought {
        let mut numbers = self.0.iter();
        let mut next = || numbers.next().unwrap_or_default();
        let (head, body) = (next(), next());
        let head = sums((0..head).map(|_| next())).collect();
        let body = sums((0..body).map(|_| next())).collect();
        let brand = next().checked_sub(1);
        Brought { head, body, brand, categories: numbers.collect() }
    }

    /// Words of title, brand, category and attributes.
    pub(super) fn head(&self) -> impl Iterator<Item = WordId> {
        let mut numbers = self.0.iter();
        let head = numbers.next().unwrap_or_default();
        sums(numbers.skip(1).take(head as usize))
    }
}

fn steps(mut words: Vec<WordId>) -> Vec<u32> {
    words.sort_unstable();
    let mut before = 0;
    for word in &mut words {
        (before, *word) = (*word, *word - before);
    }
    words
}

fn sums(steps: impl Iterator<Item = u32>) -> impl Iterator<Item = WordId> {
    let mut sum = 0;
    steps.map(move |step| {
        sum += step;
        sum
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_brought_comes_back(
            head in proptest::collection::vec(0_u32..90_000, 0..20),
            body in proptest::collection::vec(0_u32..90_000, 0..20),
            brand in proptest::option::of(0_u32..5_000),
            categories in proptest::collection::vec(0_u32..5_000, 0..5),
        ) {
            let sorted = |words: &[u32]| { let mut words = words.to_vec(); words.sort_unstable(); words };
            let (sorted_head, sorted_body) = (sorted(&head), sorted(&body));
            let entry = Entry::of(Brought { head, body, brand, categories: categories.clone() });
            prop_assert_eq!(entry.head().collect::<Vec<_>>(), sorted_head.clone());
            let again = Entry::read(&entry.numbers()).unwrap();
            let brought = Brought { head: sorted_head, body: sorted_body, brand, categories };
            prop_assert_eq!((entry.brought(), again.brought()), (brought.clone(), brought));
            let numbers = entry.numbers();
            (0..numbers.len()).for_each(|end| drop(Entry::read(&numbers[..end]).map(|entry| entry.brought())));
        }
    }
}
