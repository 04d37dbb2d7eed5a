//! The life of spaces: trained, compared, promoted, rolled back.

mod assess;
mod choice;
mod copies;
mod drift;
mod freshness;
mod gate;
mod gather;
mod parts;
mod recipe;
mod sample;
#[cfg(test)]
mod tests;
mod train;
mod words;
mod work;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, DEFAULT_SPACE};
use super::{CatalogueName, Engine, EngineError};
use crate::catalogue::store::StoredSpace;
use crate::model::builtin_manifest;
use crate::space::{Space, SpaceId};

use assess::{Assessment, Way};
pub use assess::{Figures, Task, TaskReport};
pub use choice::{FusedReport, UnlabelledReport};
pub use freshness::{Freshness, FreshnessOptions};
pub use gate::{Gate, TaskVerdict};
pub(super) use gather::MOST_LAYERED;
use recipe::Recipe;
pub use recipe::{Guesses, Learned};
pub use train::{TrainReport, TrainRequest, Trained};
pub use words::{WithWords, WordsReport};
pub use work::PromoteRequest;

/// Trained spaces of a catalogue that are kept beside the active and the previous one.
const KEPT: usize = 20;

/// Where a trained space comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// `pca`, `lda`.
    pub method: String,
    /// What it was learned from.
    pub learned: Learned,
    /// Whether its head sees layers before the model's last one beside the pooled vector.
    #[serde(default)]
    pub layers: bool,
    /// Whether its head sees colours, too.
    #[serde(default)]
    pub colours: bool,
    /// How photos of which nobody said what they show were learned from, by what they were taken for; absent where they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guesses: Option<Guesses>,
    /// Name of the model and SHA-256 of its file.
    pub model: String,
    /// SHA-256 of the model's file.
    pub model_sha256: String,
    /// Pictures it was fitted to.
    pub pictures: usize,
    /// Products they show.
    pub products: usize,
    /// Different labels.
    pub labels: usize,
    /// Confirmed and rejected pairs among them.
    pub pairs: usize,
    /// Revision of the catalogue when it was read.
    pub revision: i64,
    /// Number of the latest product then.
    #[serde(default)]
    pub last_product: u64,
    /// Everything random was drawn from this.
    pub seed: u64,
    /// Version of Vetrina.
    pub vetrina: String,
    /// When it was trained.
    pub trained_at: DateTime<Utc>,
}

/// What was kept of a training.
pub(super) type KeptSpace = StoredSpace<Provenance, TrainReport>;

/// A space of a catalogue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpaceInfo {
    /// Its id.
    pub id: SpaceId,
    /// Name of its model.
    pub model: String,
    /// Length of its embeddings; absent when its head cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// `default` for the one of the build, `trained`.
    pub head: &'static str,
    /// Is it searched in now?
    pub active: bool,
    /// Is it what a rollback goes back to?
    pub previous: bool,
    /// What is wrong with its files, when something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Where it comes from; absent for the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How it compared when it was trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<TrainReport>,
}

