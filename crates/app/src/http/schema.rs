//! The shapes of requests and answers, for the description of the interface. The engine's types make the JSON; a test holds the two together.

#![allow(dead_code, reason = "they describe; nobody makes one")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem: `urn:vetrina:problem:` and the code.
    #[schema(example = "urn:vetrina:problem:no-such-product")]
    r#type: String,
    /// For people.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What happened.
    detail: String,
    /// The item at fault.
    item: Option<String>,
    /// Kebab-case name that programs can rely on.
    #[schema(example = "no-such-product")]
    code: String,
    /// What to do.
    hint: Option<String>,
    /// Column of the filter that is at fault, from 1.
    column: Option<u64>,
}

/// An exact amount in a currency.
#[derive(Serialize, ToSchema)]
pub struct Money {
    /// Decimal, as text.
    #[schema(example = "59.00")]
    amount: String,
    /// ISO 4217; empty when the feed names none and the settings have no default.
    #[schema(example = "EUR")]
    currency: String,
}

/// Whether a shopper can buy it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Now.
    InStock,
    /// Not now.
    OutOfStock,
    /// Before it is released.
    Preorder,
    /// Later.
    Backorder,
}

/// Text, number, yes or no, or a list of texts.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// One text.
    Text(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
}

/// A picture of a product.
#[derive(Serialize, ToSchema)]
pub struct ImageRef {
    /// Path, address or `data:` URI.
    source: String,
    /// BLAKE3 of its bytes, once read.
    hash: Option<String>,
    /// Pixels, once read.
    width: Option<u32>,
    /// Pixels, once read.
    height: Option<u32>,
}

/// What is sold.
#[derive(Serialize, ToSchema)]
pub struct Product {
    /// The shop's own, 1 to 512 bytes, unique in the catalogue.
    id: String,
    /// What it is called.
    title: Option<String>,
    /// Plain text.
    description: Option<String>,
    /// Who makes it.
    brand: Option<String>,
    /// Path, broadest first.
    #[schema(example = json!(["Bags", "Handbags"]))]
    category: Option<Vec<String>>,
    /// Regular price.
    price: Option<Money>,
    /// Price while on sale.
    sale_price: Option<Money>,
    /// `in_stock` unless told.
    availability: Option<Availability>,
    /// Pieces.
    stock: Option<i64>,
    /// Variant group.
    group: Option<String>,
    /// The product's page in the shop.
    link: Option<String>,
    /// EAN, UPC or ISBN.
    gtin: Option<String>,
    /// The maker's number.
    mpn: Option<String>,
    /// What else shoppers choose by.
    attributes: Option<BTreeMap<String, AttributeValue>>,
    /// The main one first.
    images: Option<Vec<ImageRef>>,
    /// When the shop began to sell it.
    #[schema(format = DateTime)]
    added_at: Option<String>,
}

/// Products in the order in which they came.
#[derive(Serialize, ToSchema)]
pub struct ProductPage {
    /// The products.
    products: Vec<Product>,
    /// How many the catalogue has.
    total: u64,
}

/// What a write did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It is another now.
    Updated,
    /// It was there and the same.
    Unchanged,
}

/// A product that was written.
#[derive(Serialize, ToSchema)]
pub struct Written {
    /// As it is now.
    product: Product,
    /// What the write did.
    outcome: Outcome,
    /// What was left out, such as pictures that cannot be read.
    warnings: Vec<ItemError>,
}

/// The outcome of one line of NDJSON.
#[derive(Serialize, ToSchema)]
pub struct BatchOutcome {
    /// Number of the line, from 1.
    line: u64,
    /// The product, as far as it is known.
    id: Option<String>,
    /// What the write did; absent where it failed.
    outcome: Option<Outcome>,
    /// What was left out.
    warnings: Option<Vec<ItemError>>,
    /// Why it failed.
    error: Option<BatchError>,
}

