//! The lexicon follows what the index holds, and finds what is near.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roaring::RoaringTreemap;
use serde_json::json;

use super::*;
use crate::index::words::Analyser;

fn point(key: u64, title: &str, description: &str) -> IndexPoint {
    let product = serde_json::from_value(json!({
        "id": format!("p{key}"), "title": title, "description": description, "brand": "Nike",
        "category": ["Bags", "Hand Bags"], "images": []
    }));
    IndexPoint::of(&product.unwrap(), key, Vec::new())
}

fn lexicon(titles: &[&str], language: &str) -> Lexicon {
    let analyser = Analyser::new(language).unwrap();
    let mut lexicon = Lexicon::new(crate::index::wording::has_compounds(language));
    for (key, title) in (1..).zip(titles) {
        let point = point(key, title, "");
        lexicon.put(&point, analyser.document(&point.words).words);
    }
    lexicon
}

fn keys(words: &[&Word]) -> Vec<String> {
    words.iter().map(|word| word.key().to_owned()).collect()
}

#[test]
fn slips_are_found_nearest_first() {
    let lexicon = lexicon(&["leather weather feather", "leather", "T-Shirt", "Größe 4006381"], "english");
    let near = |key: &str| -> Vec<String> {
        lexicon.near(key, forgiven(key), 5).iter().map(|near| near.word.key().to_owned()).collect()
    };
    assert_eq!(near("lether"), ["leather"]);
    assert_eq!(near("laether"), ["leather"]);
    assert_eq!(near("leathre"), ["leather"]);
    assert_eq!(near("tshrit"), ["tshirt"]);
    assert_eq!(near("grose"), ["grosse"]);
    // The first letter is seldom wrong, so what begins alike comes first.
    assert_eq!(near("featherr")[0], "feather");
    assert!(near("bag").is_empty() && near("4006382").is_empty() && near("xyzzyplugh").is_empty());
}

#[test]
fn compounds_are_cut_and_found_by_their_end() {
    let lexicon = lexicon(&["Handtasche aus Leder", "Lederhandtaschen", "Damen Schuhe", "Arbeits Jacke"], "german");
    assert_eq!(keys(&lexicon.parts("lederhandtasche").unwrap()), ["leder", "handtasche"]);
    assert_eq!(keys(&lexicon.parts("damenschuh").unwrap()), ["damen", "schuhe"]);
    assert_eq!(keys(&lexicon.parts("arbeitsjacken").unwrap()), ["arbeits", "jacke"]);
    assert!(lexicon.parts("xlederhandtasche").is_none());
    assert_eq!(keys(&lexicon.ending("handtasche", 9)), ["lederhandtaschen"]);
    assert!(super::Lexicon::new(false).ending("handtasche", 9).is_empty());
}

#[test]
fn completions_go_with_the_words_before() {
    let titles = ["red leather bag", "red leather belt", "blue lamp", "red lamp", "lens"];
    let lexicon = lexicon(&titles, "english");
    let analyser = Analyser::new("english").unwrap();
    let red = analyser.query("red").entries[0].0;
    let within = lexicon.saying(&[red]);
    let found = |within: Option<&RoaringTreemap>, prefix: &str| -> Vec<String> {
        lexicon.completions(within, prefix, &[red], 9).into_iter().map(|completion| completion.word).collect()
    };
    assert_eq!(found(within.as_ref(), "l"), ["leather", "lamp"]);
    assert_eq!(found(None, "l"), ["lamp", "leather", "lens"]);
    assert_eq!(found(None, ""), Vec::<String>::new());
    assert!(found(within.as_ref(), "").contains(&"leather".to_owned()));
    assert_eq!(lexicon.products_saying(within.as_ref(), "l", 9), [4, 1, 2]);
}

/// Everything a reader can see, in an order that does not depend on history.
fn seen(lexicon: &Lexicon) -> (BTreeMap<String, (u32, Vec<u64>)>, Vec<Named>, Vec<Named>, usize) {
    let word = |id: &WordId| {
        let word = &lexicon.words[*id as usize];
        (word.key().to_owned(), (word.products(), word.head.iter().collect()))
    };
    let words = lexicon.ids.values().map(word).collect();
    (words, lexicon.brands("n", 9), lexicon.categories("bags", 9), lexicon.products())
}

