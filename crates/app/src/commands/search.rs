//! `vetrina search`: by photo, by words, by product, by colour.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use vetrina_engine::EngineError;
use vetrina_engine::engine::CatalogueName;
use vetrina_engine::image::Region;
use vetrina_engine::search::{Band, ImageInput, SearchRequest, SearchResponse, SortOrder};

use super::{Context, catalogue};
use crate::output::{Exit, Failure, Table, harmless, print, print_json};

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A photo: a file or an address; can be given more than once
    #[arg(long, value_name = "FILE|URL")]
    image: Vec<String>,
    /// Words
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Product to be near to; can be given more than once
    #[arg(long, value_name = "ID")]
    like: Vec<String>,
    /// Product to be far from; can be given more than once
    #[arg(long, value_name = "ID")]
    not_like: Vec<String>,
    /// Words that must not be there
    #[arg(long, value_name = "WORDS")]
    not_text: Option<String>,
    /// Part of the photo, in fractions of its width and height
    #[arg(
        long,
        value_name = "X,Y,W,H",
        value_delimiter = ',',
        num_args = 4,
        allow_negative_numbers = true,
        requires = "image"
    )]
    region: Vec<f32>,
    /// Colour to have, by name or as #RRGGBB
    #[arg(long, value_name = "NAME|#RRGGBB")]
    colour: Option<String>,
    /// Which products may be found, as `price < 80 AND in_stock`
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Count the values of a field; can be given more than once
    #[arg(long, value_name = "FIELD")]
    facet: Vec<String>,
    /// Order by a field; can be given more than once
    #[arg(long, value_name = "FIELD:asc|desc", value_parser = sort)]
    sort: Vec<(String, SortOrder)>,
    /// How many products
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// How many products to leave out at the start
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,
    /// Leave out what is less sure than this
    #[arg(long, value_name = "BAND")]
    min_band: Option<BandName>,
    /// Show every variant of a group, not only the one that fits best
    #[arg(long)]
    all_variants: bool,
    /// Say why each product was found
    #[arg(long)]
    explain: bool,
    /// Catalogue to search
    #[arg(long, short, default_value = "default", value_parser = catalogue, value_name = "C")]
    catalogue: CatalogueName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BandName {
    Exact,
    Similar,
}

fn sort(text: &str) -> Result<(String, SortOrder), String> {
    let (field, order) = text.rsplit_once(':').unwrap_or((text, "asc"));
    let order = match order {
        "asc" => SortOrder::Asc,
        "desc" => SortOrder::Desc,
        _ => return Err("write FIELD:asc or FIELD:desc".to_owned()),
    };
    if field.is_empty() { Err("it names no field".to_owned()) } else { Ok((field.to_owned(), order)) }
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let request = request(&arguments)?;
    request.validate().map_err(EngineError::from)?;
    let engine = context.engine()?;
    let mut parts = Vec::new();
    for image in arguments.image.iter().filter(|image| !is_address(image)) {
        parts.push(engine.read_picture(image)?);
    }
    let response = engine.search(&arguments.catalogue, &request, &parts)?;
    if context.json {
        print_json(&response)?;
    } else {
        print_hits(&response)?;
    }
    Ok(Exit::Done)
}

/// The arguments as a request. Files become parts, in their order; addresses are fetched by the engine.
fn request(arguments: &Arguments) -> Result<SearchRequest, Failure> {
    let region = match arguments.region.as_slice() {
        &[x, y, width, height] => Some(Region::new(x, y, width, height).map_err(|error| {
            Failure::arguments(
                format!("--region: {error}"),
                "write X,Y,W,H in fractions of width and height: 0.1,0.2,0.5,0.6",
            )
        })?),
        _ => None,
    };
    let mut files = 0..;
    let image = |image: &String| {
        let address = is_address(image);
        let part = if address { None } else { files.next() };
        ImageInput { part, url: address.then(|| image.clone()), region, ..ImageInput::default() }
    };
    Ok(SearchRequest {
        images: arguments.image.iter().map(image).collect(),
        text: arguments.text.clone(),
        not_text: arguments.not_text.clone(),
        like: arguments.like.clone(),
        not_like: arguments.not_like.clone(),
        colour: arguments.colour.clone(),
        filter: arguments.filter.clone(),
        facets: arguments.facet.clone(),
        sort: arguments.sort.iter().map(|(field, order)| BTreeMap::from([(field.clone(), *order)])).collect(),
        limit: arguments.limit,
        offset: arguments.offset,
        min_band: arguments.min_band.map(|band| match band {
            BandName::Exact => Band::Exact,
            BandName::Similar => Band::Similar,
        }),
        collapse: !arguments.all_variants,
        explain: arguments.explain,
        ..SearchRequest::default()
    })
}

fn is_address(image: &str) -> bool {
    image.starts_with("http://") || image.starts_with("https://")
}

fn print_hits(response: &SearchResponse) -> Result<(), Failure> {
    let mut table = Table::new(&["id", "title", "price", "score", "band"]);
    table.right(2);
    table.right(3);
    for hit in &response.hits {
        let product = &hit.product;
        let price = product.sale_price.as_ref().or(product.price.as_ref());
        let price = price.map(|price| format!("{} {}", price.amount, price.currency).trim().to_owned());
        let band = match hit.band {
            Some(Band::Exact) => "exact",
            Some(Band::Similar) => "similar",
            None => "",
        };
        let score = format!("{:.3}", hit.score);
        table.row([product.id.clone(), product.title.clone(), price.unwrap_or_default(), score, band.to_owned()]);
    }
    if response.hits.is_empty() {
        print("Nothing found.")?;
    } else {
        table.print()?;
    }
    for hit in response.hits.iter().filter(|hit| !hit.reasons.is_empty()) {
        print(&harmless(&format!("  {}: {}", hit.product.id, hit.reasons.join("; "))))?;
    }
    for (field, values) in &response.facets {
        let counts: Vec<String> = values.iter().map(|value| format!("{} {}", value.value, value.count)).collect();
        print(&harmless(&format!("{field}: {}", counts.join(", "))))?;
    }
    let about = if response.total_is_exact { "" } else { "about " };
    print(&format!("{} of {about}{}, {:.1} ms", response.hits.len(), response.total, response.took_ms.total))
}