/// Why one line failed.
#[derive(Serialize, ToSchema)]
pub struct BatchError {
    /// Kebab-case name.
    code: String,
    /// The status that the line would have had as a request of its own; absent where the stream broke off.
    status: Option<u16>,
    /// What happened.
    detail: String,
    /// What to do.
    hint: Option<String>,
}

/// One item of a feed that could not be used, or not wholly.
#[derive(Serialize, ToSchema)]
pub struct ItemError {
    /// Line of the feed, from 1; 0 where there is none.
    line: u64,
    /// The product, as far as it is known.
    id: Option<String>,
    /// The field at fault, or the picture's source.
    field: Option<String>,
    /// Kebab-case name.
    code: String,
    /// What happened.
    reason: String,
    /// What to do.
    hint: String,
    /// Whether the product was imported all the same.
    warning: bool,
}

/// A catalogue and its size.
#[derive(Serialize, ToSchema)]
pub struct Catalogue {
    /// Its name.
    name: String,
    /// How many products.
    products: u64,
    /// How many different pictures.
    images: u64,
}

/// All catalogues.
#[derive(Serialize, ToSchema)]
pub struct Catalogues {
    /// The catalogues.
    catalogues: Vec<Catalogue>,
}

/// A catalogue's name.
#[derive(Serialize, ToSchema)]
pub struct CatalogueName {
    /// The name.
    name: String,
}

/// How a job stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// At work.
    Running,
    /// Done; some items may have failed.
    Done,
    /// Ended by an error that was not an item's.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// The process ended while it ran; it can be resumed.
    Interrupted,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    id: String,
    /// `import`, `train`, `promote`.
    kind: String,
    /// Catalogue it works on.
    catalogue: String,
    /// The feed's name.
    name: String,
    /// How it stands.
    state: JobState,
    /// Dialect of the feed, once recognised.
    dialect: Option<String>,
    /// Items in all, once known.
    total: Option<u64>,
    /// Items that were handled.
    done: u64,
    /// New products.
    created: u64,
    /// Changed products.
    updated: u64,
    /// Products that were as they are.
    skipped: u64,
    /// Items that could not be imported.
    failed: u64,
    /// Items that were imported, but not wholly.
    warnings: u64,
    /// Products that were removed because the feed no longer has them.
    removed: u64,
    /// Pictures that were embedded.
    embedded: u64,
    /// Items a second, lately.
    per_second: Option<f64>,
    /// Seconds until the end, as far as can be told.
    seconds_left: Option<f64>,
    /// Why it failed; else empty.
    message: String,
    /// What a job on spaces is at, in words.
    doing: Option<String>,
    /// What a job on spaces brought: of a training `space` and `report`.
    result: Option<Value>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// All jobs, latest first.
#[derive(Serialize, ToSchema)]
pub struct Jobs {
    /// The jobs.
    jobs: Vec<Job>,
}

/// A job that was started.
#[derive(Serialize, ToSchema)]
pub struct StartedJob {
    /// The job.
    job: Job,
}

/// Where a trained space comes from.
#[derive(Serialize, ToSchema)]
pub struct Provenance {
    /// `pca`, `lda`.
    method: String,
    /// What it was learned from: `labels`, `confirmed`.
    learned: Value,
    /// Whether its head sees colours beside the feature.
    colours: bool,
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
    /// Whether the head sees colours; absent where there was nothing to choose.
    colours: Option<ColoursReport>,
    /// How well words find pictures in it, where they were brought into it.
    words: Option<WordsReport>,
    /// Seconds it took.
    seconds: f64,
}

/// A head that sees colours beside the feature against one that does not.
#[derive(Serialize, ToSchema)]
pub struct ColoursReport {
    /// Whether the head that was kept sees colours.
    fused: bool,
    /// Cross-validation: `current` without colours, `new` with them.
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

/// A photo: one of the three.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Photo {
    /// BLAKE3 of a photo that was sent before, or of a catalogue picture.
    Hash(String),
    /// Its bytes as base64, or a `data:` URI.
    Data(String),
    /// Its address.
    Url(String),
}

