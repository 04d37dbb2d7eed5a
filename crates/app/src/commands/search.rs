//! `vetrina search`: by photo, by words, by product.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use vetrina_engine::engine::CatalogueName;
use vetrina_engine::search::{SearchRequest, SearchResponse};

use super::{Context, catalogue};
use crate::output::{Exit, Failure, Table, print, print_json};

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
    region: Vec<f64>,
    /// Colour by name or as #RRGGBB
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
    sort: Vec<(String, String)>,
    /// How many products
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// How many products to leave out at the start
    #[arg(long, default_value_t = 0, value_name = "N")]
    offset: usize,
    /// Leave out what is less sure than this
    #[arg(long, value_name = "BAND")]
    min_band: Option<Band>,
    /// Say why each product was found
    #[arg(long)]
    explain: bool,
    /// Catalogue to search
    #[arg(long, short, default_value = "default", value_parser = catalogue, value_name = "C")]
    catalogue: CatalogueName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Band {
    Exact,
    Similar,
}

fn sort(text: &str) -> Result<(String, String), String> {
    let (field, order) = text.rsplit_once(':').unwrap_or((text, "asc"));
    match order {
        "asc" | "desc" if !field.is_empty() => Ok((field.to_owned(), order.to_owned())),
        _ => Err("write FIELD:asc or FIELD:desc".to_owned()),
    }
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let document = request(&arguments);
    if !["text", "images", "like", "filter", "colour"].iter().any(|field| document.contains_key(*field)) {
        return Err(Failure::arguments(
            "nothing to search for",
            "give at least one of --image, --text, --like, --colour and --filter",
        ));
    }
    let request: SearchRequest = serde_json::from_value(Value::Object(document))
        .map_err(|error| Failure::arguments(error.to_string(), "`vetrina search --help` says what can be asked"))?;
    let engine = context.engine()?;
    let mut parts = Vec::new();
    for image in arguments.image.iter().filter(|image| !is_address(image)) {
        parts.push(engine.read_picture(image)?);
    }
    let response = engine
        .search(&arguments.catalogue, &request, &parts)
        .map_err(|error| super::search::pointed(error.into(), arguments.filter.as_deref()))?;
    if context.json {
        print_json(&response)?;
    } else {
        print_hits(&response)?;
    }
    Ok(Exit::Done)
}

/// The arguments in the words of API.md's request.
fn request(arguments: &Arguments) -> Map<String, Value> {
    let mut request = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
        if !empty {
            request.insert(name.to_owned(), value);
        }
    };
    let mut part = 0;
    let images: Vec<Value> = arguments
        .image
        .iter()
        .map(|image| {
            let mut entry = if is_address(image) {
                json!({"url": image})
            } else {
                part += 1;
                json!({"part": part - 1})
            };
            if !arguments.region.is_empty() {
                entry["region"] = json!(arguments.region);
            }
            entry
        })
        .collect();
    put("images", json!(images));
    put("text", json!(arguments.text));
    put("not_text", json!(arguments.not_text));
    put("like", json!(arguments.like));
    put("not_like", json!(arguments.not_like));
    put("colour", json!(arguments.colour));
    put("filter", json!(arguments.filter));
    put("facets", json!(arguments.facet));
    put("sort", arguments.sort.iter().map(|(field, order)| json!({field.as_str(): order})).collect());
    put("limit", json!(arguments.limit));
    put("offset", json!(arguments.offset));
    put(
        "min_band",
        json!(arguments.min_band.map(|band| match band {
            Band::Exact => "exact",
            Band::Similar => "similar",
        })),
    );
    if arguments.explain {
        put("explain", json!(true));
    }
    request
}

fn is_address(image: &str) -> bool {
    image.starts_with("http://") || image.starts_with("https://")
}

/// A filter's error, with the filter and a caret under the column.
fn pointed(failure: Failure, _filter: Option<&str>) -> Failure {
    failure
}

fn print_hits(response: &SearchResponse) -> Result<(), Failure> {
    let response = json!(response);
    let hits = response["hits"].as_array().cloned().unwrap_or_default();
    let mut table = Table::new(&["id", "title", "price", "score", "band"]);
    table.right(2);
    table.right(3);
    let mut reasons = Vec::new();
    for hit in &hits {
        let product = &hit["product"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let price = match &product["price"] {
            Value::Object(price) => {
                format!("{} {}", text(&price["amount"]), text(&price["currency"])).trim().to_owned()
            }
            _ => String::new(),
        };
        let score = hit["score"].as_f64().map(|score| format!("{score:.3}")).unwrap_or_default();
        table.row([text(&product["id"]), text(&product["title"]), price, score, text(&hit["band"])]);
        let why: Vec<&str> = hit["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !why.is_empty() {
            reasons.push(format!("  {}: {}", text(&product["id"]), why.join("; ")));
        }
    }
    if hits.is_empty() {
        print("Nothing found.")?;
    } else {
        table.print()?;
    }
    for line in reasons {
        print(&crate::output::harmless(&line))?;
    }
    for (field, counts) in response["facets"].as_object().into_iter().flatten() {
        let counts: Vec<String> = counts
            .as_array()
            .into_iter()
            .flatten()
            .map(|count| {
                format!(
                    "{} {}",
                    count["value"].as_str().map_or_else(|| count["value"].to_string(), str::to_owned),
                    count["count"]
                )
            })
            .collect();
        print(&crate::output::harmless(&format!("{field}: {}", counts.join(", "))))?;
    }
    let about = if response["total_is_exact"].as_bool() == Some(false) { "about " } else { "" };
    let took = response["took_ms"]["total"].as_f64().map(|took| format!(", {took:.1} ms")).unwrap_or_default();
    print(&format!("{} of {about}{}{took}", hits.len(), response["total"]))
}
