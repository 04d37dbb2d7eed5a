//! What the scores of hits say to a shopper: how likely the very product, and in which band.

use super::Band;
use super::found::Search;
use super::rank::Candidate;
use crate::index::Card;
use crate::space::{CROWD_TO, Calibration, Crowd, EXACT, QueryKind, SIMILAR, Standing};

/// Judges the hits of one search.
pub(super) struct Judge<'s> {
    calibration: &'s Calibration,
    kind: QueryKind,
    crowd: Crowd,
    best: Option<Card>,
}

impl<'s> Judge<'s> {
    /// `ranking` is best first, the products of one card several times or once. `None` where nothing is ranked, or there is no
    /// calibration to judge by.
    pub(super) fn of(search: &Search<'s>, ranking: &[Candidate]) -> Option<Self> {
        let calibration = search.query.calibration.as_deref()?;
        let kind = match (search.query.pictures.is_empty(), search.said.is_some()) {
            (true, true) => QueryKind::Words,
            (false, false) => QueryKind::Picture,
            (false, true) => QueryKind::Both,
            (true, false) => return None,
        };
        // With a colour the order is another than that of likeness, which is what was calibrated.
        let mut alike: Vec<&Candidate> = ranking.iter().collect();
        if search.colours.is_some() {
            alike.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
        }
        let best = alike.first().map(|candidate| search.table.card(candidate.row, true));
        let mut seen = std::collections::HashSet::new();
        let cards = alike.into_iter().filter(|candidate| seen.insert(search.table.card(candidate.row, true)));
        let scores: Vec<f32> = cards.take(CROWD_TO).map(|candidate| candidate.likeness).collect();
        Some(Self { calibration, kind, crowd: Standing::of(&scores), best })
    }

    /// How likely a hit is the very product (or a variant of it), and its band.
    pub(super) fn judge(&self, search: &Search<'_>, candidate: &Candidate) -> (f32, Option<Band>) {
        let first = self.best == Some(search.table.card(candidate.row, true));
        let standing = self.crowd.standing(candidate.likeness, first);
        let same = self.calibration.same(self.kind, search.table.category(candidate.row), standing);
        let band = if same >= EXACT {
            Some(Band::Exact)
        } else if self.calibration.alike(self.kind, standing) >= SIMILAR {
            Some(Band::Similar)
        } else {
            None
        };
        (same, band)
    }
}
