//! HTML: descriptions as plain text, and the JSON-LD scripts of a page.
//!
//! Only html5ever's tokenizer is used. A tree would cost time that grows with the square of the depth of nested tags.

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, CharacterTokens, EndTag, NullCharacterToken, StartTag, TagToken, Token, TokenSink, TokenSinkResult,
    Tokenizer, TokenizerOpts,
};

/// Longest text that is looked through; what is longer is refused by [`crate::catalogue::Product::check`] anyway.
const LONGEST: usize = 1 << 20;
/// Bytes that are given to the tokenizer at once.
const AT_ONCE: usize = 64 << 10;

/// HTML as plain text: tags gone, entities read, blocks on lines of their own, runs of space made one.
pub(super) fn plain_text(html: &str) -> String {
    if !html.contains(['<', '&']) || html.len() > LONGEST {
        return html.trim().to_owned();
    }
    if html.contains('<') {
        return without_tags(html);
    }
    let decoded = html_escape::decode_html_entities(html);
    // Exports that escape twice have `&lt;p&gt;`; `5 &lt; 6` is a text.
    let escaped_twice = ["</p>", "<p>", "<br", "</li>", "</div>", "</span>", "</b>", "</strong>"];
    if escaped_twice.iter().any(|tag| decoded.contains(tag)) {
        return without_tags(&decoded);
    }
    decoded.trim().to_owned()
}

