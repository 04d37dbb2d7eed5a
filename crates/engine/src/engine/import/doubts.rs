//! When a feed is not trusted to say which products are gone.

use super::ItemError;
use super::run::Seen;

/// Why products that the feed does not have should not be removed: as an item of the ledger, or nothing when all is well.
/// `kept` products of before are in the feed, `missing` are not.
///
/// A shop's window must not be emptied by an export that broke off, was taken from another shop, or lost its ids. So nothing
/// is removed when the feed has no end, no products, or none of the catalogue's products; nor when its unreadable rows may
/// be the very products that seem to be missing, or are more than a tenth of it.
pub(super) fn about_removing(seen: &Seen, kept: u64, missing: u64) -> Option<ItemError> {
    if missing == 0 {
        return None;
    }
    let why = if let Some(line) = seen.cut {
        format!("the feed breaks off on line {line}")
    } else if seen.ids.is_empty() {
        "the feed has no products".to_owned()
    } else if kept == 0 {
        format!("the feed has none of the {missing} products that were in the catalogue before")
    } else if seen.nameless >= missing || seen.nameless * 10 > seen.rows {
        format!("{} rows of the feed cannot be read, and may be products that seem to be missing", seen.nameless)
    } else {
        return None;
    };
    Some(ItemError {
        line: 0,
        id: None,
        field: None,
        code: "sync-refused".to_owned(),
        reason: format!("nothing was removed: {why}"),
        hint: format!("look at the feed; to remove the {missing} products all the same, import with --sync --force"),
        warning: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ids: u64, nameless: u64, cut: Option<u64>) -> Seen {
        Seen { ids: (0..ids).collect(), rows: ids + nameless, nameless, cut }
    }

    #[test]
    fn a_broken_feed_empties_no_window() {
        let refused = |seen: &Seen, kept, missing| about_removing(seen, kept, missing).map(|error| error.reason);
        assert_eq!(refused(&seen(100, 0, None), 90, 10), None);
        assert_eq!(refused(&seen(1, 0, None), 1, 999), None, "a feed may really be that short");
        assert_eq!(refused(&seen(100, 5, Some(7)), 90, 0), None, "there is nothing to remove");
        for (seen, kept, missing, why) in [
            (seen(100, 1, Some(7)), 90, 10, "breaks off on line 7"),
            (seen(0, 0, None), 0, 10, "no products"),
            (seen(100, 0, None), 0, 10, "none of the 10"),
            (seen(100, 2, None), 98, 2, "2 rows"),
            (seen(100, 20, None), 50, 50, "20 rows"),
        ] {
            let reason = refused(&seen, kept, missing).unwrap_or_default();
            assert!(reason.contains(why), "{reason}");
        }
    }
}
