//! What colours are called in the languages that queries come in, beside the English names of [`super::SHADES`].

/// The English name of a shade, and words for it. Adjectives stand in the forms that shoppers type: without ending, and as
/// they follow or precede a noun in the singular. No word stands twice.
const WORDS: [(&str, &str); 26] = [
    (
        "black",
        "schwarz, noir, noire, negro, negra, nero, nera, preto, preta, zwart, svart, czarny, siyah, 黑, 黒, ブラック, \
         검정, 검은색, أسود, سوداء, чёрный, черный",
    ),
    ("charcoal", "anthracite, anthrazit, antracita, antraciet, チャコール"),
    (
        "grey",
        "grau, gris, grise, grigio, grigia, cinza, grijs, grå, szary, gri, 灰, グレー, ねずみ, 회색, رمادي, серый",
    ),
    (
        "silver",
        "silber, argent, argenté, plata, plateado, argento, prata, zilver, 银, 銀, シルバー, 은색, فضي, серебро",
    ),
    (
        "white",
        "weiß, weiss, blanc, blanche, blanco, blanca, bianco, bianca, branco, branca, wit, vit, biały, beyaz, 白, \
         ホワイト, 하양, 흰색, أبيض, بيضاء, белый",
    ),
    ("cream", "creme, crème, crema, ivory, elfenbein, クリーム, 크림색, كريمي"),
    ("beige", "sand, sable, 米, 杏, ベージュ, 베이지, بيج, бежевый, bej, beżowy"),
    ("khaki", "kaki, 卡其, カーキ, 카키"),
    ("camel", "驼, 駝, キャメル"),
    (
        "brown",
        "braun, marron, brun, brune, marrón, castaño, marrone, marrom, castanho, bruin, brązowy, kahverengi, 棕, \
         褐, 咖啡, 茶, ブラウン, 갈색, بني, коричневый",
    ),
    ("burgundy", "bordeaux, weinrot, burdeos, bordô, 酒红, 酒紅, ワインレッド, ボルドー, 와인색, عنابي, wine"),
    (
        "red",
        "rot, rouge, rojo, roja, rosso, rossa, vermelho, vermelha, rood, röd, czerwony, kırmızı, 红, 紅, 赤, レッド, \
         빨강, 빨간색, أحمر, حمراء, красный",
    ),
    (
        "orange",
        "naranja, arancione, laranja, oranje, pomarańczowy, turuncu, 橙, 橘, オレンジ, 주황, 주황색, برتقالي, оранжевый",
    ),
    ("mustard", "senf, moutarde, mostaza, senape, mostarda, マスタード"),
    ("gold", "golden, doré, dorado, oro, dourado, goud, 金, ゴールド, 금색, ذهبي, золотой"),
    (
        "yellow",
        "gelb, jaune, amarillo, amarilla, giallo, gialla, amarelo, amarela, geel, gul, żółty, sarı, 黄, 黃, イエロー, \
         노랑, 노란색, أصفر, صفراء, жёлтый, желтый",
    ),
    ("olive", "oliv, oliva, olijf, 橄榄, 橄欖, オリーブ, 올리브"),
    (
        "green",
        "grün, gruen, vert, verte, verde, groen, grön, zielony, yeşil, 绿, 綠, 緑, グリーン, 초록, 초록색, 녹색, أخضر, خضراء, \
         зелёный, зеленый",
    ),
    ("mint", "menthe, menta, 薄荷, ミント, 민트"),
    ("turquoise", "türkis, turquesa, turchese, turkoois, turkuaz, 青绿, 青綠, ターコイズ, تركواز, бирюзовый"),
    (
        "sky blue",
        "light blue, hellblau, bleu clair, bleu ciel, celeste, azzurro, lichtblauw, 天蓝, 天藍, 浅蓝, 水, ライトブルー, 하늘색, \
         голубой",
    ),
    (
        "blue",
        "blau, bleu, bleue, azul, blu, blauw, blå, niebieski, mavi, 蓝, 藍, 青, ブルー, 파랑, 파란색, أزرق, زرقاء, синий",
    ),
    (
        "navy",
        "navy blue, dark blue, dunkelblau, marine, bleu marine, azul marino, blu navy, azul marinho, \
         donkerblauw, marinblå, granatowy, lacivert, 藏青, 海军蓝, 深蓝, 紺, ネイビー, 남색, 네이비, كحلي",
    ),
    (
        "purple",
        "violet, lila, violett, violette, morado, morada, viola, roxo, roxa, paars, fioletowy, mor, 紫, パープル, 보라, \
         보라색, بنفسجي, фиолетовый",
    ),
    ("lavender", "lavendel, lavande, lavanda, 薰衣草, ラベンダー"),
    ("pink", "rosa, rose, roze, różowy, pembe, 粉, 粉红, 粉紅, 桃, ピンク, 분홍, 분홍색, 핑크, وردي, زهري, розовый"),
];

/// The English name that a word in another language stands for, folded: lower case, one space between words. 色 (colour) after
/// a Chinese or Japanese word is left out, and so are the endings of German adjectives.
pub(super) fn english(word: &str) -> Option<&'static str> {
    let known = |word: &str| {
        WORDS.iter().find(|(_, words)| words.split(", ").any(|known| known == word)).map(|(name, _)| *name)
    };
    let bare = word.strip_suffix('色').unwrap_or(word);
    let endings = ["es", "er", "en", "em", "e"];
    known(word).or_else(|| known(bare)).or_else(|| endings.into_iter().find_map(|end| known(word.strip_suffix(end)?)))
}

/// All words.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|(_, words)| words.split(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::SHADES;
    use super::*;

    #[test]
    fn every_word_is_folded_stands_once_and_names_a_shade() {
        let mut seen: HashSet<&str> = SHADES.iter().map(|shade| shade.name).collect();
        for (name, words) in WORDS {
            assert!(SHADES.iter().any(|shade| shade.name == name), "{name}");
            for word in words.split(", ") {
                assert!(seen.insert(word), "{word} stands twice");
                assert_eq!(word, word.trim().to_lowercase(), "{word}");
            }
        }
    }

    #[test]
    fn endings_are_left_out() {
        for (word, name) in [
            ("rotes", "red"),
            ("grüne", "green"),
            ("红色", "red"),
            ("茶色", "brown"),
            ("rose", "pink"),
            ("水色", "sky blue"),
        ] {
            assert_eq!(english(word), Some(name), "{word}");
        }
        for unknown in ["色", "e", "", "shoe", "rotor"] {
            assert_eq!(english(unknown), None, "{unknown}");
        }
    }
}
