//! Milliseconds of suggestions and of texts with slips, in a catalogue of many products without pictures; and how long the
//! words of such a catalogue take to be read after a start.

use std::time::Instant;

use anyhow::Result;
use vetrina_engine::catalogue::Product;
use vetrina_engine::engine::CatalogueName;
use vetrina_engine::search::SearchRequest;
use vetrina_engine::{Engine, EngineOptions};

/// Products in one write.
const BATCH: usize = 1_000;
/// Words in the vocabulary of the made-up titles.
const WORDS: usize = 60_000;

pub fn run(products: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let name: CatalogueName = "default".parse()?;
    let mut random = fastrand::Rng::with_seed(7);
    let words: Vec<String> = (0..WORDS).map(|_| word(&mut random)).collect();
    let titles: Vec<String> = (0..products).map(|_| title(&mut random, &words)).collect();
    let engine = Engine::open(EngineOptions::new(folder.path()))?;
    let begun = Instant::now();
    for (number, batch) in titles.chunks(BATCH).enumerate() {
        let products = batch.iter().enumerate().map(|(place, title)| made(number * BATCH + place, title, &words));
        for outcome in engine.put_products(&name, products.collect())? {
            outcome?;
        }
    }
    println!("{products} products written in {:.1} s", begun.elapsed().as_secs_f64());
    drop(engine);
    let begun = Instant::now();
    let engine = Engine::open(EngineOptions::new(folder.path()))?;
    let opened = begun.elapsed().as_secs_f64();
    while !engine.words_are_read(&name)? {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    println!("opened in {opened:.2} s, words read after {:.2} s", begun.elapsed().as_secs_f64());
    println!("{:<36} {:>8} {:>8} {:>8}", "milliseconds", "median", "p95", "most");
    let asked: Vec<&String> = (0..400).map(|_| &titles[random.usize(..titles.len())]).collect();
    let cut = |title: &str, letters: usize| title.chars().take(letters).collect::<String>();
    for letters in [1, 2, 3, 6, 12, 20] {
        let texts: Vec<String> = asked.iter().map(|title| cut(title, letters)).collect();
        measure(&format!("suggest, {letters} letters"), &texts, |text| {
            engine.suggest(&name, text, 8).map(drop).map_err(Into::into)
        })?;
    }
    let search = |text: &String| {
        let request = SearchRequest { text: Some(text.clone()), ..SearchRequest::default() };
        engine.search(&name, &request, &[]).map(drop).map_err(Into::into)
    };
    let plain: Vec<String> = asked.iter().map(|title| (*title).clone()).collect();
    measure("search, whole titles", &plain, search)?;
    let slips: Vec<String> = asked.iter().map(|title| with_slips(&mut random, title)).collect();
    measure("search, a slip in every long word", &slips, search)?;
    let rare: Vec<String> = asked.iter().filter_map(|title| Some(title.split(' ').nth(1)?.to_owned())).collect();
    measure("search, one word", &rare, search)?;
    Ok(())
}

fn measure<T>(what: &str, inputs: &[T], run: impl Fn(&T) -> Result<()>) -> Result<()> {
    let mut times = Vec::with_capacity(inputs.len());
    for input in inputs {
        let begun = Instant::now();
        run(input)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{what:<36} {:>8.2} {:>8.2} {:>8.2}", at(0.5), at(0.95), at(1.0));
    Ok(())
}

/// A word of two to four syllables.
fn word(random: &mut fastrand::Rng) -> String {
    let syllables =
        ["ba", "ker", "lo", "min", "tra", "sel", "vo", "ri", "dan", "pu", "sto", "gel", "fi", "nor", "ca", "wen"];
    (0..random.usize(2..5)).map(|_| syllables[random.usize(..syllables.len())]).collect()
}

/// Six to nine words; a few words are everywhere and most are rare, as in real titles.
fn title(random: &mut fastrand::Rng, words: &[String]) -> String {
    let one = |random: &mut fastrand::Rng| {
        let place = (words.len() as f64).powf(random.f64()) as usize;
        words[place.min(words.len() - 1)].clone()
    };
    (0..random.usize(6..10)).map(|_| one(random)).collect::<Vec<_>>().join(" ")
}

fn made(number: usize, title: &str, words: &[String]) -> Product {
    Product {
        id: format!("sku-{number}"),
        title: title.to_owned(),
        brand: Some(words[number % 2_000].clone()),
        category: vec![words[number % 20].clone(), words[number % 400].clone()],
        ..Product::default()
    }
}

/// Two neighbours in each word of five letters or more change places.
fn with_slips(random: &mut fastrand::Rng, title: &str) -> String {
    let slip = |word: &str, random: &mut fastrand::Rng| {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() >= 5 {
            let at = random.usize(1..letters.len() - 1);
            letters.swap(at, at + 1);
        }
        letters.into_iter().collect::<String>()
    };
    title.split(' ').map(|word| slip(word, random)).collect::<Vec<_>>().join(" ")
}