/// Something a shopper did.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// `search`, `view`, `click`, `cart`, `purchase`, `dismiss`.
    r#type: String,
    /// Id of the product; all but `search` need one.
    product: Option<String>,
    /// The photo that was asked with.
    photo: Option<Photo>,
    /// The words that were asked with.
    text: Option<String>,
    /// Who, as the shop calls them.
    user: Option<String>,
    /// When; now unless told.
    #[schema(format = DateTime)]
    at: Option<String>,
}

/// What became of one event.
#[derive(Serialize, ToSchema)]
pub struct EventOutcome {
    /// Its line, from 1.
    line: u64,
    /// Hash of its photo.
    photo: Option<String>,
    /// Why it was not kept.
    error: Option<Problem>,
}

/// What became of events.
#[derive(Serialize, ToSchema)]
pub struct EventOutcomes {
    /// How many were kept.
    accepted: u64,
    /// One an event, in order.
    outcomes: Vec<EventOutcome>,
}

/// A review as it is sent: of a `photo` or of an `other` product.
#[derive(Serialize, ToSchema)]
pub struct ReviewRequest {
    /// The photo.
    photo: Option<Photo>,
    /// Id of the other product.
    other: Option<String>,
    /// Id of the product.
    product: String,
    /// `confirmed`, `rejected`, `skipped`.
    verdict: String,
    /// By whom.
    by: Option<String>,
}

/// A review as it is kept.
#[derive(Serialize, ToSchema)]
pub struct Review {
    /// Its id.
    id: i64,
    /// Hash of the photo.
    photo: Option<String>,
    /// Id of the other product.
    other: Option<String>,
    /// Id of the product.
    product: String,
    /// `confirmed`, `rejected`, `skipped`.
    verdict: String,
    /// By whom.
    by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// A part of the reviews.
#[derive(Serialize, ToSchema)]
pub struct Reviews {
    /// Latest first.
    reviews: Vec<Review>,
    /// How many there are.
    total: u64,
}

/// Is this the same?
#[derive(Serialize, ToSchema)]
pub struct Question {
    /// Hash of the photo.
    photo: Option<String>,
    /// The other product.
    other: Option<Product>,
    /// The product it may show.
    product: Product,
    /// Cosine between the two.
    similarity: f32,
    /// How unsure the system is, 0 to 1.
    uncertainty: f32,
}

/// How far labelling is.
#[derive(Serialize, ToSchema)]
pub struct ReviewProgress {
    /// Photos that were sent.
    photos: u64,
    /// Photos whose product was confirmed.
    answered: u64,
    /// Pairs with a word on them.
    reviewed: u64,
}

/// What to ask next.
#[derive(Serialize, ToSchema)]
pub struct Questions {
    /// The least sure first.
    questions: Vec<Question>,
    /// How far labelling is.
    progress: ReviewProgress,
}

/// A part of a job's ledger.
#[derive(Serialize, ToSchema)]
pub struct Ledger {
    /// The items.
    errors: Vec<ItemError>,
    /// How many the whole ledger has.
    total: u64,
}

/// A feed by its address.
#[derive(Serialize, ToSchema)]
pub struct FeedAddress {
    /// Where it is.
    #[schema(example = "https://shop.example/feed.csv")]
    url: String,
}

/// What a feed would bring.
#[derive(Serialize, ToSchema)]
pub struct DryRun {
    /// Recognised or given dialect.
    dialect: String,
    /// Products that would be imported.
    products: u64,
    /// Of them, those that the catalogue does not have yet.
    new_products: u64,
    /// Pictures they name.
    images: u64,
    /// Different pictures among them.
    distinct_images: u64,
    /// Of those, the ones that were never looked at: they have to be read and embedded.
    new_images: u64,
    /// Columns or fields that are used.
    fields: Vec<String>,
    /// Columns that are not used.
    unknown_columns: Vec<String>,
    /// The first problems, 100 at most.
    problems: Vec<ItemError>,
    /// How many problems there are in all.
    problem_count: u64,
    /// Rows that would be refused.
    rejected: u64,
    /// Roughly how long it would take.
    seconds: f64,
    /// Roughly what it would need on disk.
    disk_bytes: u64,
    /// Roughly what it would need in memory.
    memory_bytes: u64,
    /// Whether disk and memory are there.
    fits: bool,
    /// When it does not fit: why, and what to do.
    why: String,
}

/// Whether the server is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    status: String,
}

