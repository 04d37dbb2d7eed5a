//! Spaces, their training and their comparison.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where a trained space comes from.
#[derive(Serialize, ToSchema)]
pub struct Provenance {
    /// `pca`, `lda`.
    method: String,
    /// What it was learned from: `labels`, `confirmed`.
    learned: Value,
    /// Whether its head sees the model's inner layers beside the pooled vector.
    layers: bool,
    /// Whether its head sees colours, too.
    colours: bool,
    /// How photos of which nobody said what they show were learned from: `alone`, or with directions of the default head beside what was learned,
    /// `anchored` or, where they weigh less, `lightly_anchored`; absent where they were not.
    guesses: Option<String>,
    /// Name of the model.
    model: String,
    /// SHA-256 of its file.
    model_sha256: String,
    /// Pictures it was fitted to.
    pictures: u64,
    /// Products they show.
    products: u64,
    /// Different labels.
    labels: u64,
    /// Confirmed and rejected pairs among them.
    pairs: u64,
    /// Revision of the catalogue when it was read.
    revision: i64,
    /// Number of the latest product then.
    last_product: u64,
    /// Everything random was drawn from this.
    seed: u64,
    /// Version of Vetrina.
    vetrina: String,
    /// When it was trained.
    #[schema(format = DateTime)]
    trained_at: String,
}

/// How a space answers; shares are 0 to 1.
#[derive(Serialize, ToSchema)]
pub struct Figures {
    /// Share of questions whose first answer is right.
    recall_at_1: f64,
    /// Mean average precision.
    map: f64,
}

/// A mean and its 95 % interval.
#[derive(Serialize, ToSchema)]
pub struct Interval {
    /// The mean.
    mean: f64,
    /// Lower end.
    low: f64,
    /// Upper end.
    high: f64,
}

/// One task of the comparison.
#[derive(Serialize, ToSchema)]
pub struct TaskReport {
    /// `same_product`, `unseen_product`, `same_label`, `unseen_label`.
    task: String,
    /// `pictures`, `photos`, `damaged copies`.
    asked_with: String,
    /// How many questions.
    queries: u64,
    /// The space in use.
    current: Figures,
    /// The new one.
    new: Figures,
    /// New − current in average precision.
    map_difference: Interval,
    /// New − current in the first answer.
    recall_difference: Interval,
    /// What the gate says of it: `better`, `no_worse`, `unsure` (it may well be worse, and the questions are too few to tell), `worse`.
    verdict: Option<String>,
}

/// Whether a space may be promoted without force.
#[derive(Serialize, ToSchema)]
pub struct Gate {
    /// May it?
    passes: bool,
    /// Why, a sentence for each task.
    reasons: Vec<String>,
}

/// How a training went.
#[derive(Serialize, ToSchema)]
pub struct TrainReport {
    /// What was learned from, in words.
    learned: String,
    /// Products that were looked at.
    products: u64,
    /// Different pictures of them.
    pictures: u64,
    /// Different labels.
    labels: u64,
    /// Confirmed and rejected pairs.
    pairs: u64,
    /// The space it was compared with.
    against: String,
    /// Cross-validation on this catalogue.
    tasks: Vec<TaskReport>,
    /// Whether it may be promoted.
    gate: Gate,
    /// What somebody should know of the data.
    notes: Vec<String>,
    /// Whether the head sees the model's inner layers beside the pooled vector; absent where there was nothing to choose.
    layers: Option<FusedReport>,
    /// Whether the head sees colours; absent where there was nothing to choose.
    colours: Option<FusedReport>,
    /// Whether photos of which nobody said what they show were learned from; absent where there are too few of them, or the labels are not
    /// products.
    unlabelled: Option<UnlabelledReport>,
    /// How well words find pictures in it, where they were brought into it.
    words: Option<WordsReport>,
    /// Seconds it took.
    seconds: f64,
}

/// A head that has more against one that has not.
#[derive(Serialize, ToSchema)]
pub struct FusedReport {
    /// Whether the head that was kept has it.
    fused: bool,
    /// Cross-validation: `current` without, `new` with it.
    tasks: Vec<TaskReport>,
}

/// A head that learned from photos nobody labelled, too, against one that did not.
#[derive(Serialize, ToSchema)]
pub struct UnlabelledReport {
    /// How many of them there are.
    photos: u64,
    /// Whether directions of the default head stand beside what was learned.
    anchored: bool,
    /// Whether the head sees the model's inner layers.
    layers: bool,
    /// Whether they were learned from.
    fused: bool,
    /// Cross-validation: `current` without, `new` with them.
    tasks: Vec<TaskReport>,
}

/// How well words find pictures: titles that were left out ask for the very product.
#[derive(Serialize, ToSchema)]
pub struct WordsReport {
    /// Products with a picture that were learned from.
    products: u64,
    /// Words and word pairs it knows.
    vocabulary: u64,
    /// Titles that asked.
    queries: u64,
    /// Pictures that were searched.
    pictures: u64,
    /// Share of titles whose product is the first.
    recall_at_1: f64,
    /// Share of titles whose product is among the first ten; absent when too few could ask.
    recall_at_10: Option<Interval>,
    /// What chance would give.
    chance: f64,
    /// Median place of the product, from 1.
    median_rank: u64,
    /// Whether it is good enough to be used.
    used: bool,
}

/// A space of a catalogue.
#[derive(Serialize, ToSchema)]
pub struct Space {
    /// Its id.
    #[schema(example = "0a1b2c3d4e5f6071")]
    id: String,
    /// Name of its model.
    model: String,
    /// Length of its embeddings.
    dimensions: Option<u64>,
    /// `default`, `trained`.
    head: String,
    /// Is it searched in now?
    active: bool,
    /// Is it what a rollback goes back to?
    previous: bool,
    /// What is wrong with its files.
    trouble: Option<String>,
    /// Where it comes from; absent for the default one.
    provenance: Option<Provenance>,
    /// How it compared when it was trained.
    report: Option<TrainReport>,
}

/// The spaces of a catalogue.
#[derive(Serialize, ToSchema)]
pub struct Spaces {
    /// The default one, then the trained ones, latest first.
    spaces: Vec<Space>,
}

/// What to learn from: `labels`, `confirmed` or both; or `unsupervised` alone; `words` with any of these, or alone.
#[derive(Serialize, ToSchema)]
pub struct TrainRequest {
    /// `category`, `brand`, `group`, `product`, or the name of an attribute.
    #[schema(example = "category")]
    labels: Option<String>,
    /// Matches that people confirmed or rejected, and what shoppers did.
    confirmed: Option<bool>,
    /// The pictures alone.
    unsupervised: Option<bool>,
    /// Titles, so that words find pictures; alone: in the active space, from then on.
    words: Option<bool>,
    /// Promote it when it is no worse than the one in use.
    promote: Option<bool>,
}

/// How to promote.
#[derive(Serialize, ToSchema)]
pub struct PromoteRequest {
    /// Even when it was found to be worse.
    force: Option<bool>,
}

/// The space that is active after a rollback.
#[derive(Serialize, ToSchema)]
pub struct RolledBack {
    /// Its id.
    space: String,
}
