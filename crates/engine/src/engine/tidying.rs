//! Pictures that no product of any catalogue shows and nobody asked with are kept for some time, as products that are gone today are
//! back tomorrow, and then removed with all that is known of them. So are files that nothing is known of: an import that was killed, and never
//! resumed, leaves them. A shopper who wants to be forgotten is at once.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::RwLockWriteGuard;
use serde::Serialize;

use super::images::WIDTHS;
use super::{CatalogueName, Engine, EngineError};
use crate::image::ImageHash;

/// Images that are looked at together.
const PAGE: usize = 2_000;
/// Images that are removed together: whoever wants to write products waits for so many at most.
const BATCH: usize = 256;
/// What others have of the disk and the database between two pages or batches.
const PAUSE: Duration = Duration::from_millis(10);
/// So many pauses it waits for those who are about to refer to pictures.
const PATIENCE: u32 = 100;

/// What became of pictures that nothing refers to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tidied {
    /// How many were removed.
    pub removed: u64,
    /// Length of their files together.
    pub bytes: u64,
    /// How many nothing refers to that are kept for now.
    pub kept: u64,
    /// Whether it came to its end: it gives way to imports and to the end of the process.
    pub finished: bool,
}

/// What was forgotten of a shopper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// How many events.
    pub events: u64,
    /// How many photos.
    pub photos: u64,
    /// Whether their files are gone; where an import runs, they go within a day after it.
    pub finished: bool,
}

