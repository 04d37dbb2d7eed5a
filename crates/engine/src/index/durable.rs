//! What of the index survives the end of its process at any moment.
//!
//! The engine's flush brings every segment to disk, except what it holds in memory only: while it optimises, removals from the
//! segments it reads are kept beside them until the new segment takes their place, and for a moment both are on disk. A process
//! that is killed then finds removed products again, others twice. The engine's own server mends that with its log and by
//! comparing segments; the embedded engine does neither. So
//! - an optimisation begins and ends with a flush, and its beginning is noted with the segments that there were;
//! - a flush in between says that it does not answer for what was written since ([`Flushed::UpToOptimisation`]);
//! - an index that is found in the middle of an optimisation goes back to the segments of its beginning, where they are all
//!   there, and whoever opened it applies again what was written since;
//! - then it is looked at whether every product is there once: a product of a swap that was cut in two is there twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::embedded::{Embedded, guard};
use super::journal::trim_log;
use super::settings::optimizers;
use super::{IndexError, Merging};

/// Where the engine keeps its segments, in the folder of the shard.
pub(super) const SEGMENTS: &str = "segments";
/// Where it builds new ones.
const UNFINISHED: &str = "temp_segments";

/// What a flush answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Every write before it survives.
    Everything,
    /// Every write before the optimisation that is running, or that was cut off and has not been made good. See
    /// [`super::Index::made_good`].
    UpToOptimisation,
}

/// How an index is, as far as its disk is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Soundness {
    /// A flush brings everything to disk.
    Sound,
    /// An optimisation runs.
    Optimising,
    /// Writes since the last flush that answered for everything have to be applied again.
    Doubtful,
}

impl Embedded {
    /// See [`super::Index::flush`].
    pub(super) fn flush(&self) -> Result<Flushed, IndexError> {
        let writer = self.writer.lock();
        self.bring_to_disk()?;
        Ok(if writer.soundness == Soundness::Sound { Flushed::Everything } else { Flushed::UpToOptimisation })
    }

    /// The writer has to be locked.
    fn bring_to_disk(&self) -> Result<(), IndexError> {
        let shard = self.shard()?;
        // The engine's flush panics instead of waiting when an optimisation is swapping its result in at that moment
        // (which takes milliseconds); `info` waits for such a swap.
        for attempt in 0..20 {
            shard.info();
            match guard("being flushed", || Ok(shard.flush())) {
                Ok(()) => {
                    trim_log(&self.shard_dir().join("wal"));
                    return Ok(());
                }
                Err(IndexError::Engine { reason, .. }) if reason.contains("lock acquired") && attempt < 19 => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(error),
            }
        }
        Err(IndexError::Engine { doing: "being flushed", reason: "its locks stayed taken".to_owned() })
    }

    /// See [`super::Index::optimize`].
    pub(super) fn optimize(&self, merging: Merging) -> Result<bool, IndexError> {
        let _alone = self.optimiser.lock();
        let shard = self.shard()?;
        {
            let mut writer = self.writer.lock();
            if writer.soundness == Soundness::Doubtful {
                return Ok(false);
            }
            self.bring_to_disk()?;
            let segments = segments(&self.shard_dir())?;
            writer.journal.begin_optimising(segments)?;
            writer.soundness = Soundness::Optimising;
        }
        let done = guard("being optimised", || {
            shard.set_optimizers_config(optimizers(merging, self.options().tuning))?;
            self.reading_ahead(|| shard.optimize())
        });
        let mut writer = self.writer.lock();
        // An optimisation that fails drops the removals it kept aside, as one that is killed does.
        let ended = done.and_then(|done| self.bring_to_disk().map(|()| done));
        match ended.and_then(|done| writer.journal.end_optimising().map(|()| done)) {
            Ok(done) => {
                writer.soundness = Soundness::Sound;
                Ok(done)
            }
            Err(error) => {
                writer.soundness = Soundness::Doubtful;
                Err(error)
            }
        }
    }

    /// See [`super::Index::is_doubtful`].
    pub(super) fn is_doubtful(&self) -> bool {
        self.writer.lock().soundness == Soundness::Doubtful
    }

    /// See [`super::Index::made_good`].
    pub(super) fn made_good(&self) -> Result<bool, IndexError> {
        let mut writer = self.writer.lock();
        if writer.soundness != Soundness::Doubtful {
            return Ok(true);
        }
        if !self.has_each_once()? {
            // It may be the columns that are wrong, and these are made from the payload in a hundredth of the time.
            self.reread_columns()?;
            if !self.has_each_once()? {
                return Ok(false);
            }
        }
        self.bring_to_disk()?;
        writer.journal.end_optimising()?;
        writer.soundness = Soundness::Sound;
        Ok(true)
    }

    /// Whether the segments together hold as many products as there are. Not to be asked while an optimisation runs.
    pub(super) fn has_each_once(&self) -> Result<bool, IndexError> {
        Ok(self.shard()?.info().points_count == self.table().len())
    }
}

/// Names of the segments on disk.
pub(super) fn segments(shard: &Path) -> Result<BTreeSet<String>, IndexError> {
    let folder = shard.join(SEGMENTS);
    let failed = |error| IndexError::io("cannot read", &folder)(error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The engine gives a segment that it removes another ending first, and deletes such a one when it opens.
        if entry.path().is_dir() && !name.contains('.') {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Takes back an optimisation that was cut off: segments that were made since `before` are removed where all of those are still
/// there. Where one is missing the optimisation had got further than that, and everything stays as it was found. The shard
/// must be closed.
pub(super) fn take_back(shard: &Path, before: &BTreeSet<String>) -> Result<(), IndexError> {
    let unfinished = shard.join(UNFINISHED);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(IndexError::io("cannot remove", &unfinished))?;
    }
    let found = segments(shard)?;
    if !before.is_subset(&found) {
        tracing::info!(shard = %shard.display(), "an optimisation of the index was cut off after its first swap");
        return Ok(());
    }
    for name in found.difference(before) {
        let path = shard.join(SEGMENTS).join(name);
        let aside = path.with_extension("deleted");
        fs::rename(&path, &aside).map_err(IndexError::io("cannot remove", &path))?;
        fs::remove_dir_all(&aside).map_err(IndexError::io("cannot remove", &aside))?;
    }
    tracing::info!(shard = %shard.display(), "an optimisation of the index was cut off and is taken back");
    Ok(())
}