impl Engine {
    /// The spaces of a catalogue: the default one, then the trained ones, latest first.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn spaces(&self, catalogue: &CatalogueName) -> Result<Vec<SpaceInfo>, EngineError> {
        let open = self.catalogue(catalogue)?;
        let mut spaces = vec![self.describe(&open, &self.space, None)];
        for kept in self.store.spaces::<Provenance, TrainReport>(open.key)? {
            let info = match self.load_space(open.key, &kept.id) {
                Ok(space) => self.describe(&open, &space, Some(kept)),
                Err(error) => {
                    let Ok(id) = kept.id.parse() else { continue };
                    SpaceInfo {
                        id,
                        model: kept.provenance.model.clone(),
                        dimensions: None,
                        head: "trained",
                        active: false,
                        previous: false,
                        trouble: Some(error.to_string()),
                        provenance: Some(kept.provenance),
                        report: Some(kept.report),
                    }
                }
            };
            spaces.push(info);
        }
        Ok(spaces)
    }

    /// One space of a catalogue, by its id or as `default` or `active`.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`], [`EngineError::NoSuchSpace`]; errors of the store.
    pub fn space_of(&self, catalogue: &CatalogueName, id: &str) -> Result<SpaceInfo, EngineError> {
        let spaces = self.spaces(catalogue)?;
        let found = spaces.into_iter().find(|space| match id {
            "default" => space.head == "default",
            "active" => space.active,
            id => space.id.to_string() == id,
        });
        found.ok_or_else(|| EngineError::NoSuchSpace { id: id.chars().take(80).collect() })
    }

    /// A space by its id, whichever catalogue it was trained on; `default` is the one of the build. For embedding outside of
    /// a catalogue.
    ///
    /// # Errors
    /// [`EngineError::NoSuchSpace`]; [`EngineError::Space`] when its file is damaged or foreign.
    pub fn find_space(&self, id: &str) -> Result<Arc<Space>, EngineError> {
        Self::find_space_in(&self.options.data, id)
    }

    /// As [`Engine::find_space`], in a data folder that another process may have open.
    ///
    /// # Errors
    /// As [`Engine::find_space`].
    pub fn find_space_in(data: &std::path::Path, id: &str) -> Result<Arc<Space>, EngineError> {
        let manifest = crate::model::builtin_manifest()?;
        let default = Space::default_for(manifest)?;
        if id == DEFAULT_SPACE || id == default.id().to_string() {
            return Ok(Arc::new(default));
        }
        Ok(Arc::new(super::space_files::SpaceFiles::new(data).find(id, manifest)?))
    }

    /// Makes a space the active one of its catalogue. Searches go on all the while: each is answered wholly in the space it
    /// began in. `go_on` is told how many products of how many were indexed; when it says no, all is as before and the answer
    /// is false.
    ///
    /// # Errors
    /// [`EngineError::NoSuchSpace`]; [`EngineError::Worse`] when the gate refuses it and `force` is not given;
    /// [`EngineError::Space`] when its file is damaged; errors of store and index.
    pub fn promote_space(
        &self,
        catalogue: &CatalogueName,
        id: &str,
        force: bool,
        go_on: &dyn Fn(u64, u64) -> bool,
    ) -> Result<bool, EngineError> {
        let space = self.may_promote(catalogue, id, force)?;
        self.switch_to(&self.catalogue(catalogue)?, &space, go_on)
    }

    /// The space, when it may become the active one.
    fn may_promote(&self, catalogue: &CatalogueName, id: &str, force: bool) -> Result<Arc<Space>, EngineError> {
        let open = self.catalogue(catalogue)?;
        let id = self.space_of(catalogue, id)?.id.to_string();
        let space = self.load_space(open.key, &id)?;
        if !force && space.id() != open.snapshot().space.id() {
            self.pass_gate(&open, &space)?;
        }
        Ok(space)
    }

    /// Goes back to the space before the last promotion, whose index was kept. Returns the space that is active now.
    ///
    /// # Errors
    /// [`EngineError::NoPreviousSpace`]; errors of store and index.
    pub fn rollback_space(&self, catalogue: &CatalogueName) -> Result<SpaceId, EngineError> {
        let open = self.catalogue(catalogue)?;
        let previous = open.previous();
        let previous = previous.ok_or_else(|| EngineError::NoPreviousSpace { catalogue: catalogue.to_string() })?;
        let space = Arc::clone(&previous.space);
        drop(previous);
        self.switch_to(&open, &space, &|_, _| true)?;
        Ok(space.id())
    }

    fn switch_to(
        &self,
        open: &Arc<Catalogue>,
        space: &Arc<Space>,
        go_on: &dyn Fn(u64, u64) -> bool,
    ) -> Result<bool, EngineError> {
        let products = self.store.count(open.key)?;
        let looked = |done| go_on(done, products) && !self.closing();
        if space.sees_colours() && !self.look_at_all_colours(open, &looked)? {
            return Ok(false);
        }
        let next = open.other(&self.store, space)?;
        let active = self.stored_as(&open.snapshot().space);
        let names = (self.stored_as(space), active);
        let switched =
            open.switch(&self.store, &next, (&names.0, &names.1), &|done| go_on(done, products) && !self.closing());
        if !matches!(switched, Ok(true)) {
            open.retire(next);
        }
        open.let_go(&self.store);
        switched
    }

    /// Whether the gate lets a space through: by what was measured when it was trained where that was against the space that
    /// is still active. The default space is always let through: it is the way back from anything.
    fn pass_gate(&self, open: &Catalogue, space: &Space) -> Result<(), EngineError> {
        if space.id() == self.space.id() {
            return Ok(());
        }
        let id = space.id().to_string();
        let Some(kept) = self.kept_space(open.key, space.id())? else { return Err(EngineError::NoSuchSpace { id }) };
        let active = open.snapshot().space.id();
        let gate = if kept.report.against == active {
            kept.report.gate
        } else {
            // It was compared with another space; what counts is the one in use.
            let learned = kept.provenance.learned.clone();
            let request = TrainRequest { learned, ..TrainRequest::new(open.name.clone()) };
            let way = Recipe::of(&kept.provenance);
            match self.material(open, &request, &|_, _, _| true)? {
                Some(gathered) => {
                    let current = self.current(open, &gathered)?;
                    let mut assessment = Assessment::new(builtin_manifest()?, &gathered, &request.learned);
                    let way = Way::Made(way);
                    assessment.ask(&[current.clone(), way.clone()], &|_, _| true)?;
                    gate::judge(&assessment.between(&current, &way))
                }
                None => kept.report.gate,
            }
        };
        if gate.passes {
            return Ok(());
        }
        Err(EngineError::Worse { id, reasons: gate.reasons })
    }

    fn describe(&self, open: &Catalogue, space: &Space, kept: Option<KeptSpace>) -> SpaceInfo {
        let active = open.snapshot();
        let previous = open.previous();
        let (provenance, report) = kept.map_or((None, None), |kept| (Some(kept.provenance), Some(kept.report)));
        SpaceInfo {
            id: space.id(),
            model: space.model().to_owned(),
            dimensions: Some(space.dim()),
            head: if provenance.is_none() { "default" } else { "trained" },
            active: active.space.id() == space.id(),
            previous: previous.is_some_and(|previous| previous.space.id() == space.id()),
            trouble: None,
            provenance,
            report,
        }
    }

    /// Removes the oldest trained spaces beyond those that are kept. The active and the previous one stay.
    pub(super) fn prune_spaces(&self, open: &Catalogue) -> Result<(), EngineError> {
        let used: Vec<String> = open.snapshots().iter().map(|snapshot| snapshot.space.id().to_string()).collect();
        let row = self.store.catalogues()?.into_iter().find(|row| row.key == open.key);
        let named: Vec<String> = row.into_iter().flat_map(|row| [Some(row.active), row.previous]).flatten().collect();
        let spaces = self.store.spaces::<serde_json::Value, serde_json::Value>(open.key)?;
        let spare = spaces.into_iter().map(|space| space.id).filter(|id| !used.contains(id) && !named.contains(id));
        for id in spare.skip(KEPT) {
            self.store.remove_space(open.key, &id)?;
            self.space_files.remove(open.key, &id)?;
        }
        Ok(())
    }
}