/// A photo to search with: exactly one of `part`, `url` and `data`.
#[derive(Serialize, ToSchema)]
pub struct QueryImage {
    /// Number of the multipart file `image`, from 0.
    part: Option<u32>,
    /// Where it is.
    url: Option<String>,
    /// Base64 of the file.
    data: Option<String>,
    /// x, y, width, height, in fractions of the turned picture.
    #[schema(example = json!([0.1, 0.2, 0.5, 0.6]))]
    region: Option<Vec<f32>>,
    /// How much it counts among several; 1 unless told.
    weight: Option<f32>,
}

/// A search: everything is optional, but there has to be something to search for.
#[derive(Serialize, ToSchema)]
pub struct SearchRequest {
    /// Words.
    text: Option<String>,
    /// Words that must not be there.
    not_text: Option<String>,
    /// Photos.
    images: Option<Vec<QueryImage>>,
    /// Products to be near to.
    like: Option<Vec<String>>,
    /// Products to be far from.
    not_like: Option<Vec<String>>,
    /// Colour to have, by name (English and other languages) or as `#rrggbb`.
    colour: Option<String>,
    /// Which products may be found.
    #[schema(example = "price < 80 AND in_stock")]
    filter: Option<String>,
    /// Fields whose values are counted.
    facets: Option<Vec<String>>,
    /// Order by fields.
    #[schema(example = json!([{"price": "asc"}]))]
    sort: Option<Vec<BTreeMap<String, String>>>,
    /// How many products; 24 unless told.
    limit: Option<u64>,
    /// How many products to leave out at the start.
    offset: Option<u64>,
    /// `exact` or `similar`: other hits are not found.
    min_band: Option<String>,
    /// Most products of one brand.
    per_brand: Option<u32>,
    /// 0 to 1.
    diversity: Option<f32>,
    /// Whether variants of a group are one hit; true unless told otherwise.
    collapse: Option<bool>,
    /// Business rules for this search, beside the shop's own: docs/api.md.
    rules: Option<Value>,
    /// Who asks.
    user: Option<String>,
    /// Say why each product was found.
    explain: Option<bool>,
    /// Whether the answer says what was understood of the first photo; true unless told.
    understand: Option<bool>,
}

/// A search with photos.
#[derive(Serialize, ToSchema)]
pub struct SearchForm {
    /// Files; repeatable.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: Vec<u8>,
    /// The search, as JSON.
    query: Option<SearchRequest>,
}

/// One product in a result.
#[derive(Serialize, ToSchema)]
pub struct Hit {
    /// The product.
    product: Product,
    /// How near it is.
    score: f32,
    /// Calibrated, where it can be told.
    probability: Option<f32>,
    /// `exact`, `similar`, or nothing.
    band: Option<String>,
    /// How many products of its variant group match, itself included; absent for one.
    variants: Option<u64>,
    /// The picture that matched best.
    image: Option<HitImage>,
    /// Why it was found.
    reasons: Option<Vec<String>>,
}

/// The picture that matched best.
#[derive(Serialize, ToSchema)]
pub struct HitImage {
    /// Where it is; `?w=320` makes it small.
    url: String,
    /// x, y, width, height, in fractions.
    region: Vec<f32>,
}

/// One value of a facet.
#[derive(Serialize, ToSchema)]
pub struct FacetCount {
    /// The value; a range such as `20..50` for numbers.
    value: String,
    /// How many products have it.
    count: u64,
    /// Lower end of a range, included.
    from: Option<f64>,
    /// Upper end of a range.
    to: Option<f64>,
}

