//! Requests from pages of other web sites: the widget in a shop's own page (CORS protocol of the Fetch standard).
//!
//! A page of another site needs a public key of the settings that lists its origin. Then the browser lets it read answers of
//! the catalogue that the key opens: searching and reading, and telling events; writing stays closed. Pages of the server itself,
//! programs without a browser, and pictures in `<img>` are not concerned.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::problem::Problem;
use super::state::App;
use crate::settings::PublicKey;

/// Carries the public key.
const KEY: HeaderName = HeaderName::from_static("x-vetrina-key");
/// How long a browser may remember that it was allowed to ask.
const REMEMBERED: Duration = Duration::from_hours(1);

/// The headers of CORS, for origins that a public key lists.
pub fn cors(keys: &[PublicKey]) -> CorsLayer {
    let keys = keys.to_vec();
    let listed = move |origin: &HeaderValue, parts: &Parts| {
        let Ok(origin) = origin.to_str() else { return false };
        let catalogue = catalogue_of(parts.uri.path());
        keys.iter().any(|key| key.is_for(origin) && catalogue.is_none_or(|name| name == key.catalogue.as_str()))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(listed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, KEY])
        .expose_headers([header::RETRY_AFTER, super::REQUEST_ID])
        .max_age(REMEMBERED)
}

/// Refuses a page of another site that has no public key for what it asks.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match check(&app.settings.public_keys, request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(keys: &[PublicKey], method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(&header::ORIGIN).filter(|_| path.starts_with("/v1/")) else { return Ok(()) };
    let site = text(&HeaderName::from_static("sec-fetch-site"));
    let own = text(&header::HOST).is_some_and(|host| origin.split_once("://").is_some_and(|(_, from)| from == host));
    if site == Some("same-origin") || (site.is_none() && own) {
        return Ok(());
    }
    let given = text(&KEY);
    // Browsers say where a request comes from, unless the page came without TLS from another machine. Then an origin without a key
    // gets its answer as a program would, and no header that would let the page read it.
    if !matches!(site, Some("cross-site" | "same-site")) && given.is_none() {
        return Ok(());
    }
    let forbidden = |code: &str, detail: String, hint: &str| {
        Err(Problem::new(StatusCode::FORBIDDEN, code, detail).item(origin).hint(hint))
    };
    let Some(given) = given else {
        let detail = format!("a page of {origin} asked without a public key");
        return forbidden(
            "no-public-key",
            detail,
            "give <vetrina-search> the `key` that the server's vetrina.toml has",
        );
    };
    let Some(key) = keys.iter().find(|key| key.key == given) else {
        return forbidden(
            "no-public-key",
            "there is no such public key".to_owned(),
            "look at `public_keys` in vetrina.toml",
        );
    };
    if !key.is_for(origin) {
        let detail = format!("the public key is not for pages of {origin}");
        return forbidden("origin-not-listed", detail, "add the origin to the key's `origins` in vetrina.toml");
    }
    if !is_public(method, path) || catalogue_of(path).is_some_and(|name| name != key.catalogue.as_str()) {
        let detail = format!("a public key does not open {method} {path}");
        let hint = "public keys search, read and tell events, in the catalogue they are for";
        return forbidden("not-public", detail, hint);
    }
    Ok(())
}

/// The catalogue that a path is in.
fn catalogue_of(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/catalogues/")?.split('/').next()
}

/// What public keys open.
fn is_public(method: &Method, path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v1/catalogues/").and_then(|path| path.split_once('/')).map(|(_, rest)| rest)
    else {
        return method == Method::GET && path.starts_with("/v1/images/");
    };
    match *method {
        Method::POST => matches!(rest, "search" | "understand" | "events"),
        Method::GET => rest == "suggest" || rest == "products" || rest.starts_with("products/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<PublicKey> {
        let key = |key: &str, catalogue: &str| PublicKey {
            key: key.to_owned(),
            catalogue: catalogue.parse().unwrap(),
            origins: vec!["https://shop.example".to_owned()],
        };
        vec![key("pk_of_default", "default"), key("pk_of_shoes", "shoes")]
    }

    fn code(method: &Method, path: &str, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        check(&keys(), method, path, &headers).err().map(|problem| problem.code.clone())
    }

    const SEARCH: &str = "/v1/catalogues/default/search";
    const SHOP: (&str, &str) = ("origin", "https://shop.example");
    const CROSS: (&str, &str) = ("sec-fetch-site", "cross-site");
    const DEFAULT: (&str, &str) = ("x-vetrina-key", "pk_of_default");

    #[test]
    fn programs_and_own_pages_need_no_key() {
        assert_eq!(code(&Method::POST, SEARCH, &[]), None);
        assert_eq!(code(&Method::DELETE, "/v1/catalogues/default", &[]), None);
        let own = [("origin", "http://127.0.0.1:7700"), ("sec-fetch-site", "same-origin")];
        assert_eq!(code(&Method::PUT, "/v1/catalogues/default", &own), None);
        // The sample shop on the server itself, seen from another machine without TLS, has the key of nobody.
        let host = [("origin", "http://10.0.0.5:7700"), ("host", "10.0.0.5:7700"), ("x-vetrina-key", "pk_of_nobody")];
        assert_eq!(code(&Method::POST, SEARCH, &host), None);
    }

    #[test]
    fn other_sites_need_a_key_that_lists_them() {
        assert_eq!(code(&Method::POST, SEARCH, &[SHOP, CROSS]).as_deref(), Some("no-public-key"));
        assert_eq!(code(&Method::POST, SEARCH, &[SHOP, CROSS, DEFAULT]), None);
        let wrong = ("x-vetrina-key", "pk_of_nobody");
        assert_eq!(code(&Method::POST, SEARCH, &[SHOP, CROSS, wrong]).as_deref(), Some("no-public-key"));
        let stranger = ("origin", "https://other.example");
        assert_eq!(code(&Method::POST, SEARCH, &[stranger, CROSS, DEFAULT]).as_deref(), Some("origin-not-listed"));
    }

    #[test]
    fn a_key_opens_reading_of_its_catalogue_only() {
        let given = [SHOP, CROSS, DEFAULT];
        for (method, path) in [
            (Method::DELETE, "/v1/catalogues/default"),
            (Method::PUT, "/v1/catalogues/default/products/1"),
            (Method::POST, "/v1/catalogues/default/products"),
            (Method::POST, "/v1/catalogues/default/imports"),
            (Method::POST, "/v1/catalogues/shoes/search"),
            (Method::GET, "/v1/jobs"),
        ] {
            assert_eq!(code(&method, path, &given).as_deref(), Some("not-public"), "{method} {path}");
        }
        for (method, path) in [
            (Method::GET, "/v1/catalogues/default/products/1/similar"),
            (Method::GET, "/v1/catalogues/default/suggest"),
            (Method::POST, "/v1/catalogues/default/events"),
            (Method::GET, "/v1/images/0123"),
        ] {
            assert_eq!(code(&method, path, &given), None, "{method} {path}");
        }
    }
}
