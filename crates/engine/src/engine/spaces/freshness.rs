//! Freshness: a space was made of a catalogue as it was; how far has the catalogue gone on since, and is it time to train
//! again? A training that comes of it goes through the gate like every other.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use serde::Serialize;

use super::super::{CatalogueName, Engine, EngineError};
use super::drift::Moments;
use super::train::{TrainReport, TrainRequest};
use super::words::WithWords;
use super::{KeptSpace, Provenance};
use crate::learn::{Random, Rows};
use crate::space::SpaceId;

/// Pictures of which drift is measured.
const SAMPLE: usize = 2_000;
/// Fewer new products say nothing about where they are.
const LEAST_NEW: usize = 20;
/// After a training, whatever came of it, the next by itself is a day away at least.
const REST: TimeDelta = TimeDelta::hours(20);

/// When a trained space that is in use is trained again by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FreshnessOptions {
    /// Whether that is done at all; measuring is always.
    pub retrain: bool,
    /// After so many days; 0 never by time alone.
    pub every_days: u32,
    /// When the catalogue is that far away from what the space was made of, as [`Freshness::drift`].
    pub drift: f64,
    /// When that share of the products came after it.
    pub newer: f64,
    /// How often it is looked at.
    pub look: std::time::Duration,
}

impl Default for FreshnessOptions {
    /// Not by itself; else after 30 days, at a drift of 0.25, or when 30 % of the products are newer.
    fn default() -> Self {
        let look = std::time::Duration::from_hours(1);
        Self { retrain: false, every_days: 30, drift: 0.25, newer: 0.3, look }
    }
}

/// How fresh the trained space in use is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Freshness {
    /// The space.
    pub space: SpaceId,
    /// Days since it was trained.
    pub days: f64,
    /// Share of the products that came after it was trained.
    pub newer: f64,
    /// How far the pictures of the catalogue are from those it was made of: 0 not at all; 1 as far as pictures are from each
    /// other. Absent when what it was made of was not kept.
    pub drift: Option<f64>,
    /// The same of the newer products alone.
    pub drift_of_newer: Option<f64>,
    /// Why it should be trained again; empty while it is fresh.
    pub reasons: Vec<String>,
}

impl Engine {
    /// How fresh the space in use is; `None` while that is the default one, which is made of no catalogue.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn freshness(&self, catalogue: &CatalogueName) -> Result<Option<Freshness>, EngineError> {
        let open = self.catalogue(catalogue)?;
        let snapshot = open.snapshot();
        let Some(kept) = self.kept_space(open.key, snapshot.space.id())? else { return Ok(None) };
        let days = (Utc::now() - kept.provenance.trained_at).num_seconds().max(0) as f64 / 86_400.0;
        let products = self.store.count(open.key)?;
        let newer_count = self.store.products_after(open.key, kept.provenance.last_product)?;
        let newer = newer_count as f64 / products.max(1) as f64;
        let before = Moments::load(&snapshot.folder);
        let distance = |after: u64, least: usize| -> Result<Option<f64>, EngineError> {
            let Some(before) = &before else { return Ok(None) };
            let rows = self.sample_after(open.key, after)?;
            Ok((rows.len() >= least).then(|| before.distance(&Moments::of_rows(&rows, 0..rows.len()))))
        };
        let drift = distance(0, 1)?;
        let drift_of_newer = distance(kept.provenance.last_product, LEAST_NEW)?;
        let options = &self.options.freshness;
        let mut reasons = Vec::new();
        if options.every_days > 0 && days >= f64::from(options.every_days) {
            reasons.push(format!("it was trained {days:.0} days ago"));
        }
        if newer >= options.newer {
            reasons.push(format!("{:.0} % of the products are newer than it", newer * 100.0));
        }
        if let Some(drift) = drift.filter(|drift| *drift >= options.drift) {
            reasons.push(format!("the catalogue has drifted by {drift:.2} from what it was made of"));
        }
        Ok(Some(Freshness { space: snapshot.space.id(), days, newer, drift, drift_of_newer, reasons }))
    }

    /// Trains spaces that are no longer fresh again, each the way it was made, where the settings say so.
    pub(in crate::engine) fn refresh(self: &Arc<Self>) {
        for open in self.open_catalogues() {
            match self.retrain_when_stale(&open.name) {
                Ok(Some(job)) => tracing::info!(catalogue = %open.name, job, "a space is trained again"),
                Ok(None) | Err(EngineError::Busy { .. }) => {}
                Err(error) => {
                    tracing::warn!(catalogue = %open.name, %error, "freshness could not be looked at; it is tried again");
                }
            }
        }
    }

    /// Starts a training when the space in use is no longer fresh; the id of its job.
    fn retrain_when_stale(self: &Arc<Self>, catalogue: &CatalogueName) -> Result<Option<String>, EngineError> {
        let Some(freshness) = self.freshness(catalogue)? else { return Ok(None) };
        if freshness.reasons.is_empty() {
            return Ok(None);
        }
        let open = self.catalogue(catalogue)?;
        let Some(kept) = self.kept_space(open.key, freshness.space)? else { return Ok(None) };
        // One that the gate refused, or that had too little to learn from, is not tried again every hour.
        let last = self.jobs()?.into_iter().find(|job| job.kind == "train" && job.catalogue == *catalogue);
        if last.is_some_and(|last| Utc::now() - last.created_at < REST) {
            return Ok(None);
        }
        let words = if open.snapshot().word_head().is_some() { WithWords::Also } else { WithWords::No };
        let request =
            TrainRequest { catalogue: catalogue.clone(), learned: kept.provenance.learned, promote: true, words };
        Ok(Some(self.start_training(request)?.id))
    }

    pub(super) fn kept_space(&self, catalogue: i64, id: SpaceId) -> Result<Option<KeptSpace>, EngineError> {
        let id = id.to_string();
        let kept = self.store.spaces::<Provenance, TrainReport>(catalogue)?;
        Ok(kept.into_iter().find(|kept| kept.id == id))
    }

    /// Features, of unit length, of a sample of the products after a number.
    fn sample_after(&self, catalogue: i64, after: u64) -> Result<Rows, EngineError> {
        let mut keys = self.store.product_keys(catalogue, after)?;
        Random::new(after).shuffle(&mut keys);
        keys.truncate(SAMPLE);
        let mut rows = Rows::default();
        for page in keys.chunks(256) {
            let products = self.store.products_of(catalogue, page)?;
            let hashes: Vec<_> =
                products.iter().filter_map(|stored| stored.product.image_hashes().into_iter().next()).collect();
            for feature in self.store.features(&hashes, &self.feature_key)?.into_iter().flatten() {
                if rows.dim() == 0 {
                    rows = Rows::new(feature.len());
                }
                rows.push(&feature);
            }
        }
        Ok(rows.unit())
    }
}