/// What a search found.
#[derive(Serialize, ToSchema)]
pub struct SearchResponse {
    /// The products, best first.
    hits: Vec<Hit>,
    /// How many hits there are in all, variants of a group counted once.
    total: u64,
    /// Whether that number is exact.
    total_is_exact: bool,
    /// Values and counts by field.
    facets: Option<BTreeMap<String, Vec<FacetCount>>>,
    /// The text with its slips corrected, where it had some.
    did_you_mean: Option<String>,
    /// What was understood of the first photo.
    understood: Option<Understood>,
    /// The space that was searched in.
    space: String,
    /// Milliseconds by step.
    took_ms: BTreeMap<String, f64>,
}

/// A picture to be understood.
#[derive(Serialize, ToSchema)]
pub struct ImageForm {
    /// The file.
    #[schema(format = Binary)]
    image: String,
}

/// What was understood of a picture.
#[derive(Serialize, ToSchema)]
pub struct Understood {
    /// Where products may be, surest first; the whole picture is always one of them.
    regions: Vec<RegionSeen>,
    /// Category paths of the catalogue, likeliest first; empty where nothing is sure enough.
    categories: Vec<CategoryGuess>,
    /// Attributes of the catalogue's products and their likeliest values.
    attributes: Option<BTreeMap<String, Vec<Guess>>>,
    /// Colours of the subject, largest share first.
    colours: Vec<PaletteColour>,
    /// What it looks like in ImageNet's 1,000 names, likeliest first.
    names: Option<Vec<NamedThing>>,
    /// Measures; not in a search's answer.
    quality: Option<Quality>,
    /// What the measures mean; not in a search's answer.
    findings: Option<Vec<Finding>>,
}

/// A place in a picture that may be a product.
#[derive(Serialize, ToSchema)]
pub struct RegionSeen {
    /// x, y, width, height in fractions of the picture.
    #[schema(example = json!([0.1, 0.2, 0.5, 0.6]))]
    r#box: Vec<f32>,
    /// How likely it frames one product, 0 to 1.
    confidence: f32,
}

/// A category and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct CategoryGuess {
    /// Steps joined by ` > `.
    #[schema(example = "Bags > Handbags")]
    path: String,
    /// 0 to 1.
    probability: f32,
}

/// A value and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct Guess {
    /// The value.
    value: String,
    /// 0 to 1.
    probability: f32,
}

/// A name and how likely it is.
#[derive(Serialize, ToSchema)]
pub struct NamedThing {
    /// In English.
    #[schema(example = "running shoe")]
    name: String,
    /// 0 to 1.
    probability: f32,
}

/// A colour of the subject.
#[derive(Serialize, ToSchema)]
pub struct PaletteColour {
    /// The shade.
    #[schema(example = "navy")]
    name: String,
    /// The basic colour.
    #[schema(example = "blue")]
    family: String,
    /// Its value.
    #[schema(example = "#1e284a")]
    hex: String,
    /// Share of the subject, 0 to 1.
    share: f32,
}

/// Something its owner may want to change.
#[derive(Serialize, ToSchema)]
pub struct Finding {
    /// Kebab-case name.
    #[schema(example = "blurred")]
    code: String,
    /// What was found, with the figure.
    says: String,
    /// What to do.
    hint: String,
}

/// Measures of a picture; docs/api.md says what they mean.
#[derive(Serialize, ToSchema)]
pub struct Quality {
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
    /// Width of the sharpest edges, σ in pixels at 512 pixels a side.
    blur: Option<f32>,
    /// Standard deviation of the noise, 0 to 255.
    noise: Option<f32>,
    /// Steps at the borders of JPEG's blocks against the others; 1 is none.
    blocks: Option<f32>,
    /// Light: `subject`, `lightest`, `darkest` as lightness 0 to 1; `burnt`, `drowned` as shares of the subject.
    exposure: Value,
    /// `kind` (white, plain, busy), `hex`, `unevenness` (0 is even).
    background: Value,
    /// `found`, `box`, `area`, `off_centre`, `sides_reached`.
    subject: Value,
    /// Thickness of a frame at top, right, bottom, left, in fractions.
    frame: Vec<f32>,
    /// Share of the picture under lines of text beside the subject.
    text: Option<f32>,
}

