//! Who a query finds, before anything is put in order.
//!
//! - Neither pictures nor words: everything that passes the filter.
//! - Words: of these, what says any of them or looks like what they mean.
//! - Pictures: of these, what has a picture; with words also what says them.
//! - A colour alone: of these, what has some of it ([`SOME_COLOUR`]). With words or pictures it finds nobody and leaves nobody
//!   out: it says who comes first.
//!
//! Where hits are sorted by a value or must be of a band, a ranking that goes on to the last stranger is no answer: then the
//! set is what is best of it, [`WINDOW`] products at most.

use std::collections::HashMap;

use parking_lot::RwLockReadGuard;
use roaring::RoaringBitmap;

use super::bands::Judge;
use super::filter::Expr;
use super::query::{Query, SortField};
use super::rank::Candidate;
use super::rerank::ColoursOf;
use super::{SearchError, SortOrder, rank};
use crate::index::{Card, Index, Said, Table};

/// Products among which values are sorted or bands chosen, when pictures or words rank.
pub(super) const WINDOW: usize = 1_000;
/// Products that are found by what words mean, beside those that say them; fewer where the last ones are equally near.
pub(super) const MEANT: usize = 200;
/// How much such a product has to look like it. 0 is what a title in general does, see [`crate::space::WordQuery::likeness`].
pub(super) const LOOKS_LIKE: f32 = 0.1;

/// Share of a product's main picture that has to have the colour, when a colour is all that is asked for.
pub(super) const SOME_COLOUR: f32 = 0.1;

/// A query at work over an index that stays as it is meanwhile.
pub(super) struct Search<'s> {
    pub(super) index: &'s Index,
    pub(super) table: RwLockReadGuard<'s, Table>,
    pub(super) query: &'s Query,
    /// Never found: products asked about, products that say an unwanted word.
    pub(super) exclude: RoaringBitmap,
    pub(super) said: Option<Said>,
    /// How much of each row's product has the colour that is asked for, by row.
    pub(super) colours: Option<Vec<f32>>,
    /// Where colours of pictures are told, when they shall be looked at.
    pub(super) colours_of: Option<ColoursOf<'s>>,
}

/// A set of products, and their order where the set depends on it.
pub(super) struct Found<'s> {
    pub(super) set: RoaringBitmap,
    /// How much products look like what the words mean; of the set, those that do.
    pub(super) meant: HashMap<u32, f32>,
    /// All of the set, best first, and who judges them.
    pub(super) ranking: Option<(Vec<Candidate>, Option<Judge<'s>>)>,
}

/// How well products say the words of a query, 0 to 1.
pub(super) struct Relative<'f> {
    said: Option<&'f Said>,
    best: f32,
}

impl Relative<'_> {
    /// Of one row; none where it says none of them.
    pub(super) fn of(&self, row: u32) -> Option<f32> {
        let score = *self.said?.scores.get(row as usize)?;
        (score > 0.0).then(|| score / self.best)
    }
}

impl<'s> Search<'s> {
    pub(super) fn new(index: &'s Index, query: &'s Query) -> Result<Self, SearchError> {
        let table = index.table();
        let said = match &query.text {
            Some(text) => Some(index.said(&table, text)?),
            None => None,
        };
        let mut exclude = table.rows(query.exclude.iter().copied());
        if query.collapse {
            exclude = table.whole_groups(&exclude);
        }
        exclude |= table.rows(query.ruling.hidden.iter().copied());
        if let Some(text) = &query.not_text {
            exclude |= index.said(&table, text)?.rows;
        }
        let colours = query.colour.as_ref().map(|colour| table.shares_of(colour));
        Ok(Self { index, table, query, exclude, said, colours, colours_of: None })
    }

    /// What a row is shown as.
    pub(super) fn card(&self, row: u32) -> Card {
        self.table.card(row, self.query.collapse)
    }

    /// Whether pictures or words say which product fits better than another.
    pub(super) fn likens(&self) -> bool {
        !self.query.pictures.is_empty() || self.said.is_some()
    }

    /// Whether anything does.
    pub(super) fn ranks(&self) -> bool {
        self.likens() || self.colours.is_some()
    }

    /// How much of a row's product has the colour that is asked for; `None` when none is.
    pub(super) fn colour(&self, row: u32) -> Option<f32> {
        self.colours.as_ref().map(|shares| shares.get(row as usize).copied().unwrap_or(0.0))
    }

    /// Whether hits come in the order of fit.
    pub(super) fn by_fit(&self) -> bool {
        let best_first = (SortField::Score, SortOrder::Desc);
        self.ranks() && (self.query.sort.is_empty() || self.query.sort == [best_first])
    }

    /// The products that the query finds under a filter.
    pub(super) fn find(&self, filter: Option<&Expr>) -> Result<Found<'s>, SearchError> {
        let mut base = match filter {
            Some(expr) => expr.select(self.index, &self.table)?,
            None => self.table.all().clone(),
        };
        base -= &self.exclude;
        let meant = self.meant(&base)?;
        let set = match (&self.said, self.query.pictures.is_empty()) {
            (None, true) => match &self.colours {
                None => base,
                Some(shares) => base & with_some(shares),
            },
            (None, false) => base & self.table.pictured(),
            (Some(said), true) => {
                let mut set = &base & &said.rows;
                set.extend(meant.keys().copied());
                set
            }
            (Some(said), false) => {
                let set = &base & &said.rows;
                set | (base & self.table.pictured())
            }
        };
        let banded = self.query.min_band.filter(|_| self.query.calibration.is_some());
        if !self.likens() || (self.by_fit() && banded.is_none()) {
            return Ok(Found { set, meant, ranking: None });
        }
        let mut ranking = rank::rank(self, &set, &meant, WINDOW)?.0;
        ranking.truncate(WINDOW);
        let judge = Judge::of(self, &ranking);
        if let (Some(least), Some(judge)) = (banded, &judge) {
            ranking.retain(|candidate| judge.judge(self, candidate).1 >= Some(least));
        }
        let set = ranking.iter().map(|candidate| candidate.row).collect();
        Ok(Found { set, meant, ranking: Some((ranking, judge)) })
    }

    /// How well rows say the words, relative to the one of the set that says them best.
    pub(super) fn relative(&self, set: &RoaringBitmap) -> Relative<'_> {
        let best = self.said.as_ref().map_or(1.0, |said| said.best(set));
        Relative { said: self.said.as_ref(), best }
    }

    /// The products of `base` that look like what the words mean, and how much. None where nothing is known of that.
    fn meant(&self, base: &RoaringBitmap) -> Result<HashMap<u32, f32>, SearchError> {
        let Some(meaning) = &self.query.meaning else { return Ok(HashMap::new()) };
        let within = base & self.table.pictured();
        let mut near = self.nearest(std::slice::from_ref(&meaning.vector), &within, MEANT + 1)?;
        if near.len() > MEANT {
            rank::drop_last_ties(&mut near);
        }
        let keys: Vec<u64> = near.iter().map(|(row, _)| self.table.key(*row)).collect();
        let pictures = self.index.vectors_of(&keys)?;
        let judged =
            near.iter().zip(&pictures).filter_map(|((row, _), pictures)| Some((*row, meaning.likeness(pictures)?)));
        Ok(judged.filter(|(_, likeness)| *likeness >= LOOKS_LIKE).collect())
    }
}

/// Rows with some of a colour.
fn with_some(shares: &[f32]) -> RoaringBitmap {
    (0..).zip(shares).filter(|(_, share)| **share >= SOME_COLOUR).map(|(row, _)| row).collect()
}
