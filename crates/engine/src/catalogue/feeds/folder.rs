//! A folder of pictures is a feed too: each picture a product, named by its file, its sub-folders the category.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{FeedRow, Reading};
use crate::catalogue::{ImageRef, Product};

const EXTENSIONS: [&str; 9] = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "jfif"];
/// Folders below folders that are looked into.
const DEEPEST: usize = 16;

pub(super) fn read(folder: &Path) -> io::Result<Reading> {
    let mut pictures = Vec::new();
    gather(folder, folder, DEEPEST, &mut pictures)?;
    pictures.sort();
    let rows =
        (1..).zip(pictures).map(|(line, path)| FeedRow::Product { line, product: product(&path), warnings: vec![] });
    Ok(Reading { rows: Box::new(rows), fields: vec!["file name".into(), "folders".into()], unknown: Vec::new() })
}

fn gather(top: &Path, folder: &Path, deeper: usize, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if deeper > 0 {
                gather(top, &path, deeper - 1, into)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| EXTENSIONS.contains(&extension.to_string_lossy().to_lowercase().as_str()))
            && let Ok(relative) = path.strip_prefix(top)
        {
            into.push(relative.to_owned());
        }
    }
    Ok(())
}

fn product(path: &Path) -> Product {
    let shown = |part: &Path| part.to_string_lossy().into_owned();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let title = stem.replace(['_', '-'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let parent = path.parent().unwrap_or(Path::new(""));
    Product {
        // With its extension: `a.jpg` and `a.png` are two pictures.
        id: shown(path),
        title: if title.is_empty() { stem } else { title },
        category: parent.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect(),
        images: vec![ImageRef { source: shown(path), ..ImageRef::default() }],
        ..Product::default()
    }
}