/// One suggestion while somebody types.
#[derive(Serialize, ToSchema)]
pub struct Suggestion {
    /// `query`, `category`, `brand` or `product`.
    kind: String,
    /// What is shown; of a query, what to search for.
    text: String,
    /// Id of the product.
    id: Option<String>,
    /// Value for a filter: the brand, or the path of the category.
    value: Option<String>,
    /// Address of the product's first picture.
    image: Option<String>,
    /// How many products say or have it.
    products: Option<u64>,
}

/// Suggestions while somebody types.
#[derive(Serialize, ToSchema)]
pub struct Suggestions {
    /// Queries first, then categories, brands and products.
    suggestions: Vec<Suggestion>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use vetrina_engine::catalogue as engine_catalogue;
    use vetrina_engine::engine::{CatalogueInfo, DryRun, ItemError, Job, Outcome, ProductPage, Written};
    use vetrina_engine::search::{SearchRequest, SearchResponse, Suggestion, Suggestions};

    fn described(name: &str) -> BTreeSet<String> {
        let (_, description) = crate::http::resources().split_for_parts();
        let description = serde_json::to_value(description).unwrap();
        let schema = &description["components"]["schemas"][name];
        schema["properties"].as_object().unwrap_or_else(|| panic!("{name}: {schema}")).keys().cloned().collect()
    }

    #[track_caller]
    fn same(name: &str, value: &impl serde::Serialize) {
        let value = serde_json::to_value(value).unwrap();
        let own: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
        assert_eq!(own, described(name), "{name}");
    }

    fn product() -> engine_catalogue::Product {
        let money = json!({"amount": "1.50", "currency": "EUR"});
        serde_json::from_value(json!({
            "id": "a", "title": "t", "description": "d", "brand": "b", "category": ["c"], "price": money, "sale_price": money,
            "availability": "in_stock", "stock": 1, "group": "g", "link": "https://x", "gtin": "1", "mpn": "2",
            "attributes": {"size": ["S"]}, "added_at": "2026-01-31T12:00:00Z",
            "images": [{"source": "s", "hash": "h", "width": 1, "height": 2}],
        }))
        .unwrap()
    }

    fn item() -> ItemError {
        let text = String::new;
        ItemError { line: 1, id: None, field: None, code: text(), reason: text(), hint: text(), warning: false }
    }

    fn asked() -> SearchRequest {
        serde_json::from_value(json!({
            "text": "a", "not_text": "b", "images": [{"part": 0, "url": "u", "data": "d", "region": [0, 0, 1, 1], "weight": 1}],
            "like": ["a"], "not_like": ["b"], "colour": "red", "filter": "in_stock", "facets": ["brand"], "sort": [{"price": "asc"}],
            "limit": 1, "offset": 0, "min_band": "similar", "per_brand": 1, "diversity": 0.5, "collapse": false, "rules": {"floor": 0.5}, "user": "u", "explain": true, "understand": false,
        }))
        .unwrap()
    }

    fn found(product: engine_catalogue::Product) -> SearchResponse {
        serde_json::from_value(json!({
            "hits": [{"product": product, "score": 0.5, "probability": 0.5, "band": "exact", "variants": 2, "reasons": ["r"],
                      "image": {"url": "u", "region": [0, 0, 1, 1]}}],
            "total": 1, "total_is_exact": true, "facets": {"price": [{"value": "0..1", "count": 1, "from": 0.0, "to": 1.0}]},
            "did_you_mean": "b", "understood": understood(), "space": "s", "took_ms": {"decode": 0.0, "embed": 0.0, "search": 0.0, "total": 0.0},
        }))
        .unwrap()
    }