impl Engine {
    /// Looks through all pictures, and removes those that nothing has referred to for `days`, as far as that was noted: with 0, all of them.
    /// Their features and where they were found are forgotten with them; the database keeps the room for what comes. Files that nothing is known of
    /// count by when they were written.
    ///
    /// # Errors
    /// When the disk or the store fails; what was removed until then is.
    pub fn remove_unused(&self, days: u32) -> Result<Tidied, EngineError> {
        let now = Utc::now();
        let mut after = None;
        while !self.closing()
            && let Some(last) = self.store.note_unused(after.as_ref(), PAGE, now)?
        {
            after = Some(last);
            thread::sleep(PAUSE);
        }
        let before = now.checked_sub_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::UNIX_EPOCH);
        let mut removed = self.remove_noted(before)?;
        if removed.finished {
            removed.finished = self.remove_strays(before, &mut removed)?;
        }
        Ok(Tidied { kept: self.store.unused()?.images, ..removed })
    }

    /// Removes files that nothing is known of and that were last written at `before` or earlier, and adds them to what was removed. False when it gave
    /// way.
    fn remove_strays(&self, before: DateTime<Utc>, removed: &mut Tidied) -> Result<bool, EngineError> {
        let failed = |error| EngineError::io("cannot look through the pictures under", &self.options.data)(error);
        for first in 0..=u8::MAX {
            if self.closing() {
                return Ok(false);
            }
            let files = self.files.written_before(first, before.into()).map_err(failed)?;
            if !files.is_empty() {
                thread::sleep(PAUSE);
            }
            let hashes: Vec<ImageHash> = files.iter().filter_map(|file| file.hash).collect();
            let strays = |known: &HashSet<ImageHash>| {
                files.iter().filter(|file| file.hash.is_none_or(|hash| !known.contains(&hash))).collect::<Vec<_>>()
            };
            if strays(&self.store.known_images(&hashes)?).is_empty() {
                continue;
            }
            let Some(_alone) = self.alone() else { return Ok(false) };
            // Asked once more: an import may have come to know of them meanwhile.
            for file in strays(&self.store.known_images(&hashes)?) {
                file.remove().map_err(failed)?;
                removed.removed += 1;
                removed.bytes += file.bytes;
            }
        }
        Ok(true)
    }

    /// Removes pictures that nothing refers to, as was noted at `before` or earlier; how many are kept is not counted.
    fn remove_noted(&self, before: DateTime<Utc>) -> Result<Tidied, EngineError> {
        let mut tidied = Tidied::default();
        while !self.closing() {
            let Some(alone) = self.alone() else { break };
            let unused = self.store.unused_since(before, BATCH)?;
            if unused.is_empty() {
                tidied.finished = true;
                break;
            }
            // The files first: what is known of a picture whose file is gone is not believed, and forgotten the next time.
            for (hash, _) in &unused {
                let failed = EngineError::io("cannot remove a picture under", &self.options.data);
                self.files.remove(hash, &WIDTHS).map_err(failed)?;
            }
            let (hashes, bytes): (Vec<_>, Vec<u64>) = unused.into_iter().unzip();
            self.store.forget_images(&hashes)?;
            drop(alone);
            tidied.removed += hashes.len() as u64;
            tidied.bytes += bytes.iter().sum::<u64>();
            thread::sleep(PAUSE);
        }
        Ok(tidied)
    }

    /// Forgets a shopper of a catalogue, as the shop calls them: their events, and the photos that no event of another one has, with what
    /// else is known of these, the words of people on them among it. Spaces that were trained before keep what they learned.
    ///
    /// The files of the photos are gone when it returns, but for those that a product shows, too. Where an import runs they are not yet,
    /// and go at the next look through all pictures.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; when the disk or the store fails.
    pub fn forget_shopper(&self, catalogue: &CatalogueName, user: &str) -> Result<Forgotten, EngineError> {
        let open = self.catalogue(catalogue)?;
        let (events, photos) = self.store.forget_user(open.key, user)?;
        let removed = self.remove_noted(DateTime::UNIX_EPOCH)?;
        Ok(Forgotten { events, photos, finished: removed.finished })
    }

    /// Waits a moment for those who put products or photos; an import holds on to its end, and there is no hurry.
    fn alone(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        (0..PATIENCE).find_map(|_| {
            let alone = self.referring.try_write();
            if alone.is_none() {
                thread::sleep(PAUSE);
            }
            alone
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::tests::{feed, found, import, open, picture};
    use super::super::{CatalogueName, PhotoInput};
    use super::*;

    #[test]
    fn pictures_that_nothing_shows_are_kept_for_some_time_and_then_removed() {
        use base64::Engine as _;
        let folder = tempfile::tempdir().unwrap();
        let feed = feed(folder.path());
        let engine = open(folder.path());
        import(&engine, &feed, false);
        let shop = CatalogueName::default();
        let [first, second, photo] = [0, 1, 3].map(|number| ImageHash::of(&picture(number)));
        let data = PhotoInput::Data(base64::engine::general_purpose::STANDARD.encode(picture(3)));
        let event = serde_json::from_value(json!({"type": "search", "photo": data})).unwrap();
        assert_eq!(engine.record_events(&shop, vec![event]).unwrap().remove(0).unwrap(), Some(photo));
        let tidied = |removed: u8, bytes: usize, kept| Tidied {
            removed: removed.into(),
            bytes: bytes as u64,
            kept,
            finished: true,
        };
        assert_eq!(engine.remove_unused(0).unwrap(), tidied(0, 0, 0));

        // `f` shows the picture of `a`, too.
        let small = engine.thumbnail(&second, 80).unwrap();
        assert!(engine.delete_product(&shop, "a").unwrap() && engine.delete_product(&shop, "b").unwrap());
        assert_eq!(engine.remove_unused(1).unwrap(), tidied(0, 0, 1));
        assert_eq!(engine.thumbnail(&second, 80).unwrap(), small);
        assert_eq!(engine.remove_unused(0).unwrap(), tidied(1, picture(1).len(), 0));
        assert!(matches!(engine.image(&second), Err(EngineError::NoSuchImage { .. })));
        assert!(matches!(engine.thumbnail(&second, 80), Err(EngineError::NoSuchImage { .. })));
        assert_eq!(
            engine.features(&[second, first], false).unwrap().iter().map(Option::is_some).collect::<Vec<_>>(),
            [false, true]
        );
        assert!(engine.image(&first).is_ok() && engine.image(&photo).is_ok());

        // While somebody may be about to refer to it, it stays.
        assert!(engine.delete_product(&shop, "f").unwrap());
        let referring = engine.referring.read();
        assert_eq!(engine.remove_unused(0).unwrap(), Tidied { finished: false, kept: 1, ..Tidied::default() });
        drop(referring);
        // What is shown again is in use again, and what was removed is learned anew.
        let job = import(&engine, &feed, false);
        assert_eq!((job.created, job.embedded), (3, 1));
        assert_eq!(engine.remove_unused(0).unwrap(), tidied(0, 0, 0));
        assert!(engine.image(&second).is_ok());
        assert_eq!(found(&engine, json!({"text": "shoe"}), &[]), ["b"]);

        // With its catalogue goes everything of it, photos of shoppers included.
        assert!(engine.drop_catalogue(&shop).unwrap());
        assert_eq!(engine.remove_unused(0).unwrap().removed, 4);
        assert!(matches!(engine.image(&photo), Err(EngineError::NoSuchImage { .. })));
        engine.close();
    }
    #[test]
    fn files_that_nothing_is_known_of_go_too() {
        let folder = tempfile::tempdir().unwrap();
        let feed = feed(folder.path());
        let engine = open(folder.path());
        import(&engine, &feed, false);
        // As an import leaves them that was killed: a picture without a row, and one that was half written.
        let (shown, stray) = (ImageHash::of(&picture(0)), ImageHash::of(&picture(7)));
        engine.files.put(&stray, &picture(7)).unwrap();
        let half = engine.options.data.join("images").join(&stray.to_string()[..2]).join(".tmpAb3");
        fs::write(&half, "half").unwrap();
        let nothing = Tidied { finished: true, ..Tidied::default() };
        assert_eq!(engine.remove_unused(1).unwrap(), nothing, "they were written just now");
        assert!(half.exists() && engine.files.has(&stray, picture(7).len() as u64));
        let referring = engine.referring.read();
        assert_eq!(engine.remove_unused(0).unwrap(), Tidied::default(), "an import may be about to know of them");
        drop(referring);
        let bytes = picture(7).len() as u64 + 4;
        assert_eq!(engine.remove_unused(0).unwrap(), Tidied { removed: 2, bytes, ..nothing });
        assert!(!half.exists() && !engine.files.has(&stray, picture(7).len() as u64));
        assert_eq!(engine.remove_unused(0).unwrap(), nothing);
        assert!(engine.image(&shown).is_ok());
        engine.close();
    }
}
