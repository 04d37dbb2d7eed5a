//! What a head that learned from labels sees beside the pooled vector, and whether it learns from photos nobody labelled: chosen by the same
//! cross-validation that the gate judges by, one after another (forward selection).

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::assess::{Assessment, TaskReport, Way};
use super::gate;
use super::gather::Gathered;
use super::recipe::{Guesses, Recipe};

/// A head that has more against one that has not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FusedReport {
    /// Whether the head that was kept has it: it is better over the questions of all tasks together, and on none worse, as the gate sees it.
    pub fused: bool,
    /// The same cross-validation as above; `current` is without it, `new` with it.
    pub tasks: Vec<TaskReport>,
}

/// A head that learned from photos nobody labelled, too, against one that did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnlabelledReport {
    /// How many of them there are.
    pub photos: usize,
    /// Whether directions of the default head stand beside what was learned; where photos are many it was tried with and without.
    pub anchored: bool,
    /// Whether its head sees layers before the model's last one: many photos may teach of them what a few labels do not.
    #[serde(default)]
    pub layers: bool,
    /// The best way against the head that learned from labels alone. It is kept where it passes the gate and is better over the questions of
    /// all tasks together.
    #[serde(flatten)]
    pub compared: FusedReport,
}

/// Something that a head which learned from labels can see beside the pooled vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// Layers before the model's last one.
    Layers,
    /// Colours of the subject.
    Colours,
}

impl Sight {
    fn to(self, recipe: &Recipe) -> Recipe {
        match self {
            Self::Layers => Recipe { layers: true, ..recipe.clone() },
            Self::Colours => Recipe { colours: true, ..recipe.clone() },
        }
    }
}

/// What a head sees, and why.
pub(super) struct Choice {
    pub(super) way: Recipe,
    pub(super) layers: Option<FusedReport>,
    pub(super) colours: Option<FusedReport>,
}

impl Choice {
    fn report(&mut self, sight: Sight) -> &mut Option<FusedReport> {
        match sight {
            Sight::Layers => &mut self.layers,
            Sight::Colours => &mut self.colours,
        }
    }
}

/// Lets a head see what makes it better: of what is better over all questions and on no task worse the best, then what else is better beside
/// it. `None` when `go_on` says no.
///
/// A mean has to do, since a few questions are never sure: where a shop has confirmed 81 photos, six points more are not (decision 80). Whether
/// the head may be used at all the gate says.
pub(super) fn choose(
    assessment: &mut Assessment<'_>,
    way: Recipe,
    mut sights: Vec<Sight>,
    go_on: &dyn Fn(usize, usize) -> bool,
) -> Result<Option<Choice>, EngineError> {
    let mut choice = Choice { way, layers: None, colours: None };
    while !sights.is_empty() {
        let without = Way::Made(choice.way.clone());
        let ways: Vec<Way> = sights.iter().map(|sight| Way::Made(sight.to(&choice.way))).collect();
        if !assessment.ask(&ways, go_on)? {
            return Ok(None);
        }
        let mut best: Option<(Sight, f64)> = None;
        for (&sight, with) in sights.iter().zip(&ways) {
            let tasks = assessment.between(&without, with);
            let overall = assessment.overall(&without, with).map_or(0.0, |difference| difference.mean);
            if overall > best.map_or(0.0, |(_, most)| most) && gate::judge(&tasks).passes {
                best = Some((sight, overall));
            }
            *choice.report(sight) = Some(FusedReport { fused: false, tasks });
        }
        let Some((sight, _)) = best else { break };
        if let Some(report) = choice.report(sight) {
            report.fused = true;
        }
        choice.way = sight.to(&choice.way);
        sights.retain(|other| *other != sight);
    }
    Ok(Some(choice))
}

/// The best way to learn from photos nobody labelled.
pub(super) struct Tried {
    pub(super) way: Recipe,
    pub(super) report: UnlabelledReport,
    /// In average precision against labels alone.
    gain: f64,
}

impl Tried {
    fn rank(&self) -> (bool, f64) {
        (self.report.compared.fused, self.gain)
    }
}

/// Tries photos that nobody labelled.
pub(super) struct Unlabelled<'a> {
    pub(super) gathered: &'a Gathered,
    /// The space in use.
    pub(super) current: &'a Way,
    /// What labels alone teach.
    pub(super) without: &'a Recipe,
    /// Whether layers are known of all pictures.
    pub(super) may_layers: bool,
}

impl Unlabelled<'_> {
    /// Whether the head gets better by them, and in which way most. `None` when `go_on` says no.
    pub(super) fn best(
        &self,
        assessment: &mut Assessment<'_>,
        go_on: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Option<Tried>, EngineError> {
        let mut guesses = vec![Guesses::LightlyAnchored];
        // Where photos are few for each picture, what is learned from them alone is worse (decision 67).
        if self.gathered.unlabelled().count() >= self.gathered.of_catalogue().count() {
            guesses.push(Guesses::Alone);
        }
        let with = |guesses: &Guesses| Recipe { guesses: Some(*guesses), ..self.without.clone() };
        let Some(first) = self.judge(assessment, guesses.iter().map(with).collect(), go_on)? else { return Ok(None) };
        if !self.may_layers || self.without.layers {
            return Ok(Some(first));
        }
        // What a few labels do not teach of layers many photos may.
        let layered = vec![Recipe { layers: true, ..first.way.clone() }];
        let Some(second) = self.judge(assessment, layered, go_on)? else { return Ok(None) };
        Ok(Some(if second.rank() > first.rank() { second } else { first }))
    }

    /// The best of these ways.
    ///
    /// Labels of a few photos may make a head that is worse than the space in use, and photos without labels put it right: so what counts is
    /// that it passes the gate, and that it is better over all questions, not that it is no worse on any task than what labels alone teach.
    fn judge(
        &self,
        assessment: &mut Assessment<'_>,
        recipes: Vec<Recipe>,
        go_on: &dyn Fn(usize, usize) -> bool,
    ) -> Result<Option<Tried>, EngineError> {
        let asked: Vec<Way> = recipes.iter().cloned().map(Way::Made).collect();
        if !assessment.ask(&asked, go_on)? {
            return Ok(None);
        }
        let without = Way::Made(self.without.clone());
        let judged = recipes.into_iter().zip(&asked).map(|(recipe, way)| {
            let better = assessment.overall(&without, way);
            let passes = gate::judge(&assessment.between(self.current, way)).passes;
            let compared = FusedReport {
                fused: passes && better.is_some_and(|better| better.mean > 0.0),
                tasks: assessment.between(&without, way),
            };
            let report = UnlabelledReport {
                photos: self.gathered.unlabelled().count(),
                anchored: recipe.guesses.and_then(Guesses::anchor).is_some(),
                layers: recipe.layers,
                compared,
            };
            Tried { way: recipe, report, gain: better.map_or(0.0, |better| better.mean) }
        });
        Ok(judged.reduce(|first, next| if next.rank() > first.rank() { next } else { first }))
    }
}