    fn understood() -> Value {
        let background = json!({"kind": "white", "hex": "#ffffff", "unevenness": 0.1});
        let exposure = json!({"subject": 0.5, "lightest": 1.0, "darkest": 0.0, "burnt": 0.0, "drowned": 0.0});
        let subject = json!({"found": true, "box": [0, 0, 1, 1], "area": 0.5, "off_centre": 0.0, "sides_reached": 0});
        json!({
            "regions": [{"box": [0, 0, 1, 1], "confidence": 1.0}], "categories": [{"path": "a", "probability": 0.5}],
            "attributes": {"season": [{"value": "summer", "probability": 0.5}]},
            "colours": [{"name": "navy", "family": "blue", "hex": "#1e284a", "share": 1.0}],
            "names": [{"name": "cup", "probability": 0.5}], "findings": [{"code": "c", "says": "s", "hint": "h"}],
            "quality": {"width": 1, "height": 1, "blur": 1.0, "noise": 1.0, "blocks": 1.0, "exposure": exposure, "background": background,
                        "subject": subject, "frame": [0.0, 0.0, 0.0, 0.0], "text": 0.0},
        })
    }

    #[test]
    fn the_description_has_the_fields_of_the_engines_types() {
        let product = product();
        same("Product", &product);
        same("ImageRef", &product.images[0]);
        same("Money", &product.price);
        same("ItemError", &item());
        same("ProductPage", &ProductPage { products: Vec::new(), total: 0 });
        same("Written", &Written { product: product.clone(), outcome: Outcome::Created, warnings: vec![item()] });
        same("Catalogue", &CatalogueInfo { name: "a".parse().unwrap(), products: 0, images: 0 });
        let job: Job = serde_json::from_value(json!({
            "id": "", "kind": "", "catalogue": "a", "name": "", "state": "running", "dialect": null, "total": null, "done": 0, "created": 0,
            "updated": 0, "skipped": 0, "failed": 0, "warnings": 0, "removed": 0, "embedded": 0, "per_second": null, "seconds_left": null, "doing": "d", "result": {},
            "message": "", "created_at": "2026-01-31T12:00:00Z", "finished_at": null,
        }))
        .unwrap();
        same("Job", &job);
        let report = DryRun {
            dialect: String::new(),
            products: 0,
            new_products: 0,
            images: 0,
            distinct_images: 0,
            new_images: 0,
            fields: Vec::new(),
            unknown_columns: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            rejected: 0,
            seconds: 0.0,
            disk_bytes: 0,
            memory_bytes: 0,
            fits: true,
            why: String::new(),
        };
        same("DryRun", &report);
        let suggestion: Suggestion = serde_json::from_value(json!({
            "kind": "product", "text": "t", "id": "a", "value": "v", "image": "/v1/images/h", "products": 1,
        }))
        .unwrap();
        same("Suggestion", &suggestion);
        same("Suggestions", &Suggestions { suggestions: vec![suggestion] });
        same("SearchRequest", &asked());
        same("QueryImage", &asked().images[0]);
        let found = found(product);
        same("SearchResponse", &found);
        same("Hit", &found.hits[0]);
        same("HitImage", &found.hits[0].image);
        same("FacetCount", &found.facets["price"][0]);
        let understood = found.understood.unwrap_or_default();
        same("Understood", &understood);
        same("RegionSeen", &understood.regions[0]);
        same("CategoryGuess", &understood.categories[0]);
        same("Guess", &understood.attributes["season"][0]);
        same("PaletteColour", &understood.colours[0]);
        same("NamedThing", &understood.names[0]);
        same("Quality", &understood.quality);
        same("Finding", &understood.findings.unwrap_or_default()[0]);
        let mut problem = crate::http::problem::Problem::busy().item("x");
        problem.column = Some(1);
        same("Problem", &problem);
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        let (_, description) = crate::http::resources().split_for_parts();
        let description = serde_json::to_value(description).unwrap();
        let text = description.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(!matches!(description["components"]["schemas"][reference], Value::Null), "{reference}");
        }
    }
}
