//! Many vectors of one length, one after another.

use faer::MatRef;

use crate::space::Embedding;

/// A matrix of vectors: [rows, dim], row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    /// No rows yet, of `dim` numbers each.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self { dim, values: Vec::new() }
    }

    /// Rows from vectors; `None` when they differ in length.
    #[must_use]
    pub fn from_vectors<'v>(vectors: impl IntoIterator<Item = &'v [f32]>) -> Option<Self> {
        let mut vectors = vectors.into_iter();
        let Some(first) = vectors.next() else { return Some(Self::default()) };
        let mut rows = Self { dim: first.len(), values: first.to_vec() };
        for vector in vectors {
            if !rows.push(vector) {
                return None;
            }
        }
        Some(rows)
    }

    /// Rows of these numbers, one row after another; what is left over for a whole row is left out.
    pub(crate) fn from_values(dim: usize, mut values: Vec<f32>) -> Self {
        values.truncate(values.len() - values.len().checked_rem(dim).unwrap_or(values.len()));
        Self { dim, values }
    }

    /// Rows of embeddings; `None` when they are not all of one space.
    #[must_use]
    pub fn from_embeddings<'e>(embeddings: impl IntoIterator<Item = &'e Embedding> + Clone) -> Option<Self> {
        let mut spaces = embeddings.clone().into_iter().map(Embedding::space);
        let first = spaces.next();
        if spaces.any(|space| Some(space) != first) {
            return None;
        }
        Self::from_vectors(embeddings.into_iter().map(Embedding::vector))
    }

    /// Adds a row; `false`, and nothing added, when it has another length.
    pub fn push(&mut self, row: &[f32]) -> bool {
        let fits = row.len() == self.dim;
        if fits {
            self.values.extend_from_slice(row);
        }
        fits
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.dim).unwrap_or(0)
    }

    /// No rows?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of each row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All numbers, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.max(1))
    }

    /// The row at a place; none of its numbers for a place past the end.
    #[must_use]
    pub fn row(&self, place: usize) -> &[f32] {
        self.values.get(place * self.dim..(place + 1) * self.dim).unwrap_or_default()
    }

    /// The first numbers of each row, and the rest of each; `None` where the rows are shorter.
    #[must_use]
    pub fn split_at(&self, dim: usize) -> Option<(Self, Self)> {
        let rest = self.dim.checked_sub(dim)?;
        let (mut first, mut second) = (Self::new(dim), Self::new(rest));
        for row in self.iter() {
            let (one, other) = row.split_at(dim);
            first.values.extend_from_slice(one);
            second.values.extend_from_slice(other);
        }
        Some((first, second))
    }

    /// The rows at these places, in this order; places past the end are left out.
    #[must_use]
    pub fn select(&self, places: impl IntoIterator<Item = usize>) -> Self {
        let mut selected = Self::new(self.dim);
        for place in places {
            if let Some(row) = self.values.get(place * self.dim..(place + 1) * self.dim) {
                selected.values.extend_from_slice(row);
            }
        }
        selected
    }

    /// Each row brought to unit length; rows of zeros stay.
    #[must_use]
    pub fn unit(mut self) -> Self {
        for row in self.values.chunks_exact_mut(self.dim.max(1)) {
            let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
            }
        }
        self
    }

    pub(super) fn matrix(&self) -> MatRef<'_, f32> {
        MatRef::from_row_major_slice(&self.values, self.len(), self.dim)
    }

    pub(super) fn is_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }
}