fn without_tags(html: &str) -> String {
    let sink = tokenized(html, Words::default());
    let lines = sink.text.into_inner();
    let lines = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn tokenized<Sink: TokenSink>(html: &str, sink: Sink) -> Sink {
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut rest = html;
    while !rest.is_empty() {
        let mut end = rest.len().min(AT_ONCE);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (now, later) = rest.split_at(end);
        input.push_back(StrTendril::from(now));
        let _ = tokenizer.feed(&input);
        rest = later;
    }
    tokenizer.end();
    tokenizer.sink
}

/// What people would read.
#[derive(Default)]
struct Words {
    text: RefCell<String>,
    hidden: Cell<bool>,
}

impl TokenSink for Words {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut text = self.text.borrow_mut();
        match token {
            CharacterTokens(words) if !self.hidden.get() => text.push_str(&words),
            NullCharacterToken if !self.hidden.get() => text.push('\0'),
            TagToken(tag) => match &*tag.name {
                "script" | "style" => {
                    self.hidden.set(tag.kind == StartTag);
                    if tag.kind == StartTag {
                        let kind = if &*tag.name == "script" { RawKind::ScriptData } else { RawKind::Rawtext };
                        return TokenSinkResult::RawData(kind);
                    }
                }
                "p" | "br" | "li" | "div" | "tr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl"
                | "dt" | "dd" | "table" | "section" | "hr" | "blockquote" => text.push('\n'),
                "td" | "th" if tag.kind == StartTag => text.push(' '),
                _ => {}
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// A script of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// 1-based line on which it begins.
    pub(super) line: u64,
    pub(super) text: String,
    /// Whether the page ends in it.
    pub(super) cut: bool,
}

/// What a page holds for machines.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Scripts of the type `application/ld+json`.
    pub(super) scripts: Vec<Script>,
    /// The page's title.
    pub(super) title: String,
}

/// Reads a page.
pub(super) fn page(html: &str) -> Page {
    let gatherer = tokenized(html, Gatherer::default());
    let mut scripts = gatherer.scripts.into_inner();
    if let Some((line, text)) = gatherer.open.into_inner() {
        scripts.push(Script { line, text, cut: true });
    }
    let title = gatherer.title.into_inner();
    Page { scripts, title: title.split_whitespace().collect::<Vec<_>>().join(" ") }
}

#[derive(Default)]
struct Gatherer {
    scripts: RefCell<Vec<Script>>,
    open: RefCell<Option<(u64, String)>>,
    title: RefCell<String>,
    in_title: Cell<bool>,
}

impl TokenSink for Gatherer {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        match token {
            CharacterTokens(words) => {
                if let Some((_, text)) = self.open.borrow_mut().as_mut() {
                    text.push_str(&words);
                } else if self.in_title.get() && self.title.borrow().len() < 500 {
                    self.title.borrow_mut().push_str(&words);
                }
            }
            TagToken(tag) if tag.kind == StartTag => match &*tag.name {
                "script" => {
                    let kind = tag.attrs.iter().find(|attribute| &*attribute.name.local == "type");
                    let kind = kind.map(|attribute| attribute.value.trim().to_ascii_lowercase()).unwrap_or_default();
                    if kind.split(';').next().unwrap_or_default().trim() == "application/ld+json" {
                        *self.open.borrow_mut() = Some((line, String::new()));
                    }
                    return TokenSinkResult::RawData(RawKind::ScriptData);
                }
                "style" | "noscript" | "iframe" => return TokenSinkResult::RawData(RawKind::Rawtext),
                "title" if self.title.borrow().is_empty() => {
                    self.in_title.set(true);
                    return TokenSinkResult::RawData(RawKind::Rcdata);
                }
                "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
                _ => {}
            },
            TagToken(tag) if tag.kind == EndTag => match &*tag.name {
                "script" => {
                    if let Some((line, text)) = self.open.borrow_mut().take() {
                        self.scripts.borrow_mut().push(Script { line, text, cut: false });
                    }
                }
                "title" => self.in_title.set(false),
                _ => {}
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        let html = "<p>A <b>red</b> bag&nbsp;&amp; strap</p><ul><li>one</li><li>two</li></ul><script>alert(1)</script>";
        assert_eq!(plain_text(html), "A red bag & strap\none\ntwo");
        assert_eq!(plain_text(" 5 &lt; 6 "), "5 < 6");
        assert_eq!(plain_text("5 < 6 and 7 > 3"), "5 < 6 and 7 > 3");
        assert_eq!(plain_text("plain"), "plain");
        assert_eq!(plain_text("&lt;p&gt;Soft &amp;amp; warm&lt;/p&gt;"), "Soft & warm");
        assert_eq!(plain_text("a<style>p { color: red }</style>b<!-- c -->d"), "abd");
        assert_eq!(plain_text("<table><tr><td>Width</td><td>5 cm</td></tr></table>"), "Width 5 cm");
    }

    proptest::proptest! {
        /// A browser's parser would show the same words.
        #[test]
        fn the_words_are_those_of_a_whole_parser(
            parts in proptest::collection::vec(
                // Tags that match: what is misnested, a tree moves to other places.
                proptest::sample::select(vec![
                    "<p>one</p>", "<b>two</b>", "<br/>", "<ul><li>three<li>four</ul>", "<div class=\"a > b\">five</div>", "red",
                    " ", "&amp;", "&euro;", "5 < 6", "<!-- no -->", "<style>p{}</style>", "<span title='x'>é</span>",
                ]),
                0..30,
            ),
        ) {
            let html = format!("<p>{}", parts.concat());
            let tree = scraper::Html::parse_fragment(&html);
            let words: String = tree
                .tree
                .root()
                .descendants()
                .filter(|node| {
                    let above = node.parent().and_then(|above| above.value().as_element());
                    above.is_none_or(|above| above.name() != "style")
                })
                .filter_map(|node| node.value().as_text().map(|text| text.to_string()))
                .collect();
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            proptest::prop_assert_eq!(bare(&plain_text(&html)), bare(&words), "{}", html);
        }
    }

    #[test]
    fn nested_tags_cost_no_more_than_their_length() {
        let html = format!("{}deep", "<b>".repeat(300_000));
        assert_eq!(plain_text(&html), "deep");
    }

    #[test]
    fn only_scripts_with_data_are_gathered_and_not_those_in_comments() {
        let page = page(
            "<!doctype html>\n<title>Shoes &amp; bags</title>\n<script>var a = '<title>';</script>\n\
             <script type='application/ld+json; charset=utf-8'>{\"a\": \"<b>\"}</script>\n\
             <!-- <script type=\"application/ld+json\">{}</script> -->\n<SCRIPT TYPE=\"Application/LD+JSON\">{",
        );
        assert_eq!(page.title, "Shoes & bags");
        let lines: Vec<_> = page.scripts.iter().map(|script| (script.line, script.text.as_str(), script.cut)).collect();
        assert_eq!(lines, [(4, "{\"a\": \"<b>\"}", false), (6, "{", true)]);
    }
}
