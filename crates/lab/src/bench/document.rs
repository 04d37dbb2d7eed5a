//! The page: sections between markers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The page in the checkout.
pub const PAGE: &str = "docs/benchmarks.md";

/// A copy of the page, for runs that leave it as it is.
pub fn copy() -> Result<PathBuf> {
    let copy = super::cache()?.join("quick/benchmarks.md");
    fs::create_dir_all(copy.parent().context("no folder")?)?;
    fs::copy(PAGE, &copy).with_context(|| format!("{PAGE}: run this from the checkout"))?;
    Ok(copy)
}

/// Replaces a section.
pub fn put(page: &Path, name: &str, text: &str) -> Result<()> {
    let old = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let new = replaced(&old, name, text).with_context(|| format!("{} has no markers for `{name}`", page.display()))?;
    Ok(fs::write(page, new)?)
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- bench: {name} -->"), format!("<!-- end: {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let page = "# A\n<!-- bench: x -->\nold\n<!-- end: x -->\nrest <!-- bench: y -->1<!-- end: y -->";
        let new = replaced(page, "x", "new\n").unwrap();
        assert_eq!(new, "# A\n<!-- bench: x -->\nnew\n<!-- end: x -->\nrest <!-- bench: y -->1<!-- end: y -->");
        assert_eq!(replaced(&new, "x", "new").unwrap(), new);
        assert!(replaced(page, "z", "").is_none());
    }
}