/// What was done to a product, its title, and whether it was removed.
type Change = (u64, String, bool);

fn history(most: usize) -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((0_u64..6, "[ab]{1,2}( [ab]{1,2}){0,3}", prop::bool::weighted(0.3)), 0..most)
}

fn apply(lexicon: &mut Lexicon, (key, title, gone): &Change) {
    if *gone {
        lexicon.remove(*key);
    } else {
        let point = point(*key, title, "aa");
        lexicon.put(&point, Analyser::new("german").unwrap().document(&point.words).words);
    }
}

fn written(lexicon: &Lexicon) -> Vec<u8> {
    let mut bytes = Vec::new();
    lexicon.write(&mut bytes).unwrap();
    bytes
}

proptest! {
    #[test]
    fn a_lexicon_that_is_read_goes_on_as_the_one_that_was_written(before in history(30), after in history(20)) {
        let mut lexicon = Lexicon::new(true);
        before.iter().for_each(|change| apply(&mut lexicon, change));
        let kept = written(&lexicon);
        let mut read = Lexicon::read(&mut kept.as_slice(), true).unwrap();
        prop_assert_eq!(seen(&read), seen(&lexicon));
        // What a process learned before it read what was kept.
        let mut newer = Lexicon::new(true);
        let mut late = Lexicon::read(&mut kept.as_slice(), true).unwrap();
        for change in &after {
            apply(&mut lexicon, change);
            apply(&mut read, change);
            apply(&mut newer, change);
        }
        prop_assert_eq!(seen(&read), seen(&lexicon));
        late.follow(&newer, |key| lexicon.has(key));
        prop_assert_eq!(seen(&late), seen(&lexicon));
        prop_assert_eq!((late.terms.len(), late.ids.len()), (lexicon.terms.len(), lexicon.words.len() - lexicon.free.len()));
        prop_assert_eq!(seen(&Lexicon::read(&mut written(&late).as_slice(), true).unwrap()), seen(&lexicon));
    }

    #[test]
    fn bytes_that_are_no_lexicon_are_refused_without_a_panic(cut in 0_usize..900, at in 0_usize..900, byte in any::<u8>()) {
        let mut lexicon = Lexicon::new(true);
        (0..12).for_each(|key| apply(&mut lexicon, &(key, format!("ab ba thing {key}"), false)));
        let mut bytes = written(&lexicon);
        let whole = bytes.len();
        bytes.truncate(cut.min(whole));
        prop_assert_eq!(Lexicon::read(&mut bytes.as_slice(), true).is_err(), cut < whole);
        if let Some(changed) = bytes.get_mut(at) {
            *changed = byte;
            if let Ok(mut other) = Lexicon::read(&mut bytes.as_slice(), true) {
                (0..12).for_each(|key| other.remove(key));
            }
        }
    }
}

proptest! {
    #[test]
    fn after_any_history_it_is_as_if_made_anew(
        history in prop::collection::vec((0_u64..6, "[ab]{1,2}( [ab]{1,2}){0,3}", prop::bool::weighted(0.3)), 0..40)
    ) {
        let analyser = Analyser::new("german").unwrap();
        let mut followed = Lexicon::new(true);
        let mut truth = BTreeMap::new();
        for (key, title, gone) in history {
            if gone {
                followed.remove(key);
                truth.remove(&key);
            } else {
                let point = point(key, &title, "aa");
                followed.put(&point, analyser.document(&point.words).words);
                truth.insert(key, point);
            }
        }
        let mut anew = Lexicon::new(true);
        for point in truth.values() {
            anew.put(point, analyser.document(&point.words).words);
        }
        prop_assert_eq!(seen(&followed), seen(&anew));
        prop_assert_eq!(followed.terms.len(), anew.terms.len());
        prop_assert_eq!(followed.backwards.as_ref().map(BTreeSet::len), anew.backwards.as_ref().map(BTreeSet::len));
    }
}
