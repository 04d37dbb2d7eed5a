//! Suggestions for what somebody has typed so far.

use serde::{Deserialize, Serialize};

use crate::index::fields::fold;
use crate::index::lexicon::forgiven;
use crate::index::words::{Term, Token};
use crate::index::{Index, IndexError};

/// Most suggestions of one answer.
pub const MOST_SUGGESTIONS: usize = 20;
/// Longest text that is looked at, in characters: what goes on after it is not completed.
const LONGEST_TEXT: usize = 100;
/// Products that are read to choose the suggested ones from.
const CANDIDATES: usize = 24;

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// Words to search for.
    Query,
    /// A category to look into.
    Category,
    /// A brand to look at.
    Brand,
    /// A product.
    Product,
}

/// One suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What it is.
    pub kind: SuggestionKind,
    /// What is shown.
    pub text: String,
    /// Id of the product.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Value for a filter: the brand, or the path of the category (`Bags > Handbags`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// Address of the product's first picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<String>,
    /// How many products say or have it; about, for the words of large catalogues.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub products: Option<u64>,
}

/// Suggestions, queries first, then categories, brands and products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestions {
    /// At most as many as were asked for.
    pub suggestions: Vec<Suggestion>,
}

/// What the index suggests: words, categories and brands as they are, products to choose from by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) suggestions: Vec<Suggestion>,
    pub(crate) products: Vec<u64>,
    /// What was typed, folded.
    pub(crate) folded: String,
}

/// Looks up what `text` may become. Half of `limit` at most are queries, a quarter each categories and brands.
///
/// # Errors
/// When the index fails.
pub(crate) fn suggest(index: &Index, text: &str, limit: usize) -> Result<Found, IndexError> {
    let text = match text.char_indices().nth(LONGEST_TEXT) {
        None => text,
        Some((end, _)) => &text[..end],
    };
    let mut found = Found { folded: fold(text), ..Found::default() };
    if found.folded.is_empty() || limit == 0 {
        return Ok(found);
    }
    let (text, mut tokens) = index.analyser().tokens(text);
    tokens.retain(|token| !token.joined);
    if tokens.iter().any(|token| token.key.is_none()) {
        // A script without spaces: nobody knows where the last word begins, so the text as a whole is looked for.
        found.products = index.words(&text, CANDIDATES)?.into_iter().map(|scored| scored.key).collect();
    }
    let lexicon = index.lexicon();
    let named = |kind: SuggestionKind, named: crate::index::lexicon::Named, shown: String| Suggestion {
        kind,
        text: shown,
        id: None,
        value: Some(named.name),
        image: None,
        products: Some(named.products),
    };
    if found.products.is_empty() {
        let open = tokens.last().is_some_and(|token| token.at.end == text.len());
        let last = if open { tokens.pop() } else { None };
        let prefix = last.as_ref().and_then(|token| token.key.clone()).unwrap_or_default();
        let (before, said) = corrected(&text, &tokens, &lexicon);
        let within = lexicon.saying(&said);
        for completion in lexicon.completions(within.as_ref(), &prefix, &said, limit.div_ceil(2)) {
            let text = format!("{before}{}{}", if before.is_empty() { "" } else { " " }, completion.word);
            found.suggestions.push(Suggestion {
                kind: SuggestionKind::Query,
                text,
                id: None,
                value: None,
                image: None,
                products: Some(completion.products),
            });
        }
        found.products = lexicon.products_saying(within.as_ref(), &prefix, CANDIDATES);
    }
    for category in lexicon.categories(&found.folded, limit.div_ceil(4)) {
        let shown = category.name.rsplit(" > ").next().unwrap_or(&category.name).to_owned();
        found.suggestions.push(named(SuggestionKind::Category, category, shown));
    }
    for brand in lexicon.brands(&found.folded, limit.div_ceil(4)) {
        let shown = brand.name.clone();
        found.suggestions.push(named(SuggestionKind::Brand, brand, shown));
    }
    Ok(found)
}

/// The words before the last as they will be shown, slips corrected, and their terms; stop words have none.
fn corrected(text: &str, tokens: &[Token], lexicon: &crate::index::lexicon::Lexicon) -> (String, Vec<Term>) {
    let (mut shown, mut terms) = (Vec::new(), Vec::new());
    for token in tokens {
        let typed = text[token.at.clone()].to_lowercase();
        let Some((term, _)) = token.terms.first() else {
            shown.push(typed);
            continue;
        };
        let key = token.key.as_deref().unwrap_or_default();
        let near = if lexicon.knows(*term) { None } else { lexicon.near(key, forgiven(key), 1).into_iter().next() };
        match near {
            Some(near) => {
                shown.push(near.word.shown().to_owned());
                terms.extend(near.word.term());
            }
            None => {
                shown.push(typed);
                terms.push(*term);
            }
        }
    }
    (shown.join(" "), terms)
}
